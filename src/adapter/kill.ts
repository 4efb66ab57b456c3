/** The kill ladder: TERM, KILL after 5 s, the channel's close after 2 s more. Pure; the times are counted from the stop. */
import type { SignalName } from '../transport/transport.js'

export const KILL_AFTER_MS = 5_000
export const CLOSE_AFTER_MS = KILL_AFTER_MS + 2_000

export const RUNGS = [
  { do: 'TERM', atMs: 0 },
  { do: 'KILL', atMs: KILL_AFTER_MS },
  { do: 'close', atMs: CLOSE_AFTER_MS },
] as const

export type Rung = (typeof RUNGS)[number]

/**
 * The next rung after `climbed` of them, or null at the top. The signal request has no reply (RFC 4254 §6.9), so only
 * an exit status or exit signal proves that the process is gone; sshd signals the whole process group, as the user.
 */
export function nextRung(climbed: number): Rung | null {
  return RUNGS[climbed] ?? null
}

/** The signals among the rungs that were climbed. */
export function signalsSent(climbed: number): readonly SignalName[] {
  return RUNGS.slice(0, climbed).flatMap((rung) => (rung.do === 'close' ? [] : [rung.do]))
}
