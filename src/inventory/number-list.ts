/** Numbers as they are written, `01` apart from `1`, to the list in a bracket: `01-19,21`. Pure. */

/** The zeros in front count: `1` and `01` are two. */
export const isPadded = (digits: string): boolean => digits.length > 1 && digits.startsWith('0')

/** By value, then the shorter writing first. */
export function compareDigits(a: string, b: string): number {
  const valueA = isPadded(a) ? significant(a) : a
  const valueB = isPadded(b) ? significant(b) : b
  if (valueA.length !== valueB.length) return valueA.length - valueB.length
  return valueA === valueB ? a.length - b.length : valueA < valueB ? -1 : 1
}

/** Without the zeros in front. */
const significant = (digits: string): string => digits.replace(/^0+(?=\d)/, '')

/** Consecutive numbers, each padded with zeros to `width` digits; 0 pads nothing. */
interface Run {
  from: bigint
  to: bigint
  readonly width: number
}

/**
 * Distinct numbers as the shortest list of numbers and ranges that stands for them. A padded range never grows past
 * its width (`08-99,100`): nodeset refuses `08-100`.
 * @param numbers at least one, in the order of `compareDigits`
 */
export function numberList(numbers: readonly string[]): string {
  const byWidth = new Map<number, Run[]>([[0, []]])
  for (const digits of numbers) {
    const width = isPadded(digits) ? digits.length : 0
    const runs = byWidth.get(width) ?? []
    byWidth.set(width, runs)
    const value = BigInt(digits)
    const last = runs.at(-1)
    if (last && last.to + 1n === value) last.to = value
    else runs.push({ from: value, to: value, width })
  }
  let plain = byWidth.get(0) ?? []
  byWidth.delete(0)
  const padded: Run[] = []
  for (const [width, runs] of [...byWidth].sort(([a], [b]) => a - b)) {
    padded.push(...runs)
    const last = runs.at(-1)
    if (last) plain = continueInto(last, plain, width)
  }
  return [...plain, ...padded]
    .sort((a, b) => (a.from === b.from ? a.width - b.width : a.from < b.from ? -1 : 1))
    .map(render)
    .join(',')
}

/** After 08 and 09 come 10 … 99, which need no zero: the padded run takes them from the plain ones. Returns what is left. */
function continueInto(run: Run, plain: readonly Run[], width: number): Run[] {
  const first = 10n ** BigInt(width - 1)
  const largest = first * 10n - 1n
  return plain.flatMap((next) => {
    if (next.from !== first || run.to !== first - 1n) return [next]
    run.to = next.to < largest ? next.to : largest
    return next.to > largest ? [{ ...next, from: largest + 1n }] : []
  })
}

function render({ from, to, width }: Run): string {
  const show = (n: bigint): string => String(n).padStart(width, '0')
  return from === to ? show(from) : `${show(from)}-${show(to)}`
}
