/**
 * Everything a pool knows: the live sets, and the indexes that make a pump cheap. Every change goes through
 * `touch`, which puts the subject back among those to be decided; nothing here decides anything.
 */
import type { Random } from '../../runtime/random.js'
import type { Connection } from './connection.js'
import { DeadlineHeap } from '../../runtime/deadline-heap.js'
import type { Endpoint } from './endpoint.js'
import { Figures } from '../metrics/figures.js'
import { LinkedList } from '../../runtime/linked-list.js'
import type { PoolOptions } from '../options.js'
import { CircuitBreaker } from './breaker.js'
import type { Queue } from './queue.js'
import { Registry } from './registry.js'
import { SlotWaitlists } from './waitlists.js'
import type { Preemption } from '../policy/view.js'
import type { PoolTarget } from '../types.js'
import type { PoolMode, PoolView } from '../policy/view.js'
import type { Waiter } from './waiter.js'

export type Subject = Queue | Connection | Waiter

export class State implements PoolView {
  mode: PoolMode = 'running'
  cutAt = Infinity
  handshakes = 0
  leases = 0
  readonly registry: Registry
  /** Everything that holds a slot of maxConnections. */
  readonly connections = new Set<Connection>()
  /** How many wait, in all queues. */
  waiting = 0
  /** Least recently used first. */
  readonly idle = new LinkedList<Connection>()
  readonly slotWaitlists = new SlotWaitlists()
  readonly permitWaitlist = new Set<Connection>()
  readonly heldWaitlist = new Set<Queue>()
  /** Older than they ought to be, and in use where the pool has no room for a successor. */
  readonly overdue = new Set<Connection>()
  readonly deadlines = new DeadlineHeap<Subject>()
  /** Subjects whose next step is not known. */
  readonly dirty: Subject[] = []
  readonly figures = new Figures()
  readonly breaker: CircuitBreaker
  #learnedMost = Infinity
  readonly #freeing = new Set<Connection>()
  readonly #retiring = new Set<Connection>()
  readonly #opening = new Set<Connection>()
  /** Those that have had their turn. A heap of times serves: the later its oldest command began, the nearer to its top. */
  readonly #preemptible = new DeadlineHeap<Connection['preemptionEntry']>()
  readonly #preempted = new Set<Connection>()

  constructor(
    readonly options: PoolOptions,
    readonly random: Random,
    readonly now: () => number,
  ) {
    this.registry = new Registry(options, now)
    this.breaker = new CircuitBreaker(options)
  }

  heldUntil(now: number): number {
    return this.breaker.heldUntil(now)
  }

  get enabled(): boolean {
    return this.options.enabled
  }

  /** As configured, or as few as this machine turned out to have room for. */
  get maxConnections(): number {
    return Math.min(this.options.maxConnections, this.#learnedMost)
  }

  /**
   * This machine had no room for one connection more than there are now. Room for the longest chain of jump hosts is
   * kept: fewer could never carry anybody.
   * @returns true the first time
   */
  learnMost(): boolean {
    let longest = 1
    for (const queue of this.registry.queues.values()) {
      let length = 1
      for (let jump = queue.jump; jump; jump = jump.jump) length++
      longest = Math.max(longest, length)
    }
    const first = this.#learnedMost === Infinity
    this.#learnedMost = Math.min(this.#learnedMost, Math.max(longest, this.slots))
    return first
  }

  get maxConcurrentDials(): number {
    return this.options.maxConcurrentDials
  }

  get grants(): number {
    return this.figures.totals.granted
  }

  get slots(): number {
    return this.connections.size
  }

  get freeing(): number {
    return this.#freeing.size
  }

  get retiring(): number {
    return this.#retiring.size
  }

  get preemptible(): Connection | null {
    return this.#preemptible.nearest?.connection ?? null
  }

  get preempted(): number {
    return this.#preempted.size
  }

  /** Work that must keep the process alive: somebody waits for it. */
  get busy(): boolean {
    if (this.waiting > 0 || this.leases > 0 || this.#opening.size > 0) return true
    return this.mode !== 'running' && this.connections.size > 0
  }

  /** Another target may share the key of those before it, and have a name and limits of its own. */
  meet(queue: Queue, target: PoolTarget): void {
    if (queue.met === target) return
    queue.meet(target)
    this.registry.meetEndpoint(target)
    for (const connection of queue.connections) this.markDirty(connection)
    if (queue.jump && target.jump) this.meet(queue.jump, target.jump)
  }

  /** Everybody who waits, queue by queue. */
  *waiters(): Generator<Waiter, void> {
    for (const queue of this.registry.queues.values()) yield* queue.waiters
  }

  markDirty(subject: Subject): void {
    if (subject.dirty) return
    subject.dirty = true
    this.dirty.push(subject)
  }

  /** A fact of a connection changed: its indexes follow, and whoever may profit is looked at again. */
  changed(connection: Connection): void {
    const { endpoint } = connection.queue
    if (connection.idle !== connection.listedIdle) {
      connection.listedIdle = connection.idle
      if (connection.idle) {
        connection.idleSince = this.now()
        this.idle.add(connection)
      } else this.idle.delete(connection)
    }
    // Other users of the endpoint may be waiting for this one to be evictable, or to have had its turn.
    if (endpoint.queues.size > 1) this.markEndpointDirty(endpoint)
    this.#markCarriersDirty(connection)
    if (connection.freeing) this.#freeing.add(connection)
    else this.#freeing.delete(connection)
    if (connection.retiring) this.#retiring.add(connection)
    else if (this.#retiring.delete(connection)) this.#markOverdueDirty()
    if (connection.state !== 'opening') this.#opening.delete(connection)
    connection.link?.setRef(connection.holding)
    this.markDirty(connection)
    this.markDirty(connection.queue)
  }

  /** Where a connection stands among those that are given up for strangers. */
  keepPreemption(connection: Connection, preemption: Preemption): void {
    if (preemption === 'preemptible') this.#preemptible.set(connection.preemptionEntry, -connection.runningSince)
    else if (connection.preemptionEntry.heapEntry) this.#preemptible.set(connection.preemptionEntry, Infinity)
    if (preemption === 'preempted') this.#preempted.add(connection)
    else if (this.#preempted.size > 0) this.#preempted.delete(connection)
  }

  /** A connection changed its state: those it may carry are concerned too. */
  moved(connection: Connection): void {
    // What stops taking work can be given up no more, and may be on its way out for a stranger: also before it is looked at.
    this.keepPreemption(
      connection,
      connection.state === 'draining' && connection.preemptedUntil > this.now() ? 'preempted' : null,
    )
    this.changed(connection)
    // The dial over it is over, or the connection that it was for.
    connection.jump?.link?.setRef(connection.jump.holding)
    this.#markDependantsDirty(connection.queue)
    this.#markJumpsDirty(connection.queue)
  }

  /** Whoever waits for room at a jump host may be waiting for what it carries to be of no use. */
  #markCarriersDirty(connection: Connection): void {
    for (let { jump } = connection; jump; { jump } = jump) this.markEndpointDirty(jump.queue.endpoint)
  }

  #markDependantsDirty(jump: Queue): void {
    for (const queue of jump.dependants) if (queue.wanted) this.markDirty(queue)
  }

  /** Whether a jump host counts as served depends on those who wait for it: it is looked at again, and the other users of its place. */
  #markJumpsDirty({ jump }: Queue): void {
    for (let each = jump; each?.wanted; each = each.jump) this.markEndpointDirty(each.endpoint)
  }

  add(connection: Connection): void {
    this.connections.add(connection)
    this.#opening.add(connection)
    connection.queue.connections.add(connection)
    connection.queue.endpoint.connections.add(connection)
    this.breaker.took(connection.queue.endpoint, 1)
    // Other users of the endpoint may wait for this dial now, or for its room.
    if (connection.queue.endpoint.queues.size > 1) this.markEndpointDirty(connection.queue.endpoint)
    for (const old of connection.queue.connections) {
      if (!this.#retiring.delete(old)) continue
      old.succeeded = true
      break
    }
    if (connection.jump) {
      connection.jump.carried.add(connection)
      connection.jump.carriedTotal++
      // Who was to be carried by it before all others is one of many now.
      if (connection.jump.carriedTotal === 1) this.#markDependantsDirty(connection.jump.queue)
      connection.jump.queue.dependants.wasCarried(connection.queue)
      this.changed(connection.jump)
    }
  }

  /** Gives a closed connection's slot back. */
  remove(connection: Connection): void {
    this.connections.delete(connection)
    connection.queue.connections.delete(connection)
    connection.queue.endpoint.connections.delete(connection)
    this.breaker.took(connection.queue.endpoint, -1)
    this.permitWaitlist.delete(connection)
    this.overdue.delete(connection)
    this.deadlines.clear(connection)
    this.#preemptible.clear(connection.preemptionEntry)
    this.#preempted.delete(connection)
    this.#retiring.delete(connection)
    connection.dirty = false
    if (connection.jump) {
      connection.jump.carried.delete(connection)
      this.changed(connection.jump)
    }
    // There is room for the successor of one that is too old: at its host, and in the pool.
    this.#markOverdueDirty()
  }

  #markOverdueDirty(): void {
    for (const connection of this.overdue) this.markDirty(connection)
  }

  /** A limit or a backoff of an endpoint moved. */
  markEndpointDirty(endpoint: Endpoint): void {
    for (const queue of endpoint.queues) this.markDirty(queue)
  }

  /** A waiter takes its place. */
  want(waiter: Waiter): void {
    const { queue } = waiter
    this.#begin(queue.endpoint)
    this.waiting++
    queue.waiters.add(waiter)
    this.deadlines.set(waiter, waiter.deadline)
    this.markDirty(queue)
    if (queue.waiting === 1) for (const connection of queue.connections) this.markDirty(connection)
    // Where it begins to want more of what it has, another user of the endpoint may ask for its turn.
    if (queue.endpoint.queues.size > 1) this.markEndpointDirty(queue.endpoint)
    this.#markJumpsDirty(queue)
  }

  /** A queue wishes to be carried by a jump host that is not open. */
  askJump(queue: Queue): void {
    const { jump } = queue
    if (!jump) return
    this.#begin(jump.endpoint)
    jump.waitingDependants.add(queue)
    this.#markJumpsDirty(queue)
  }

  /** Somebody begins to wait. Where nobody did and nothing is under way, what failed before is another story. */
  #begin(endpoint: Endpoint): void {
    if (endpoint.failing && !endpoint.wanted && endpoint.opening === 0) endpoint.endSeries()
  }

  /** A queue's wish to be carried is over: it dials, or nobody waits in it any more. */
  leaveJump(queue: Queue): void {
    if (!queue.jump?.waitingDependants.delete(queue)) return
    this.markEndpointDirty(queue.jump.endpoint)
    this.#markJumpsDirty(queue.jump)
    if (!queue.jump.wanted) {
      this.leaveJump(queue.jump)
      for (const connection of queue.jump.connections) this.markDirty(connection)
    }
  }

  /** A waiter has settled: it leaves its queue. */
  forget(waiter: Waiter): void {
    const { queue } = waiter
    this.waiting--
    this.deadlines.clear(waiter)
    waiter.dirty = false
    queue.waiters.delete(waiter)
    this.markDirty(queue)
    for (const connection of queue.connections) this.markDirty(connection)
    if (!queue.wanted) this.leaveJump(queue)
    else this.#markJumpsDirty(queue)
    // Nobody waits here any more: what idles here may now go for another user of the endpoint.
    if (queue.waiting === 0 && queue.endpoint.queues.size > 1) this.markEndpointDirty(queue.endpoint)
  }
}
