/** What a decision may look at: the state, read-only, and nothing that could act; and what it may say: one step, or a wait. */
import type { DrainReason } from '../metrics/events.js'

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
  /** Of the connections that have had their turn and whose own queue wants more, the one on which what runs began last. */
  readonly preemptible: ConnectionView | null
  /** How many are on their way out for strangers, and expected to be gone soon. */
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
  has(queue: QueueView): boolean
}

export interface EndpointView {
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
  readonly sticky: { readonly until: number } | null
  readonly jump: QueueView | null
  /** Session channels one connection may carry: configured, or less where a server refused more. */
  capacity(now: number): number
  /** Until when what a server taught of it is believed; Infinity when it taught nothing. */
  readonly capacityUntil: number
  readonly idleTimeoutMs: number
  readonly endpoint: EndpointView
}

export interface ConnectionView {
  readonly state: 'opening' | 'open' | 'draining' | 'closing' | 'closed'
  readonly stage: 'reaching' | 'reached' | 'authenticating'
  readonly queue: QueueView
  readonly idle: boolean
  /** About to give its slot back. */
  readonly freeing: boolean
  readonly spare: unknown
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
  /** Until when a stranger for whom it is given up waits for no other. */
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

/** Of a connection: it has had its turn, and may have to be given up for a stranger; or it has been, and is on its way out. */
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
