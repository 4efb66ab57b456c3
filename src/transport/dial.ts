/** The handshake on a path: banner, key exchange, host key, authentication. Ends in a link or in one DialError. */
import type { Socket } from 'node:net'
import type { Algorithms } from 'ssh2'
import type { KnownHost, KnownHosts } from '../openssh/known-hosts-file.js'
import type { RevokedCheck } from '../openssh/revoked-file.js'
import type { Clock } from '../runtime/clock.js'
import type { AuthPlan } from './auth.js'
import { hasIdent, PEEK_BYTES } from './banner.js'
import type { Deadline } from './deadline.js'
import {
  abortedDial,
  brokenHandshake,
  dialError,
  hopLost,
  localFailure,
  proxyEnd,
  proxyFailed,
  timedOutDial,
  type DialPhase,
} from './dial-error.js'
import { acceptedSignatures, followsKnownHosts, preferKnown, type Offers } from './algorithms.js'
import { noAgreement } from './disagreement.js'
import { HostKeyCheck, type AskAboutKey } from './host-key.js'
import {
  hearAuthFailures,
  holdBanner,
  IDENT,
  missingInternals,
  narrowSignatures,
  quickenAuth,
  skipIdent,
  wireOf,
  type Wire,
} from './internals.js'
import type { Ssh2 } from './library.js'
import { Ssh2Link } from './link.js'
import { ProxyPath } from './proxy.js'
import { sessionEnv } from './session-env.js'
import type { Path } from './socket.js'
import { OFFER_BYTES, serverOffer } from './server-offer.js'
import type { DialError, KeepAlive, Link, Reached, Target } from './transport.js'
import { printable } from './words.js'

/** What all dials of one transport share. */
export interface Shared {
  readonly clock: Clock
  readonly knownHosts: KnownHosts
  readonly askAboutKey: AskAboutKey | null
  readonly warn: (message: string) => void
  /** Hears what is of use to somebody who looks for a fault, such as the stderr of a ProxyCommand. */
  readonly tell: (message: string) => void
}

export interface DialParts extends Shared {
  readonly ssh2: Ssh2
  readonly target: Target
  readonly plan: AuthPlan
  /** Runs a question to a person with the deadline's clock stopped. */
  readonly askPerson: <T>(work: () => Promise<T>) => Promise<T>
  readonly deadline: Deadline
  readonly path: Path
  /** What is offered in the key exchange. */
  readonly offers: Offers
  /** RevokedHostKeys; null when there are none. */
  readonly revoked: RevokedCheck | null
  /** The first that the server said, of what is to be read on the path. */
  readonly first: string
  /** The jump host's, when the path is a carrier of it. */
  readonly via: Ssh2Link | null
  readonly keepAlive: KeepAlive | null
  readonly tcpMs: number
}

export class Dial implements Reached {
  #phase: DialPhase = 'banner'
  #failure: DialError | null = null
  #link: Ssh2Link | null = null
  #peeked = ''
  /** What came before the end of the key exchange, as far as it may be of use. */
  #opening: Buffer[] = []
  #openingBytes = 0
  #used = false

  constructor(private readonly parts: DialParts) {}

  abandon(): void {
    if (!this.#link) this.#fail(abortedDial(this.parts.target, this.#phase))
  }

  async authenticate(signal: AbortSignal): Promise<Link> {
    if (this.#used) throw new Error('bug: a path is authenticated once')
    this.#used = true
    const { target, path, deadline, knownHosts, warn } = this.parts
    const known = await knownHosts
      .lookup(target.hostKeys, target.address, target.port)
      .catch(async (error: unknown) => {
        path.destroy()
        await shut(path)
        this.parts.plan.release()
        throw localFailure(target, error) ?? error
      })
    for (const warning of known.warnings) warn(warning)
    if (signal.aborted) this.#fail(abortedDial(target, this.#phase))
    if (path.destroyed) {
      // Given up by the caller, or reset before the dial had its permit.
      await shut(path)
      this.#peeked = this.parts.first
      if (hasIdent(this.#peeked)) this.#phase = 'kex'
      throw (
        this.#failure ??
        this.#broken(path.errored ? Object.assign(path.errored, { level: 'client-socket' }) : undefined)
      )
    }
    const aborted = (): void => this.#fail(abortedDial(target, this.#phase))
    signal.addEventListener('abort', aborted, { once: true })
    deadline.start(() => this.#fail(timedOutDial(target, this.#phase, deadline.totalMs)))
    try {
      return await new Promise<Link>((resolve, reject) => this.#handshake(known, resolve, reject))
    } finally {
      deadline.stop()
      this.parts.plan.release()
      signal.removeEventListener('abort', aborted)
    }
  }

  /** Our listeners stand before ssh2's: what the end of the socket means is decided before ssh2 tells its channels. */
  #handshake(known: KnownHost, ready: (link: Link) => void, failed: (error: DialError) => void): void {
    const { target, plan, path, ssh2, clock, askAboutKey: ask, askPerson, warn, keepAlive, tcpMs } = this.parts
    const hostKey = new HostKeyCheck(
      target,
      known,
      ask && !target.rules?.batchMode ? (question) => askPerson(() => ask(question)) : null,
      () => path.destroyed,
      {
        revoked: this.parts.revoked,
        isLocal: () => isLoopback((path as Partial<Socket>).remoteAddress),
        offersCertificate: () =>
          serverOffer(Buffer.concat(this.#opening))?.hostKeyAlgorithms.some((name) => name.includes('-cert-v')) ===
          true,
      },
    )
    const client = new ssh2.Client()
    const started = clock.now()
    let kexMs = 0
    let wire: Wire | null = null
    let confirmed: Promise<DialError | null> = Promise.resolve(null)

    plan.onStuck(() => this.#fail(plan.failure(null)))
    path.pause()
    path.on('data', (chunk: Buffer) => {
      if (this.#link) return this.#link.heard()
      this.#keep(chunk)
      if (this.#phase !== 'banner') return
      this.#peeked += chunk.toString('utf8', 0, PEEK_BYTES - this.#peeked.length)
      if (hasIdent(this.#peeked)) this.#phase = 'kex'
    })
    path.on('end', () => {
      if (this.#link) this.#link.broke(endOf(path) ?? 'the server closed it')
      else this.#fail(this.#broken())
    })
    path.on('error', (error: Error) => {
      if (this.#link) this.#link.broke(printable(error.message))
      else this.#fail(this.#broken(Object.assign(error, { level: 'client-socket' })))
    })
    path.on('close', () => {
      if (!this.#link) return failed(this.#failure ?? this.#broken())
      // ssh2 ends its channels in its own listener, which comes after this one.
      process.nextTick(() => this.#link?.shut())
    })

    client.on('error', (error: Error & { level?: string; code?: unknown }) => {
      if (this.#link) return this.#link.broke(printable(error.message))
      // Not the end of the dial: ssh2 goes on with the next key or method.
      const goesOn =
        error.level === 'agent' ||
        (error.level === 'client-authentication' && !error.message.startsWith('All configured'))
      if (goesOn) plan.note(error.message)
      else this.#fail(hostKey.failure ?? this.#verdict(error))
    })
    // Lines before the identification may be more than the peek holds.
    client.on('greeting', () => {
      if (this.#phase === 'banner') this.#phase = 'kex'
    })
    client.on('change password', () =>
      this.#fail(
        dialError(
          target,
          'XEC_AUTH',
          'auth',
          'sticky',
          `the password of ${target.username} has expired and must be changed there`,
        ),
      ),
    )
    // Once: rekeying brings it again.
    client.once('handshake', () => {
      this.#phase = 'auth'
      this.#opening = []
      kexMs = clock.now() - started
      confirmed = hostKey.confirm(warn)
    })
    client.once('ready', () => {
      const timing = Object.freeze({ tcpMs, kexMs, authMs: clock.now() - started - kexMs })
      void confirmed.then((refused) => {
        if (refused) this.#fail(refused)
        if (this.#failure || path.destroyed || !wire) return
        this.#link = new Ssh2Link({
          host: target.host,
          client,
          wire,
          socket: path,
          clock,
          keepAlive,
          timing,
          via: this.parts.via,
          env: sessionEnv(target, process.env),
        })
        ready(this.#link)
      })
    })

    try {
      client.connect({
        sock: path,
        ident: IDENT,
        username: target.username,
        authHandler: (accepts, partial, next) =>
          plan.next(accepts, partial, (method) => {
            // ssh2 throws at what comes after its connection's end.
            if (!path.destroyed) next(method as never)
          }) as never,
        hostVerifier: hostKey.verifier,
        algorithms: this.#algorithms(known),
        // Both are ours, on our clock.
        readyTimeout: 0,
        keepaliveInterval: 0,
      })
      const missing = missingInternals(client)
      if (missing.length > 0)
        throw new Error(`this copy of ssh2 lacks ${missing.join(', ')}; xec is made for ssh2 1.17.0`)
      wire = wireOf(client)
      skipIdent(client)
      holdBanner(client)
      hearAuthFailures(client, plan.refused)
      narrowSignatures(client, acceptedSignatures(target), plan.noRsaSignature)
      quickenAuth(client, plan.signAtOnce, plan.pipeline)
    } catch (error) {
      this.#fail(
        dialError(
          target,
          'XEC_CONFIG',
          'kex',
          'final',
          `ssh2 did not start: ${printable((error as Error).message)}`,
          error,
        ),
      )
    }
  }

  #algorithms({ knownTypes }: KnownHost): Algorithms {
    const { target, offers } = this.parts
    const { hostKeyAlgorithms } = offers
    // Checked against what ssh2 can; its types know fewer names.
    return {
      kex: offers.kexAlgorithms,
      cipher: offers.ciphers,
      hmac: offers.macs,
      serverHostKey: followsKnownHosts(target) ? preferKnown(hostKeyAlgorithms, knownTypes) : hostKeyAlgorithms,
    } as Algorithms
  }

  #keep(chunk: Buffer): void {
    if (this.#phase === 'auth' || this.#openingBytes >= OFFER_BYTES) return
    // ssh2 reuses no buffer of the socket's, and decrypts in place only later.
    this.#opening.push(Buffer.from(chunk))
    this.#openingBytes += chunk.length
  }

  #verdict(error: Error & { level?: string; code?: unknown }): DialError {
    const { plan } = this.parts
    if (error.level === 'client-authentication') return plan.failure(null)
    // "Too many authentication failures" comes as a DISCONNECT (RFC 4253 §11.1): 2 from OpenSSH, 14 by the book.
    if (this.#phase === 'auth' && error.level === undefined && (error.code === 2 || error.code === 14))
      return plan.failure(error.message)
    return this.#broken(error)
  }

  #broken(error?: Error): DialError {
    const { target, via, path } = this.parts
    if (via && !via.alive) return hopLost(target, this.#phase, via.gone, error)
    if (target.proxyCommand && path instanceof ProxyPath && path.fate) {
      const failure = proxyFailed(target, target.proxyCommand, this.#phase, this.#peeked, path.fate)
      if (failure) return failure
    }
    if (this.#phase === 'kex' && error && /no matching/i.test(error.message)) {
      const theirs = serverOffer(Buffer.concat(this.#opening))
      const told = theirs && noAgreement(target, this.parts.offers, theirs, error)
      if (told) return told
    }
    return brokenHandshake(target, this.#phase, this.#peeked, error)
  }

  /** The first failure is the one that is told; the dial rejects when the socket is shut. */
  #fail(error: DialError): void {
    this.#failure ??= error
    this.parts.path.destroy()
  }
}

function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(127\.|::1$|::ffff:127\.)/.test(address)
}

/** How the program ended that the path runs over, when that says more than the end itself. */
function endOf(path: Path): string | undefined {
  return path instanceof ProxyPath && path.fate ? proxyEnd(path.fate) : undefined
}

function shut(path: Path): Promise<void> {
  return new Promise((resolve) => (path.closed ? resolve() : path.once('close', () => resolve())))
}
