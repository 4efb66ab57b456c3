/** What a decision may look at: the facts, read-only, and nothing that could act. */

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
  readonly spent: ConnectionView | null
  /** How many are on their way out for strangers, and expected to be gone soon. */
  readonly leaving: number
  readonly slotRings: SlotRingsView
  /** Connections that lack only a permit, likewise. */
  readonly permitRing: ReadonlySet<ConnectionView>
  /** Queues whose dials an outage holds back, likewise. */
  readonly heldRing: ReadonlySet<QueueView>
  /** Until when an outage holds back the next dial; past when none does. */
  heldUntil(now: number): number
  /** Idle connections, least recently used first. */
  readonly idle: Iterable<ConnectionView>
}

/**
 * What keeps a queue from dialling, when it is only a slot of the pool, in order of precedence: it is the one that a jump
 * host was opened to carry that has carried nothing yet; it has no connection; it wants another one.
 */
export const SLOT_RINGS = ['chainSlot', 'firstSlot', 'moreSlot'] as const
export type SlotLack = (typeof SLOT_RINGS)[number]

/** Of each kind, in the order in which they asked. */
export interface SlotRingsView extends Readonly<Record<SlotLack, ReadonlySet<QueueView>>> {
  readonly size: number
  has(queue: QueueView): boolean
}

export interface EndpointView {
  readonly maxConnections: number
  readonly connections: ReadonlySet<ConnectionView>
  /** Queues that lack only room here, in the order in which they asked. */
  readonly ring: ReadonlySet<QueueView>
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
  readonly children: ReadonlySet<QueueView>
  readonly connections: Iterable<ConnectionView>
  readonly proven: boolean
  /** Since when, and since how many grants, it lacks a slot of the pool or of its endpoint; Infinity when it lacks none. */
  readonly ringSince: number
  readonly ringGrants: number
  readonly sticky: { readonly until: number } | null
  readonly hop: QueueView | null
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
  readonly opening: number
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
  readonly leavesBy: number
  /** Connections that this one carries. */
  readonly passengers: ReadonlySet<ConnectionView>
  /** How many connections it was to carry so far. */
  readonly carried: number
  readonly idleSince: number
  readonly expiresAt: number
  readonly closeBy: number
}
