/**
 * What we fold, nodeset and a selection of ours expand to exactly the same names; with one varying number, and for full
 * products, our text is no longer than nodeset's. Left out are names that nodeset reads as something else: those with
 * an operator of its language (`@ , ! & ^ [ ] * ? %`) or a blank; we never fold them (fold-names.test.ts).
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../src/config/parse.js'
import { foldNames } from '../../src/inventory/fold-names.js'
import { evaluate, parseSelector } from '../../src/inventory/selector.js'
import { requireProgram } from '../support/require.js'
import { cases, oracleSeed } from '../support/scale.js'
import { askNodeset } from './nodeset.js'

const nodeset = requireProgram('nodeset', 'XEC_REQUIRE_NODESET')

/** Parts divided by commas outside of brackets. */
const parts = (text: string): number => (text === '' ? 0 : text.split(/,(?![^[]*\])/).length)
/** Parts, and within brackets numbers and ranges. */
const pieces = (text: string): number => (text === '' ? 0 : text.split(',').length)

const { inventory: nothing } = parseConfig('c.yaml', '')
/** What `-w TEXT` stands for where every name may be dialled. */
const selected = (text: string): string[] =>
  text === '' ? [] : [...evaluate(parseSelector(text), nothing, () => {})].sort()

/** A number in writing: mixes of padding, borders of width, runs and steps, and numbers past 2^53. */
const numbers = fc.oneof(
  fc.tuple(fc.nat(120), fc.constantFrom(0, 0, 2, 3)).map(([n, width]) => [String(n).padStart(width, '0')]),
  fc
    .tuple(fc.nat(110), fc.integer({ min: 1, max: 12 }), fc.constantFrom(1, 1, 1, 2, 3), fc.constantFrom(0, 2, 3, 5))
    .map(([from, count, step, width]) =>
      Array.from({ length: count }, (_, i) => String(from + i * step).padStart(width, '0')),
    ),
  fc.constantFrom('1', '01', '001', '0', '00', '9', '09', '10', '010', '99', '100', '0100').map((n) => [n]),
  fc.constantFrom(9007199254740990n, 99999999999999999999n).map((n) => [0n, 1n, 2n].map((i) => String(n + i))),
)
const column = fc.array(numbers, { minLength: 1, maxLength: 5 }).map((lists) => [...new Set(lists.flat())])
const glue = fc.constantFrom('n', '-', '.dc', 'x', '_v', '.example.com')
const head = fc.constantFrom('', 'web', 'r', 'db-', 'é')
const tail = fc.constantFrom('', '.dc1.example.com', '-v2', '.example.com', 'a', '-')

const product = (columns: readonly (readonly string[])[], between: readonly string[]): string[] =>
  columns.reduce<string[]>(
    (names, values, i) => names.flatMap((name) => values.map((value) => `${name}${value}${between[i + 1] ?? ''}`)),
    [between[0] ?? ''],
  )

const oneVarying = fc.tuple(head, column, tail).map(([before, values, after]) => product([values], [before, after]))
const fullProduct = fc
  .tuple(head, column, glue, column, tail)
  .map(([before, a, between, b, after]) => product([a.slice(0, 12), b.slice(0, 12)], [before, between, after]))
const threefold = fc
  .tuple(head, column, glue, column, glue, column, tail)
  .map(([h, a, g, b, k, c, t]) => product([a.slice(0, 5), b.slice(0, 5), c.slice(0, 5)], [h, g, k, t]))
/** Rows and racks with gaps, several kinds of machine, names without a number: whatever an inventory may hold. */
const anything = fc
  .tuple(fc.array(fc.oneof(oneVarying, fullProduct), { minLength: 1, maxLength: 4 }), fc.infiniteStream(fc.nat(9)))
  .map(([sets, dice]) => ['db', ...sets.flat()].filter((_, i) => i === 0 || (dice.next().value ?? 0) > 2))

const shuffled = (names: fc.Arbitrary<string[]>): fc.Arbitrary<string[]> =>
  names.chain((all) => fc.shuffledSubarray(all, { minLength: all.length }))

describe.skipIf(nodeset === undefined)('nodeset and we', () => {
  test.each<[string, fc.Arbitrary<string[]>, { readonly asShort: boolean }]>([
    ['one varying number', oneVarying, { asShort: true }],
    ['a full product of two', fullProduct, { asShort: true }],
    ['a full product of three', threefold, { asShort: true }],
    ['anything', anything, { asShort: false }],
  ])('read the same names from our text: %s', (what, names, { asShort }) => {
    const sets = fc.sample(shuffled(names), { numRuns: cases(1_000), seed: oracleSeed(`folding ${what}`) })
    const texts = sets.map(foldNames)
    const answers = askNodeset(
      nodeset ?? '',
      sets.map((set, i) => [set, texts[i] ?? '']),
    )
    sets.forEach((set, i) => {
      const text = texts[i] ?? ''
      const answer = answers[i]
      const exactly = [...new Set(set)].sort()
      expect([...(answer?.expanded ?? [])].sort(), `nodeset -e ${text}`).toEqual(exactly)
      expect(selected(text), `-w ${text}`).toEqual(exactly)
      if (!asShort) return
      const theirs = answer?.folded ?? ''
      expect(parts(text), `parts of ${text} beside ${theirs}`).toBeLessThanOrEqual(parts(theirs))
      expect(pieces(text), `pieces of ${text} beside ${theirs}`).toBeLessThanOrEqual(pieces(theirs))
    })
  })
})
