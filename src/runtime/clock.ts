/** Time as a port, so that the pool and everything above it can be run on a clock that a test moves. */
import { awakeClock } from './awake-clock.js'
import type { Clock } from './clock-port.js'
export type { Clock, Timer } from './clock-port.js'

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
