/** Time as a port, so that the pool and everything above it can be run on a clock that a test moves. */

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
