/** Who lacks only a slot of the pool: a free one belongs to the first of the first waiting list that is not empty. */
import type { Queue } from './queue.js'
import { SLOT_WAITLISTS, type QueueView, type SlotLack, type SlotWaitlistsView } from '../policy/view.js'

export class SlotWaitlists implements SlotWaitlistsView {
  readonly chainSlot = new Set<Queue>()
  readonly firstSlot = new Set<Queue>()
  readonly moreSlot = new Set<Queue>()
  /** The latest number that ever stood in a waiting list: who has a later one comes to the end. */
  #latest = -1

  get size(): number {
    return this.starved + this.moreSlot.size
  }

  /** How many of them go before those who want another one. */
  get starved(): number {
    return this.chainSlot.size + this.firstSlot.size
  }

  has(queue: QueueView): boolean {
    return SLOT_WAITLISTS.some((name) => this[name].has(queue as Queue))
  }

  /** Puts it where it belongs; one that is there already keeps its place. */
  keep(queue: Queue, lacks: SlotLack | null): void {
    for (const name of SLOT_WAITLISTS) {
      if (name === lacks) this.#add(this[name], queue)
      else this[name].delete(queue)
    }
  }

  /** Before those who came later. Who comes from elsewhere, because it lacked room at its host before, has asked before some who are here. */
  #add(ring: Set<Queue>, queue: Queue): void {
    if (ring.has(queue)) return
    if (queue.ticket >= this.#latest) {
      this.#latest = queue.ticket
      ring.add(queue)
      return
    }
    const later = [...ring].filter(({ ticket }) => ticket > queue.ticket)
    for (const each of later) ring.delete(each)
    ring.add(queue)
    for (const each of later) ring.add(each)
  }
}
