/** Those behind a jump host, in the order in which the next connection to it carries them. */
/** Who was never carried comes first, then who was carried least recently. */
export class Dependants<Queue> implements Iterable<Queue> {
  readonly #never = new Set<Queue>()
  readonly #carried = new Set<Queue>()

  get size(): number {
    return this.#never.size + this.#carried.size
  }

  add(queue: Queue): void {
    this.#never.add(queue)
  }

  delete(queue: Queue): void {
    this.#never.delete(queue)
    this.#carried.delete(queue)
  }

  /** It had its time slice: it is the last now. */
  wasCarried(queue: Queue): void {
    this.delete(queue)
    this.#carried.add(queue)
  }

  *[Symbol.iterator](): Generator<Queue, void> {
    yield* this.#never
    yield* this.#carried
  }
}
