/** What the pool knows of one reuse key: who waits, in order, and which connections may serve them. */
import type { XecError } from '../../errors.js'
import type { KeepAlive } from '../../transport/transport.js'
import { Dependants } from './dependants.js'
import type { HeapEntry } from '../../runtime/deadline-heap.js'
import type { Endpoint } from './endpoint.js'
import { LinkedList } from '../../runtime/linked-list.js'
import { capacityOf } from '../policy/capacity.js'
import type { ConnectionView } from '../policy/view.js'
import type { PoolOptions } from '../options.js'
import type { PoolTarget } from '../types.js'
import type { Waiter } from './waiter.js'

export class Queue {
  /** In order of arrival; a waiter leaves when it settles. */
  readonly waiters = new LinkedList<Waiter>()
  /** Everything that holds a slot for this key: opening to closing. */
  readonly connections = new Set<ConnectionView>()
  /** Queues of targets behind this one. */
  readonly dependants = new Dependants<Queue>()
  /** Of these, the ones that wait for it to open, to be carried. */
  readonly waitingDependants = new Set<Queue>()
  /** The target that was acquired last. */
  met: PoolTarget | null = null
  /** Strictest of what its names ask for. */
  maxChannels = Infinity
  idleTimeoutMs = Infinity
  /** Its place among the deadlines. */
  heapEntry: HeapEntry | null = null
  /** True once its pool has forgotten it. */
  dropped = false
  /** Whether somebody who waits here was told of a dial. */
  announced = false
  /** True once the credentials have worked here: until then one dial at a time tries them. */
  proven = false
  /** Since when, and since how many grants, it lacks a slot. */
  lackingSince = Infinity
  lackingSinceGrants = Infinity
  /** Whether it had a connection all the while. */
  lackingServed = false
  /** Which of all it was to begin so, in order: where it stands in every waiting list. */
  ticket = 0
  /** An authentication or host-key failure: the same would happen again. */
  sticky: { readonly error: XecError; readonly until: number } | null = null

  constructor(
    readonly key: string,
    /** As first acquired; another name with the same key dials the same. */
    readonly target: PoolTarget,
    readonly endpoint: Endpoint,
    /** The queue of the jump host, when there is one. */
    readonly jump: Queue | null,
    readonly options: PoolOptions,
  ) {
    jump?.dependants.add(this)
    this.meet(target)
  }

  /** Another name may share the key, with limits of its own; and whoever came last decides what is no limit. */
  meet(target: PoolTarget): void {
    this.met = target
    this.maxChannels = Math.min(
      this.maxChannels,
      target.pool?.maxChannelsPerConnection ?? this.options.maxChannelsPerConnection,
    )
    this.idleTimeoutMs = Math.min(this.idleTimeoutMs, target.pool?.idleTimeout ?? this.options.idleTimeout)
  }

  get waiting(): number {
    return this.waiters.size
  }

  /** True while somebody waits for a connection here: a caller, or a queue to be carried. */
  get wanted(): boolean {
    return this.waiters.size > 0 || this.waitingDependants.size > 0
  }

  /** Whether a connection takes its work, or is on its way to. A jump host that only carries is no better off than those who wait for it. */
  get served(): boolean {
    for (const connection of this.connections) if (connection.serves) return true
    if (this.waiters.size > 0 || this.waitingDependants.size === 0) return false
    for (const dependant of this.waitingDependants) if (!dependant.served) return false
    return true
  }

  /** True when a new one would be no different, but for having to try its credentials once more. */
  forgettable(now: number): boolean {
    return (
      !this.wanted &&
      !this.endpoint.dirty &&
      !this.heapEntry &&
      this.connections.size === 0 &&
      this.dependants.size === 0 &&
      !(this.sticky && this.sticky.until > now)
    )
  }

  capacity(now: number): number {
    return capacityOf(this.maxChannels, this.endpoint, this.options, now)
  }

  get capacityUntil(): number {
    return this.endpoint.learnedUntil
  }

  get keepAlive(): KeepAlive | null {
    const { options } = this
    const { pool } = this.met ?? this.target
    if (!(pool?.keepAlive ?? options.keepAlive)) return null
    return {
      intervalMs: pool?.keepAliveInterval ?? options.keepAliveInterval,
      countMax: pool?.keepAliveCountMax ?? options.keepAliveCountMax,
    }
  }
}
