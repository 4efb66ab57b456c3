/**
 * People in a line: first in, first out, and anybody may leave from the middle. A Set does the same, but one that becomes
 * empty allocates anew, and with thousands of targets that is what the garbage collector is busy with.
 */
export interface LinkedNode<T> {
  previous: T | null
  next: T | null
}

export class LinkedList<T extends LinkedNode<T>> implements Iterable<T> {
  first: T | null = null
  #last: T | null = null
  #size = 0

  get size(): number {
    return this.#size
  }

  /** At the end. The member must be in no line. */
  add(member: T): void {
    member.previous = this.#last
    member.next = null
    if (this.#last) this.#last.next = member
    else this.first = member
    this.#last = member
    this.#size++
  }

  /** The member must be in this line. It goes on pointing to who was behind it, so that a loop which stands on it gets on, perhaps to one that has left as well. */
  delete(member: T): void {
    if (member.previous) member.previous.next = member.next
    else this.first = member.next
    if (member.next) member.next.previous = member.previous
    else this.#last = member.previous
    member.previous = null
    this.#size--
  }

  clear(): void {
    this.first = null
    this.#last = null
    this.#size = 0
  }

  *[Symbol.iterator](): Generator<T, void> {
    for (let member = this.first; member; member = member.next) yield member
  }
}
