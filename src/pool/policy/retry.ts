import type { Random } from '../../runtime/random.js'

/**
 * Exponential backoff with full jitter: uniform in [0, min(cap, base · 2^(failures − 1))].
 * Full jitter spreads a herd best for the same total delay (Brooker, "Exponential Backoff and Jitter").
 * @param failures dials that failed in this series, from 1
 */
export function backoff(failures: number, base: number, cap: number, random: Random): number {
  return random.next() * Math.min(cap, base * 2 ** Math.min(failures - 1, 30))
}
