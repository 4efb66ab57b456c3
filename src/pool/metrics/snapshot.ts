/** The pool now, for people and programs: gauges scanned from the live set, totals counted from events. */
import type { CloseReason } from './events.js'

/** Quantiles of a latency in ms. `p99` is null below 100 observations; all are null when there are none. */
export interface Latency {
  readonly n: number
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
  readonly max: number | null
}

export interface PoolFigures {
  /** Authenticated and not yet closed: open, draining, closing. */
  readonly totalConnections: number
  /** Of these, with work in flight. */
  readonly activeConnections: number
  readonly idleConnections: number
  /** Dials under way. */
  readonly connecting: number
  readonly connectionsCreated: number
  readonly connectionsDestroyed: number
  /** Dials that failed. */
  readonly connectionsFailed: number
  /** Connections that were closed to make room, and dialled again later: what a higher limit would have kept open. */
  readonly reopened: number
  /** Leases on a connection that had served before. */
  readonly reuseCount: number
  readonly acquired: number
  /** reuseCount / acquired; null before the first. */
  readonly reuseRatio: number | null
  readonly waiting: number
  /** Age of the oldest waiter in ms; 0 without waiters. */
  readonly oldestWaitMs: number
  /** Callers that left the queue because their queue timeout was over. */
  readonly queueTimeouts: number
  readonly waitMs: Latency
  readonly connectMs: Latency
  /** What the connections that opened had waited for leave to begin their handshake (`maxConcurrentDials`). */
  readonly handshakeWaitMs: Latency
  /** From grant to release. */
  readonly commandMs: Latency
  readonly failuresByPhase: Readonly<Record<string, number>>
  readonly closedByReason: Readonly<Partial<Record<CloseReason, number>>>
}

export interface HostLimits {
  readonly maxConnectionsPerHost: number
  /** 1 where pooling is off. */
  readonly maxChannelsPerConnection: number
}

export interface HostFigures extends PoolFigures {
  /** The first name by which the endpoint was used. */
  readonly host: string
  /** `address:port`, with the jump path behind a `via`. */
  readonly address: string
  /** How many names share the endpoint. */
  readonly names: number
  /** The host's own limits: the strictest of the pool's and of what its names ask for. */
  readonly limits: HostLimits
  readonly lastError: string | null
  /** Capacity learned from refusals, or null. */
  readonly learnedCapacity: number | null
}

export interface PoolSnapshot extends PoolFigures {
  readonly limits: {
    readonly maxConnections: number
    readonly maxConnectionsPerHost: number
    readonly maxChannelsPerConnection: number
    readonly maxConcurrentDials: number
  }
  readonly hosts: readonly HostFigures[]
  /** Commands by outcome, counted by the adapter above the pool; empty when the pool is used bare. */
  readonly commands: Readonly<Record<string, number>>
}
