/** What an adapter has in hand, by endpoint: how many commands wait or run, and whether one more would have to wait. */
import { endpointOf } from '../pool/identity.js'
import type { PoolOptions } from '../pool/options.js'
import type { PoolTarget } from '../pool/types.js'

/** The limit that makes a command wait: its host's, or the pool's. */
export type FullLimit = 'maxConnectionsPerHost' | 'maxConnections'

export class Load {
  readonly #inHand = new Map<string, number>()

  /**
   * @param options the pool's
   * @param learned how many channels a server was found to allow on a connection, when it refused more; else null
   */
  constructor(
    private readonly options: PoolOptions,
    private readonly learned: (endpoint: string) => number | null,
  ) {}

  /** Commands in hand for a target's endpoint. */
  of(target: PoolTarget): number {
    return this.#inHand.get(endpointOf(target)) ?? 0
  }

  /** Connections that an endpoint may have. */
  connectionsFor(target: PoolTarget): number {
    return target.pool?.maxConnectionsPerHost ?? this.options.maxConnectionsPerHost
  }

  /**
   * The limit for which one more command would wait, or null when there is room. Every connection that the endpoint may
   * have counts with all its channels, whether it is open already or not.
   */
  fullFor(target: PoolTarget): FullLimit | null {
    const endpoint = endpointOf(target)
    const inHand = this.of(target)
    const connections = this.connectionsFor(target)
    if (inHand >= connections) {
      const channels = this.options.enabled ? target.pool?.maxChannelsPerConnection ?? this.options.maxChannelsPerConnection : 1
      if (inHand >= connections * Math.min(channels, this.learned(endpoint) ?? channels)) return 'maxConnectionsPerHost'
    }
    return inHand === 0 && this.#inHand.size >= this.options.maxConnections ? 'maxConnections' : null
  }

  /** Books a command; returns how it is taken off again, once. */
  take(target: PoolTarget): () => void {
    const endpoint = endpointOf(target)
    this.#inHand.set(endpoint, this.of(target) + 1)
    return () => {
      const left = (this.#inHand.get(endpoint) ?? 0) - 1
      if (left > 0) this.#inHand.set(endpoint, left)
      else this.#inHand.delete(endpoint)
    }
  }
}
