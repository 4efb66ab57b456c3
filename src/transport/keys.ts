/** The private keys of this process: read, decrypted and parsed once each, whoever dials with them. */
import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import type { ParsedKey } from 'ssh2'
import { messageOf } from '../errors.js'
import { certificateBeside, loadKeyText, type LoadedKey } from '../openssh/identity.js'
import type { Prompt } from '../runtime/prompt.js'
import { Secret } from '../runtime/secret.js'
import { dialError } from './dial-error.js'
import type { Ssh2 } from './library.js'
import { PASSWORD_TRIES } from './passwords.js'
import type { KeySource, Target } from './transport.js'

/** What became of one KeySource. */
export type Identity = {
  readonly origin: string
  /** The path of a certificate beside it (`id_x-cert.pub`), which ssh would offer. */
  readonly certificate?: string | null
} & (
  | { readonly kind: 'key'; readonly key: ParsedKey; readonly explicit: boolean; readonly publicBlob: Buffer }
  /** Encrypted, and a person may be asked. `unlock` resolves with null when they do not know it. */
  | { readonly kind: 'locked'; readonly publicBlob: Buffer | null; unlock(tries?: number): Promise<ParsedKey | null> }
  /** Names one of an agent's keys. */
  | { readonly kind: 'public'; readonly publicBlob: Buffer }
  /** Not to be used; `why` is for the message if nothing else works. `fatal`: it was asked for, and no prompt or agent makes up for it. */
  | { readonly kind: 'unusable'; readonly why: string; readonly fatal: boolean; readonly publicBlob: Buffer | null }
)

export class KeyRing {
  readonly #loaded = new Map<string, Promise<Identity>>()

  constructor(private readonly prompt: Prompt | null) {}

  /** The target's keys, in order. Rejects with a DialError (XEC_CONFIG, final) for a key that was asked for by name and cannot be used. */
  async identities(ssh2: Ssh2, target: Target): Promise<Identity[]> {
    const found = await Promise.all(target.credentials.keys.map((source) => this.#identity(ssh2, source)))
    for (const identity of found) {
      if (identity?.kind === 'unusable' && identity.fatal)
        throw dialError(target, 'XEC_CONFIG', 'config', 'final', `cannot use a key: ${identity.why}`)
    }
    return found.filter((identity) => identity !== null)
  }

  /** null: an optional key that is not there. */
  async #identity(ssh2: Ssh2, source: KeySource): Promise<Identity | null> {
    const name = await this.#nameOf(source)
    if (name === null && source.optional) return null
    let loading = name === null ? undefined : this.#loaded.get(name)
    if (!loading) {
      loading = this.#load(ssh2, source)
      if (name !== null) {
        this.#loaded.set(name, loading)
        const forget = (): void => void this.#loaded.delete(name)
        // A key that could not be read now, for want of descriptors for one, may be readable the next time.
        loading.then((identity) => {
          if (identity.kind === 'unusable') forget()
        }, forget)
      }
    }
    return loading
  }

  /** What a parsed key is kept under: it changes with the file, the text and the passphrase. Null for a file that is not there. */
  async #nameOf({ from, passphrase, optional }: KeySource): Promise<string | null> {
    const parts = ['text' in from ? from.text.reveal() : from.path, passphrase?.reveal() ?? '', optional]
    if ('path' in from) {
      try {
        const { ino, size, mtimeMs, mode } = await stat(from.path)
        parts.push(`${ino}:${size}:${mtimeMs}:${mode}`)
      } catch {
        // loadKeyText says what is wrong with it; the public half alone may be there.
        return null
      }
    }
    return createHash('sha256').update(JSON.stringify(parts)).digest('base64')
  }

  async #load(ssh2: Ssh2, source: KeySource): Promise<Identity> {
    const [identity, certificate] = await Promise.all([
      this.#loadKey(ssh2, source),
      'path' in source.from ? certificateBeside(source.from.path) : null,
    ])
    return { ...identity, certificate }
  }

  async #loadKey(ssh2: Ssh2, source: KeySource): Promise<Identity> {
    const { origin, optional } = source
    const loaded = await loadKeyText(source)
    switch (loaded.kind) {
      case 'private':
        return this.#parse(ssh2, source, loaded)
      case 'public':
        return { origin, kind: 'public', publicBlob: loaded.publicBlob }
      case 'unusable':
        return { origin, kind: 'unusable', why: loaded.message, fatal: !optional, publicBlob: loaded.publicBlob }
      case 'passphrase-needed': {
        const { publicBlob } = loaded
        const prompt = this.prompt
        if (!prompt)
          return {
            origin,
            kind: 'unusable',
            why: `${origin} is encrypted, no passphrase is given and there is no terminal to ask for one`,
            fatal: false,
            publicBlob,
          }
        let unlocking: Promise<ParsedKey | null> | undefined
        return {
          origin,
          kind: 'locked',
          publicBlob,
          unlock: (tries = PASSWORD_TRIES) => (unlocking ??= this.#unlock(ssh2, source, prompt, tries)),
        }
      }
    }
  }

  #parse(ssh2: Ssh2, { origin, optional }: KeySource, loaded: Extract<LoadedKey, { kind: 'private' }>): Identity {
    const parsed: unknown = ssh2.utils.parseKey(loaded.text.reveal())
    const key = (Array.isArray(parsed) ? parsed[0] : parsed) as ParsedKey | Error
    if (key instanceof Error || !key.isPrivateKey()) {
      const why = key instanceof Error ? messageOf(key) : 'no private key in it'
      return { origin, kind: 'unusable', why: `${origin}: ${why}`, fatal: !optional, publicBlob: loaded.publicBlob }
    }
    return { origin, kind: 'key', key, explicit: !optional, publicBlob: key.getPublicSSH() }
  }

  /** Asks at most `tries` times (NumberOfPasswordPrompts), once in this process for each key. */
  async #unlock(ssh2: Ssh2, source: KeySource, prompt: Prompt, tries: number): Promise<ParsedKey | null> {
    for (let attempt = 0; attempt < tries; attempt++) {
      const answer = await prompt(`${attempt > 0 ? 'That was not it. ' : ''}Passphrase of ${source.origin}: `, {
        echo: false,
      })
      if (answer === null) return null
      const attempted = { ...source, passphrase: new Secret(answer) }
      const loaded = await loadKeyText(attempted)
      if (loaded.kind !== 'private') continue
      const identity = this.#parse(ssh2, attempted, loaded)
      if (identity.kind === 'key') return identity.key
    }
    return null
  }
}
