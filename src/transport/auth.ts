/** What is offered to the server, in which order, and how that is told when nothing was accepted. */
import type { AnyAuthMethod, AuthenticationType, ParsedKey } from 'ssh2'
import type { Clock } from '../runtime/clock.js'
import { lockedKeyAgent, userAgent } from './agent.js'
import { dialError } from './dial-error.js'
import type { Identity } from './keys.js'
import type { Ssh2 } from './library.js'
import { DialError, type Target } from './transport.js'
import { placeOf, printable } from './words.js'

type Method = 'publickey' | 'password' | 'keyboard-interactive'

interface Offer {
  /** The name the server knows it by. */
  readonly method: Method
  /** For messages: where it came from, never what it is. */
  label: string
  readonly make: () => AnyAuthMethod
}

/** Rounds of keyboard-interactive that are answered before it is given up. */
const MAX_ROUNDS = 5

/**
 * The order is keys, agent, encrypted keys that a person must unlock, password. `none` is not tried: it costs a round
 * trip, and up to OpenSSH 9.4 a delay. A method that the server does not list is not offered, and after a partial
 * success (RFC 4252 §5.1) what has not succeeded yet may be tried again.
 */
export class AuthPlan {
  /** Keys to offer with a signature at once: those asked for, and the first. Another key of a list is asked about first. */
  readonly signAtOnce: ReadonlySet<ParsedKey>
  /** The first request needs nothing that comes later in the handshake. */
  readonly pipeline: boolean
  /** Lets go of the agent; to be called when the dial is over. */
  readonly release: () => void = () => {}
  readonly #offers: Offer[] = []
  readonly #succeeded = new Set<Offer>()
  #tried = new Set<Offer>()
  #last: Offer | null = null
  #accepts: readonly string[] | null = null
  /** What was not offered, and why. */
  readonly #notes: string[] = []

  constructor(ssh2: Ssh2, clock: Clock, private readonly target: Target, identities: readonly Identity[], askPerson: <T>(work: () => Promise<T>) => Promise<T>) {
    const { credentials, username } = target
    const keys = identities.filter((identity) => identity.kind === 'key')
    this.signAtOnce = new Set(keys.filter(({ explicit }, index) => explicit || index === 0).map(({ key }) => key))
    for (const { origin, key } of keys) this.#offer('publickey', origin, () => ({ type: 'publickey', username, key: key as unknown as Buffer }))

    if (credentials.agent !== null) {
      const blobs = identities.flatMap(({ publicBlob }) => publicBlob ?? [])
      const offer = this.#offer('publickey', 'the agent', () => ({ type: 'agent', username, agent }))
      const { agent, release } = userAgent(ssh2, clock, credentials.agent, {
        only: credentials.identitiesOnly ? blobs : null,
        except: keys.map(({ publicBlob }) => publicBlob),
        onListed: (count) => (offer.label = `${count === 1 ? 'one key' : `${count} keys`} of the agent`),
        onFailed: (why) => {
          offer.label = 'no key of the agent'
          this.#notes.push(`the agent at ${credentials.agent ?? ''} failed: ${printable(why)}`)
        },
      })
      this.release = release
    }
    for (const identity of identities) {
      if (identity.kind === 'unusable') this.#notes.push(identity.why)
      if (identity.kind !== 'locked') continue
      const agent = lockedKeyAgent(ssh2, identity.publicBlob, () => askPerson(() => identity.unlock()))
      this.#offer('publickey', identity.origin, () => ({ type: 'agent', username, agent }))
    }
    const { password } = credentials
    if (password) {
      this.#offer('password', 'the password', () => ({ type: 'password', username, password: password.reveal() }))
      this.#offer('keyboard-interactive', 'the password (keyboard-interactive)', () => ({ type: 'keyboard-interactive', username, prompt: answerWith(password.reveal()) }))
    }
    const first = this.#offers[0]
    this.pipeline = first?.method === 'password' || (keys[0] !== undefined && keys[0].key.type !== 'ssh-rsa')
  }

  /** Nothing to offer at all: known before anything is dialled. */
  get empty(): DialError | null {
    if (this.#offers.length > 0) return null
    const why = this.#notes.length > 0 ? this.#notes.join('; ') : 'there is no key, agent or password'
    const { host, username } = this.target
    return new DialError('XEC_AUTH', `${placeOf(this.target)}: nothing to log ${username} in with: ${why}`, { host, phase: 'auth', verdict: 'sticky', answered: false })
  }

  /** ssh2's authHandler: the next method, or false when there is none. */
  readonly next = (accepts: AuthenticationType[] | null, partial: boolean | null): AnyAuthMethod | false => {
    if (accepts) this.#accepts = accepts
    if (partial && this.#last) {
      this.#succeeded.add(this.#last)
      this.#tried = new Set(this.#succeeded)
    }
    const listed = (method: Method): boolean => !accepts || accepts.includes(method)
    const offer = this.#offers.find((each) => !this.#tried.has(each) && listed(each.method) && !this.#repeats(each))
    if (!offer) return false
    this.#tried.add(offer)
    this.#last = offer
    return offer.make()
  }

  /** After the fact: what was offered by origin, what the server takes, what was left out. */
  failure(said: string | null): DialError {
    const offered = [...this.#tried].filter((offer) => !this.#succeeded.has(offer)).map(({ label }) => label)
    const parts = [
      offered.length > 0 ? `the server refused ${offered.join(', ')}` : 'the server takes none of the methods at hand',
      ...(this.#succeeded.size > 0 ? [`it accepted ${[...this.#succeeded].map(({ label }) => label).join(', ')} and wants more`] : []),
      ...(said ? [`it said "${printable(said)}"`] : []),
      ...(this.#accepts ? [`it takes ${printable(this.#accepts.join(', ')) || 'nothing'}`] : []),
      ...(this.#notes.length > 0 ? [`not offered: ${this.#notes.join('; ')}`] : []),
    ]
    return dialError(this.target, 'XEC_AUTH', 'auth', 'sticky', `authentication as ${this.target.username} failed: ${parts.join('; ')}`)
  }

  note(text: string): void {
    this.#notes.push(printable(text))
  }

  #offer(method: Method, label: string, make: () => AnyAuthMethod): Offer {
    const offer = { method, label, make }
    this.#offers.push(offer)
    return offer
  }

  /** A password that was refused as such would be refused again in the other form. */
  #repeats(offer: Offer): boolean {
    return offer.method === 'keyboard-interactive' && [...this.#tried].some(({ method }) => method === 'password')
      && (this.#accepts?.includes('password') ?? false)
  }
}

/** Answers a single hidden question with the password, which is how PAM asks for it, and nothing else. */
function answerWith(password: string) {
  let rounds = 0
  let sent = false
  return (_name: string, _instructions: string, _lang: string, prompts: { prompt: string; echo?: boolean }[], finish: (answers: string[]) => void): void => {
    const asksForIt = prompts.length === 1 && prompts[0]?.echo !== true && !sent
    if (asksForIt) sent = true
    finish(asksForIt ? [password] : ++rounds <= MAX_ROUNDS ? prompts.map(() => '') : [])
  }
}
