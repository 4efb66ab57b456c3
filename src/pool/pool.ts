/**
 * The pool: every event changes one fact, then pumps; only the pump acts. The decisions are in `policy.ts`, the
 * facts in `facts.ts`; what is done to a connection when a step or an event says so is in `lifecycle.ts`.
 */
import type { XecError } from '../errors.js'
import type { Clock, Timer } from '../runtime/clock.js'
import type { Random } from '../runtime/random.js'
import type { Transport } from '../transport/transport.js'
import type { Connection } from './connection.js'
import type { EventDetails, PoolEvent } from './events.js'
import { Facts, type Subject } from './facts.js'
import { Lifecycle } from './lifecycle.js'
import { aborted, chainTooLong, forHost, poolClosed, queueTimeout } from './messages.js'
import { resolvePoolOptions, type PoolOptions } from './options.js'
import { decideConnection, decideQueue, type QueueStep } from './policy.js'
import { Queue } from './queue.js'
import type { PoolSnapshot } from './snapshot.js'
import type { AcquireOptions, DrainOptions, DrainReport, Lease, Pool, PoolTarget } from './types.js'
import { Waiter } from './waiter.js'

export interface PoolPorts {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
}

/** @throws XecError XEC_CONFIG for an option out of range */
export function createPool(ports: PoolPorts, options: Partial<PoolOptions> = {}): ConnectionPool {
  return new ConnectionPool(ports, resolvePoolOptions(options))
}

export class ConnectionPool implements Pool {
  /** For invariants and tests; nobody else looks. */
  readonly facts: Facts
  readonly #clock: Clock
  readonly #listeners = new Set<(event: PoolEvent) => void>()
  readonly #lifecycle: Lifecycle
  #timer: { readonly at: number; readonly handle: Timer } | null = null
  #pumping = false
  #drain: { readonly promise: Promise<DrainReport>; readonly settle: (report: DrainReport) => void; readonly before: { released: number; rejected: number; revoked: number } } | null = null

  constructor(ports: PoolPorts, readonly options: PoolOptions) {
    this.#clock = ports.clock
    this.facts = new Facts(options, ports.random, () => ports.clock.now())
    this.#lifecycle = new Lifecycle(this.facts, ports.transport, {
      emit: (queue, event) => this.#emit(queue, event),
      failQueue: (queue, error) => this.#failQueue(queue, error),
      pump: () => this.#pump(),
    })
  }

  /** Whether the pool's timer is set; at most one ever is. */
  get timers(): number {
    return this.#timer ? 1 : 0
  }

  acquire(target: PoolTarget, options: AcquireOptions = {}): Promise<Lease> {
    const { facts } = this
    const { host } = target
    const queue = facts.queueOf(target)
    this.#emit(queue, { type: 'requested', host })
    const refuse = (error: XecError): Promise<Lease> => {
      this.#emit(queue, { type: 'rejected', host, code: error.code })
      return Promise.reject(error)
    }
    if (facts.mode !== 'running') return refuse(poolClosed(host))
    if (options.signal?.aborted) return refuse(aborted(host))
    let hops = 0
    for (let hop = target.jump; hop; hop = hop.jump) {
      hops++
      facts.endpointOf(hop)
    }
    if (hops + 1 > facts.maxConnections) return refuse(chainTooLong(host, hops, facts.maxConnections))
    facts.endpointOf(target)

    return new Promise((resolve, reject) => {
      const now = this.#clock.now()
      const waiter = new Waiter(queue, host, now, options.queueTimeoutMs === undefined ? Infinity : now + options.queueTimeoutMs, options, resolve, reject)
      if (options.signal) {
        const { signal } = options
        const abort = (): void => {
          this.#reject(waiter, aborted(host))
          this.#pump()
        }
        signal.addEventListener('abort', abort, { once: true })
        waiter.onSettled = () => signal.removeEventListener('abort', abort)
      }
      facts.waiters.add(waiter)
      queue.waiters.add(waiter)
      facts.deadlines.set(waiter, waiter.deadline)
      facts.touch(queue)
      for (const connection of queue.connections) {
        if (connection.state === 'opening') {
          options.onDialling?.()
          break
        }
      }
      this.#pump()
    })
  }

  async with<T>(target: PoolTarget, options: AcquireOptions, fn: (lease: Lease) => Promise<T>): Promise<T> {
    const lease = await this.acquire(target, options)
    try {
      return await fn(lease)
    } finally {
      lease.release()
    }
  }

  snapshot(): PoolSnapshot {
    const { facts, options } = this
    const now = this.#clock.now()
    const oldest = (waiters: Iterable<Waiter>): number => {
      for (const waiter of waiters) return now - waiter.since // the first in is the oldest
      return 0
    }
    const hosts = [...facts.endpoints.values()].map((endpoint) => {
      let waiting = 0
      let oldestWaitMs = 0
      for (const queue of endpoint.queues) {
        waiting += queue.waiting
        oldestWaitMs = Math.max(oldestWaitMs, oldest(queue.waiters))
      }
      return Object.freeze({
        host: endpoint.host,
        address: endpoint.id,
        names: endpoint.names.size,
        ...endpoint.figures.figures(endpoint.connections, waiting, oldestWaitMs),
        lastError: endpoint.lastError,
        learnedCapacity: endpoint.learned(now),
      })
    })
    return Object.freeze({
      ...facts.figures.figures(facts.connections, facts.waiters.size, oldest(facts.waiters)),
      commands: Object.freeze({}),
      limits: Object.freeze({
        maxConnections: options.maxConnections,
        maxConnectionsPerHost: options.maxConnectionsPerHost,
        maxChannelsPerConnection: options.maxChannelsPerConnection,
        maxConcurrentDials: options.maxConcurrentDials,
      }),
      hosts: Object.freeze(hosts),
    })
  }

  drain({ timeoutMs = 30_000 }: DrainOptions = {}): Promise<DrainReport> {
    const { facts } = this
    const cutAt = this.#clock.now() + timeoutMs
    if (!this.#drain) {
      const { released, rejected, revoked } = facts.figures.totals
      let settle: (report: DrainReport) => void = () => {}
      const promise = new Promise<DrainReport>((resolve) => (settle = resolve))
      this.#drain = { promise, settle, before: { released, rejected, revoked } }
      facts.mode = 'draining'
    }
    // A later, stricter call shortens the grace; none prolongs it.
    if (facts.mode === 'draining') facts.cutAt = Math.min(facts.cutAt, cutAt)
    for (const connection of facts.connections) facts.changed(connection)
    this.#pump()
    return this.#drain.promise
  }

  async close(): Promise<void> {
    await this.drain({ timeoutMs: 0 })
  }

  reset(target: PoolTarget): void {
    const { facts } = this
    const { endpoint } = facts.queueOf(target)
    endpoint.forget()
    for (const queue of endpoint.queues) queue.sticky = null
    for (const connection of [...endpoint.connections]) {
      if (connection.state === 'open') this.#lifecycle.drain(connection, 'reset')
      else if (connection.state === 'opening') this.#lifecycle.abortDial(connection)
    }
    facts.touchEndpoint(endpoint)
    this.#pump()
  }

  subscribe(listener: (event: PoolEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  // — the pump —

  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    try {
      const { facts } = this
      const now = this.#clock.now()
      for (let due = facts.deadlines.takeDue(now); due !== undefined; due = facts.deadlines.takeDue(now)) facts.touch(due)
      if (facts.mode === 'draining' && (now >= facts.cutAt || (facts.waiters.size === 0 && facts.leases === 0))) this.#cut()
      do {
        for (const subject of facts.dirty) {
          facts.dirty.delete(subject)
          if (this.#step(subject, now)) facts.touch(subject)
        }
      } while (this.#stepRings(now))
    } finally {
      this.#pumping = false
    }
    this.#settleDrain()
    this.#setTimer()
  }

  /** Takes one step of one subject; false when all it can do is wait. */
  #step(subject: Subject, now: number): boolean {
    if (subject instanceof Waiter) {
      if (now < subject.deadline || subject.settled) return false
      this.#reject(subject, queueTimeout(subject, this.facts, now))
      return false
    }
    return subject instanceof Queue ? this.#stepQueue(subject, now) : this.#stepConnection(subject, now)
  }

  #stepQueue(queue: Queue, now: number): boolean {
    const { facts } = this
    const step: QueueStep = decideQueue(queue, facts, now)
    if (step.do === 'wait') {
      facts.deadlines.set(queue, step.until)
      keep(facts.slotRing, queue, step.lacks === 'slot')
      keep(facts.chainRing, queue, step.lacks === 'chainSlot')
      return false
    }
    // Who got a slot goes to the end of the ring; who still waits for one keeps its place.
    if (step.do === 'dial' || step.do === 'fail') {
      facts.slotRing.delete(queue)
      facts.chainRing.delete(queue)
    }
    switch (step.do) {
      case 'fail':
        if (queue.sticky) this.#failQueue(queue, queue.sticky.error)
        break
      case 'grant':
        this.#lifecycle.grant(queue, step.connection as Connection, now)
        break
      case 'channel':
        this.#lifecycle.openChannel(step.connection as Connection)
        break
      case 'askHop':
        queue.hop?.children.add(queue)
        if (queue.hop) facts.touch(queue.hop)
        break
      case 'dial':
        this.#lifecycle.dial(queue, step.hop as Connection | null)
        break
      case 'evict':
        this.#lifecycle.drain(step.connection as Connection, 'evicted')
        break
    }
    return true
  }

  #stepConnection(connection: Connection, now: number): boolean {
    const { facts } = this
    const step = decideConnection(connection, facts, now)
    if (step.do === 'wait') {
      facts.deadlines.set(connection, step.until)
      keep(facts.permitRing, connection, step.lacks === 'permit')
      return false
    }
    facts.permitRing.delete(connection)
    switch (step.do) {
      case 'authenticate':
        this.#lifecycle.authenticate(connection)
        break
      case 'dropSpare':
        this.#lifecycle.dropSpare(connection)
        break
      case 'drain':
        this.#lifecycle.drain(connection, step.reason)
        break
      case 'close':
        this.#lifecycle.close(connection)
        break
      case 'destroy':
        connection.closeBy = Infinity
        connection.link?.destroy()
        break
    }
    return true
  }

  /** Offers what became free to the heads of the rings; true when something was done. */
  #stepRings(now: number): boolean {
    const { facts } = this
    for (const connection of facts.permitRing) {
      if (this.#stepConnection(connection, now)) return true
      break // what the head lacks, all of them lack
    }
    for (const ring of [facts.chainRing, facts.slotRing]) {
      for (const queue of ring) {
        const acted = this.#stepQueue(queue, now)
        if (acted) facts.touch(queue)
        if (acted || !ring.has(queue)) return true
        break
      }
    }
    return false
  }

  #setTimer(): void {
    const { facts } = this
    const at = Math.min(facts.deadlines.next, facts.mode === 'draining' ? facts.cutAt : Infinity)
    if (this.#timer && this.#timer.at !== at) {
      this.#timer.handle.clear()
      this.#timer = null
    }
    // Rounded up: a timer that fires a fraction too early would find nothing due and be set again, for ever.
    if (at !== Infinity) this.#timer ??= { at, handle: this.#clock.timer(Math.ceil(at - this.#clock.now()), () => this.#onTimer()) }
    if (facts.busy) this.#timer?.handle.ref()
    else this.#timer?.handle.unref()
  }

  #onTimer(): void {
    this.#timer = null
    this.#pump()
  }

  // — ends —

  /** The end of a drain's grace: turns away who waits, cuts off what runs, closes everything. */
  #cut(): void {
    const { facts } = this
    facts.mode = 'closed'
    facts.cutAt = Infinity
    for (const waiter of [...facts.waiters]) this.#reject(waiter, poolClosed(waiter.host))
    for (const connection of [...facts.connections]) {
      if (connection.state === 'opening') this.#lifecycle.abortDial(connection)
      else if (connection.leases > 0) this.#lifecycle.revoke(connection)
      facts.changed(connection)
    }
  }

  #settleDrain(): void {
    if (!this.#drain || this.facts.mode !== 'closed' || this.facts.connections.size > 0) return
    const { released, rejected, revoked } = this.facts.figures.totals
    const { before } = this.#drain
    this.#drain.settle({ completed: released - before.released, rejected: rejected - before.rejected, revoked: revoked - before.revoked })
  }

  /** Rejects everybody who waits in a queue, and everybody behind it. */
  #failQueue(queue: Queue, error: XecError): void {
    for (const waiter of [...queue.waiters]) this.#reject(waiter, forHost(error, waiter.host))
    for (const child of [...queue.children]) {
      this.#failQueue(child, forHost(error, child.target.host, queue.target.host))
      this.facts.leaveHop(child)
    }
  }

  #reject(waiter: Waiter, error: XecError): void {
    if (!waiter.settle()) return
    const { queue } = waiter
    this.#lifecycle.forget(waiter)
    this.#emit(queue, { type: 'rejected', host: waiter.host, code: error.code })
    waiter.reject(error)
  }

  #emit(queue: Queue, details: EventDetails): void {
    const event = { at: this.#clock.now(), ...details } as PoolEvent
    this.facts.figures.count(event)
    queue.endpoint.figures.count(event)
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (error) {
        // A listener's mistake is its own: reported where uncaught ones are, after the pool is consistent again.
        queueMicrotask(() => { throw error })
      }
    }
  }
}

function keep<T>(ring: Set<T>, member: T, belongs: boolean): void {
  if (belongs) ring.add(member)
  else ring.delete(member)
}
