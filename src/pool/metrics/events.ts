/** What happens in a pool, as values. The totals, the CLI, JSON, stats files and listeners all live on this stream. */
import type { ErrorCode } from '../../errors.js'

/** The limit that makes an acquire wait: its host's, or the pool's. */
export type FullLimit = 'maxConnectionsPerHost' | 'maxConnections'

/** Why a connection stopped taking work while it was still alive. */
export type DrainReason =
  'idle' | 'lifetime' | 'evicted' | 'fairness' | 'suspect' | 'refused' | 'reset' | 'disabled' | 'closing'

/** Why a connection is closed: the reason it was drained for, or how it was lost. */
export type CloseReason = DrainReason | 'lost' | 'keepalive'

export type PoolEvent = { readonly at: number; readonly host: string; readonly connection?: number } & (
  | { readonly type: 'requested' }
  | {
      readonly type: 'queued'
      /** the limit for which the caller has to wait */ readonly limit: FullLimit
      /** channels in use at the host, and callers that wait for one, with this one */ readonly inHand: number
    }
  | {
      readonly type: 'granted'
      readonly waitMs: number
      /** 1 for the connection's first lease */ readonly nth: number
    }
  | { readonly type: 'rejected'; readonly code: ErrorCode }
  | { readonly type: 'released'; readonly heldMs: number }
  | { readonly type: 'revoked' }
  | { readonly type: 'refused'; readonly capacity: number }
  | {
      readonly type: 'dialling'
      readonly attempt: number
      /** whether it takes the place of a connection that was closed to make room */ readonly again: boolean
    }
  | {
      readonly type: 'opened'
      readonly dialMs: number
      /** the wait for leave to begin the handshake, which is not part of `dialMs` */ readonly permitMs: number
    }
  | {
      readonly type: 'dialFailed'
      readonly code: ErrorCode
      readonly phase: string
      readonly message: string
      readonly retryInMs?: number
    }
  | { readonly type: 'dialCancelled'; /** by this side: nobody may use it any more */ readonly ms: number }
  | { readonly type: 'draining'; readonly reason: DrainReason }
  | {
      readonly type: 'outage'
      /** endpoints that failed within two seconds; until one answers, one dial at a time */ readonly hosts: number
    }
  | {
      readonly type: 'localLimit'
      /** connections that the pool goes on with */ readonly connections: number
      /** what this machine lacks */ readonly message: string
    }
  | {
      readonly type: 'outageOver'
      /** false: given up, reset, or long past: this last is noticed when the next dial starts or ends */ readonly connected: boolean
    }
  | { readonly type: 'closed'; readonly reason: CloseReason; /** leases cut off by it */ readonly inFlight: number }
)

/** @param key of whom it is told: connections that may serve for one another have the same; in every process another */
export type PoolListener = (event: PoolEvent, key: string) => void

export type PoolEventType = PoolEvent['type']

/** An event without its time, which the pool adds. */
export type EventDetails = PoolEvent extends infer E ? (E extends PoolEvent ? Omit<E, 'at'> : never) : never
