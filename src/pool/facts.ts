/**
 * Everything a pool knows: the live sets, and the indexes that make a pump cheap. Every change goes through
 * `touch`, which puts the subject back among those to be decided; nothing here decides anything.
 */
import type { Random } from '../runtime/random.js'
import type { Connection } from './connection.js'
import { Deadlines } from './deadlines.js'
import type { Endpoint } from './endpoint.js'
import { Figures } from './metrics.js'
import { Line } from './line.js'
import type { PoolOptions } from './options.js'
import { Outage } from './outage.js'
import type { Queue } from './queue.js'
import { Registry } from './registry.js'
import { SlotRings } from './slot-rings.js'
import type { Turn } from './steps.js'
import type { PoolTarget } from './types.js'
import type { PoolMode, PoolView } from './views.js'
import type { Waiter } from './waiter.js'

export type Subject = Queue | Connection | Waiter

export class Facts implements PoolView {
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
  readonly idle = new Line<Connection>()
  readonly slotRings = new SlotRings()
  readonly permitRing = new Set<Connection>()
  readonly heldRing = new Set<Queue>()
  /** Older than they ought to be, and in use where the pool has no room for a successor. */
  readonly overdue = new Set<Connection>()
  readonly deadlines = new Deadlines<Subject>()
  /** Subjects whose next step is not known. */
  readonly dirty: Subject[] = []
  readonly figures = new Figures()
  readonly outage: Outage
  readonly #freeing = new Set<Connection>()
  readonly #retiring = new Set<Connection>()
  readonly #opening = new Set<Connection>()
  /** Those that have had their turn. A heap of times serves: the later its oldest command began, the nearer to its top. */
  readonly #spent = new Deadlines<Connection['turn']>()
  readonly #leaving = new Set<Connection>()

  constructor(
    readonly options: PoolOptions,
    readonly random: Random,
    readonly now: () => number,
  ) {
    this.registry = new Registry(options, now)
    this.outage = new Outage(options)
  }

  heldUntil(now: number): number {
    return this.outage.heldUntil(now)
  }

  get enabled(): boolean {
    return this.options.enabled
  }

  get maxConnections(): number {
    return this.options.maxConnections
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

  get spent(): Connection | null {
    return this.#spent.nearest?.connection ?? null
  }

  get leaving(): number {
    return this.#leaving.size
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
    for (const connection of queue.connections) this.touch(connection)
    if (queue.hop && target.jump) this.meet(queue.hop, target.jump)
  }

  /** Everybody who waits, queue by queue. */
  *waiters(): Generator<Waiter, void> {
    for (const queue of this.registry.queues.values()) yield* queue.waiters
  }

  touch(subject: Subject): void {
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
    if (endpoint.queues.size > 1) this.touchEndpoint(endpoint)
    this.#touchCarriers(connection)
    if (connection.freeing) this.#freeing.add(connection)
    else this.#freeing.delete(connection)
    if (connection.retiring) this.#retiring.add(connection)
    else if (this.#retiring.delete(connection)) this.#touchOverdue()
    if (connection.state !== 'opening') this.#opening.delete(connection)
    connection.link?.setRef(connection.holding)
    this.touch(connection)
    this.touch(connection.queue)
  }

  /** Where a connection stands among those that are given up for strangers. */
  keepTurn(connection: Connection, turn: Turn): void {
    if (turn === 'spent') this.#spent.set(connection.turn, -connection.runningSince)
    else if (connection.turn.entry) this.#spent.set(connection.turn, Infinity)
    if (turn === 'leaving') this.#leaving.add(connection)
    else if (this.#leaving.size > 0) this.#leaving.delete(connection)
  }

  /** A connection changed its state: those it may carry are concerned too. */
  moved(connection: Connection): void {
    // What stops taking work can be given up no more, and may be on its way out for a stranger: also before it is looked at.
    this.keepTurn(connection, connection.state === 'draining' && connection.leavesBy > this.now() ? 'leaving' : null)
    this.changed(connection)
    // The dial over it is over, or the connection that it was for.
    connection.hop?.link?.setRef(connection.hop.holding)
    this.#touchBehind(connection.queue)
    this.#touchHops(connection.queue)
  }

  /** Whoever waits for room at a jump host may be waiting for what it carries to be of no use. */
  #touchCarriers(connection: Connection): void {
    for (let { hop } = connection; hop; { hop } = hop) this.touchEndpoint(hop.queue.endpoint)
  }

  #touchBehind(hop: Queue): void {
    for (const queue of hop.behind) if (queue.wanted) this.touch(queue)
  }

  /** Whether a jump host counts as served depends on those who wait for it: it is looked at again, and the other users of its place. */
  #touchHops({ hop }: Queue): void {
    for (let each = hop; each?.wanted; each = each.hop) this.touchEndpoint(each.endpoint)
  }

  add(connection: Connection): void {
    this.connections.add(connection)
    this.#opening.add(connection)
    connection.queue.connections.add(connection)
    connection.queue.endpoint.connections.add(connection)
    this.outage.took(connection.queue.endpoint, 1)
    // Other users of the endpoint may wait for this dial now, or for its room.
    if (connection.queue.endpoint.queues.size > 1) this.touchEndpoint(connection.queue.endpoint)
    for (const old of connection.queue.connections) {
      if (!this.#retiring.delete(old)) continue
      old.succeeded = true
      break
    }
    if (connection.hop) {
      connection.hop.passengers.add(connection)
      connection.hop.carried++
      // Who was to be carried by it before all others is one of many now.
      if (connection.hop.carried === 1) this.#touchBehind(connection.hop.queue)
      connection.hop.queue.behind.wasCarried(connection.queue)
      this.changed(connection.hop)
    }
  }

  /** Gives a closed connection's slot back. */
  remove(connection: Connection): void {
    this.connections.delete(connection)
    connection.queue.connections.delete(connection)
    connection.queue.endpoint.connections.delete(connection)
    this.outage.took(connection.queue.endpoint, -1)
    this.permitRing.delete(connection)
    this.overdue.delete(connection)
    this.deadlines.clear(connection)
    this.#spent.clear(connection.turn)
    this.#leaving.delete(connection)
    this.#retiring.delete(connection)
    connection.dirty = false
    if (connection.hop) {
      connection.hop.passengers.delete(connection)
      this.changed(connection.hop)
    }
    // There is room for the successor of one that is too old: at its host, and in the pool.
    this.#touchOverdue()
  }

  #touchOverdue(): void {
    for (const connection of this.overdue) this.touch(connection)
  }

  /** A limit or a backoff of an endpoint moved. */
  touchEndpoint(endpoint: Endpoint): void {
    for (const queue of endpoint.queues) this.touch(queue)
  }

  /** A waiter takes its place. */
  want(waiter: Waiter): void {
    const { queue } = waiter
    this.#begin(queue.endpoint)
    this.waiting++
    queue.waiters.add(waiter)
    this.deadlines.set(waiter, waiter.deadline)
    this.touch(queue)
    if (queue.waiting === 1) for (const connection of queue.connections) this.touch(connection)
    // Where it begins to want more of what it has, another user of the endpoint may ask for its turn.
    if (queue.endpoint.queues.size > 1) this.touchEndpoint(queue.endpoint)
    this.#touchHops(queue)
  }

  /** A queue wishes to be carried by a jump host that is not open. */
  askHop(queue: Queue): void {
    const { hop } = queue
    if (!hop) return
    this.#begin(hop.endpoint)
    hop.children.add(queue)
    this.#touchHops(queue)
  }

  /** Somebody begins to wait. Where nobody did and nothing is under way, what failed before is another story. */
  #begin(endpoint: Endpoint): void {
    if (endpoint.failing && !endpoint.wanted && endpoint.opening === 0) endpoint.endSeries()
  }

  /** A queue's wish to be carried is over: it dials, or nobody waits in it any more. */
  leaveHop(queue: Queue): void {
    if (!queue.hop?.children.delete(queue)) return
    this.touchEndpoint(queue.hop.endpoint)
    this.#touchHops(queue.hop)
    if (!queue.hop.wanted) {
      this.leaveHop(queue.hop)
      for (const connection of queue.hop.connections) this.touch(connection)
    }
  }

  /** A waiter has settled: it leaves its queue. */
  forget(waiter: Waiter): void {
    const { queue } = waiter
    this.waiting--
    this.deadlines.clear(waiter)
    waiter.dirty = false
    queue.waiters.delete(waiter)
    this.touch(queue)
    for (const connection of queue.connections) this.touch(connection)
    if (!queue.wanted) this.leaveHop(queue)
    else this.#touchHops(queue)
    // Nobody waits here any more: what idles here may now go for another user of the endpoint.
    if (queue.waiting === 0 && queue.endpoint.queues.size > 1) this.touchEndpoint(queue.endpoint)
  }
}
