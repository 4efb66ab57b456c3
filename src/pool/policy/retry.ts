import type { Random } from '../../runtime/random.js'

/**
 * Exponential backoff with full jitter: uniform in [0, min(cap, base · 2^(failures − 1))].
 * Full jitter spreads a herd best for the same total delay (Brooker, "Exponential Backoff and Jitter").
 * @param failures dials that failed in this series, from 1
 */
export function backoff(failures: number, base: number, cap: number, random: Random): number {
  return random.next() * Math.min(cap, base * 2 ** Math.min(failures - 1, 30))
}

/** The longest wait after a dial for which this machine lacked something: others may give it back in between. */
const SHORT_DELAY_MS = 100

/**
 * When to dial again after this machine had no descriptor, port or buffer left: a delay in ms; null to give up. Given up
 * when nothing of the pool is open whose end could make room, or when the time for two dials has passed.
 * @param slots connections of the pool, the failed one not among them
 * @param sinceMs how long dials to the endpoint have failed for this reason
 */
export function afterShortage(slots: number, sinceMs: number, connectTimeoutMs: number, random: Random): number | null {
  if (slots === 0 || sinceMs >= 2 * connectTimeoutMs) return null
  return backoff(1, SHORT_DELAY_MS, SHORT_DELAY_MS, random)
}
