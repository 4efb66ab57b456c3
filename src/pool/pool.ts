/**
 * The pool. Every event changes the state, then lets the scheduler run; only the scheduler acts.
 *
 *   policy/    every decision, pure: a view of the state and the time go in, a step comes out
 *   state/     what the pool knows, and the indexes that make a look cheap
 *   actions/   what a step does, and what news of the transport changes
 *   metrics/   every event, counted and told; the snapshot
 */
import type { XecError } from '../errors.js'
import type { Clock } from '../runtime/clock.js'
import type { Random } from '../runtime/random.js'
import type { Transport } from '../transport/transport.js'
import { announceTo, isDialled } from './actions/announce.js'
import { Sessions } from './actions/sessions.js'
import { Dials } from './actions/dial.js'
import type { Effects } from './actions/effects.js'
import { Closing } from './actions/close.js'
import type { PoolListener } from './metrics/events.js'
import { State } from './state/state.js'
import { takeSnapshot } from './metrics/report.js'
import { EventLog } from './metrics/report.js'
import { aborted, poolClosed } from './messages.js'
import { resolvePoolOptions, type Given, type PoolOptions } from './options.js'
import { Scheduler } from './scheduler.js'
import { Rejections } from './actions/reject.js'
import { Retry } from './actions/retry.js'
import type { PoolSnapshot } from './metrics/snapshot.js'
import { admissionOf, checkChain, waitsFor } from './admission.js'
import type { AcquireOptions, Admission, DrainOptions, DrainReport, Lease, Pool, PoolTarget } from './types.js'
import type { QueueView, WaiterView } from './policy/view.js'
import { forget } from './state/dials.js'

export interface PoolPorts {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  /** Asked before every acquire; what it throws is what that rejects with, in place of a wait. */
  readonly admit?: ((target: PoolTarget, pool: Pool) => void) | undefined
}

/** @throws XecError XEC_CONFIG for an option out of range */
export function createPool(ports: PoolPorts, options: Given<PoolOptions> = {}): ConnectionPool {
  return new ConnectionPool(ports, resolvePoolOptions(options))
}

interface Draining {
  readonly promise: Promise<DrainReport>
  readonly settle: (report: DrainReport) => void
  readonly before: { readonly released: number; readonly rejected: number; readonly revoked: number }
}

export class ConnectionPool implements Pool {
  /** For invariants and tests; nobody else looks. */
  readonly state: State
  readonly #log: EventLog
  readonly #rejections: Rejections
  readonly #retry: Retry
  readonly #dials: Dials
  readonly #closing: Closing
  readonly #scheduler: Scheduler
  readonly #admit: PoolPorts['admit']
  #draining: Draining | null = null
  /** Callers that asked when a drain had begun: they never waited. */
  #refused = 0

  constructor(
    { transport, clock, random, admit }: PoolPorts,
    readonly options: PoolOptions,
  ) {
    this.#admit = admit
    const state = (this.state = new State(options, random, () => clock.now()))
    const log = (this.#log = new EventLog(state))
    const rejections = (this.#rejections = new Rejections(state, log))
    const effects: Effects = {
      emit: (queue, event) => log.write(queue, event),
      failWaiters: (queue, error) => rejections.rejectOwn(queue, error),
      failQueue: (queue, error) => rejections.rejectAll(queue, error),
      update: (news) => this.#scheduler.update(news),
    }
    const retry = (this.#retry = new Retry(state, effects))
    const closing = (this.#closing = new Closing(state, retry, effects))
    const dials = (this.#dials = new Dials(state, transport, retry, closing, effects))
    const sessions = new Sessions(state, closing, effects)
    this.#scheduler = new Scheduler(state, clock, { dials, sessions, closing, rejections }, () => this.#settleDrain())
  }

  get timers(): number {
    return this.#scheduler.timers
  }

  acquire(target: PoolTarget, options: AcquireOptions = {}): Promise<Lease> {
    try {
      this.#admit?.(target, this)
    } catch (error) {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the reason is whatever it threw
      return Promise.reject(error)
    }
    const { state } = this
    const { host } = target
    const queue = state.registry.queueOf(target)
    const refuse = (error: XecError): Promise<Lease> => {
      this.#log.write(queue, { type: 'requested', host })
      this.#log.write(queue, { type: 'rejected', host, code: error.code })
      return Promise.reject(error)
    }
    if (this.#draining) {
      this.#refused++
      return refuse(poolClosed(host))
    }
    if (options.signal?.aborted) return refuse(aborted(host, options.signal.reason))
    try {
      checkChain(target, state.maxConnections)
    } catch (error) {
      return refuse(error as XecError)
    }
    return new Promise((resolve, reject) => this.#enqueue(state.meet(target), host, options, { resolve, reject }))
  }

  #enqueue(
    queue: QueueView,
    host: string,
    options: AcquireOptions,
    settle: Pick<WaiterView, 'resolve' | 'reject'>,
  ): void {
    const { state } = this
    const { signal } = options
    const abort = (): void => {
      if (waiter) this.#scheduler.update(() => this.#rejections.reject(waiter, aborted(host, signal?.reason)))
    }
    signal?.addEventListener('abort', abort, { once: true })
    const onSettled = (): void => signal?.removeEventListener('abort', abort)
    let waiter!: WaiterView
    this.#scheduler.update(() => {
      waiter = state.enqueue(queue, host, options, { ...settle, onSettled })
      // Told when it has its place: who asks at hearing of it comes behind.
      this.#log.write(queue, { type: 'requested', host })
      if (isDialled(queue)) announceTo(waiter)
    })
    const full = waiter.settled ? null : waitsFor(queue, state)
    if (full) this.#log.write(queue, { type: 'queued', host, ...full })
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
    return takeSnapshot(this.state)
  }

  admission(target: PoolTarget): Admission {
    return admissionOf(target, this.state)
  }

  drain({ timeoutMs = 30_000 }: DrainOptions = {}): Promise<DrainReport> {
    const { state } = this
    const cutAt = state.now() + timeoutMs
    if (!this.#draining) {
      const { released, rejected, revoked } = state.figures.totals
      let settle: (report: DrainReport) => void = () => {}
      const promise = new Promise<DrainReport>((resolve) => (settle = resolve))
      this.#draining = { promise, settle, before: { released, rejected, revoked } }
    }
    // A later, stricter call shortens the grace; none prolongs it.
    state.drainBegan(cutAt)
    this.#scheduler.update()
    return this.#draining.promise
  }

  async close(): Promise<void> {
    await this.drain({ timeoutMs: 0 })
  }

  reset(target: PoolTarget): void {
    const { state } = this
    const queue = state.registry.queueOf(target)
    this.#scheduler.update(() => {
      forget(state, queue)
      this.#retry.reset(queue)
      this.retire(target)
      for (const connection of [...queue.endpoint.connections])
        if (connection.state === 'opening') this.#dials.abort(connection)
    })
  }

  retire(target: PoolTarget): void {
    const { endpoint } = this.state.registry.queueOf(target)
    this.#scheduler.update(() => {
      for (const connection of [...endpoint.connections])
        if (connection.state === 'open') this.#closing.drain(connection, 'reset')
    })
  }

  subscribe(listener: PoolListener): () => void {
    return this.#log.subscribe(listener)
  }

  #settleDrain(): void {
    if (!this.#draining || this.state.mode !== 'closed' || this.state.connections.size > 0) return
    const { released, rejected, revoked } = this.state.figures.totals
    const { before, settle } = this.#draining
    settle({
      completed: released - before.released,
      rejected: rejected - before.rejected - this.#refused,
      revoked: revoked - before.revoked,
    })
  }
}
