/** Time as a port, so that the pool and everything above it can be run on a clock that a test moves. */
import { awakeClock } from './awake-clock.js'

export interface Timer {
  /** Idempotent. */
  clear(): void
  ref(): void
  unref(): void
}

export interface Clock {
  /**
   * Monotonic milliseconds from an arbitrary origin; never goes back, unaffected by the wall clock. The system's clock
   * leaves out the time in which this process stood still.
   */
  now(): number
  /** Wall-clock milliseconds since the epoch, for what people read. */
  wall(): number
  /** Calls `fn` once, `ms` (clamped to ≥ 0) from now. The timer holds the process open until `unref`. */
  timer(ms: number, fn: () => void): Timer
}

/** setTimeout's largest delay; a longer one would fire at once. */
const MAX_DELAY = 2 ** 31 - 1

/** Node's own time and timers: they go on while the process stands still. */
const steadyClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  timer(ms, fn) {
    const handle = setTimeout(fn, Math.min(Math.max(0, ms), MAX_DELAY))
    return {
      clear: () => clearTimeout(handle),
      ref: () => void handle.ref(),
      unref: () => void handle.unref(),
    }
  },
}

/** The clock of everything that waits: a stall of this process is nobody's timeout. @see awakeClock */
export const systemClock: Clock = awakeClock(steadyClock, (fn) => void setImmediate(fn))
