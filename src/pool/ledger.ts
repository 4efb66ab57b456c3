/** Every event once: into the totals of the pool and of its endpoint, and to whoever listens. */
import type { EventDetails, PoolEvent, PoolListener } from './events.js'
import type { Facts } from './facts.js'
import type { Queue } from './queue.js'
import { tell } from './tell.js'

export class Ledger {
  readonly #listeners = new Set<PoolListener>()

  constructor(private readonly facts: Facts) {}

  write(queue: Queue, details: EventDetails): void {
    const event = { at: this.facts.now(), ...details } as PoolEvent
    this.facts.figures.count(event)
    queue.endpoint.figures.count(event)
    for (const listener of this.#listeners) tell(() => listener(event, queue.key))
  }

  subscribe(listener: PoolListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}
