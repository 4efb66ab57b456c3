/**
 * Names back to ranges for display: `web[01-19,21].example.com,r[1-2]n[1-4],db1`, whichever numbers vary. What comes
 * out stands for exactly the names that went in, for a selection of ours and for `nodeset -e`. Pure.
 */
import { isIPv4 } from 'node:net'
import { LONGEST_NUMBER } from './names.js'
import { compareDigits, numberList } from './number-list.js'

/** Letters, digits and what stands between them. A name with `user@`, a port or an operator of nodeset is left alone. */
const FOLDABLE = /^[\p{L}\p{M}0-9._+=-]+$/u
/** The same for most names, and faster. */
const PLAIN = /^[A-Za-z0-9._-]+$/

/** Names that differ in their numbers alone. */
interface Pattern {
  /** The text between the numbers: one more than there are numbers. */
  readonly between: readonly string[]
  /** The numbers of each name, as they are written. */
  readonly rows: string[][]
  /** When each row was mentioned. */
  readonly mentioned: number[]
}

/**
 * Names as ranges, in the order of first mention. Where one number varies the text has one part; where several do,
 * a full product has one part, and anything else is divided into products. Padding is kept: `web1,web01` is
 * `web[1,01]`. An address, a name with a port and a name with `user@` stand as they are. Each name counts once.
 */
export function foldNames(names: readonly string[]): string {
  const patterns = new Map<string, Pattern>()
  const parts: { readonly text: string; readonly at: number }[] = []
  let at = 0
  for (const name of new Set(names)) {
    const numbers = numbersIn(name)
    if (numbers.length === 0) {
      parts.push({ text: name, at: at++ })
      continue
    }
    const between = name.split(/\d+/)
    const key = between.join('\0')
    let pattern = patterns.get(key)
    if (!pattern) patterns.set(key, (pattern = { between, rows: [], mentioned: [] }))
    pattern.rows.push(numbers)
    pattern.mentioned.push(at++)
  }
  for (const pattern of patterns.values()) parts.push(...foldPattern(pattern))
  return parts
    .sort((a, b) => a.at - b.at)
    .map(({ text }) => text)
    .join(',')
}

/** The numbers that may become ranges; none in a name that is left alone. */
function numbersIn(name: string): string[] {
  if (!(PLAIN.test(name) || FOLDABLE.test(name)) || isIPv4(name)) return []
  const numbers = name.match(/\d+/g) ?? []
  return numbers.some((digits) => digits.length > LONGEST_NUMBER) ? [] : numbers
}

/** A product of sets, one for each number of the pattern. */
interface Box {
  /** For each number the index of its set in `Sets`. */
  readonly sets: readonly number[]
  readonly at: number
}

function foldPattern({ between, rows, mentioned }: Pattern): { text: string; at: number }[] {
  const columns = between.slice(1).map((_, column) => valuesOf(rows, column))
  const varying = columns.flatMap((values, column) => (values.length > 1 ? [column] : []))
  const write = (numbers: (column: number) => readonly string[]): string =>
    columns.reduce(
      (text, _, column) => `${text}${writeSet(numbers(column))}${between[column + 1] ?? ''}`,
      between[0] ?? '',
    )
  // With one varying number, or none, all names are one product.
  if (varying.length <= 1) return [{ text: write((column) => columns[column] ?? []), at: mentioned[0] ?? 0 }]
  const sets = new Sets()
  const ranks = columns.map((values) => new Map(values.map((digits, i) => [digits, i])))
  const singles = rows.map((row, i) => ({
    sets: row.map((digits, column) => sets.of([ranks[column]?.get(digits) ?? 0])),
    at: mentioned[i] ?? 0,
  }))
  return fewest(singles, varying, sets).map((box) => ({
    text: write((column) => sets.members(box.sets[column] ?? 0).map((rank) => columns[column]?.[rank] ?? '')),
    at: box.at,
  }))
}

const writeSet = (numbers: readonly string[]): string =>
  numbers.length === 1 ? numbers.join('') : `[${numberList(numbers)}]`

/** The distinct numbers of a column, in order. */
function valuesOf(rows: readonly (readonly string[])[], column: number): string[] {
  return [...new Set(rows.map((row) => row[column] ?? ''))].sort(compareDigits)
}

/** Sets of small numbers, each known by an index, so that equal sets have equal indexes. */
class Sets {
  readonly #byText = new Map<string, number>()
  readonly #members: (readonly number[])[] = []

  of(members: readonly number[]): number {
    const text = members.join()
    const known = this.#byText.get(text)
    if (known !== undefined) return known
    this.#byText.set(text, this.#members.length)
    return this.#members.push(members) - 1
  }

  members(set: number): readonly number[] {
    return this.#members[set] ?? []
  }
}

/** How many orders of columns are tried, and how often each is gone through. */
const ORDERS = 6
const ROUNDS = 8

/** No further order is tried once this many boxes were looked at: a bound on the time, whatever the names. */
const ENOUGH_WORK = 60_000

/**
 * The boxes joined to few. Which are few enough depends on the column that is begun with, so several orders are tried;
 * the least number of boxes is a hard problem, and not looked for.
 */
function fewest(boxes: readonly Box[], varying: readonly number[], sets: Sets): readonly Box[] {
  let best: readonly Box[] | undefined
  let work = 0
  for (const order of ordersOf(varying)) {
    let joined = boxes
    for (let round = 0; round < ROUNDS && joined.length > 1; round++) {
      const before = joined.length
      for (const column of order) {
        work += joined.length
        joined = joinAlong(joined, column, sets)
      }
      if (joined.length === before) break
    }
    if (!best || joined.length < best.length) best = joined
    if (best.length === 1 || work > ENOUGH_WORK) break
  }
  return best ?? boxes
}

/** The last number first, as people count machines; then the other orders, as many as ORDERS. */
function ordersOf(columns: readonly number[]): number[][] {
  const orders: number[][] = []
  const extend = (order: readonly number[]): void => {
    if (orders.length === ORDERS) return
    if (order.length === columns.length) orders.push([...order])
    else for (const column of columns.toReversed()) if (!order.includes(column)) extend([...order, column])
  }
  extend([])
  return orders
}

/** Boxes that differ in one column alone become one. No two boxes overlap, so their sets of that column do not either. */
function joinAlong(boxes: readonly Box[], column: number, sets: Sets): Box[] {
  const alike = new Map<string, Box[]>()
  for (const box of boxes) {
    let key = ''
    for (let i = 0; i < box.sets.length; i++) if (i !== column) key += `${box.sets[i]},`
    const others = alike.get(key)
    if (others) others.push(box)
    else alike.set(key, [box])
  }
  return [...alike.values()].map((group) => {
    const [first] = group
    if (!first || group.length === 1) return first ?? { sets: [], at: 0 }
    const members = group.flatMap((box) => sets.members(box.sets[column] ?? 0)).sort((a, b) => a - b)
    return { sets: first.sets.with(column, sets.of(members)), at: first.at }
  })
}
