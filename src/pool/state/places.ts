/** Where a queue stands that cannot dial: in the ring of what it lacks, and since when. */
import type { State } from './state.js'
import type { Queue } from './queue.js'
import type { Lack } from '../policy/view.js'
import { SLOT_WAITLISTS, type SlotLack } from '../policy/view.js'

export class Places {
  /** How many began to lack something. */
  #rung = 0

  constructor(private readonly state: State) {}

  /** It stands in that ring, and in no other. True when it has a new deadline to be found, because its quantum began. */
  keep(queue: Queue, lacks: Lack, now: number): boolean {
    const { slotWaitlists, heldWaitlist } = this.state
    const anew = this.#keepQuantum(queue, lacks === 'endpoint' || isSlotLack(lacks), now)
    slotWaitlists.keep(queue, isSlotLack(lacks) ? lacks : null)
    if (lacks === 'held') heldWaitlist.add(queue)
    else heldWaitlist.delete(queue)
    const { roomWaitlist } = queue.endpoint
    if (lacks === 'endpoint') {
      if (anew) roomWaitlist.delete(queue)
      roomWaitlist.add(queue)
    }
    // Who is behind it may act when it leaves.
    else if (roomWaitlist.delete(queue)) for (const other of roomWaitlist) this.state.markDirty(other)
    return anew
  }

  /** Its quantum begins when it comes to lack room, and anew when it comes to have no connection. */
  #keepQuantum(queue: Queue, lacking: boolean, now: number): boolean {
    const lacked = queue.lackingSince !== Infinity
    const { served } = queue
    const bereft = lacking && lacked && queue.lackingServed && !served
    queue.lackingServed = served
    if (lacking === lacked && !bereft) return false
    queue.lackingSince = lacking ? now : Infinity
    queue.lackingSinceGrants = lacking ? this.state.grants : Infinity
    queue.ticket = this.#rung++
    return lacking
  }
}

function isSlotLack(lacks: Lack): lacks is SlotLack {
  return SLOT_WAITLISTS.some((name) => name === lacks)
}
