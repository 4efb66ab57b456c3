/** Whether the peer still lives, asked only when it is quiet: bytes postpone the question, only a whole packet answers it. */
import type { Clock, Timer } from '../runtime/clock.js'
import type { KeepAlive } from './transport.js'

export interface Pulse {
  /** Bytes came in: it is not quiet. */
  stirred(): void
  /** A whole packet came in: it lives. */
  heard(): void
  /** Whether its timer holds the process open. */
  setRef(held: boolean): void
  stop(): void
}

/**
 * After `intervalMs` of silence it pings, and again after each further interval; when `countMax` pings went unanswered
 * for an interval, the peer is dead: intervalMs × (countMax + 1) after its last byte. Pings are counted, not time,
 * so a process that was suspended asks first. Bytes alone do not count as an answer: behind a damaged packet length every
 * answer vanishes in a packet that is never whole, for as long as 35,000 bytes last.
 */
export function startPulse(
  clock: Clock,
  { intervalMs, countMax }: KeepAlive,
  ping: () => void,
  dead: () => void,
): Pulse {
  let last = clock.now()
  let unanswered = 0
  let held = true
  let stopped = false
  let timer: Timer

  const arm = (ms: number): void => {
    timer = clock.timer(ms, tick)
    if (!held) timer.unref()
  }
  const tick = (): void => {
    if (stopped) return
    const silence = clock.now() - last
    if (unanswered === 0 && silence < intervalMs) return arm(intervalMs - silence)
    if (unanswered >= countMax) return dead()
    unanswered++
    ping()
    if (!stopped) arm(intervalMs)
  }
  arm(intervalMs)

  return {
    stirred() {
      last = clock.now()
    },
    heard() {
      last = clock.now()
      unanswered = 0
    },
    setRef(value) {
      held = value
      if (held) timer.ref()
      else timer.unref()
    },
    stop() {
      stopped = true
      timer.clear()
    },
  }
}
