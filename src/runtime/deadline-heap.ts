/**
 * An indexed binary heap of deadlines, one a subject: the nearest in O(1), set and clear in O(log n).
 * What is used is postponed at every use, so postponing and clearing are lazy: the entry keeps its old place, which is
 * never too late, and takes its true one when it comes to the top. Thus they cost O(1), and the heap moves only entries
 * that come nearer or are new.
 */
export interface HeapEntry {
  /** Null once it was cleared: an entry that waits to be dropped keeps nobody in memory. */
  subject: unknown
  /** The deadline; Infinity when there is none. */
  at: number
  /** What the heap is ordered by; never later than `at`. */
  key: number
  index: number
}

/** What has a deadline keeps its own place in the heap: finding it costs no lookup. */
export interface HasDeadline {
  heapEntry: HeapEntry | null
}

export class DeadlineHeap<T extends HasDeadline> {
  readonly #heap: HeapEntry[] = []
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
    return subject.heapEntry?.at ?? Infinity
  }

  /** Sets or moves a subject's deadline; Infinity clears it. */
  set(subject: T, at: number): void {
    let { heapEntry } = subject
    if (!heapEntry) {
      if (at === Infinity) return
      heapEntry = { subject, at, key: at, index: this.#heap.length }
      subject.heapEntry = heapEntry
      this.#heap.push(heapEntry)
      this.#size++
      this.#up(heapEntry)
      return
    }
    if (heapEntry.at === Infinity && at !== Infinity) this.#size++
    else if (heapEntry.at !== Infinity && at === Infinity) this.#size--
    heapEntry.at = at
    if (this.#heap.length > 4 * this.#size + 64) this.#compact()
    if (at >= heapEntry.key) return
    heapEntry.key = at
    this.#up(heapEntry)
  }

  /** For a subject that is gone: nothing here refers to it any more. */
  clear(subject: T): void {
    const { heapEntry } = subject
    if (!heapEntry) return
    this.set(subject, Infinity)
    forget(heapEntry)
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
  #first(): HeapEntry | undefined {
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

  #put(entry: HeapEntry, place: number): void {
    this.#heap[place] = entry
    entry.index = place
  }

  #up(entry: HeapEntry): void {
    let { index } = entry
    while (index > 0) {
      const above = this.#heap[(index - 1) >> 1]
      if (!above || above.key <= entry.key) break
      const free = above.index
      this.#put(above, index)
      index = free
    }
    this.#put(entry, index)
  }

  #down(entry: HeapEntry): void {
    let { index } = entry
    for (;;) {
      const left = this.#heap[2 * index + 1]
      const right = this.#heap[2 * index + 2]
      const least = right && left && right.key < left.key ? right : left
      if (!least || least.key >= entry.key) break
      const free = least.index
      this.#put(least, index)
      index = free
    }
    this.#put(entry, index)
  }
}

function forget(entry: HeapEntry): void {
  if (entry.subject) (entry.subject as HasDeadline).heapEntry = null
  entry.subject = null
}
