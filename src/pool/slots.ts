/** Who gets a slot of the pool, and what is closed for whom who lacks one (law 13). */
import { isEvictable } from './evictable.js'
import { QUANTUM_MS, decideQuantum, waitedFor } from './quantum.js'
import { wait, type QueueStep } from './steps.js'
import { SLOT_RINGS, type ConnectionView, type PoolView, type QueueView, type SlotLack } from './views.js'

/** A dial may start as soon as there is a slot of the pool for it. */
export function decideSlot(queue: QueueView, hop: ConnectionView | null, pool: PoolView, now: number): QueueStep {
  // A jump host leaves room for what it is to carry: otherwise jump hosts could take every slot, each waiting for one.
  // For the same reason the first connection through a jump host goes before all others: the one for which there was room.
  const lacks = queue.served ? 'moreSlot' : hop?.carried === 0 ? 'chainSlot' : 'firstSlot'
  const need = slotsNeeded(queue)
  if (pool.slots + need <= pool.maxConnections)
    return isNext(queue, lacks, pool) ? { do: 'dial', hop } : wait(Infinity, lacks)
  const rings = pool.slotRings
  const asking = rings.size + (rings.has(queue) ? 0 : 1)
  if (pool.slots - pool.freeing + asking - 1 + need <= pool.maxConnections) return wait(Infinity, lacks)
  // The head of a ring makes room for all who are behind it.
  const [first] = rings[lacks]
  if (first && first !== queue) return wait(Infinity, lacks)
  for (const idle of pool.idle)
    if (!idle.queue.wanted && !leadsTo(idle, queue)) return { do: 'evict', connection: idle, reason: 'evicted' }
  // Jump hosts that wait to carry something: kept by each, they could hold for ever what the other one needs. One
  // that has carried has had its turn; one that has not has it after the head of those whose turn it is.
  if (pool.slots - pool.freeing + need > pool.maxConnections) {
    for (const idle of pool.idle) {
      if ((isEvictable(idle, queue) || (idle.queue.waiting === 0 && lacks === 'chainSlot')) && !leadsTo(idle, queue))
        return { do: 'evict', connection: idle, reason: 'evicted' }
    }
  }
  // Likewise the first of those who have no connection asks for a turn, for all of them whose quantum is over.
  const enoughUntil = (): number => {
    let missing = pool.slots + need - pool.maxConnections - pool.freeing - pool.leaving
    let until = Infinity
    for (const name of ['chainSlot', 'firstSlot'] as const) {
      for (const other of rings[name]) {
        if (missing > 0) return 0
        if (waitedFor(other, pool, now) < QUANTUM_MS) {
          until = Math.min(until, other.ringSince + QUANTUM_MS)
          break
        }
        if (other !== queue) missing++
      }
    }
    return missing > 0 ? 0 : until
  }
  return decideQuantum(
    queue,
    { spent: pool.spent, enoughUntil, until: Infinity },
    waitedFor(queue, pool, now),
    lacks,
    now,
  )
}

/** Whether a free slot is a queue's: it is the first of those who lack one, or would be. */
function isNext(queue: QueueView, lacks: SlotLack, { slotRings }: PoolView): boolean {
  for (const name of SLOT_RINGS) {
    const [head] = slotRings[name]
    if (head) return head === queue
    if (name === lacks) return true
  }
  return true
}

/** One for the connection itself, and one for each further hop of the longest chain that waits to be carried by it. */
function slotsNeeded(queue: QueueView): number {
  let longest = 0
  for (const child of queue.children) longest = Math.max(longest, slotsNeeded(child))
  return 1 + longest
}

/** Whether a connection is one of the hops that lead to a queue's target, so that closing it would not help. */
function leadsTo(connection: ConnectionView, queue: QueueView): boolean {
  for (let hop = queue.hop; hop; hop = hop.hop) if (connection.queue === hop) return true
  return false
}
