/** Host names with ranges: `web[01-20,30]` to names. `fold-names.ts` goes the other way. */
import { XecError } from '../errors.js'

/** Hosts of an inventory, and names that ranges stand for: a typing error must not eat the memory. */
export const MOST_NAMES = 1_000_000

/** The digits of the longest number in a range: a label of DNS has at most 63 characters (RFC 1035 §2.3.4). */
export const LONGEST_NUMBER = 63

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
  let size = 1n
  let rest = text
  for (let open = rest.indexOf('['); open !== -1; open = rest.indexOf('[')) {
    const close = rest.indexOf(']', open)
    if (close === -1) throw wrong(text, 'the [ has no ]')
    const ranges = parseList(text, rest.slice(open + 1, close))
    // Before anything is made of them.
    size *= ranges.reduce((sum, { count }) => sum + BigInt(count), 0n)
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
      const numbers = ranges.flatMap(numbersOf)
      return names.flatMap((name) => numbers.map((number) => name + (between[i] ?? '') + number))
    },
    [''],
  )
  return starts.map((name) => name + rest)
}

/** `count` numbers from `from` on, each padded with zeros to `width` digits; 0 pads nothing. */
interface Range {
  readonly from: bigint
  readonly count: number
  readonly width: number
}

function numbersOf({ from, count, width }: Range): string[] {
  const start = Number(from)
  // Past 2^53 a number is no longer exact.
  const numberAt = Number.isSafeInteger(start + count) ? (n: number) => start + n : (n: number) => from + BigInt(n)
  return Array.from({ length: count }, (_, n) => String(numberAt(n)).padStart(width, '0'))
}

function parseList(text: string, list: string): Range[] {
  return list.split(',').map((item) => {
    const match = /^\s*(\d+)(?:\s*-\s*(\d+))?\s*$/.exec(item)
    if (!match) throw wrong(text, `${JSON.stringify(item)} is not a number or a range like 01-20`)
    const [, first = '', last = first] = match
    const digits = Math.max(first.length, last.length)
    if (digits > LONGEST_NUMBER) throw wrong(text, `a number has ${digits} digits, more than ${LONGEST_NUMBER}`)
    const from = BigInt(first)
    const to = BigInt(last)
    if (to < from) throw wrong(text, `the range ${first}-${last} runs backwards`)
    if (to - from >= MOST_NAMES)
      throw wrong(text, `the range ${first}-${last} stands for more than ${MOST_NAMES} names`)
    // 01-20 is padded to two digits, 1-20 is not; 08-12 stays 08 … 12.
    return { from, count: Number(to - from) + 1, width: first.startsWith('0') ? first.length : 0 }
  })
}

function wrong(text: string, problem: string): XecError {
  return new XecError('XEC_CONFIG', `${JSON.stringify(text)}: ${problem}; a range looks like web[01-20,30]`)
}
