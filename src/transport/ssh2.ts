/** The transport on ssh2: a path to the target, then banner, key exchange, host key and authentication. */
import { revokedHostKeys } from '../openssh/revoked-file.js'
import { KnownHosts } from '../openssh/known-hosts-file.js'
import { systemClock, type Clock } from '../runtime/clock.js'
import type { Prompt } from '../runtime/prompt.js'
import { offersOf, type Abilities } from './algorithms.js'
import { AuthPlan } from './auth.js'
import { Deadline } from './deadline.js'
import { abortedDial, localFailure } from './dial-error.js'
import { Dial, type Shared } from './dial.js'
import { askOnce } from './host-key.js'
import { abilitiesOfSsh2 } from './internals.js'
import { KeyRing } from './keys.js'
import { loadSsh2 } from './library.js'
import { Ssh2Link } from './link.js'
import { Passwords } from './passwords.js'
import { borrowPath, connectPath, heardFrom, proxyPath } from './path.js'
import { corkWrites, type Path } from './socket.js'
import type { Link, Reached, ReachOptions, Target, Transport } from './transport.js'

export interface Ssh2TransportOptions {
  /** Default: the system's. */
  readonly clock?: Clock
  /** Asks for passphrases and about new host keys; null (default): there is no terminal. */
  readonly prompt?: Prompt | null
  /** Asks for passwords, too, where the target has none. Default false: a question for each of many hosts helps nobody. */
  readonly askPasswords?: boolean
  /** Default: one of its own. */
  readonly knownHosts?: KnownHosts
  /** Hears what went wrong without failing the dial, e.g. a known_hosts file that cannot be written. Default: a process warning, once each. */
  readonly warn?: (message: string) => void
  /** Hears each line that a ProxyCommand says on its stderr, with the host in front. Default: nobody does. */
  readonly tell?: (message: string) => void
}

export class Ssh2Transport implements Transport {
  readonly #shared: Shared
  readonly #keys: KeyRing
  readonly #passwords: Passwords | null

  constructor({
    clock = systemClock,
    prompt = null,
    askPasswords = false,
    knownHosts = new KnownHosts(),
    warn = warnOnce(),
    tell = () => {},
  }: Ssh2TransportOptions = {}) {
    this.#shared = { clock, knownHosts, askAboutKey: prompt && askOnce(prompt), warn, tell }
    this.#keys = new KeyRing(prompt)
    this.#passwords = prompt && askPasswords ? new Passwords(prompt) : null
  }

  /** As Transport says. Credentials are read first: what is wrong with them is known before anything is dialled. */
  async reach(target: Target, { via, signal, keepAlive }: ReachOptions): Promise<Reached> {
    const { clock } = this.#shared
    if (signal.aborted) throw abortedDial(target, 'tcp')
    const ssh2 = await loadSsh2()
    const offers = offersOf(target, await abilities())
    /** For want of a descriptor, say. */
    const elsewhere = (error: unknown): never => {
      throw localFailure(target, error) ?? error
    }
    const { revokedHostKeys: file, batchMode } = target.rules ?? {}
    const revoked = file === undefined || file === 'none' ? null : await revokedHostKeys(file).catch(elsewhere)
    const deadline = new Deadline(clock, target.connectTimeoutMs)
    const askPerson = async <T>(work: () => Promise<T>): Promise<T> => {
      deadline.pause()
      try {
        return await work()
      } finally {
        deadline.resume()
      }
    }
    const identities = await this.#keys.identities(ssh2, target).catch(elsewhere)
    const plan = new AuthPlan(ssh2, clock, target, identities, batchMode ? null : this.#passwords, askPerson)
    // Nothing heard of an abort while the keys were read.
    if (signal.aborted) {
      plan.release()
      throw abortedDial(target, 'tcp')
    }
    const started = clock.now()
    const path = await this.#path(target, via, signal, deadline)
    const tcpMs = clock.now() - started
    corkWrites(path)
    const first = await heardFrom(path, target, signal, deadline)
    return new Dial({
      ...this.#shared,
      ssh2,
      target,
      plan,
      askPerson,
      deadline,
      path,
      first,
      offers,
      revoked,
      via: via instanceof Ssh2Link ? via : null,
      keepAlive,
      tcpMs,
    })
  }

  #path(target: Target, via: Link | undefined, signal: AbortSignal, deadline: Deadline): Promise<Path> {
    const { clock, tell } = this.#shared
    if (via) return borrowPath(target, via, signal, deadline)
    if (target.proxyCommand)
      return proxyPath(target, target.proxyCommand, signal, clock, (line) =>
        tell(`${target.host}: ProxyCommand: ${line}`),
      )
    return connectPath(target, signal, deadline)
  }
}

let loaded: Promise<Abilities> | undefined

function abilities(): Promise<Abilities> {
  return (loaded ??= abilitiesOfSsh2())
}

/** Node prints a process warning on stderr; the same text once. */
function warnOnce(): (message: string) => void {
  const said = new Set<string>()
  return (message) => {
    if (said.has(message)) return
    said.add(message)
    process.emitWarning(message, 'XecWarning')
  }
}
