/** A clock that only the test moves. */
import type { Clock, Timer } from '../../src/runtime/clock.js'

export class FakeClock implements Clock {
  #now = 0
  readonly #timers = new Set<{ at: number; fn: () => void }>()

  now(): number {
    return this.#now
  }
  wall(): number {
    return this.#now
  }

  timer(ms: number, fn: () => void): Timer {
    const entry = { at: this.#now + Math.max(0, ms), fn }
    this.#timers.add(entry)
    return { clear: () => void this.#timers.delete(entry), ref: () => {}, unref: () => {} }
  }

  get pending(): number {
    return this.#timers.size
  }

  advance(ms: number): void {
    const until = this.#now + ms
    for (;;) {
      const next = [...this.#timers].filter((entry) => entry.at <= until).sort((a, b) => a.at - b.at)[0]
      if (!next) break
      this.#timers.delete(next)
      this.#now = next.at
      next.fn()
    }
    this.#now = until
  }
}
