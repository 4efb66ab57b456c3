/**
 * Who gets a slot of the pool, and what is closed for it (law 13); and when somebody gives a connection up for a target
 * that has none, and which (law 14).
 */
import { isEvictable } from './evict.js'
import {
  SLOT_WAITLISTS,
  wait,
  type ConnectionView,
  type EndpointView,
  type Lack,
  type PoolView,
  type QueueStep,
  type QueueView,
  type SlotLack,
} from './view.js'

/** A dial may start as soon as there is a slot of the pool for it. */
export function decideSlot(queue: QueueView, jump: ConnectionView | null, pool: PoolView, now: number): QueueStep {
  // A jump host leaves room for what it is to carry: otherwise jump hosts could take every slot, each waiting for one.
  // For the same reason the first connection through a jump host goes before all others: the one for which there was room.
  const lacks = queue.served ? 'moreSlot' : jump?.carriedTotal === 0 ? 'chainSlot' : 'firstSlot'
  const need = slotsNeeded(queue)
  if (pool.slots + need <= pool.maxConnections)
    return isNext(queue, lacks, pool) ? { do: 'dial', jump } : wait(Infinity, lacks)
  const rings = pool.slotWaitlists
  const asking = rings.size + (rings.has(queue) ? 0 : 1)
  if (pool.slots - pool.freeing + asking - 1 + need <= pool.maxConnections) return wait(Infinity, lacks)
  // The head of a waiting list makes room for all who are behind it.
  const [first] = rings[lacks]
  if (first && first !== queue) return wait(Infinity, lacks)
  for (const idle of pool.idle)
    if (!idle.queue.wanted && !leadsTo(idle, queue)) return { do: 'evict', connection: idle, reason: 'evicted' }
  // Jump hosts that wait to carry something: kept by each, they could hold for ever what the other one needs. One
  // that has carried has had its time slice; one that has not has it after the head of those whose turn it is.
  if (pool.slots - pool.freeing + need > pool.maxConnections) {
    for (const idle of pool.idle) {
      if ((isEvictable(idle, queue) || (idle.queue.waiting === 0 && lacks === 'chainSlot')) && !leadsTo(idle, queue))
        return { do: 'evict', connection: idle, reason: 'evicted' }
    }
  }
  // Likewise the first of those who have no connection asks for a turn, for all of them whose time slice is over.
  const enoughUntil = (): number => {
    let missing = pool.slots + need - pool.maxConnections - pool.freeing - pool.preempted
    let until = Infinity
    for (const name of ['chainSlot', 'firstSlot'] as const) {
      for (const other of rings[name]) {
        if (missing > 0) return 0
        if (waitedFor(other, pool, now) < TIME_SLICE_MS) {
          until = Math.min(until, other.lackingSince + TIME_SLICE_MS)
          break
        }
        if (other !== queue) missing++
      }
    }
    return missing > 0 ? 0 : until
  }
  return decideTimeSlice(
    queue,
    { preemptible: pool.preemptible, enoughUntil, until: Infinity },
    waitedFor(queue, pool, now),
    lacks,
    now,
  )
}

/** Whether a free slot is a queue's: it is the first of those who lack one, or would be. */
function isNext(queue: QueueView, lacks: SlotLack, { slotWaitlists }: PoolView): boolean {
  for (const name of SLOT_WAITLISTS) {
    const [head] = slotWaitlists[name]
    if (head) return head === queue
    if (name === lacks) return true
  }
  return true
}

/** One for the connection itself, and one for each further hop of the longest chain that waits to be carried by it. */
function slotsNeeded(queue: QueueView): number {
  let longest = 0
  for (const dependant of queue.waitingDependants) longest = Math.max(longest, slotsNeeded(dependant))
  return 1 + longest
}

/** Whether a connection is one of the hops that lead to a queue's target, so that closing it would not help. */
function leadsTo(connection: ConnectionView, queue: QueueView): boolean {
  for (let jump = queue.jump; jump; jump = jump.jump) if (connection.queue === jump) return true
  return false
}

/** How long a starved target waits at a full pool before somebody gives a connection up for it: so many grants, or this time. */
export const TIME_SLICE_GRANTS = 8
export const TIME_SLICE_MS = 1_000

export interface TimeSlices {
  readonly preemptible: ConnectionView | null
  /** Until when as many are on their way out as are asked for, if nothing happens; past when they are not. */
  readonly enoughUntil: () => number
  /** When `spent` may be another although nothing happens; connections of the pool tell by themselves. */
  readonly until: number
}

/**
 * A full pool, or a full endpoint, without an idle connection. Who has no connection at all gets one after a time slice: of those whose own
 * queue would go on using theirs, and that have had their time slice too, the one whose oldest command began last gives way,
 * because it is likely to be gone first. If it is not gone after another time slice, one more has to; after twice that
 * time the next, and so on, so that commands of hours on all of them do not stop the whole pool for one starved target.
 */
export function decideTimeSlice(
  queue: QueueView,
  { preemptible, enoughUntil, until }: TimeSlices,
  waited: number,
  lacks: Lack,
  now: number,
): QueueStep {
  if (queue.served) return wait(Infinity, lacks)
  // Not yet in a waiting list: it will be, and be asked again.
  if (!(waited >= TIME_SLICE_MS)) return wait(queue.lackingSince + TIME_SLICE_MS, lacks)
  if (!preemptible || timeSliceEnd(preemptible) > now) return wait(until, lacks)
  const enough = enoughUntil()
  if (enough > now) return wait(Math.min(until, enough), lacks)
  return {
    do: 'evict',
    connection: preemptible,
    reason: 'fairness',
    preemptedUntil: now + Math.max(TIME_SLICE_MS, now - queue.lackingSince),
  }
}

/** An endpoint has few connections: they are looked at one by one. */
export function timeSlicesAt(endpoint: EndpointView, now: number): TimeSlices {
  let preemptible: ConnectionView | null = null
  let preempted = 0
  let until = Infinity
  for (const connection of endpoint.connections) {
    const changes = connection.state === 'open' ? timeSliceEnd(connection) : connection.preemptedUntil
    if (changes > now) until = Math.min(until, changes)
    if (connection.state !== 'open') preempted += connection.preemptedUntil > now ? 1 : 0
    else if (changes <= now && (!preemptible || connection.runningSince > preemptible.runningSince))
      preemptible = connection
  }
  return { preemptible, enoughUntil: () => (preempted > 0 ? Infinity : 0), until }
}

/** When an open connection has had its time slice; Infinity when nobody would go on using it, or when it carries others. */
export function timeSliceEnd({ grants, queue, carried, openedAt }: ConnectionView): number {
  if (grants === 0 || queue.waiting === 0 || carried.size > 0) return Infinity
  return grants >= TIME_SLICE_GRANTS ? openedAt : openedAt + TIME_SLICE_MS
}

/** Eight grants are as good as the time. */
export function waitedFor({ lackingSince, lackingSinceGrants }: QueueView, { grants }: PoolView, now: number): number {
  return grants - lackingSinceGrants < TIME_SLICE_GRANTS ? now - lackingSince : TIME_SLICE_MS
}
