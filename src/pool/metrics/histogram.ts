/**
 * A sparse log-linear histogram of milliseconds. Within 3 % of the true quantile, a few kilobytes however much
 * it holds, and mergeable, so that figures of several processes can be added without averaging percentiles.
 * (perf_hooks' native histogram was the road not taken: at this precision it takes tens of kilobytes each,
 * which three per host cannot afford, and it cannot be written to a file and merged.)
 */
import type { Latency } from './snapshot.js'

/** Sub-buckets per doubling; the width of a bucket is 1/32 of its value. */
const RESOLUTION = 32
/** Everything at or below this (ms) shares the first bucket. */
const FLOOR = 0.01

export class Histogram {
  /** The buckets that hold something, in order, and how much. A Map of them takes more, and grows for longer. */
  readonly #buckets: number[] = []
  readonly #counts: number[] = []
  #n = 0
  #max = 0

  get n(): number {
    return this.#n
  }

  record(ms: number): void {
    const bucket = ms <= FLOOR ? 0 : Math.max(0, Math.ceil(Math.log2(ms / FLOOR) * RESOLUTION))
    const place = this.#placeOf(bucket)
    if (this.#buckets[place] === bucket) this.#counts[place] = (this.#counts[place] ?? 0) + 1
    else {
      this.#buckets.splice(place, 0, bucket)
      this.#counts.splice(place, 0, 1)
    }
    this.#n++
    if (ms > this.#max) this.#max = ms
  }

  /** The value at or below which a share `q` (0–1) of the observations lies; null when there are none. */
  quantile(q: number): number | null {
    if (this.#n === 0) return null
    const rank = Math.max(1, Math.ceil(q * this.#n))
    let seen = 0
    for (const [place, bucket] of this.#buckets.entries()) {
      seen += this.#counts[place] ?? 0
      if (seen >= rank) return Math.min(this.#max, bucket === 0 ? FLOOR : FLOOR * 2 ** (bucket / RESOLUTION))
    }
    return this.#max
  }

  /** Where a bucket is, or belongs. */
  #placeOf(bucket: number): number {
    let low = 0
    let high = this.#buckets.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#buckets[middle] ?? 0) < bucket) low = middle + 1
      else high = middle
    }
    return low
  }

  summary(): Latency {
    const round = (value: number | null): number | null => (value === null ? null : Math.round(value * 100) / 100)
    return Object.freeze({
      n: this.#n,
      p50: round(this.quantile(0.5)),
      p95: round(this.quantile(0.95)),
      p99: this.#n < 100 ? null : round(this.quantile(0.99)),
      max: this.#n === 0 ? null : round(this.#max),
    })
  }
}
