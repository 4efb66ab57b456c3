/** Where a queue stands that cannot dial: in the waiting list of what it lacks, and since when (law 13). */
import { SLOT_WAITLISTS, type Lack, type SlotLack } from '../policy/view.js'
import type { Dirty } from './dirty.js'
import type { Queue } from './queue.js'
import type { SlotWaitlists } from './waitlists.js'

export class Places {
  #latestTicket = 0

  constructor(
    private readonly slotWaitlists: SlotWaitlists,
    private readonly heldWaitlist: Set<Queue>,
    private readonly dirty: Dirty,
    /** Leases granted so far. */
    private readonly grants: () => number,
  ) {}

  /** It stands in that list, and in no other. True when it has a new deadline to be found, because its time slice began. */
  keep(queue: Queue, lacks: Lack, now: number): boolean {
    const anew = this.#keepTimeSlice(queue, lacks === 'endpoint' || isSlotLack(lacks), now)
    this.slotWaitlists.keep(queue, isSlotLack(lacks) ? lacks : null)
    if (lacks === 'held') this.heldWaitlist.add(queue)
    else this.heldWaitlist.delete(queue)
    const { roomWaitlist } = queue.endpoint
    if (lacks === 'endpoint') {
      if (anew) roomWaitlist.delete(queue)
      roomWaitlist.add(queue)
    }
    // Those after it may act when it leaves.
    else if (roomWaitlist.delete(queue)) this.dirty.mark(queue.endpoint)
    return anew
  }

  /** Its time slice begins when it comes to lack room, and anew when it comes to have no connection. */
  #keepTimeSlice(queue: Queue, lacking: boolean, now: number): boolean {
    const lacked = queue.lackingSince !== Infinity
    const { served } = queue
    const bereft = lacking && lacked && queue.lackingServed && !served
    queue.lackingServed = served
    if (lacking === lacked && !bereft) return false
    queue.lackingSince = lacking ? now : Infinity
    queue.lackingSinceGrants = lacking ? this.grants() : Infinity
    queue.ticket = this.#latestTicket++
    return lacking
  }
}

function isSlotLack(lacks: Lack): lacks is SlotLack {
  return SLOT_WAITLISTS.some((name) => name === lacks)
}
