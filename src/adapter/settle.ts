/** What to do next with a command that has been sent. Pure: the facts and the time in, one step out. */
import { nextRung } from './kill.js'

/** A command whose child keeps the output open is settled when the output has been quiet for this long after its exit. */
export const EXIT_GRACE_MS = 2_000
/** How long the server may take to confirm the end of a channel that we closed. */
export const CLOSE_WAIT_MS = 1_000

export interface Progress {
  readonly sentAt: number
  readonly timeoutMs: number | undefined
  /** When the exit, of whatever kind, was heard. */
  readonly exitAt: number | null
  /** Both streams have ended and everything that came is delivered. */
  readonly outputOver: boolean
  /** A sink holds the output back. */
  readonly delivering: boolean
  /** When output last came. */
  readonly lastOutputAt: number
  /** Timeout, cancel or a broken stream: when the ladder began. */
  readonly stoppedAt: number | null
  readonly rungs: number
  /** When we closed the channel. */
  readonly closedAt: number | null
}

export type Step =
  /** `timeout`: the time is over, begin the ladder. `climb`: the next rung. `close`: stop waiting for output. */
  { readonly do: 'settle' | 'timeout' | 'climb' | 'close' } | { readonly do: 'wait'; readonly until: number }

/**
 * In this order: all is here · the close is confirmed or overdue · after the exit, wait for output until it is quiet
 * (after a stop or a timeout no longer than the grace) · climb · time out · wait.
 */
export function nextStep(p: Progress, now: number): Step {
  if (p.exitAt !== null && p.outputOver) return { do: 'settle' }
  const timeoutAt = p.timeoutMs === undefined ? Infinity : p.sentAt + p.timeoutMs
  if (p.closedAt !== null) {
    // A sink that is slow, and not stopped, may take its time: what came is delivered whole.
    if (p.delivering && p.stoppedAt === null) return { do: 'wait', until: Infinity }
    return due(Math.max(p.closedAt, p.stoppedAt === null ? p.lastOutputAt : 0) + CLOSE_WAIT_MS, now, 'settle')
  }
  if (p.exitAt !== null) {
    if (p.stoppedAt !== null) return due(Math.max(p.exitAt, p.stoppedAt) + EXIT_GRACE_MS, now, 'close')
    const over = Math.max(timeoutAt, p.exitAt + EXIT_GRACE_MS)
    const quiet = p.delivering ? Infinity : Math.max(p.exitAt, p.lastOutputAt) + EXIT_GRACE_MS
    return due(Math.min(over, quiet), now, 'close')
  }
  if (p.stoppedAt !== null) {
    const rung = nextRung(p.rungs)
    return rung ? due(p.stoppedAt + rung.atMs, now, 'climb') : { do: 'wait', until: Infinity }
  }
  return due(timeoutAt, now, 'timeout')
}

function due(at: number, now: number, step: 'settle' | 'timeout' | 'climb' | 'close'): Step {
  return now >= at ? { do: step } : { do: 'wait', until: at }
}
