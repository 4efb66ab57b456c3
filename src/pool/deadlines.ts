/**
 * An indexed binary heap of deadlines, one a subject: the nearest in O(1), set and clear in O(log n).
 * What is used is postponed at every use, so postponing and clearing are lazy: the entry keeps its old place, which is
 * never too late, and takes its true one when it comes to the top. Thus they cost O(1), and the heap moves only entries
 * that come nearer or are new.
 */
export interface Entry {
  /** Null once it was cleared: an entry that waits to be dropped keeps nobody in memory. */
  subject: unknown
  /** The deadline; Infinity when there is none. */
  at: number
  /** What the heap is ordered by; never later than `at`. */
  key: number
  place: number
}

/** What has a deadline keeps its own place in the heap: finding it costs no lookup. */
export interface HasDeadline {
  entry: Entry | null
}

export class Deadlines<T extends HasDeadline> {
  readonly #heap: Entry[] = []
  #size = 0

  /** Subjects with a deadline. */
  get size(): number {
    return this.#size
  }

  /** Entries in memory, with those that were cleared and not dropped yet. */
  get entries(): number {
    return this.#heap.length
  }

  /**
   * When to look for what is due: never after the nearest deadline, and Infinity when there is none. It may be before, when
   * the nearest was postponed; to know better would cost what postponing saves.
   */
  get lookAt(): number {
    return this.#size > 0 ? (this.#heap[0]?.key ?? Infinity) : Infinity
  }

  /** The subject with the nearest deadline. */
  get nearest(): T | null {
    return (this.#first()?.subject ?? null) as T | null
  }

  at(subject: T): number {
    return subject.entry?.at ?? Infinity
  }

  /** Sets or moves a subject's deadline; Infinity clears it. */
  set(subject: T, at: number): void {
    let { entry } = subject
    if (!entry) {
      if (at === Infinity) return
      entry = { subject, at, key: at, place: this.#heap.length }
      subject.entry = entry
      this.#heap.push(entry)
      this.#size++
      this.#up(entry)
      return
    }
    if (entry.at === Infinity && at !== Infinity) this.#size++
    else if (entry.at !== Infinity && at === Infinity) this.#size--
    entry.at = at
    if (this.#heap.length > 4 * this.#size + 64) this.#compact()
    if (at >= entry.key) return
    entry.key = at
    this.#up(entry)
  }

  /** For a subject that is gone: nothing here refers to it any more. */
  clear(subject: T): void {
    const { entry } = subject
    if (!entry) return
    this.set(subject, Infinity)
    forget(entry)
  }

  /** Removes and returns a subject that is due at `now`, or undefined. */
  takeDue(now: number): T | undefined {
    if (this.lookAt > now) return undefined
    const first = this.#first()
    if (!first || first.at > now) return undefined
    this.#size--
    const subject = first.subject as T
    this.#removeFirst()
    return subject
  }

  /** The entry with the nearest deadline, once those above it have taken their true places. */
  #first(): Entry | undefined {
    for (;;) {
      const [first] = this.#heap
      if (!first || first.at === first.key) return first
      if (first.at === Infinity) this.#removeFirst()
      else {
        first.key = first.at
        this.#down(first)
      }
    }
  }

  #removeFirst(): void {
    const [first] = this.#heap
    const last = this.#heap.pop()
    if (!first || !last) return
    forget(first)
    if (last === first) return
    this.#put(last, 0)
    this.#down(last)
  }

  /** Drops what was cleared; as often as to stay within a multiple of what is left, so at O(1) a clear. */
  #compact(): void {
    const left = this.#heap.filter(({ at }) => at !== Infinity).sort((a, b) => a.at - b.at)
    for (const entry of this.#heap) if (entry.at === Infinity) forget(entry)
    this.#heap.length = 0
    for (const entry of left) {
      entry.key = entry.at
      this.#put(entry, this.#heap.length)
    }
  }

  #put(entry: Entry, place: number): void {
    this.#heap[place] = entry
    entry.place = place
  }

  #up(entry: Entry): void {
    let { place } = entry
    while (place > 0) {
      const above = this.#heap[(place - 1) >> 1]
      if (!above || above.key <= entry.key) break
      const free = above.place
      this.#put(above, place)
      place = free
    }
    this.#put(entry, place)
  }

  #down(entry: Entry): void {
    let { place } = entry
    for (;;) {
      const left = this.#heap[2 * place + 1]
      const right = this.#heap[2 * place + 2]
      const least = right && left && right.key < left.key ? right : left
      if (!least || least.key >= entry.key) break
      const free = least.place
      this.#put(least, place)
      place = free
    }
    this.#put(entry, place)
  }
}

function forget(entry: Entry): void {
  if (entry.subject) (entry.subject as HasDeadline).entry = null
  entry.subject = null
}
