/** Where a queue stands that cannot dial: in the ring of what it lacks, and since when. */
import type { Facts } from './facts.js'
import type { Queue } from './queue.js'
import type { Lack } from './steps.js'
import { SLOT_RINGS, type SlotLack } from './views.js'

export class Places {
  /** How many began to lack something. */
  #rung = 0

  constructor(private readonly facts: Facts) {}

  /** It stands in that ring, and in no other. True when it has a new deadline to be found, because its quantum began. */
  keep(queue: Queue, lacks: Lack, now: number): boolean {
    const { slotRings, heldRing } = this.facts
    const anew = this.#keepQuantum(queue, lacks === 'endpoint' || isSlotLack(lacks), now)
    slotRings.keep(queue, isSlotLack(lacks) ? lacks : null)
    if (lacks === 'held') heldRing.add(queue)
    else heldRing.delete(queue)
    const { ring } = queue.endpoint
    if (lacks === 'endpoint') {
      if (anew) ring.delete(queue)
      ring.add(queue)
    }
    // Who is behind it may act when it leaves.
    else if (ring.delete(queue)) for (const other of ring) this.facts.touch(other)
    return anew
  }

  /** Its quantum begins when it comes to lack room, and anew when it comes to have no connection. */
  #keepQuantum(queue: Queue, lacking: boolean, now: number): boolean {
    const lacked = queue.ringSince !== Infinity
    const { served } = queue
    const bereft = lacking && lacked && queue.ringServed && !served
    queue.ringServed = served
    if (lacking === lacked && !bereft) return false
    queue.ringSince = lacking ? now : Infinity
    queue.ringGrants = lacking ? this.facts.grants : Infinity
    queue.ringNth = this.#rung++
    return lacking
  }
}

function isSlotLack(lacks: Lack): lacks is SlotLack {
  return SLOT_RINGS.some((name) => name === lacks)
}
