import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { expandRange, foldNames } from '../../src/inventory/names.js'

describe('ranges', () => {
  test.each<[string, string[]]>([
    ['web1', ['web1']],
    ['web[1-3]', ['web1', 'web2', 'web3']],
    ['web[01-03,7]', ['web01', 'web02', 'web03', 'web7']],
    ['web[08-11]', ['web08', 'web09', 'web10', 'web11']],
    ['web[8-11]', ['web8', 'web9', 'web10', 'web11']],
    ['r[1-2]n[1-2].example.com', ['r1n1.example.com', 'r1n2.example.com', 'r2n1.example.com', 'r2n2.example.com']],
    ['web[ 1 - 2 , 4 ]', ['web1', 'web2', 'web4']],
    ['web[5-5]', ['web5']],
  ])('%s', (text, names) => expect(expandRange(text)).toEqual(names))
})

describe('names fold back', () => {
  test.each<[string[], string]>([
    [[], ''],
    [['db'], 'db'],
    [['web01'], 'web01'],
    [['web01', 'web02', 'web03', 'web05'], 'web[01-03,05]'],
    [
      Array.from({ length: 21 }, (_, i) => `web${String(i + 1).padStart(2, '0')}`).filter((name) => name !== 'web20'),
      'web[01-19,21]',
    ],
    [['web1', 'web01'], 'web1,web01'],
    [['web9', 'web10'], 'web[9-10]'],
    [['web09', 'web10'], 'web[09-10]'],
    [['a1', 'b1', 'a2', 'db'], 'a[1-2],b1,db'],
    [['n1.dc1', 'n2.dc1', 'n1.dc2'], 'n1.dc[1-2],n2.dc1'],
    [['10.0.0.1', '10.0.0.2'], '10.0.0.[1-2]'],
  ])('%j is %s', (names, folded) => expect(foldNames(names)).toBe(folded))

  test('and what is folded expands to the same names, whatever they are', () => {
    const name = fc
      .tuple(
        fc.constantFrom('web', 'db', 'r1n', 'a-'),
        fc.nat(1_200),
        fc.constantFrom(0, 2, 3, 4),
        fc.constantFrom('', '.x', '-y'),
      )
      .map(([head, n, width, tail]) => `${head}${String(n).padStart(width, '0')}${tail}`)
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 60 }), (names) => {
        const folded = foldNames(names)
        // The comma also stands within brackets: only those outside divide.
        const items = folded === '' ? [] : folded.split(/,(?![^[]*\])/)
        expect(items.flatMap(expandRange).sort()).toEqual([...names].sort())
      }),
      { numRuns: 1_000 },
    )
  })
})

test.each(['[0-999999]'.repeat(40), `[${'0-999999,'.repeat(40)}0]`])(
  'what would be too many names is refused before any is made',
  (text) => {
    expect(() => expandRange(text)).toThrow('names, more than 1000000')
  },
)
