/** Whether the server is who it was: the verdict on its key, once per connection, and the record of a new one. */
import { fingerprint, keyTypeOf, type KnownKey } from '../openssh/known-hosts.js'
import type { KnownHost } from '../openssh/known-hosts-file.js'
import type { Prompt } from '../runtime/prompt.js'
import { leastRsaBits, rsaBits, ruleOf } from './algorithms.js'
import { dialError } from './dial-error.js'
import type { DialError, Target } from './transport.js'
import { placeOf } from './words.js'

/** Asks the person about a new key; one question for all the dials that show it. */
export type AskAboutKey = (question: string) => Promise<boolean>

/** Turns a prompt into that, with an answer kept for as long as the process runs. */
export function askOnce(prompt: Prompt): AskAboutKey {
  const asked = new Map<string, Promise<boolean>>()
  return (question) => {
    let answer = asked.get(question)
    if (!answer) {
      answer = prompt(question, { echo: true }).then((text) => text?.trim().toLowerCase() === 'yes')
      asked.set(question, answer)
    }
    return answer
  }
}

export interface KeySetting {
  /** RevokedHostKeys: why a key is refused; undefined when it is not. */
  readonly revoked: ((key: Buffer) => string | undefined) | null
  /** The connection goes to a loopback address of this machine, without a jump host. */
  readonly isLocal: () => boolean
  /** The server offers a host certificate. */
  readonly offersCertificate: () => boolean
}

const NOTHING_SAID: KeySetting = { revoked: null, isLocal: () => false, offersCertificate: () => false }

export class HostKeyCheck {
  /** Why the key was refused; set before ssh2 hears of it. */
  failure: DialError | null = null
  #accepted: Buffer | null = null
  #isNew = false

  /**
   * @param ask null where there is no terminal
   * @param isOver whether the dial has ended meanwhile: ssh2 throws at an answer that comes after its connection's end
   * @param setting what the connection says about the key, beside the files
   */
  constructor(
    private readonly target: Target,
    private readonly known: KnownHost,
    private readonly ask: AskAboutKey | null,
    private readonly isOver: () => boolean = () => false,
    private readonly setting: KeySetting = NOTHING_SAID,
  ) {}

  /**
   * ssh2's hostVerifier. Returns undefined always and answers with a true boolean, because ssh2 takes any other
   * value, a promise too, for consent. Called again at each rekey, where only the same key will do.
   */
  readonly verifier = (key: Buffer, verify: (accepted: boolean) => void): undefined => {
    if (this.#accepted) {
      const same = this.#accepted.equals(key)
      if (!same) this.failure = this.#refuse('the server changed its host key in the middle of the connection')
      verify(same)
      return
    }
    // ssh2 reuses its buffers.
    const blob = Buffer.from(key)
    void this.#judge(blob, (accepted) => {
      if (this.isOver()) return
      if (accepted) this.#accepted = blob
      verify(accepted === true)
    })
    return
  }

  /**
   * Records a new key; to be called when the server has proved that it holds it (the handshake is complete).
   * A refusal means that another first contact has meanwhile recorded another key.
   */
  async confirm(warn: (message: string) => void): Promise<DialError | null> {
    const key = this.#accepted
    if (!key || !this.#isNew) return null
    const { verdict, warning } = await this.known.record(key)
    if (warning) warn(warning)
    if (verdict.kind === 'changed') return this.#changed(key, verdict.known)
    if (verdict.kind === 'revoked')
      return this.#refuse(`its host key ${describe(key)} is marked @revoked at ${verdict.at.file}:${verdict.at.line}`)
    return null
  }

  /** Decides at once wherever it can: a handshake that waits for a tick waits for all the others' work. */
  #judge(key: Buffer, decide: (accepted: boolean) => void): void | Promise<void> {
    const refuse = (error: DialError): void => {
      this.failure = error
      decide(false)
    }
    const forbidden = this.#forbidden(key)
    if (forbidden !== undefined) return refuse(this.#refuse(forbidden))
    const { rules, hostKeys } = this.target
    if (rules?.noHostAuthenticationForLocalhost && hostKeys.alias === null && this.setting.isLocal())
      return decide(true)
    const verdict = this.known.verdict(key)
    switch (verdict.kind) {
      case 'known':
        return decide(true)
      case 'revoked':
        return refuse(
          this.#refuse(`its host key ${describe(key)} is marked @revoked at ${verdict.at.file}:${verdict.at.line}`),
        )
      case 'changed':
        return refuse(this.#changed(key, verdict.known))
      case 'new':
        break
    }
    const { mode, userFiles, globalFiles } = this.target.hostKeys
    const files = [...userFiles, ...globalFiles].join(', ') || 'any known_hosts file'
    const authority = verdict.certAuthority
      ? ` (${verdict.certAuthority.file}:${verdict.certAuthority.line} names a @cert-authority, but host certificates are not supported)`
      : ''
    const unknown = `its host key ${describe(key)} is not in ${files}${authority}`
    this.#isNew = true
    if (mode === 'accept-new') return decide(true)
    if (mode === 'strict')
      return refuse(
        this.#refuse(
          `${unknown}, and strictHostKeyChecking is strict; check the fingerprint and add the key, e.g. with: ${scan(this.target)} >> ${userFiles[0] ?? 'known_hosts'}`,
        ),
      )
    if (!this.ask)
      return refuse(
        this.#refuse(`${unknown}, and there is no terminal to ask whether to accept it (strictHostKeyChecking is ask)`),
      )
    return this.ask(
      `The host key of ${placeOf(this.target)} is not known: ${describe(key)}\nAccept and record it (yes/no)? `,
    ).then(
      (yes) => (yes ? decide(true) : refuse(this.#refuse(`${unknown}, and it was not accepted`))),
      (error: unknown) =>
        refuse(
          dialError(this.target, 'XEC_HOST_KEY', 'hostkey', 'sticky', `${unknown}, and asking about it failed`, error),
        ),
    )
  }

  /** What holds whatever is on file. */
  #forbidden(key: Buffer): string | undefined {
    const revoked = this.setting.revoked?.(key)
    if (revoked !== undefined) return `its host key ${describe(key)} is refused: ${revoked}`
    const bits = rsaBits(key)
    const least = leastRsaBits(this.target)
    if (bits !== undefined && bits < least)
      return `its host key ${describe(key)} has ${bits} bits, and ${least} are the least (${ruleOf(this.target, 'requiredRSASize')})`
    const authority = this.known.verdict(key).revokedAuthority
    if (authority && this.setting.offersCertificate())
      return `it shows a certificate, and the @cert-authority for it is marked @revoked at ${authority.file}:${authority.line}`
    return undefined
  }

  #changed(key: Buffer, known: readonly KnownKey[]): DialError {
    const { userFiles } = this.target.hostKeys
    const places = known
      .map(({ type, fingerprint: print, file, line }) => `${type} ${print} at ${file}:${line}`)
      .join(', ')
    return this.#refuse(
      `HOST KEY CHANGED: it shows ${describe(key)}, but known is ${places}. Somebody may be listening in, or the host was installed anew. ` +
        `If you know why, remove the old key: ssh-keygen -R '${this.known.name}' -f '${known[0]?.file ?? userFiles[0] ?? ''}'`,
    )
  }

  #refuse(text: string): DialError {
    return dialError(this.target, 'XEC_HOST_KEY', 'hostkey', 'sticky', text)
  }
}

function describe(key: Buffer): string {
  return `${keyTypeOf(key) ?? 'of an unknown type'} ${fingerprint(key)}`
}

function scan({ address, port }: Target): string {
  return port === 22 ? `ssh-keyscan ${address}` : `ssh-keyscan -p ${port} ${address}`
}
