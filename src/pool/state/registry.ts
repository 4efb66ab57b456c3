/** The keys and the places that a pool has met, and what it may forget of them. */
import { Endpoint } from './endpoint.js'
import { endpointOf, keyOf } from '../identity.js'
import type { PoolOptions } from '../options.js'
import { Queue } from './queue.js'
import type { PoolTarget } from '../types.js'

/** So many keys are kept without a look at whether they are still needed. */
const SWEEP_AT = 1_024

export class Registry {
  readonly queues = new Map<string, Queue>()
  readonly endpoints = new Map<string, Endpoint>()
  /** Places whose figures are in the pool's alone now. */
  forgotten = 0
  readonly #byTarget = new WeakMap<PoolTarget, Queue>()
  #sweepAt = SWEEP_AT

  constructor(
    private readonly options: PoolOptions,
    private readonly now: () => number,
  ) {}

  queueOf(target: PoolTarget): Queue {
    const known = this.#byTarget.get(target)
    if (known && !known.dropped) return known
    const key = keyOf(target)
    let queue = this.queues.get(key)
    if (!queue) {
      if (this.queues.size >= this.#sweepAt) this.#sweep()
      const endpoint = this.meetEndpoint(target)
      queue = new Queue(key, target, endpoint, target.jump ? this.queueOf(target.jump) : null, this.options)
      endpoint.queues.add(queue)
      this.queues.set(key, queue)
    }
    this.#byTarget.set(target, queue)
    return queue
  }

  /** What is known of a target's key, and of its place; meets neither. */
  find(target: PoolTarget): { readonly queue: Queue | null; readonly endpoint: Endpoint | null } {
    const queue = this.queues.get(keyOf(target)) ?? null
    return { queue, endpoint: queue?.endpoint ?? this.endpoints.get(endpointOf(target)) ?? null }
  }

  /** Forgets the keys and the places that nothing is known of any more: a process that lives long may meet many. */
  #sweep(): void {
    for (const queue of this.queues.values()) {
      if (!queue.forgettable(this.now())) continue
      queue.dropped = true
      this.queues.delete(queue.key)
      queue.endpoint.queues.delete(queue)
      queue.jump?.dependants.delete(queue)
    }
    for (const endpoint of this.endpoints.values()) {
      if (!endpoint.forgettable(this.now())) continue
      this.endpoints.delete(endpoint.id)
      this.forgotten++
    }
    this.#sweepAt = Math.max(SWEEP_AT, this.queues.size * 2)
  }

  /** How many connections the longest chain of jump hosts needs. */
  longestChain(): number {
    let longest = 1
    for (const queue of this.queues.values()) {
      let length = 1
      for (let { jump } = queue; jump; { jump } = jump) length++
      longest = Math.max(longest, length)
    }
    return longest
  }

  meetEndpoint(target: PoolTarget): Endpoint {
    const id = endpointOf(target)
    let endpoint = this.endpoints.get(id)
    if (!endpoint) this.endpoints.set(id, (endpoint = new Endpoint(id, target.host)))
    endpoint.names.add(target.host)
    endpoint.maxConnections = Math.min(
      endpoint.maxConnections,
      target.pool?.maxConnectionsPerHost ?? this.options.maxConnectionsPerHost,
    )
    endpoint.maxChannels = Math.min(
      endpoint.maxChannels,
      target.pool?.maxChannelsPerConnection ?? this.options.maxChannelsPerConnection,
    )
    return endpoint
  }
}
