/** Host names with ranges: `web[01-20,30]` to names, and names back to that. Padding is kept both ways. */
import { XecError } from '../errors.js'

/** Hosts of an inventory, and names that ranges stand for: a typing error must not eat the memory. */
export const MOST_NAMES = 1_000_000

/** Characters that mean something in a selector, so that no name may hold them. */
const OPERATORS = /[\s,&!@~*?[\]^{}()'"\\/#|;<>$`]/

/**
 * Says what is wrong with a host or group name, or undefined when nothing is.
 */
export function checkName(name: string): string | undefined {
  if (name === '') return 'a name must not be empty'
  const bad = OPERATORS.exec(name)
  if (bad)
    return `the name ${JSON.stringify(name)} holds ${JSON.stringify(bad[0])}, which means something in a selection`
  if (name.startsWith('-')) return `the name ${JSON.stringify(name)} begins with -, as an option does`

  if (/[\u0000-\u001f\u007f-\u009f]/.test(name)) return `the name ${JSON.stringify(name)} holds a control character`
  return undefined
}

export function hasRange(text: string): boolean {
  return text.includes('[')
}

/**
 * `web[01-03,7]` → web01 web02 web03 web7; several brackets multiply. A text without brackets is itself.
 * @throws XecError XEC_CONFIG that says what would be right; also for more than 1,000,000 names
 */
export function expandRange(text: string): string[] {
  return expandWithin(text, MOST_NAMES)
}

/** As `expandRange`. @param room how many names it may stand for */
export function expandWithin(text: string, room: number): string[] {
  const parts: Range[][] = []
  const between: string[] = []
  let size = 1
  let rest = text
  for (let open = rest.indexOf('['); open !== -1; open = rest.indexOf('[')) {
    const close = rest.indexOf(']', open)
    if (close === -1) throw wrong(text, 'the [ has no ]')
    const ranges = parseList(text, rest.slice(open + 1, close))
    // Before anything is made of them.
    size *= ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0)
    if (size > room)
      throw wrong(
        text,
        size > MOST_NAMES
          ? `it stands for ${size} names, more than ${MOST_NAMES}`
          : `with the ranges before it, it stands for more than ${MOST_NAMES} names`,
      )
    between.push(rest.slice(0, open))
    parts.push(ranges)
    rest = rest.slice(close + 1)
  }
  if (rest.includes(']')) throw wrong(text, 'the ] has no [')
  const starts = parts.reduce<string[]>(
    (names, ranges, i) => {
      const numbers = ranges.flatMap(({ from, to, width }) =>
        Array.from({ length: to - from + 1 }, (_, n) => String(from + n).padStart(width, '0')),
      )
      return names.flatMap((name) => numbers.map((number) => name + (between[i] ?? '') + number))
    },
    [''],
  )
  return starts.map((name) => name + rest)
}

interface Range {
  readonly from: number
  readonly to: number
  readonly width: number
}

function parseList(text: string, list: string): Range[] {
  return list.split(',').map((item) => {
    const match = /^\s*(\d+)(?:\s*-\s*(\d+))?\s*$/.exec(item)
    if (!match) throw wrong(text, `${JSON.stringify(item)} is not a number or a range like 01-20`)
    const [, first = '', last = first] = match
    const from = Number(first)
    const to = Number(last)
    if (!Number.isSafeInteger(to)) throw wrong(text, `${last} is too large a number`)
    if (to < from) throw wrong(text, `the range ${first}-${last} runs backwards`)
    if (to - from >= MOST_NAMES)
      throw wrong(text, `the range ${first}-${last} stands for more than ${MOST_NAMES} names`)
    // 01-20 is padded to two digits, 1-20 is not; 08-12 stays 08 … 12.
    return { from, to, width: first.startsWith('0') ? first.length : 0 }
  })
}

function wrong(text: string, problem: string): XecError {
  return new XecError('XEC_CONFIG', `${JSON.stringify(text)}: ${problem}; a range looks like web[01-20,30]`)
}

/**
 * Names back to ranges for display: `web[01-19,21],db1`. Groups by what stands around the last number, in the order
 * of first mention; linear but for one sort per group. Names that share nothing stay as they are.
 */
export function foldNames(names: readonly string[]): string {
  interface Series {
    readonly prefix: string
    readonly suffix: string
    readonly width: number
    readonly numbers: Set<number>
  }
  const folded = new Map<string, Series | string>()
  for (const name of names) {
    const match = /^(.*?)(\d{1,15})(\D*)$/.exec(name)
    if (!match) {
      folded.set(name, name)
      continue
    }
    const [, prefix = '', digits = '', suffix = ''] = match
    // Padded numbers only fold with numbers of the same width; unpadded ones with each other.
    const width = digits.length > 1 && digits.startsWith('0') ? digits.length : 0
    const id = `${prefix}\0${suffix}\0`
    const padded = folded.get(`${id}${digits.length}`)
    if (width === 0 && typeof padded === 'object') {
      padded.numbers.add(Number(digits)) // 10 goes with 08 09
      continue
    }
    const key = `${id}${width}`
    const series = folded.get(key)
    if (typeof series === 'object') series.numbers.add(Number(digits))
    else folded.set(key, { prefix, suffix, width, numbers: new Set([Number(digits)]) })
  }
  return [...folded.values()].map((series) => (typeof series === 'string' ? series : render(series))).join(',')
}

function render({
  prefix,
  suffix,
  width,
  numbers,
}: {
  prefix: string
  suffix: string
  width: number
  numbers: ReadonlySet<number>
}): string {
  const show = (n: number): string => String(n).padStart(width, '0')
  const sorted = [...numbers].sort((a, b) => a - b)
  const runs: string[] = []
  for (let i = 0; i < sorted.length;) {
    let end = i
    while (end + 1 < sorted.length && sorted[end + 1] === (sorted[end] ?? NaN) + 1) end++
    const first = sorted[i] ?? 0
    const last = sorted[end] ?? 0
    runs.push(first === last ? show(first) : `${show(first)}-${show(last)}`)
    i = end + 1
  }
  const [only] = runs
  return runs.length === 1 && sorted.length === 1
    ? `${prefix}${only ?? ''}${suffix}`
    : `${prefix}[${runs.join(',')}]${suffix}`
}
