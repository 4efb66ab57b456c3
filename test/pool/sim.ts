/**
 * A pool on a fake clock over a fake transport whose dials park until the test says how they end.
 * After every settle the invariants are checked (invariants.ts).
 */
import { Secret } from '../../src/runtime/secret.js'
import type { Clock, Timer } from '../../src/runtime/clock.js'
import { seededRandom } from '../../src/runtime/random.js'
import { createPool, type ConnectionPool } from '../../src/pool/pool.js'
import type { PoolEvent } from '../../src/pool/metrics/events.js'
import type { PoolOptions } from '../../src/pool/options.js'
import type { AcquireOptions, Lease, PoolTarget } from '../../src/pool/types.js'
import { XecError } from '../../src/errors.js'
import {
  DialError,
  type Channel,
  type DialVerdict,
  type Exit,
  type Link,
  type LinkEnd,
  type Reached,
  type ReachOptions,
  type Target,
  type Transport,
} from '../../src/transport/transport.js'
import { checkDial, checkInvariants, checkSnapshot } from './invariants.js'
import { Quanta, Turns } from './turns.js'

export class FakeClock implements Clock {
  #now = 1_000
  readonly timers = new Set<{ at: number; fn: () => void; held: boolean }>()

  now(): number {
    return this.#now
  }

  wall(): number {
    return 1_800_000_000_000 + this.#now
  }

  timer(ms: number, fn: () => void): Timer {
    const entry = { at: this.#now + Math.max(0, ms), fn, held: true }
    this.timers.add(entry)
    return {
      clear: () => void this.timers.delete(entry),
      ref: () => void (entry.held = true),
      unref: () => void (entry.held = false),
    }
  }

  /** Moves to the next timer if it is due by `until`; false when there is none. */
  fireNext(until: number): boolean {
    let next: { at: number; fn: () => void } | undefined
    for (const entry of this.timers) if (entry.at <= until && (!next || entry.at < next.at)) next = entry
    if (!next) return false
    this.#now = Math.max(this.#now, next.at)
    this.timers.delete(next as never)
    next.fn()
    return true
  }

  moveTo(time: number): void {
    this.#now = Math.max(this.#now, time)
  }
}

export interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(error: unknown): void
}

export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((ok, no) => {
    resolve = ok
    reject = no
  })
  promise.catch(() => {})
  return { promise, resolve, reject }
}

export class FakeChannel {
  readonly #closed = deferred<void>()
  readonly #exit = deferred<Exit>()
  closedBy: 'us' | 'peer' | 'loss' | null = null

  constructor(readonly link: FakeLink) {}

  get closed(): Promise<void> {
    return this.#closed.promise
  }

  get exit(): Promise<Exit> {
    return this.#exit.promise
  }

  /** Ours: the server answers at once, unless the link is told to leave closes unanswered. */
  close(): void {
    if (this.closedBy) return
    this.closedBy = 'us'
    if (this.link.answersClose && !this.link.over) this.finish()
  }

  /** The command has ended: the server closes. */
  end(): void {
    this.closedBy ??= 'peer'
    this.#exit.resolve({ kind: 'code', code: 0 })
    this.finish()
  }

  finish(): void {
    this.link.open.delete(this)
    this.#closed.resolve()
  }

  lose(end: LinkEnd): void {
    this.closedBy ??= 'loss'
    this.#exit.resolve({ kind: 'lost', end })
    this.finish()
  }
}

export class FakeLink implements Link {
  alive = true
  over = false
  held = true
  /** Sessions the fake server allows at once. */
  maxSessions = 10
  /** False: openSession stays unanswered until `answer`. */
  answersOpens = true
  answersClose = true
  /** False: `end` leaves the socket open, as a black hole does. */
  answersEnd = true
  readonly open = new Set<FakeChannel>()
  readonly timing = { tcpMs: 1, kexMs: 1, authMs: 1 }
  readonly #ended = deferred<LinkEnd>()
  readonly #unanswered: Deferred<Channel>[] = []
  #asked = 0

  constructor(readonly dial: FakeDial) {}

  get ended(): Promise<LinkEnd> {
    return this.#ended.promise
  }

  openSession(): Promise<Channel> {
    // A pool that asks again whenever it is refused would do so for ever, and no test would end.
    if (++this.#asked > 50_000) throw new Error(`${this.dial.target.host} is asked for channels without end`)
    const answer = deferred<Channel>()
    if (!this.alive) answer.reject(new XecError('XEC_CONNECTION_LOST', 'Connection closed', { phase: 'channel' }))
    else {
      this.#unanswered.push(answer)
      if (this.answersOpens) this.answer()
    }
    return answer.promise
  }

  /** Closes what it left open when it was asked to close it. */
  finishClosed(): void {
    for (const channel of [...this.open]) if (channel.closedBy) channel.finish()
  }

  /** Answers everything that was asked so far. */
  answer(): void {
    for (const answer of this.#unanswered.splice(0)) {
      if (this.open.size >= this.maxSessions)
        answer.reject(
          new XecError('XEC_REFUSED', `${this.dial.target.host}: the server refused a channel`, { phase: 'channel' }),
        )
      else {
        const channel = new FakeChannel(this)
        this.open.add(channel)
        answer.resolve(channel as unknown as Channel)
      }
    }
  }

  end(): void {
    this.alive = false
    if (this.answersEnd) this.#over({ reason: 'closed', detail: 'closed by us' })
  }

  destroy(): void {
    this.#over({ reason: 'closed', detail: 'destroyed' })
  }

  lose(reason: 'lost' | 'keepalive' = 'lost'): void {
    this.#over({ reason, detail: 'ECONNRESET' })
  }

  /** The first sign of an end: nothing works any more, and the socket is not shut yet. `lose` follows. */
  crack(): void {
    this.alive = false
    for (const answer of this.#unanswered.splice(0))
      answer.reject(new XecError('XEC_CONNECTION_LOST', 'Connection closed', { phase: 'channel' }))
  }

  setRef(held: boolean): void {
    this.held = held
  }

  forward(): never {
    throw new Error('the simulator forwards no ports')
  }

  listen(): never {
    throw new Error('the simulator forwards no ports')
  }

  #over(end: LinkEnd): void {
    if (this.over) return
    this.over = true
    this.alive = false
    for (const answer of this.#unanswered.splice(0))
      answer.reject(new XecError('XEC_CONNECTION_LOST', 'Connection closed', { phase: 'channel' }))
    for (const channel of [...this.open]) channel.lose(end)
    this.#ended.resolve(end)
  }
}

/** One dial, parked. */
export class FakeDial implements Reached {
  readonly #reach = deferred<Reached>()
  readonly #auth = deferred<Link>()
  link: FakeLink | null = null
  stage: 'reaching' | 'reached' | 'authenticating' | 'done' = 'reaching'
  /** True: it does not hear of its abort, and ends as it would have, later. */
  deaf = false

  constructor(
    readonly target: Target,
    readonly options: ReachOptions,
    readonly sim: Sim,
  ) {
    const abort = (): void => {
      if (!this.deaf && (this.stage === 'reaching' || this.stage === 'authenticating'))
        this.fail('final', 'XEC_ABORTED')
    }
    if (options.signal.aborted) abort()
    else options.signal.addEventListener('abort', abort)
  }

  get reached(): Promise<Reached> {
    return this.#reach.promise
  }

  arrive(): void {
    if (this.stage !== 'reaching') return
    this.stage = 'reached'
    this.#reach.resolve(this)
  }

  authenticate(): Promise<Link> {
    this.sim.handshakeBegan()
    const over = (): void => this.sim.handshakeEnded()
    this.#auth.promise.then(over, over)
    if (this.stage === 'done') return this.#auth.promise // told to fail while it waited for its permit
    this.stage = 'authenticating'
    if (this.link && !this.sim.parksHandshakes) this.#accept(this.link)
    return this.#auth.promise
  }

  /** Ends a handshake that was parked. */
  accept(): void {
    if (this.link && this.stage === 'authenticating') this.#accept(this.link)
  }

  abandon(): void {
    this.stage = 'done'
  }

  /** Succeeds; if the pool has yet to spend a permit on it, as soon as it does. */
  succeed(tune: (link: FakeLink) => void = () => {}): FakeLink {
    this.link = new FakeLink(this)
    this.sim.tune(this.link)
    tune(this.link)
    if (this.stage === 'authenticating' && !this.sim.parksHandshakes) this.#accept(this.link)
    else this.arrive()
    return this.link
  }

  #accept(link: FakeLink): void {
    this.stage = 'done'
    this.sim.links.push(link)
    this.#auth.resolve(link)
  }

  fail(
    verdict: DialVerdict,
    code: 'XEC_CONNECT' | 'XEC_AUTH' | 'XEC_HOST_KEY' | 'XEC_CONFIG' | 'XEC_ABORTED' | 'XEC_LOCAL_LIMIT' = verdict ===
    'sticky'
      ? 'XEC_AUTH'
      : 'XEC_CONNECT',
    answered?: boolean,
  ): void {
    this.failWith(
      new DialError(code, `${this.target.host}: ${verdict} failure`, {
        host: this.target.host,
        verdict,
        ...(answered === undefined ? {} : { answered }),
      }),
    )
  }

  failWith(error: DialError): void {
    if (this.stage === 'done') return
    const stage = this.stage
    this.stage = 'done'
    if (stage === 'reaching') this.#reach.reject(error)
    else this.#auth.reject(error)
  }
}

export class Sim implements Transport {
  readonly clock = new FakeClock()
  readonly pool: ConnectionPool
  readonly dials: FakeDial[] = []
  readonly links: FakeLink[] = []
  readonly events: PoolEvent[] = []
  readonly quanta: Quanta
  tune: (link: FakeLink) => void = () => {}
  /** True: a handshake takes until `accept`, also when its dial was told to succeed. */
  parksHandshakes = false
  /** Seen on this side of the transport, at every handshake's beginning. */
  mostHandshakes = 0
  #handshakes = 0
  /** Whether every settle also adds up the snapshot, which costs more than all else. */
  checksSnapshots = true
  /** The laws are checked at every n-th settle: 1, but for long runs of thousands of waiters. */
  checkEvery = 1
  #settles = 0
  #broken: Error | undefined

  constructor(options: Partial<PoolOptions> = {}, seed = 1) {
    this.pool = createPool({ transport: this, clock: this.clock, random: seededRandom(seed) }, options)
    const turns = new Turns(this.pool)
    this.quanta = new Quanta(this.pool)
    this.pool.subscribe((event) => {
      this.events.push(event)
      try {
        if (event.type === 'dialling') {
          checkDial(this.pool, event)
          turns.dialled(event)
          this.quanta.dialled(event)
        } else if (event.type === 'dialFailed') this.quanta.failed(event)
        else if (event.type === 'draining' && event.reason === 'fairness') this.quanta.given(event)
      } catch (error) {
        // A listener cannot stop the pool; the next settle tells.
        this.#broken ??= error as Error
      }
    })
  }

  reach(target: Target, options: ReachOptions): Promise<Reached> {
    const dial = new FakeDial(target, options, this)
    this.dials.push(dial)
    return dial.reached
  }

  handshakeBegan(): void {
    this.#handshakes++
    this.mostHandshakes = Math.max(this.mostHandshakes, this.#handshakes)
    if (this.#handshakes > this.pool.options.maxConcurrentDials)
      this.#broken ??= new Error(`law 1: ${this.#handshakes} handshakes of ${this.pool.options.maxConcurrentDials}`)
  }

  handshakeEnded(): void {
    this.#handshakes--
  }

  /** In a handshake that was told to succeed, and parked. */
  get shaking(): FakeDial[] {
    return this.dials.filter((dial) => dial.stage === 'authenticating' && dial.link)
  }

  /** Dials that are neither done nor told how to end. */
  get parked(): FakeDial[] {
    return this.dials.filter((dial) => dial.stage !== 'done' && !dial.link)
  }

  acquire(
    target: PoolTarget,
    options: AcquireOptions = {},
  ): { acquired: Promise<Lease>; abort: () => void; lease: () => Lease | undefined; error: () => unknown } {
    const controller = new AbortController()
    let lease: Lease | undefined
    let error: unknown
    const acquired = this.pool.acquire(target, { ...options, signal: controller.signal })
    acquired.then(
      (l) => (lease = l),
      (e: unknown) => (error = e),
    )
    return { acquired, abort: () => controller.abort(), lease: () => lease, error: () => error }
  }

  /** Lets every microtask run, then checks the invariants. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    if (this.#broken) throw this.#broken
    if (++this.#settles % this.checkEvery !== 0) return
    checkInvariants(this.pool, this.clock)
    this.quanta.check(this.clock.now())
    if (this.checksSnapshots) checkSnapshot(this.pool)
  }

  /** Every dial succeeds, until there is nothing left to dial without time. */
  async dialAll(): Promise<void> {
    await this.settle()
    for (let round = 0; round < 1_000 && this.parked.length > 0; round++) {
      for (const dial of this.parked) dial.succeed()
      await this.settle()
    }
  }

  async advance(ms: number): Promise<void> {
    const until = this.clock.now() + ms
    await this.settle()
    while (this.clock.fireNext(until)) await this.settle()
    this.clock.moveTo(until)
    await this.settle()
  }
}

export function target(host: string, more: Partial<PoolTarget> = {}): PoolTarget {
  return Object.freeze({
    host,
    address: `${host}.test`,
    port: 22,
    username: 'deploy',
    jump: null,
    credentials: { keys: [], agent: null, identitiesOnly: false, password: new Secret('p') },
    hostKeys: { mode: 'accept-new' as const, userFiles: [], globalFiles: [], alias: null },
    connectTimeoutMs: 15_000,
    ...more,
  })
}
