/** How much may be under way at once. */

/** A fixed number of places. */
export class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  async take(): Promise<void> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  give(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#free++
  }
}

/** Pieces of work that go on together, each in a slot. */
export class Flight {
  #flying = 0
  #failure: { readonly error: unknown } | null = null
  #landed: () => void = () => {}

  constructor(private readonly slots: Slots) {}

  /** Starts a piece as soon as there is a slot. @throws what a piece before it failed with */
  async start(work: () => Promise<void>): Promise<void> {
    await this.slots.take()
    if (this.#failure) {
      this.slots.give()
      throw this.#failure.error
    }
    this.#flying++
    work().catch((error: unknown) => (this.#failure ??= { error })).finally(() => {
      this.slots.give()
      if (--this.#flying === 0) this.#landed()
    })
  }

  /** When nothing is under way any more, failed or not. */
  async landed(): Promise<void> {
    if (this.#flying > 0) await new Promise<void>((resolve) => (this.#landed = resolve))
  }

  /** The same. @throws the first failure */
  async done(): Promise<void> {
    await this.landed()
    if (this.#failure) throw this.#failure.error
  }
}

/** Runs `work` for each item, `limit` at a time, and waits for all that began. @throws the first failure, after which none is begun */
export async function each<T>(items: Iterable<T>, limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const flight = new Flight(new Slots(limit))
  try {
    for (const item of items) await flight.start(() => work(item))
  } finally {
    await flight.landed()
  }
  await flight.done()
}
