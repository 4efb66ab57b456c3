/** An indexed binary heap: the nearest deadline in O(1), set, move and clear in O(log n). One entry a subject. */
export class Deadlines<T> {
  readonly #heap: { subject: T; at: number }[] = []
  readonly #index = new Map<T, number>()

  get size(): number {
    return this.#heap.length
  }

  /** The nearest deadline; Infinity when there is none. */
  get next(): number {
    return this.#heap[0]?.at ?? Infinity
  }

  at(subject: T): number {
    const i = this.#index.get(subject)
    return i === undefined ? Infinity : this.#entry(i).at
  }

  /** Sets or moves a subject's deadline; Infinity clears it. */
  set(subject: T, at: number): void {
    const i = this.#index.get(subject)
    if (at === Infinity) {
      if (i !== undefined) this.#remove(i)
      return
    }
    if (i === undefined) {
      this.#heap.push({ subject, at })
      this.#index.set(subject, this.#heap.length - 1)
      this.#up(this.#heap.length - 1)
    } else {
      const entry = this.#entry(i)
      const before = entry.at
      entry.at = at
      if (at < before) this.#up(i)
      else this.#down(i)
    }
  }

  clear(subject: T): void {
    this.set(subject, Infinity)
  }

  /** Removes and returns a subject that is due at `now`, or undefined. */
  takeDue(now: number): T | undefined {
    const first = this.#heap[0]
    if (!first || first.at > now) return undefined
    this.#remove(0)
    return first.subject
  }

  #entry(i: number): { subject: T; at: number } {
    const entry = this.#heap[i]
    if (!entry) throw new Error('bug: deadline heap index out of range')
    return entry
  }

  #remove(i: number): void {
    const removed = this.#entry(i)
    const last = this.#heap.pop()
    this.#index.delete(removed.subject)
    if (!last || last === removed) return
    this.#heap[i] = last
    this.#index.set(last.subject, i)
    this.#up(i)
    this.#down(this.#index.get(last.subject) ?? i)
  }

  #swap(a: number, b: number): void {
    const x = this.#entry(a)
    const y = this.#entry(b)
    this.#heap[a] = y
    this.#heap[b] = x
    this.#index.set(y.subject, a)
    this.#index.set(x.subject, b)
  }

  #up(start: number): void {
    for (let i = start; i > 0; ) {
      const parent = (i - 1) >> 1
      if (this.#entry(parent).at <= this.#entry(i).at) return
      this.#swap(i, parent)
      i = parent
    }
  }

  #down(start: number): void {
    for (let i = start; ; ) {
      let least = i
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < this.#heap.length && this.#entry(child).at < this.#entry(least).at) least = child
      }
      if (least === i) return
      this.#swap(i, least)
      i = least
    }
  }
}
