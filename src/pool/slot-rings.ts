/** Who lacks only a slot of the pool: a free one belongs to the first of the first ring that is not empty. */
import type { Queue } from './queue.js'
import { SLOT_RINGS, type SlotLack, type SlotRingsView } from './views.js'

export class SlotRings implements SlotRingsView {
  readonly chainSlot = new Set<Queue>()
  readonly firstSlot = new Set<Queue>()
  readonly moreSlot = new Set<Queue>()

  get size(): number {
    return this.strangers + this.moreSlot.size
  }

  /** How many of them go before those who want another one. */
  get strangers(): number {
    return this.chainSlot.size + this.firstSlot.size
  }

  has(queue: Queue): boolean {
    return SLOT_RINGS.some((name) => this[name].has(queue))
  }

  /** Puts it where it belongs; one that is there already keeps its place. */
  keep(queue: Queue, lacks: SlotLack | null): void {
    for (const name of SLOT_RINGS) {
      if (name === lacks) this[name].add(queue)
      else this[name].delete(queue)
    }
  }
}
