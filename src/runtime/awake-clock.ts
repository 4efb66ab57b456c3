/**
 * Time that counts only while our event loop runs. A process that was stopped (Ctrl-Z), that slept with its laptop, or that
 * was kept from the processor has heard nobody in that time, so no timeout of ours may hold it against a server.
 */
import type { Clock, Timer } from './clock-port.js'

/** How often the loop is asked for a sign of life, while a timer is pending. A stall counts as this long at most. */
const BEAT_MS = 50
/** A beat that comes later than this after the last one was held up; less is a loop with work to do. */
const LATEST_MS = 100

/**
 * A clock over a steady one. Each beat credits the time since the last beat, but a held-up beat only BEAT_MS. A timer whose
 * time has not come in awake time is set again. One that is due at the end of a stall first lets the loop read what waits in
 * the sockets, because the answer that it waits for may be there.
 * @param base the steady clock
 * @param afterPoll calls back once the loop has looked at its sockets
 */
export function awakeClock(base: Clock, afterPoll: (fn: () => void) => void): Clock {
  /** Milliseconds of stalls, never counted. */
  let stalled = 0
  let lastBeat = base.now()
  /** The steady time at which the last stall was noticed. */
  let noticedAt = -Infinity
  let beat: Timer | null = null
  const pending = new Set<object>()

  /** The steady time, once a stall that ends here is booked. */
  const look = (): number => {
    const at = base.now()
    const gap = at - lastBeat
    if (beat === null || gap <= LATEST_MS) return at
    stalled += gap - BEAT_MS
    lastBeat = at
    noticedAt = at
    return at
  }
  const keepBeating = (): void => {
    beat = base.timer(BEAT_MS, () => {
      lastBeat = look()
      if (pending.size > 0) return keepBeating()
      beat = null
    })
    beat.unref()
  }
  const now = (): number => look() - stalled

  return {
    now,
    wall: () => base.wall(),
    timer(ms, fn) {
      const self = {}
      let held = true
      if (beat === null) {
        lastBeat = base.now()
        keepBeating()
      }
      pending.add(self)
      const due = now() + Math.max(0, ms)
      let inner: Timer
      const set = (left: number): void => {
        inner = base.timer(left, expire)
        if (!held) inner.unref()
      }
      const expire = (): void => {
        const left = due - now()
        if (left > 0) return set(left)
        if (base.now() - noticedAt <= BEAT_MS) return afterPoll(strike)
        strike()
      }
      const strike = (): void => {
        // `clear` takes it out; a loop that stalled once more has time left.
        if (!pending.has(self)) return
        if (due - now() > 0) return set(due - now())
        pending.delete(self)
        fn()
      }
      set(Math.max(0, ms))
      return {
        clear() {
          pending.delete(self)
          inner.clear()
        },
        ref() {
          held = true
          inner.ref()
        },
        unref() {
          held = false
          inner.unref()
        },
      }
    },
  }
}
