/** The time for one dial: runs while the network or the server is waited for, and stands still in between. */
import type { Clock, Timer } from '../runtime/clock.js'

export class Deadline {
  #left: number
  #since = 0
  #timer: Timer | null = null
  /** Nested waits for a person: the clock stands while there is one. */
  #held = 1
  #expired: () => void = () => {}

  constructor(
    private readonly clock: Clock,
    readonly totalMs: number,
  ) {
    this.#left = totalMs
  }

  /** Starts the clock; `expired` is called once, unless `stop` comes first. */
  start(expired: () => void): void {
    this.#expired = expired
    this.resume()
  }

  /** Stops for good, keeping what is left for a later `start`. */
  stop(): void {
    this.#expired = () => {}
    this.pause()
  }

  /** While a person is asked. Pairs with `resume`. */
  pause(): void {
    if (this.#held++ > 0) return
    this.#timer?.clear()
    this.#timer = null
    this.#left -= this.clock.now() - this.#since
  }

  resume(): void {
    if (--this.#held > 0) return
    this.#since = this.clock.now()
    this.#timer = this.clock.timer(this.#left, () => this.#expired())
  }
}
