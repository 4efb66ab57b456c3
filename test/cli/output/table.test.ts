import fc from 'fast-check'
import { expect, test } from 'vitest'
import { table } from '../../../src/cli/output/table.js'
import { displayWidth, padEnd, truncate } from '../../../src/cli/output/width.js'

const COLUMNS = [
  { title: 'HOST', value: (row: { host: string; ms: string; note?: string }) => row.host },
  { title: 'MS', value: (row: { ms: string }) => row.ms, align: 'right' as const },
  { title: 'NOTE', value: (row: { note?: string }) => row.note ?? '' },
]

test('columns line up, numbers to the right, nothing behind the last cell', () => {
  expect(
    table(COLUMNS, [
      { host: 'web-long', ms: '7' },
      { host: 'db', ms: '1234', note: 'slow' },
    ]),
  ).toBe('HOST        MS  NOTE\nweb-long     7\ndb        1234  slow\n')
})

test('wide characters count twice', () => {
  expect(displayWidth('日本')).toBe(4)
  expect(displayWidth('e\u0301')).toBe(1)
  expect(displayWidth('😀')).toBe(2)
  expect(
    table(COLUMNS, [
      { host: '日本', ms: '7' },
      { host: 'abcd', ms: '8' },
    ]),
  ).toBe('HOST  MS  NOTE\n日本   7\nabcd   8\n')
})

test('cells cannot bring control characters or lines of their own', () => {
  expect(table(COLUMNS, [{ host: 'a\x1b[2Jb\nc', ms: '7' }])).toBe('HOST  MS  NOTE\nab c   7\n')
})

test('lines are cut to the width', () => {
  expect(table(COLUMNS, [{ host: 'web1', ms: '10', note: 'a long story' }], { width: 16 })).toBe(
    'HOST  MS  NOTE\nweb1  10  a lon…\n',
  )
})

test('no text is wider than it is allowed to be, and one that fits is left alone', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(20), (text, columns) => {
      const cut = truncate(text, columns)
      expect(displayWidth(cut)).toBeLessThanOrEqual(columns)
      if (displayWidth(text) <= columns) expect(cut).toBe(text)
      expect(displayWidth(padEnd(cut, columns))).toBe(columns)
    }),
  )
})

test('what some terminals show and others do not counts as shown', () => {
  // A soft hyphen, an Arabic number sign; Tangut, Kana supplement, Tai Xuan Jing: wide since Unicode 16.
  expect(['\u00ad', '\u0600', '\u{17000}', '\u{1aff0}', '\u{1d300}', '\u200d'].map(displayWidth)).toEqual([
    1, 1, 2, 2, 2, 0,
  ])
})
