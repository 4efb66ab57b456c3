/**
 * Everything that a pool knows. Only the files of this folder write it; everybody else has the read-only types of
 * policy/view.ts. What a change concerns is looked at again: that list is in dirty.ts, and nowhere else.
 */
import { DeadlineHeap } from '../../runtime/deadline-heap.js'
import type { Random } from '../../runtime/random.js'
import { Figures } from '../metrics/figures.js'
import type { PoolOptions } from '../options.js'
import type {
  ConnectionView,
  Lack,
  PoolMode,
  PoolView,
  QueueView,
  SlotWaitlistsView,
  WaiterView,
} from '../policy/view.js'
import type { AcquireOptions, PoolTarget } from '../types.js'
import { CircuitBreaker } from './breaker.js'
import type { Connection } from './connection.js'
import { Dirty } from './dirty.js'
import type { Endpoint } from './endpoint.js'
import { LiveConnections } from './live.js'
import { Places } from './places.js'
import type { Queue } from './queue.js'
import { Registry } from './registry.js'
import { Waiter } from './waiter.js'
import { SlotWaitlists } from './waitlists.js'

export class State implements PoolView {
  readonly registry: Registry
  readonly figures = new Figures()
  readonly breaker: CircuitBreaker
  readonly dirty = new Dirty()
  readonly deadlines = new DeadlineHeap<Queue | Connection | Waiter>()
  /** The live connections, and their indexes. */
  readonly live: LiveConnections
  readonly #slotWaitlists = new SlotWaitlists()
  readonly #heldWaitlist = new Set<Queue>()
  readonly #places: Places
  #mode: PoolMode = 'running'
  #cutAt = Infinity
  #waiting = 0
  /** Connections that this machine turned out to have room for. */
  #most = Infinity

  constructor(
    readonly options: PoolOptions,
    readonly random: Random,
    readonly now: () => number,
  ) {
    this.registry = new Registry(options, now)
    this.breaker = new CircuitBreaker(options)
    this.live = new LiveConnections(this.dirty, this.deadlines, this.breaker, now)
    this.#places = new Places(this.#slotWaitlists, this.#heldWaitlist, this.dirty, () => this.grants)
  }

  get mode(): PoolMode {
    return this.#mode
  }

  /** When a drain's grace is over. */
  get cutAt(): number {
    return this.#cutAt
  }

  get handshakes(): number {
    return this.live.handshakes
  }

  get leases(): number {
    return this.live.leases
  }

  /** How many wait, in all queues. */
  get waiting(): number {
    return this.#waiting
  }

  /** Everything that holds a slot of maxConnections. */
  get connections(): ReadonlySet<ConnectionView> {
    return this.live.connections
  }

  /** Least recently used first. */
  get idle(): Iterable<ConnectionView> & { readonly size: number } {
    return this.live.idle
  }

  get slotWaitlists(): SlotWaitlistsView {
    return this.#slotWaitlists
  }

  get permitWaitlist(): ReadonlySet<ConnectionView> {
    return this.live.permitWaitlist
  }

  get heldWaitlist(): ReadonlySet<QueueView> {
    return this.#heldWaitlist
  }

  heldUntil(now: number): number {
    return this.breaker.heldUntil(now)
  }

  get enabled(): boolean {
    return this.options.enabled
  }

  get maxConnections(): number {
    return Math.min(this.options.maxConnections, this.#most)
  }

  /**
   * This machine had no room for one connection more than there are now. Room for the longest chain is kept: fewer could
   * never carry anybody.
   * @returns true the first time
   */
  learnMost(): boolean {
    const first = this.#most === Infinity
    this.#most = Math.min(this.#most, Math.max(this.registry.longestChain(), this.slots))
    return first
  }

  get maxConcurrentDials(): number {
    return this.options.maxConcurrentDials
  }

  get grants(): number {
    return this.figures.totals.granted
  }

  get slots(): number {
    return this.live.connections.size
  }

  get freeing(): number {
    return this.live.freeing
  }

  get retiring(): number {
    return this.live.retiring
  }

  get preemptible(): ConnectionView | null {
    return this.live.preemptible
  }

  get preempted(): number {
    return this.live.preempted
  }

  /** Work that must keep the process alive: somebody waits for it (law 11). */
  get busy(): boolean {
    if (this.#waiting > 0 || this.leases > 0 || this.live.opening > 0) return true
    return this.#mode !== 'running' && this.slots > 0
  }

  /** Everybody who waits, queue by queue. */
  *waiters(): Generator<WaiterView, void> {
    for (const queue of this.registry.queues.values()) yield* queue.waiters
  }

  /** The queue of a target's key. Another target may share the key of those before it, and have a name and limits of its own. */
  meet(target: PoolTarget): QueueView {
    const queue = this.registry.queueOf(target)
    this.#meet(queue, target)
    return queue
  }

  #meet(queue: Queue, target: PoolTarget): void {
    if (queue.met === target) return
    queue.meet(target)
    this.registry.meetEndpoint(target)
    this.dirty.changed(queue)
    if (queue.jump && target.jump) this.#meet(queue.jump, target.jump)
  }

  /** A drain begins, or a later and stricter one shortens its grace. */
  drainBegan(cutAt: number): void {
    if (this.#mode === 'running') this.#mode = 'draining'
    if (this.#mode === 'draining') this.#cutAt = Math.min(this.#cutAt, cutAt)
    this.#markAll()
  }

  /** The grace of a drain is over. */
  drainEnded(): void {
    this.#mode = 'closed'
    this.#cutAt = Infinity
    this.#markAll()
  }

  #markAll(): void {
    for (const connection of this.connections) this.dirty.mark(connection.queue.endpoint)
  }

  /** A caller takes its place in its queue. */
  enqueue(
    view: QueueView,
    host: string,
    options: AcquireOptions,
    settle: Pick<WaiterView, 'resolve' | 'reject' | 'onSettled'>,
  ): WaiterView {
    const queue = view as Queue
    const now = this.now()
    const deadline = options.queueTimeoutMs === undefined ? Infinity : now + options.queueTimeoutMs
    const waiter = new Waiter(queue, host, now, deadline, options, settle.resolve, settle.reject, settle.onSettled)
    this.#begin(queue.endpoint)
    this.#waiting++
    queue.waiters.add(waiter)
    this.deadlines.set(waiter, waiter.deadline)
    this.dirty.changed(queue)
    return waiter
  }

  /** A waiter settles, and leaves its queue; false when it had settled already (law 7). */
  settle(view: WaiterView): boolean {
    const waiter = view as Waiter
    const queue = waiter.queue as Queue
    if (!waiter.settle()) return false
    this.#waiting--
    this.deadlines.clear(waiter)
    queue.waiters.delete(waiter)
    if (!queue.wanted) this.leaveJump(queue)
    this.dirty.changed(queue)
    return true
  }

  /** A queue wishes to be carried by a jump host that is not open. */
  askJump(view: QueueView): void {
    const queue = view as Queue
    if (!queue.jump) return
    this.#begin(queue.jump.endpoint)
    queue.jump.waitingDependants.add(queue)
    this.dirty.changed(queue)
  }

  /** A queue's wish to be carried is over: it dials, or nobody waits in it any more. */
  leaveJump(view: QueueView): void {
    const queue = view as Queue
    if (!queue.jump?.waitingDependants.delete(queue)) return
    this.dirty.changed(queue)
    if (!queue.jump.wanted) this.leaveJump(queue.jump)
  }

  /** Somebody begins to wait. Where nobody did and nothing is under way, what failed before is another story. */
  #begin(endpoint: Endpoint): void {
    if (endpoint.failing && !endpoint.wanted && endpoint.opening === 0) endpoint.endSeries()
  }

  /** A queue waits: for what, and until when. */
  queueWaits(view: QueueView, lacks: Lack, until: number, now: number): void {
    const queue = view as Queue
    this.deadlines.set(queue, until)
    if (this.#places.keep(queue, lacks, now)) this.dirty.mark(queue.endpoint)
  }

  /** A queue got what it lacked, or gave up its turn: it goes to the end. */
  queueMovesOn(view: QueueView, now: number): void {
    this.#places.keep(view as Queue, null, now)
  }
}
