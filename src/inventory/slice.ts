/** Slices of a selection: `@web[0:3]`, `@web[-1]`, `all[::2]`, with the meaning that Python gives them. Pure. */

/** A number is an index; null for an end that is not said. */
export type Slice = number | { readonly from: number | null; readonly to: number | null; readonly step: number }

const SLICED = /^(@[^[\]]+|all|[^[\]]*[*?][^[\]]*)\[(-?\d+|(-?\d*):(-?\d*)(?::(-?\d*))?)\]$/

/** What stands before a slice, and the slice; undefined for a word without one. */
export function splitSlice(word: string): { readonly base: string; readonly slice: Slice } | undefined {
  const [, base, inner, from, to, step] = SLICED.exec(word) ?? []
  if (base === undefined || inner === undefined) return undefined
  if (!inner.includes(':')) return { base, slice: Number(inner) }
  return { base, slice: { from: endOf(from), to: endOf(to), step: endOf(step) ?? 1 } }
}

function endOf(text: string | undefined): number | null {
  return text === undefined || text === '' || text === '-' ? null : Number(text)
}

/**
 * The members that a slice stands for, in their order; a step below 0 runs backwards.
 * @throws Error with the problem alone, for an index outside and for a step of 0
 */
export function takeSlice(names: readonly string[], slice: Slice): readonly string[] {
  const { length } = names
  if (typeof slice === 'number') {
    const found = names.at(slice)
    if (found === undefined)
      throw new Error(
        `there ${length === 1 ? 'is 1 host' : `are ${length} hosts`}, and none at ${slice}; the first is 0`,
      )
    return [found]
  }
  const { from, to, step } = slice
  if (step === 0) throw new Error('a step of 0 goes nowhere')
  const [low, high] = step > 0 ? [0, length] : [-1, length - 1]
  const bound = (end: number | null, otherwise: number): number =>
    end === null ? otherwise : Math.min(Math.max(end < 0 ? end + length : end, low), high)
  const [start, stop] = step > 0 ? [bound(from, 0), bound(to, length)] : [bound(from, length - 1), bound(to, -1)]
  const taken: string[] = []
  for (let i = start; step > 0 ? i < stop : i > stop; i += step) taken.push(names[i] ?? '')
  return taken
}
