/**
 * The pool. Every event changes one fact, then pumps; only the pump acts.
 *
 *   policy.ts     every decision, pure, on views.ts   facts.ts      the live sets, and their indexes
 *   pump.ts       asks and acts until all waits       registry.ts   the keys and places that were met
 *   ledger.ts     every event, counted and told
 *   dialling.ts · series.ts · channels.ts · ends.ts · rejections.ts   what a step or a piece of news does
 */
import type { XecError } from '../errors.js'
import type { Clock } from '../runtime/clock.js'
import type { Random } from '../runtime/random.js'
import type { Transport } from '../transport/transport.js'
import { announceTo, isDialled } from './announce.js'
import { Channels } from './channels.js'
import { Dialling } from './dialling.js'
import type { Effects } from './effects.js'
import { Ends } from './ends.js'
import type { PoolListener } from './events.js'
import { Facts } from './facts.js'
import { takeSnapshot } from './gauges.js'
import { Ledger } from './ledger.js'
import { aborted, chainTooLong, poolClosed } from './messages.js'
import { resolvePoolOptions, type Given, type PoolOptions } from './options.js'
import { Pump } from './pump.js'
import { Rejections } from './rejections.js'
import { Series } from './series.js'
import type { PoolSnapshot } from './snapshot.js'
import { standingOf, type Standing } from './standing.js'
import type { AcquireOptions, DrainOptions, DrainReport, Lease, Pool, PoolTarget } from './types.js'
import { Waiter } from './waiter.js'

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
  /** Who asked when it had begun: they never waited. */
  refused: number
}

export class ConnectionPool implements Pool {
  /** For invariants and tests; nobody else looks. */
  readonly facts: Facts
  readonly #ledger: Ledger
  readonly #rejections: Rejections
  readonly #series: Series
  readonly #dialling: Dialling
  readonly #ends: Ends
  readonly #pump: Pump
  readonly #admit: PoolPorts['admit']
  #draining: Draining | null = null

  constructor(
    { transport, clock, random, admit }: PoolPorts,
    readonly options: PoolOptions,
  ) {
    this.#admit = admit
    const facts = (this.facts = new Facts(options, random, () => clock.now()))
    const ledger = (this.#ledger = new Ledger(facts))
    const rejections = (this.#rejections = new Rejections(facts, ledger))
    const effects: Effects = {
      emit: (queue, event) => ledger.write(queue, event),
      failWaiters: (queue, error) => rejections.rejectOwn(queue, error),
      failQueue: (queue, error) => rejections.rejectAll(queue, error),
      pump: (news) => this.#pump.run(news),
    }
    const series = (this.#series = new Series(facts, effects))
    const ends = (this.#ends = new Ends(facts, series, effects))
    const dialling = (this.#dialling = new Dialling(facts, transport, series, ends, effects))
    const channels = new Channels(facts, ends, effects)
    this.#pump = new Pump(facts, clock, { dialling, channels, ends, rejections }, () => this.#settleDrain())
  }

  get timers(): number {
    return this.#pump.timers
  }

  acquire(target: PoolTarget, options: AcquireOptions = {}): Promise<Lease> {
    try {
      this.#admit?.(target, this)
    } catch (error) {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the reason is whatever it threw
      return Promise.reject(error)
    }
    const { facts } = this
    const { host } = target
    const queue = facts.registry.queueOf(target)
    const requested = (): void => this.#ledger.write(queue, { type: 'requested', host })
    const refuse = (error: XecError): Promise<Lease> => {
      requested()
      this.#ledger.write(queue, { type: 'rejected', host, code: error.code })
      return Promise.reject(error)
    }
    if (this.#draining) {
      this.#draining.refused++
      return refuse(poolClosed(host))
    }
    if (options.signal?.aborted) return refuse(aborted(host, options.signal.reason))
    let hops = 0
    for (let hop = target.jump; hop; hop = hop.jump) hops++
    if (hops + 1 > facts.maxConnections) return refuse(chainTooLong(host, hops, facts.maxConnections))
    facts.meet(queue, target)

    return new Promise((resolve, reject) => {
      const now = facts.now()
      const waiter = new Waiter(
        queue,
        host,
        now,
        options.queueTimeoutMs === undefined ? Infinity : now + options.queueTimeoutMs,
        options,
        resolve,
        reject,
      )
      if (options.signal) {
        const { signal } = options
        const abort = (): void => this.#pump.run(() => this.#rejections.reject(waiter, aborted(host, signal.reason)))
        signal.addEventListener('abort', abort, { once: true })
        waiter.onSettled = () => signal.removeEventListener('abort', abort)
      }
      this.#pump.run(() => {
        facts.want(waiter)
        // Told when it has its place: who asks at hearing of it comes behind.
        requested()
        if (isDialled(queue)) announceTo(waiter)
      })
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
    return takeSnapshot(this.facts)
  }

  standing(target: PoolTarget): Standing {
    return standingOf(target, this.facts)
  }

  drain({ timeoutMs = 30_000 }: DrainOptions = {}): Promise<DrainReport> {
    const { facts } = this
    const cutAt = facts.now() + timeoutMs
    if (!this.#draining) {
      const { released, rejected, revoked } = facts.figures.totals
      let settle: (report: DrainReport) => void = () => {}
      const promise = new Promise<DrainReport>((resolve) => (settle = resolve))
      this.#draining = { promise, settle, before: { released, rejected, revoked }, refused: 0 }
      facts.mode = 'draining'
    }
    // A later, stricter call shortens the grace; none prolongs it.
    if (facts.mode === 'draining') facts.cutAt = Math.min(facts.cutAt, cutAt)
    for (const connection of facts.connections) facts.changed(connection)
    this.#pump.run()
    return this.#draining.promise
  }

  async close(): Promise<void> {
    await this.drain({ timeoutMs: 0 })
  }

  reset(target: PoolTarget): void {
    const { facts } = this
    const queue = facts.registry.queueOf(target)
    const { endpoint } = queue
    this.#pump.run(() => {
      endpoint.forget()
      this.#series.reset(queue)
      for (const each of endpoint.queues) each.sticky = null
      this.retire(target)
      for (const connection of [...endpoint.connections])
        if (connection.state === 'opening') this.#dialling.abort(connection)
      facts.touchEndpoint(endpoint)
    })
  }

  retire(target: PoolTarget): void {
    const { endpoint } = this.facts.registry.queueOf(target)
    this.#pump.run(() => {
      for (const connection of [...endpoint.connections])
        if (connection.state === 'open') this.#ends.drain(connection, 'reset')
    })
  }

  subscribe(listener: PoolListener): () => void {
    return this.#ledger.subscribe(listener)
  }

  #settleDrain(): void {
    if (!this.#draining || this.facts.mode !== 'closed' || this.facts.connections.size > 0) return
    const { released, rejected, revoked } = this.facts.figures.totals
    const { before, refused, settle } = this.#draining
    settle({
      completed: released - before.released,
      rejected: rejected - before.rejected - refused,
      revoked: revoked - before.revoked,
    })
  }
}
