import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { foldNames } from '../../src/inventory/fold-names.js'
import { expandRange } from '../../src/inventory/names.js'

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
    [['web1', 'web01', 'web001'], 'web[1,01,001]'],
    [['web0', 'web1', 'web00'], 'web[0-1,00]'],
    [['web9', 'web010', 'web11'], 'web[9,010,11]'],
    [Array.from({ length: 143 }, (_, i) => `web${String(i + 8).padStart(2, '0')}`), 'web[08-99,100-150]'],
    [['web9', 'web10'], 'web[9-10]'],
    [['web09', 'web10'], 'web[09-10]'],
    [['a1', 'b1', 'a2', 'db'], 'a[1-2],b1,db'],
    [['n1.dc1', 'n2.dc1', 'n1.dc2'], 'n1.dc[1-2],n2.dc1'],
    [['web01.dc1.example.com', 'web02.dc1.example.com', 'web03.dc1.example.com'], 'web[01-03].dc1.example.com'],
    [['web01-v2', 'web02-v2', 'web03-v2'], 'web[01-03]-v2'],
    [[1, 2].flatMap((r) => [1, 2, 3, 4].map((n) => `r${r}n${n}`)), 'r[1-2]n[1-4]'],
    [['r1n1', 'r1n2', 'db', 'r2n1', 'r2n2', 'r3n1'], 'r[1-2]n[1-2],db,r3n1'],
    [['r01n1', 'r1n1'], 'r[1,01]n1'],
    [['1a', '2a', '1', '2'], '[1-2]a,[1-2]'],
    [['n9007199254740993', 'n9007199254740994'], 'n[9007199254740993-9007199254740994]'],
    [[`n1${'0'.repeat(63)}1`, `n1${'0'.repeat(63)}2`], `n1${'0'.repeat(63)}1,n1${'0'.repeat(63)}2`],
    [['web1', 'web1', 'web2'], 'web[1-2]'],
  ])('%j is %s', (names, folded) => expect(foldNames(names)).toBe(folded))

  test.each<[string, string[]]>([
    ['addresses', ['10.0.0.1', '10.0.0.2', '2001:db8::1', '2001:db8::2', '[2001:db8::1]:22', '[2001:db8::2]:22']],
    ['ports', ['web1:22', 'web2:22', 'web3:2201', 'web3:2202']],
    ['users', ['root@web1', 'root@web2', 'u1@web', 'u2@web', 'ssh://u@web1', 'ssh://u@web2']],
    [
      'names that a selection reads otherwise',
      ['web*1', 'web*2', 'a[1', 'a[2', 'b%1', 'b%2', '@g1', '@g2', 'c 1', 'c 2'],
    ],
  ])('but not %s', (_, names) => expect(foldNames(names)).toBe(names.join(',')))

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

test('a number longer than any label of DNS is refused', () => {
  expect(() => expandRange(`web[1-${'9'.repeat(64)}]`)).toThrow('a number has 64 digits, more than 63')
})
