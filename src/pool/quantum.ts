/** Turns at what is full: when somebody gives a connection up for one who has none, and which (law 14). */
import { wait, type Lack, type QueueStep } from './steps.js'
import type { ConnectionView, EndpointView, PoolView, QueueView } from './views.js'

/** How long a stranger waits at a full pool before somebody gives a connection up for it: so many grants, or this time. */
export const QUANTUM_GRANTS = 8
export const QUANTUM_MS = 1_000

export interface Turns {
  readonly spent: ConnectionView | null
  /** Until when as many are on their way out as are asked for, if nothing happens; past when they are not. */
  readonly enoughUntil: () => number
  /** When `spent` may be another although nothing happens; connections of the pool tell by themselves. */
  readonly until: number
}

/**
 * A full pool, or a full endpoint, without an idle connection. Who has no connection at all gets one after a quantum: of those whose own
 * queue would go on using theirs, and that have had their quantum too, the one whose oldest command began last gives way,
 * because it is likely to be gone first. If it is not gone after another quantum, one more has to; after twice that
 * time the next, and so on, so that commands of hours on all of them do not stop the whole pool for one stranger.
 */
export function decideQuantum(
  queue: QueueView,
  { spent, enoughUntil, until }: Turns,
  waited: number,
  lacks: Lack,
  now: number,
): QueueStep {
  if (queue.served) return wait(Infinity, lacks)
  // Not yet in a ring: it will be, and be asked again.
  if (!(waited >= QUANTUM_MS)) return wait(queue.ringSince + QUANTUM_MS, lacks)
  if (!spent || turnEnd(spent) > now) return wait(until, lacks)
  const enough = enoughUntil()
  if (enough > now) return wait(Math.min(until, enough), lacks)
  return {
    do: 'evict',
    connection: spent,
    reason: 'fairness',
    leavesBy: now + Math.max(QUANTUM_MS, now - queue.ringSince),
  }
}

/** An endpoint has few connections: they are looked at one by one. */
export function turnsAt(endpoint: EndpointView, now: number): Turns {
  let spent: ConnectionView | null = null
  let leaving = 0
  let until = Infinity
  for (const connection of endpoint.connections) {
    const changes = connection.state === 'open' ? turnEnd(connection) : connection.leavesBy
    if (changes > now) until = Math.min(until, changes)
    if (connection.state !== 'open') leaving += connection.leavesBy > now ? 1 : 0
    else if (changes <= now && (!spent || connection.runningSince > spent.runningSince)) spent = connection
  }
  return { spent, enoughUntil: () => (leaving > 0 ? Infinity : 0), until }
}

/** When an open connection has had its turn; Infinity when nobody would go on using it, or when it carries others. */
export function turnEnd({ grants, queue, passengers, openedAt }: ConnectionView): number {
  if (grants === 0 || queue.waiting === 0 || passengers.size > 0) return Infinity
  return grants >= QUANTUM_GRANTS ? openedAt : openedAt + QUANTUM_MS
}

/** Eight grants are as good as the time. */
export function waitedFor({ ringSince, ringGrants }: QueueView, { grants }: PoolView, now: number): number {
  return grants - ringGrants < QUANTUM_GRANTS ? now - ringSince : QUANTUM_MS
}
