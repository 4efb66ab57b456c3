/** Nobody mistypes a longer word: it was pasted, and to compare it would cost the square of its length. */
const LONGEST = 100

/**
 * The candidate that differs least from a mistyped word (edit distance, letter case aside),
 * or undefined when none is near enough to be meant.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > LONGEST) return undefined
  let best: string | undefined
  // A short word that shares no letter with another is not that word mistyped.
  let least = Math.min(Math.max(2, Math.floor(word.length / 3)), word.length - 1) + 1
  for (const candidate of candidates) {
    if (candidate.length > LONGEST || Math.abs(candidate.length - word.length) >= least) continue
    const far = distance(word.toLowerCase(), candidate.toLowerCase())
    if (far < least) {
      best = candidate
      least = far
    }
  }
  return best
}

function distance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(swap, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1))
    }
    above = row
  }
  return above[b.length] ?? 0
}
