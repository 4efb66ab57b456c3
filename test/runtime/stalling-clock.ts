/** A steady clock under the awake one: a test lets the loop run, or lets time pass while it stands still. */
import { awakeClock } from '../../src/runtime/awake-clock.js'
import type { Clock, Timer } from '../../src/runtime/clock.js'

export class StallingClock {
  #now = 1_000
  readonly #timers = new Set<{ readonly at: number; readonly fn: () => void }>()
  readonly #afterPoll: (() => void)[] = []
  /** What the loop reads from its sockets in its poll phase. */
  onPoll: () => void = () => {}
  readonly awake: Clock

  constructor() {
    const base: Clock = {
      now: () => this.#now,
      wall: () => this.#now,
      timer: (ms, fn): Timer => {
        const entry = { at: this.#now + Math.max(0, ms), fn }
        this.#timers.add(entry)
        return { clear: () => void this.#timers.delete(entry), ref: () => {}, unref: () => {} }
      },
    }
    this.awake = awakeClock(base, (fn) => void this.#afterPoll.push(fn))
  }

  /** Timers of the steady clock, the beat among them. */
  get pending(): number {
    return this.#timers.size
  }

  /** The loop runs: every timer at its time. */
  run(ms: number): void {
    const until = this.#now + ms
    for (;;) {
      const next = [...this.#timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
      if (!next) break
      this.#now = Math.max(this.#now, next.at)
      this.#turn()
    }
    this.#now = until
  }

  /** The loop stands still, and then does one turn: timers, sockets, what waits for the sockets. */
  stall(ms: number): void {
    this.#now += ms
    this.#turn()
  }

  #turn(): void {
    for (const entry of [...this.#timers].filter(({ at }) => at <= this.#now).sort((a, b) => a.at - b.at)) {
      if (this.#timers.delete(entry)) entry.fn()
    }
    this.onPoll()
    for (const fn of this.#afterPoll.splice(0)) fn()
  }
}
