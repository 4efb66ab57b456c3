/** How much may be under way at once. */

/** A fixed amount of room, taken in parts and given back; who waits is served in turn. */
export class Room {
  #free: number
  readonly #waiting: { readonly amount: number; readonly enter: () => void }[] = []

  constructor(private readonly whole: number) {
    this.#free = whole
  }

  /** @param amount what is more than the whole is let in alone */
  async take(amount: number): Promise<void> {
    const wanted = Math.min(amount, this.whole)
    if (this.#waiting.length === 0 && wanted <= this.#free) this.#free -= wanted
    else await new Promise<void>((enter) => this.#waiting.push({ amount: wanted, enter }))
  }

  give(amount: number): void {
    this.#free += Math.min(amount, this.whole)
    for (let next = this.#waiting[0]; next && next.amount <= this.#free; next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#free -= next.amount
      next.enter()
    }
  }
}

/** Pieces of work that go on together, as far as there is room. */
export class Flight {
  #flying = 0
  #failure: { readonly error: unknown } | null = null
  #landed: () => void = () => {}

  constructor(private readonly room: Room) {}

  /** Starts a piece as soon as there is room for it. @throws what a piece before it failed with */
  async start(amount: number, work: () => Promise<void>): Promise<void> {
    await this.room.take(amount)
    if (this.#failure) {
      this.room.give(amount)
      throw this.#failure.error
    }
    this.#flying++
    work()
      .catch((error: unknown) => (this.#failure ??= { error }))
      .finally(() => {
        this.room.give(amount)
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
  const flight = new Flight(new Room(limit))
  try {
    for (const item of items) await flight.start(1, () => work(item))
  } finally {
    await flight.landed()
  }
  await flight.done()
}
