/**
 * People in a line: first in, first out, and anybody may leave from the middle. A Set does the same, but one that becomes
 * empty allocates anew, and with thousands of targets that is what the garbage collector is busy with.
 */
export interface InLine<T> {
  ahead: T | null
  behind: T | null
}

export class Line<T extends InLine<T>> implements Iterable<T> {
  first: T | null = null
  #last: T | null = null
  #size = 0

  get size(): number {
    return this.#size
  }

  /** At the end. The member must be in no line. */
  add(member: T): void {
    member.ahead = this.#last
    member.behind = null
    if (this.#last) this.#last.behind = member
    else this.first = member
    this.#last = member
    this.#size++
  }

  /** The member must be in this line. It goes on pointing to who was behind it, so that a loop which stands on it gets on, perhaps to one that has left as well. */
  delete(member: T): void {
    if (member.ahead) member.ahead.behind = member.behind
    else this.first = member.behind
    if (member.behind) member.behind.ahead = member.ahead
    else this.#last = member.ahead
    member.ahead = null
    this.#size--
  }

  clear(): void {
    this.first = null
    this.#last = null
    this.#size = 0
  }

  *[Symbol.iterator](): Generator<T, void> {
    for (let member = this.first; member; member = member.behind) yield member
  }
}
