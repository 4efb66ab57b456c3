/** What is offered to the server, in which order, and how that is told when nothing was accepted. */
import type { AnyAuthMethod, ParsedKey } from 'ssh2'
import { messageOf } from '../errors.js'
import type { Clock } from '../runtime/clock.js'
import { lockedKeyAgent, userAgent } from './agent.js'
import { ruleOf } from './algorithms.js'
import { dialError, localFailure } from './dial-error.js'
import type { Identity } from './keys.js'
import type { Ssh2 } from './library.js'
import { byPreference, forbids, promptsOf, refusesKey, type Method } from './methods.js'
import { PASSWORD_TRIES, type Passwords } from './passwords.js'
import type { DialError, Target } from './transport.js'
import { printable } from './words.js'

interface Offer {
  /** The name the server knows it by. */
  readonly method: Method
  /** For messages: where it came from, never what it is. */
  readonly label: string
  /** A person is asked for it, and so only where the server is known to take it, and lets nobody in without. */
  readonly byPerson?: true
  /** It needs no secret, and is tried when all else is over. */
  readonly bare?: true
  /** null: there is nothing to offer after all. */
  readonly make: () => AnyAuthMethod | Promise<AnyAuthMethod | null>
}

/** What the server is told of the agent's keys, all of them together. */
const AGENT = 'of the agent'

/** What is said of a certificate, and what to try. */
const UNSUPPORTED_CERTIFICATE =
  'which xec does not support; if the server trusts only its CA, add the key itself to authorized_keys there, or use ssh'

/** Rounds of keyboard-interactive that are answered before it is given up. */
const MAX_ROUNDS = 5

/** Refusals after which `none` is tried before the next key: servers hang up after the sixth (MaxAuthTries). */
const REFUSALS_BEFORE_NONE = 5

/**
 * The order is keys, agent, encrypted keys that a person must unlock, password: the given one, or one that is typed. A
 * method that the server does not list is not offered, and after a partial success (RFC 4252 §5.1) what has not succeeded yet
 * may be tried again. What needs no secret comes last: `none`, which costs a round trip and up to OpenSSH 9.4 a delay, and
 * keyboard-interactive for a server that asks no question. `none` comes earlier where it costs nobody anything: where a
 * person would be asked, where there is nothing else, and before the server hangs up for too many refusals.
 */
export class AuthPlan {
  /** Keys to offer with a signature at once: those asked for, and the first. Another key of a list is asked about first. */
  readonly signAtOnce: ReadonlySet<ParsedKey>
  /** The first request needs nothing that comes later in the handshake. */
  readonly pipeline: boolean
  /** Lets go of the agent; to be called when the dial is over. */
  readonly release: () => void = () => {}
  #agentKeys: number | null = null
  readonly #offers: Offer[] = []
  readonly #succeeded = new Set<Offer>()
  #tried = new Set<Offer>()
  #last: Offer | null = null
  #accepts: readonly string[] | null = null
  #hears = false
  #triedNone = false
  #refusals = 0
  /** Ends the dial: the server waits for an answer that nobody has. */
  #stuck: () => void = () => {}
  readonly #hasRsa: boolean
  /** What this machine lacked to ask an agent with. */
  #short: DialError | undefined
  /** What was not offered, and why. */
  readonly #notes: string[] = []

  /** @param passwords null: nobody is asked for one */
  constructor(
    ssh2: Ssh2,
    clock: Clock,
    private readonly target: Target,
    identities: readonly Identity[],
    passwords: Passwords | null,
    askPerson: <T>(work: () => Promise<T>) => Promise<T>,
  ) {
    const { credentials, username } = target
    const keys = identities.filter((identity) => identity.kind === 'key').filter((identity) => this.#mayUse(identity))
    this.signAtOnce = new Set(keys.filter(({ explicit }, index) => explicit || index === 0).map(({ key }) => key))
    this.#hasRsa = keys.some(({ key }) => key.type === 'ssh-rsa')
    for (const { origin, key } of keys)
      this.#offer('publickey', origin, () => ({ type: 'publickey', username, key: key as unknown as Buffer }))

    if (credentials.agent !== null) {
      const blobs = identities.flatMap(({ publicBlob }) => publicBlob ?? [])
      const agent = userAgent(ssh2, clock, credentials.agent, {
        only: credentials.identitiesOnly ? blobs : null,
        refuses: (blob) => refusesKey(target, blob),
        except: keys.map(({ publicBlob }) => publicBlob),
        onFailed: (why, error) => {
          this.#short ??= localFailure(target, error)
          this.#notes.push(`the agent at ${credentials.agent ?? ''} failed: ${printable(why)}`)
        },
        onCertificates: (names) => {
          const which = names.length === 1 ? 'the certificate' : `${names.length} certificates`
          this.#notes.push(`${which} of the agent (${printable(names.join(', '))}), ${UNSUPPORTED_CERTIFICATE}`)
        },
      })
      this.release = () => agent.release()
      const listing = this.#offer('publickey', AGENT, async () => {
        const agents = await agent.list()
        this.#agentKeys = agents.length
        const offers = agents.map((each): Offer => ({
          method: 'publickey',
          label: AGENT,
          make: () => ({ type: 'agent', username, agent: each }),
        }))
        this.#offers.splice(this.#offers.indexOf(listing), 0, ...offers)
        return null
      })
    }
    for (const identity of identities) {
      if (identity.kind === 'unusable') this.#notes.push(identity.why)
      if (identity.certificate) this.#notes.push(`the certificate ${identity.certificate}, ${UNSUPPORTED_CERTIFICATE}`)
      if (identity.kind !== 'locked') continue
      const tries = promptsOf(target, PASSWORD_TRIES)
      if (tries === 0) {
        this.#notes.push(`${identity.origin} is encrypted, and nobody is to be asked (${askingRule(target)})`)
        continue
      }
      if (identity.publicBlob && !this.#mayUse({ ...identity, publicBlob: identity.publicBlob })) continue
      const agent = lockedKeyAgent(ssh2, identity.publicBlob, () => askPerson(() => identity.unlock(tries)))
      // Without the public half the person is asked before the server is.
      const when = identity.publicBlob ? undefined : 'byPerson'
      this.#offer('publickey', identity.origin, () => ({ type: 'agent', username, agent }), when)
    }
    const { password } = credentials
    if (password) {
      this.#offer('password', 'the password', () => ({ type: 'password', username, password: password.reveal() }))
      this.#offer('keyboard-interactive', 'the password (keyboard-interactive)', () => ({
        type: 'keyboard-interactive',
        username,
        prompt: answerWith(password.reveal()),
      }))
    } else if (passwords) {
      let givenUp = false
      for (let attempt = 0; attempt < promptsOf(target, PASSWORD_TRIES); attempt++) {
        this.#offer(
          'password',
          'a password that was typed',
          async () => {
            const typed = givenUp ? null : await askPerson(() => passwords.password(target, attempt > 0))
            if (typed === null && !givenUp) this.#notes.push('a password, because none was typed')
            givenUp = typed === null
            return typed === null ? null : { type: 'password', username, password: typed }
          },
          'byPerson',
        )
      }
      if (promptsOf(target, PASSWORD_TRIES) > 0)
        this.#offer(
          'keyboard-interactive',
          'what was typed (keyboard-interactive)',
          () => ({
            type: 'keyboard-interactive',
            username,
            prompt: (_name, _instructions, _lang, prompts, finish) =>
              void askPerson(() => passwords.answers(target, prompts)).then((answers) => finish(answers ?? [])),
          }),
          'byPerson',
        )
    }
    const order = byPreference(target)
    this.#offers.sort((a, b) => order(a.method, b.method))
    const first = this.#offers[0]
    this.pipeline =
      first === undefined ||
      first.byPerson === true ||
      first.method === 'password' ||
      (keys[0] !== undefined && keys[0].key.type !== 'ssh-rsa')
    this.#offer(
      'keyboard-interactive',
      'keyboard-interactive without an answer',
      () => ({
        type: 'keyboard-interactive',
        username,
        prompt: (_name, _instructions, _lang, prompts) => {
          const asked = prompts.map(({ prompt }) => `"${printable(prompt)}"`).join(', ')
          this.#notes.push(`keyboard-interactive, because the server asks ${asked} and there is nobody to answer`)
          this.#stuck()
        },
      }),
      'bare',
    )
  }

  /** @param stuck called when the server asks what nobody can answer: the dial is over */
  onStuck(stuck: () => void): void {
    this.#stuck = stuck
  }

  /** Every refusal, as the server puts it: what it takes, and whether the last offer was a part of what it wants. */
  readonly refused = (accepts: readonly string[], partial: boolean): void => {
    this.#hears = true
    this.#accepts = accepts
    if (!partial) this.#refusals++
    if (!partial || !this.#last) return
    this.#succeeded.add(this.#last)
    this.#tried = new Set(this.#succeeded)
  }

  /** ssh2's authHandler: the next method, false when there is none, or undefined when `reply` will tell. */
  readonly next = (
    accepts: readonly string[] | null,
    partial: boolean | null,
    reply: (method: AnyAuthMethod | false) => void,
  ): AnyAuthMethod | false | undefined => {
    // Only where nobody tells us first: ssh2's own account may be stale.
    if (accepts && !this.#hears) {
      this.refused(accepts, partial === true)
      this.#hears = false
    }
    const offer = this.#offers.find((each) => this.#mayOffer(each))
    if (this.#noneFirst(offer)) {
      this.#triedNone = true
      this.#last = null
      return { type: 'none', username: this.target.username }
    }
    if (!offer) return false
    this.#tried.add(offer)
    this.#last = offer
    const method = offer.make()
    if (!(method instanceof Promise)) return method
    const goOn = (made: AnyAuthMethod | null): void => {
      // Out of the plan, so that neither the search for the next nor a message meets it again.
      if (made === null) this.#drop(offer)
      const next = made ?? this.next(null, null, reply)
      if (next !== undefined) reply(next)
    }
    void method.then(goOn, (error: unknown) => {
      this.note(messageOf(error))
      goOn(null)
    })
    return undefined
  }

  #mayOffer(offer: Offer): boolean {
    if (this.#tried.has(offer) || !(this.#accepts?.includes(offer.method) ?? !offer.bare)) return false
    if (offer.bare) return ![...this.#tried].some(({ method }) => method === offer.method)
    return !this.#repeats(offer)
  }

  /** After a partial success the server has said what else it wants, and `none` is not among it. */
  #noneFirst(offer: Offer | undefined): boolean {
    if (this.#triedNone || this.#succeeded.size > 0) return false
    return !offer || offer.bare === true || offer.byPerson === true || this.#refusals >= REFUSALS_BEFORE_NONE
  }

  /** After the fact: what was offered by origin, what the server takes, what was left out. */
  failure(said: string | null): DialError {
    // The agent's keys were never asked.
    if (this.#short) return this.#short
    const { username } = this.target
    const offered = this.#labels([...this.#tried].filter((offer) => !offer.bare && !this.#succeeded.has(offer)))
    const takes = this.#accepts ? [`it takes ${printable(this.#accepts.join(', ')) || 'nothing'}`] : []
    if (this.#offers.every(({ bare }) => bare)) {
      const why = this.#notes.length > 0 ? this.#notes.join('; ') : 'there is no key, agent or password'
      const said = [`nothing to log ${username} in with: ${why}`, 'the server lets nobody in without', ...takes]
      return dialError(this.target, 'XEC_AUTH', 'auth', 'sticky', said.join('; '))
    }
    const parts = [
      offered.length > 0 ? `the server refused ${offered.join(', ')}` : 'the server takes none of the methods at hand',
      ...(this.#succeeded.size > 0
        ? [`it accepted ${this.#labels([...this.#succeeded]).join(', ')} and wants more`]
        : []),
      ...(said ? [`it said "${printable(said)}"`] : []),
      ...takes,
      ...(this.#notes.length > 0 ? [`not offered: ${this.#notes.join('; ')}`] : []),
    ]
    return dialError(
      this.target,
      'XEC_AUTH',
      'auth',
      'sticky',
      `authentication as ${username} failed: ${parts.join('; ')}`,
    )
  }

  /** The agent's keys counted, every other offer by its own label, once. */
  #labels(offers: readonly Offer[]): string[] {
    const keys = offers.filter(({ label }) => label === AGENT).length
    const count =
      this.#agentKeys !== null && keys < this.#agentKeys
        ? `${keys} of ${this.#agentKeys} keys`
        : keys === 1
          ? 'one key'
          : `${keys} keys`
    return [...new Set(offers.map(({ label }) => (label === AGENT ? `${count} ${AGENT}` : label)))]
  }

  note(text: string): void {
    this.#notes.push(printable(text))
  }

  /** The server takes no signature of RSA keys that we may make. */
  readonly noRsaSignature = (): void => {
    if (!this.#hasRsa) return
    const rule = ruleOf(this.target, 'pubkeyAcceptedAlgorithms')
    this.#noteOnce(
      `an RSA key, because the server names no signature for it that ${rule} allows; SHA-1 takes +ssh-rsa there`,
    )
  }

  #drop(offer: Offer): void {
    this.#tried.delete(offer)
    this.#offers.splice(this.#offers.indexOf(offer), 1)
  }

  #offer(method: Method, label: string, make: Offer['make'], when?: 'byPerson' | 'bare'): Offer {
    const offer: Offer = { method, label, make, ...(when && { [when]: true }) }
    const rule = forbids(this.target, method)
    if (rule === undefined) this.#offers.push(offer)
    else if (when !== 'bare') this.#noteOnce(`${method === 'publickey' ? 'keys' : method} because of ${rule}`)
    return offer
  }

  #mayUse({ origin, publicBlob }: { readonly origin: string; readonly publicBlob: Buffer }): boolean {
    const why = refusesKey(this.target, publicBlob)
    if (why !== undefined) this.#noteOnce(`${origin}: ${why}`)
    return why === undefined
  }

  #noteOnce(text: string): void {
    if (!this.#notes.includes(text)) this.#notes.push(text)
  }

  /** A password that was refused as such would be refused again in the other form. */
  #repeats(offer: Offer): boolean {
    return (
      offer.method === 'keyboard-interactive' &&
      [...this.#tried].some(({ method }) => method === 'password') &&
      (this.#accepts?.includes('password') ?? false)
    )
  }
}

/** Why nobody is asked. */
function askingRule(target: Target): string {
  return ruleOf(target, target.rules?.batchMode ? 'batchMode' : 'numberOfPasswordPrompts')
}

/** Answers a single hidden question with the password, which is how PAM asks for it, and nothing else. */
function answerWith(password: string) {
  let rounds = 0
  let sent = false
  return (
    _name: string,
    _instructions: string,
    _lang: string,
    prompts: { prompt: string; echo?: boolean }[],
    finish: (answers: string[]) => void,
  ): void => {
    const asksForIt = prompts.length === 1 && prompts[0]?.echo !== true && !sent
    if (asksForIt) sent = true
    finish(asksForIt ? [password] : ++rounds <= MAX_ROUNDS ? prompts.map(() => '') : [])
  }
}
