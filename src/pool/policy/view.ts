/**
 * The pool's state, read-only: what a decision may look at, and what everybody outside of `state/` gets. And what a
 * decision may say: one step, or a wait.
 */
import type { ErrorCode, XecError } from '../../errors.js'
import type { Random } from '../../runtime/random.js'
import type { Channel, DialVerdict, KeepAlive, Link, Reached } from '../../transport/transport.js'
import type { DrainReason } from '../metrics/events.js'
import type { Figures } from '../metrics/figures.js'
import type { PoolOptions } from '../options.js'
import type { AcquireOptions, Attempt, Lease, PoolTarget } from '../types.js'

export type { DialVerdict, ErrorCode, PoolOptions, Random }

export type PoolMode = 'running' | 'draining' | 'closed'

export interface PoolView {
  readonly mode: PoolMode
  readonly enabled: boolean
  readonly maxConnections: number
  readonly maxConcurrentDials: number
  /** Connections that hold a slot. */
  readonly slots: number
  /** Of these, about to give it back. */
  readonly freeing: number
  /** On their way out with work on them: a free slot each is for their successors, which have not been dialled yet. */
  readonly retiring: number
  readonly handshakes: number
  /** Leases granted so far. */
  readonly grants: number
  /** Of the connections that have had their time slice and whose own queue wants more, the one on which what runs began last. */
  readonly preemptible: ConnectionView | null
  /** How many are on their way out for starved targets, and expected to be gone soon. */
  readonly preempted: number
  readonly slotWaitlists: SlotWaitlistsView
  /** Connections that lack only a permit, likewise. */
  readonly permitWaitlist: ReadonlySet<ConnectionView>
  /** Queues whose dials an outage holds back, likewise. */
  readonly heldWaitlist: ReadonlySet<QueueView>
  /** Until when an outage holds back the next dial; past when none does. */
  heldUntil(now: number): number
  /** Idle connections, least recently used first. */
  readonly idle: Iterable<ConnectionView>
}

/**
 * What keeps a queue from dialling, when it is only a slot of the pool, in order of precedence: it is the one that a jump
 * host was opened to carry that has carried nothing yet; it has no connection; it wants another one.
 */
export const SLOT_WAITLISTS = ['chainSlot', 'firstSlot', 'moreSlot'] as const
export type SlotLack = (typeof SLOT_WAITLISTS)[number]

/** Of each kind, in the order in which they asked. */
export interface SlotWaitlistsView extends Readonly<Record<SlotLack, ReadonlySet<QueueView>>> {
  readonly size: number
  /** How many of them have no connection. */
  readonly starved: number
  has(queue: QueueView): boolean
}

export interface EndpointView {
  /** `address:port`, and the jump path that leads there. */
  readonly id: string
  /** The first name by which it was used. */
  readonly host: string
  readonly names: ReadonlySet<string>
  readonly queues: ReadonlySet<QueueView>
  readonly figures: Figures
  readonly maxChannels: number
  /** Dials that failed since the last channel: the attempts of one series. */
  readonly failures: number
  /** When the server first asked for fewer handshakes in this series. */
  readonly throttledSince: number | null
  /** Since when dials fail for want of something on this machine. */
  readonly shortSince: number | null
  /** Connections that were closed to make room for others, and have no successor yet. */
  readonly madeRoom: number
  readonly lastError: string | null
  readonly lastOpenedAt: number | null
  /** Capacity learned from refusals, while it is believed. */
  learned(now: number): number | null
  readonly maxConnections: number
  readonly connections: ReadonlySet<ConnectionView>
  /** Queues that lack only room here, in the order in which they asked. */
  readonly roomWaitlist: ReadonlySet<QueueView>
  readonly opening: number
  readonly freeing: number
  readonly retiring: number
  /** Whether its last dials failed, or were turned away. */
  readonly failing: boolean
  readonly notBefore: number
  readonly dialLimit: number
}

export interface QueueView {
  readonly key: string
  /** As first acquired. */
  readonly target: PoolTarget
  /** The target that was acquired last. */
  readonly met: PoolTarget | null
  readonly options: PoolOptions
  readonly keepAlive: KeepAlive | null
  readonly maxChannels: number
  /** In order of arrival. */
  readonly waiters: WaitersView
  /** Queues of targets behind this one, in the order in which its next connection carries them. */
  readonly dependants: Iterable<QueueView>
  /** Whether somebody who waits here was told of a dial. */
  readonly announced: boolean
  /** Which of all it was to begin to lack room, in order. */
  readonly ticket: number
  readonly waiting: number
  readonly wanted: boolean
  /** Whether a connection takes its work, or is on its way to; of a jump host that only carries: or all who wait for it have one. */
  readonly served: boolean
  /** Queues that wait to be carried by this one. */
  readonly waitingDependants: ReadonlySet<QueueView>
  readonly connections: Iterable<ConnectionView>
  readonly proven: boolean
  /** Since when, and since how many grants, it lacks a slot of the pool or of its endpoint; Infinity when it lacks none. */
  readonly lackingSince: number
  readonly lackingSinceGrants: number
  /** An authentication or host-key failure that is believed. */
  readonly sticky: { readonly error?: XecError; readonly until: number } | null
  readonly jump: QueueView | null
  /** Session channels one connection may carry: configured, or less where a server refused more. */
  capacity(now: number): number
  /** Until when what a server taught of it is believed; Infinity when it taught nothing. */
  readonly capacityUntil: number
  readonly idleTimeoutMs: number
  readonly endpoint: EndpointView
}

export interface WaitersView extends Iterable<WaiterView> {
  readonly first: WaiterView | null
  readonly size: number
}

/** A queued acquire. */
export interface WaiterView {
  readonly queue: QueueView
  readonly host: string
  readonly since: number
  /** When the queue timeout strikes; Infinity for never. */
  readonly deadline: number
  readonly options: AcquireOptions
  readonly settled: boolean
  /** Whether the last that it was told is that a dial is under way. */
  readonly connecting: boolean
  readonly attempts: readonly Attempt[]
  readonly next: WaiterView | null
  readonly resolve: (lease: Lease) => void
  readonly reject: (error: XecError) => void
  /** Called once it has settled. */
  readonly onSettled: () => void
}

/** One confirmed session channel: a server's session, until the channel is closed *and* its lease is back. */
export interface SessionView {
  readonly channel: Channel
  readonly leased: boolean
  readonly leasedAt: number
  readonly releasedAt: number
}

export interface ConnectionView {
  /** Unique in the pool, from 1. */
  readonly id: number
  readonly endpoint: EndpointView
  /** The connection that carries this one. */
  readonly jump: ConnectionView | null
  readonly link: Link | null
  readonly reached: Reached | null
  readonly abort: AbortController
  /** Which dial of its endpoint's series it is, from 1; dials side by side are the same one. */
  readonly attempt: number
  readonly dialMs: number
  readonly permitMs: number
  readonly sessions: Iterable<SessionView> & { readonly size: number }
  readonly drainReason: DrainReason | null
  /** Leases that were cut off. */
  readonly revoked: number
  /** Authenticated and not yet closed. */
  readonly established: boolean
  /** Something runs on it, or on what it carries, or is dialled over it. */
  readonly active: boolean
  readonly holding: boolean
  /** It takes work, or soon will. */
  readonly serves: boolean
  readonly retiring: boolean
  /** Whether its end now would be its server's way of turning us away. */
  turnedAway(now: number): boolean
  /** How long its dial took, or takes, without the wait for a permit. */
  dialledFor(now: number): number
  readonly state: 'opening' | 'open' | 'draining' | 'closing' | 'closed'
  readonly stage: 'reaching' | 'reached' | 'authenticating'
  readonly queue: QueueView
  readonly idle: boolean
  /** About to give its slot back. */
  readonly freeing: boolean
  /** A confirmed channel that nobody has yet. */
  readonly spare: SessionView | undefined
  readonly used: number
  readonly leases: number
  readonly asked: number
  /** Since when the server owes an answer (to a channel's opening or its close); Infinity when it owes none. */
  readonly unansweredSince: number
  readonly refusing: boolean
  /** Whether it may take a command, if there is room on it. */
  readonly takesCommands: boolean
  readonly grants: number
  /** When the oldest command that runs on it began; Infinity when none does. */
  readonly runningSince: number
  readonly openedAt: number
  /** Until when a starved target for whom it is given up waits for no other. */
  readonly preemptedUntil: number
  /** Connections that this one carries. */
  readonly carried: ReadonlySet<ConnectionView>
  /** How many connections it was to carry so far. */
  readonly carriedTotal: number
  readonly idleSince: number
  readonly expiresAt: number
  readonly closeBy: number
}

export type Lack = SlotLack | 'endpoint' | 'held' | 'permit' | null

export type Wait = { readonly do: 'wait'; readonly until: number; readonly lacks: Lack }

/** Of a connection: it has had its time slice, and may have to be given up for a starved target; or it has been, and is on its way out. */
export type Preemption = 'preemptible' | 'preempted' | null

export type QueueStep =
  | Wait
  | { readonly do: 'fail' }
  | { readonly do: 'grant'; readonly connection: ConnectionView }
  | { readonly do: 'channel'; readonly connection: ConnectionView }
  | { readonly do: 'askJump' }
  | { readonly do: 'dial'; readonly jump: ConnectionView | null }
  | { readonly do: 'evict'; readonly connection: ConnectionView; readonly reason: 'evicted' }
  | {
      readonly do: 'evict'
      readonly connection: ConnectionView
      readonly reason: 'fairness'
      readonly preemptedUntil: number
    }

export type ConnectionStep =
  | (Wait & { readonly preemption?: Preemption })
  | { readonly do: 'authenticate' }
  | { readonly do: 'dropSpare' }
  | { readonly do: 'drain'; readonly reason: DrainReason }
  | { readonly do: 'close' }
  | { readonly do: 'destroy' }

export const wait = (until = Infinity, lacks: Lack = null): Wait => ({ do: 'wait', until, lacks })
