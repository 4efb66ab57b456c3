/** The live connections, and the indexes that follow each change of one. */
import type { DeadlineHeap } from '../../runtime/deadline-heap.js'
import { DeadlineHeap as Heap } from '../../runtime/deadline-heap.js'
import { LinkedList } from '../../runtime/linked-list.js'
import type { ConnectionView, Lack, Preemption } from '../policy/view.js'
import type { CircuitBreaker } from './breaker.js'
import type { Connection, ConnectionState } from './connection.js'
import type { Dirty } from './dirty.js'
import type { Queue } from './queue.js'
import type { Waiter } from './waiter.js'

export class LiveConnections {
  readonly connections = new Set<Connection>()
  /** Least recently used first. */
  readonly idle = new LinkedList<Connection>()
  readonly permitWaitlist = new Set<Connection>()
  readonly #freeing = new Set<Connection>()
  readonly #retiring = new Set<Connection>()
  readonly #opening = new Set<Connection>()
  /** Those that have had their time slice. A heap of times serves: the later its oldest command began, the nearer to its top. */
  readonly #preemptible = new Heap<Connection['preemptionEntry']>()
  readonly #preempted = new Set<Connection>()
  #handshakes = 0
  #leases = 0
  #latestId = 0

  constructor(
    private readonly dirty: Dirty,
    private readonly deadlines: DeadlineHeap<Queue | Connection | Waiter>,
    private readonly breaker: CircuitBreaker,
    private readonly now: () => number,
  ) {}

  get freeing(): number {
    return this.#freeing.size
  }

  get retiring(): number {
    return this.#retiring.size
  }

  get opening(): number {
    return this.#opening.size
  }

  get preemptible(): ConnectionView | null {
    return this.#preemptible.nearest?.connection ?? null
  }

  get preempted(): number {
    return this.#preempted.size
  }

  get handshakes(): number {
    return this.#handshakes
  }

  get leases(): number {
    return this.#leases
  }

  nextId(): number {
    return ++this.#latestId
  }

  /** A handshake begins (1) or is over (-1). */
  countHandshake(change: 1 | -1): void {
    this.#handshakes += change
  }

  /** A lease is granted (1), or given back or cut off (-1). */
  countLease(change: 1 | -1): void {
    this.#leases += change
  }

  /** Takes a slot. */
  add(connection: Connection): void {
    const { queue, jump } = connection
    this.connections.add(connection)
    this.#opening.add(connection)
    queue.connections.add(connection)
    queue.endpoint.connections.add(connection)
    this.breaker.took(queue.endpoint, 1)
    this.dirty.changed(queue)
    for (const old of queue.connections as Set<Connection>) {
      if (!this.#retiring.delete(old)) continue
      old.succeeded = true
      break
    }
    if (!jump) return
    jump.carried.add(connection)
    // Who was to be carried by it before all others is one of many now.
    if (++jump.carriedTotal === 1) this.dirty.carrierChanged(jump.queue)
    jump.queue.dependants.wasCarried(queue)
    this.changed(jump)
  }

  /** Gives a slot back: law 8 lets a connection end but once. */
  remove(connection: Connection): void {
    const { queue, jump } = connection
    this.move(connection, 'closed')
    this.connections.delete(connection)
    queue.connections.delete(connection)
    queue.endpoint.connections.delete(connection)
    this.breaker.took(queue.endpoint, -1)
    this.permitWaitlist.delete(connection)
    this.dirty.overdue.delete(connection)
    this.deadlines.clear(connection)
    this.#preemptible.clear(connection.preemptionEntry)
    this.#preempted.delete(connection)
    this.#retiring.delete(connection)
    if (jump) {
      jump.carried.delete(connection)
      this.changed(jump)
    }
    this.dirty.roomChanged()
  }

  /** Something changed on a connection: its indexes follow, and whoever may profit is looked at again. */
  changed(connection: Connection): void {
    if (connection.idle !== connection.listedIdle) {
      connection.listedIdle = connection.idle
      if (connection.idle) {
        connection.idleSince = this.now()
        this.idle.add(connection)
      } else this.idle.delete(connection)
    }
    if (connection.freeing) this.#freeing.add(connection)
    else this.#freeing.delete(connection)
    if (connection.retiring) this.#retiring.add(connection)
    else if (this.#retiring.delete(connection)) this.dirty.roomChanged()
    if (connection.state !== 'opening') this.#opening.delete(connection)
    connection.link?.setRef(connection.holding)
    this.dirty.changed(connection.queue)
  }

  /** A connection goes to a later state (law 8). */
  move(connection: Connection, next: ConnectionState): void {
    connection.to(next)
    // What stops taking work can be given up no more, and may be on its way out for a starved target: also before it is looked at.
    this.#keepPreemption(
      connection,
      connection.state === 'draining' && connection.preemptedUntil > this.now() ? 'preempted' : null,
    )
    this.changed(connection)
    // The dial over it is over, or the connection that it was for.
    connection.jump?.link?.setRef(connection.jump.holding)
    this.dirty.moved(connection.queue)
  }

  /** A connection has no step to take until then. */
  waits(view: ConnectionView, lacks: Lack, preemption: Preemption, until: number): void {
    const connection = view as Connection
    this.deadlines.set(connection, until)
    keep(this.permitWaitlist, connection, lacks === 'permit')
    keep(this.dirty.overdue, connection, connection.state === 'open' && this.now() >= connection.expiresAt)
    this.#keepPreemption(connection, preemption)
  }

  /** A connection takes a step: it lacks nothing. */
  movesOn(view: ConnectionView): void {
    this.permitWaitlist.delete(view as Connection)
    this.dirty.overdue.delete(view as Connection)
  }

  /** Where a connection stands among those that are given up for starved targets (law 14). */
  #keepPreemption(connection: Connection, preemption: Preemption): void {
    if (preemption === 'preemptible') this.#preemptible.set(connection.preemptionEntry, -connection.runningSince)
    else if (connection.preemptionEntry.heapEntry) this.#preemptible.set(connection.preemptionEntry, Infinity)
    if (preemption === 'preempted') this.#preempted.add(connection)
    else if (this.#preempted.size > 0) this.#preempted.delete(connection)
  }
}

function keep<T>(waitlist: Set<T>, member: T, belongs: boolean): void {
  if (belongs) waitlist.add(member)
  else waitlist.delete(member)
}
