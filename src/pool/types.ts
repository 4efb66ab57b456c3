/** The pool as its callers see it. */
import type { Channel, Link, Target } from '../transport/transport.js'
import type { FullLimit, PoolListener } from './metrics/events.js'
import type { HostPoolOptions, PoolOptions } from './options.js'
import type { PoolSnapshot } from './metrics/snapshot.js'

export interface PoolTarget extends Target {
  readonly jump: PoolTarget | null
  /** The host's own limits, over the pool's. */
  readonly pool?: HostPoolOptions | undefined
}

export interface AcquireOptions {
  /** Leaves the queue with XEC_ABORTED. */
  readonly signal?: AbortSignal | undefined
  /** Longest wait for a channel, in ms; default none. */
  readonly queueTimeoutMs?: number | undefined
  /** Hears when a dial for this target starts ("connecting") while the caller waits. */
  readonly onDialling?: (() => void) | undefined
  /** Hears, after that, when no dial is under way any more and the caller waits on: for a channel, or for the next dial's time. */
  readonly onQueued?: (() => void) | undefined
  /** Hears how each dial that the caller waited for ended, also when the acquire then fails. */
  readonly onAttempt?: ((attempt: Attempt) => void) | undefined
}

/** One dial that this acquire waited for, or the wait that a lost channel cost it. */
export interface Attempt {
  readonly phase: 'connect'
  readonly outcome: 'ok' | 'unreachable' | 'auth' | 'hostkey' | 'lost' | 'skipped'
  readonly ms: number
  readonly message?: string | undefined
}

/** The right to one open session channel. */
export interface Lease {
  readonly channel: Channel
  /** What carries it; for forwarding ports while the lease is held. */
  readonly link: Link
  /** Id of the connection, unique in the process's pool, from 1. */
  readonly connection: number
  /** True when the connection had served before. */
  readonly reused: boolean
  /** From acquire to grant, in ms, including any dial. */
  readonly waitMs: number
  /** What the connection's dial took, without any wait for leave to begin its handshake, when this is its first lease; else 0. */
  readonly connectMs: number
  readonly attempts: readonly Attempt[]
  /** Gives the channel back, closing it if it is still open. Idempotent. */
  release(): void
  /** Of a pool with `enabled: false`: resolves when the lease's connection, and each one that carried it alone, is closed. Never rejects. */
  readonly gone?: Promise<void> | undefined
}

export interface DrainOptions {
  /** How long running work may go on, in ms. Default 30 000. */
  readonly timeoutMs?: number | undefined
}

export interface DrainReport {
  /** Leases that were given back in time, after the drain began. */
  readonly completed: number
  /** Waiters that got no channel, of those who waited when the drain began. */
  readonly rejected: number
  /** Leases cut off at the timeout. */
  readonly revoked: number
}

export interface Admission {
  /** The limit for which one more would wait; null when there is a channel for it, or room to dial. */
  readonly full: FullLimit | null
  /** Channels in use at the target's endpoint, and callers that wait for one there, whoever logs in. */
  readonly inHand: number
  /** Connections that the endpoint may have. */
  readonly maxConnections: number
  /** Open connections of the target with nothing on them. */
  readonly idle: number
}

export interface Pool {
  readonly options: PoolOptions
  /**
   * Waits, fairly, for a channel on a connection to the target, dialling one where the limits allow.
   * Rejects with an XecError whose `executed` is always `no`: XEC_QUEUE_TIMEOUT, XEC_ABORTED, XEC_POOL_CLOSED,
   * XEC_REFUSED, or what ended the series of dials: XEC_CONNECT, XEC_AUTH, XEC_HOST_KEY or XEC_CONFIG.
   */
  acquire(target: PoolTarget, options?: AcquireOptions): Promise<Lease>
  /** Acquires, runs `fn`, releases; the everyday call. */
  with<T>(target: PoolTarget, options: AcquireOptions, fn: (lease: Lease) => Promise<T>): Promise<T>
  /** One synchronous pass over the live set: a frozen plain object. Also after close. */
  snapshot(): PoolSnapshot
  /** What one more acquire of the target would find now. */
  admission(target: PoolTarget): Admission
  /** Refuses new work, lets queued and running work finish, closes. Final, idempotent, always resolves. */
  drain(options?: DrainOptions): Promise<DrainReport>
  /** Drain without grace: resolves when every socket is shut, within about a second. Idempotent, always resolves. */
  close(): Promise<void>
  /** Retires the connections to a target's endpoint and forgets its failures; open for business afterwards. */
  reset(target: PoolTarget): void
  /** Retires the open connections to a target's endpoint, and forgets nothing: what runs on them goes on to its end, what comes gets others. */
  retire(target: PoolTarget): void
  /** Subscribes to events; returns the way to unsubscribe. A listener that throws does not disturb the pool. */
  subscribe(listener: PoolListener): () => void
}
