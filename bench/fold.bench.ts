/** Folding 10,000 names back to ranges (target ≤ 200 ms): the kinds that are cheap, and those that share nothing. */
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { foldNames as FoldNames } from '../src/inventory/fold-names.js'

const { foldNames } = (await import(fileURLToPath(new URL('../dist/inventory/fold-names.js', import.meta.url)))) as {
  foldNames: typeof FoldNames
}

const COUNT = 10_000
const named = (name: (i: number) => string): string[] => Array.from({ length: COUNT }, (_, i) => name(i))

/** A fixed sequence of numbers below `limit` that looks random. */
function dice(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) % limit
}

const roll = dice(1)
test.each<[string, string[]]>([
  ['one varying number', named((i) => `web${i}.dc1.example.com`)],
  ['one, padded', named((i) => `web${String(i).padStart(5, '0')}-v2`)],
  ['a full product', named((i) => `r${i % 100}n${Math.floor(i / 100)}`)],
  ['a product with holes', named((i) => `r${i % 120}n${Math.floor(i / 120)}`).filter(() => roll(10) > 0)],
  ['three random numbers', named(() => `r${roll(30)}n${roll(30)}c${roll(30)}`)],
  ['five random numbers', named(() => `a${roll(10)}b${roll(10)}c${roll(10)}d${roll(10)}e${roll(10)}`)],
  ['nothing in common', named((i) => `${i.toString(36)}x`)],
])('folding, %s', (what, names) => {
  const times = Array.from({ length: 5 }, () => {
    const started = performance.now()
    expect(foldNames(names)).not.toBe('')
    return performance.now() - started
  })
  const first = times[0] ?? NaN
  console.log(
    `folding ${names.length} names, ${what}: first ${first.toFixed(0)} ms, best ${Math.min(...times).toFixed(0)} ms (target ≤ 200)`,
  )
})
