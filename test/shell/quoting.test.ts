import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { commandLine } from '../../src/shell/template.js'

/** What cannot stand in a shell word at all. */
const text = fc
  .oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({ unit: fc.constantFrom(...'\'"\\$`!*?[]{}()<>|&;~#=%^ \t\n\r\u001b-.,:/aZ0é漢😀'), maxLength: 20 }),
    fc.constantFrom(
      '',
      '~',
      '-n',
      '--',
      '%s',
      '\\n',
      '$(exit 9)',
      '`exit 9`',
      "'",
      "''",
      '"',
      '\\',
      '\n',
      '*',
      '~root',
      'a=b',
      '{a,b}',
      '!!',
    ),
  )
  .map((value) =>
    // A newline has no writing common to all login shells: such a line is carried to /bin/sh, and replaces this shell.
    value
      .replace(/[\0\n]/g, '')
      .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '?'),
  )

const value = fc.oneof(
  { weight: 6, arbitrary: text.map((each) => ({ given: each, words: [each] })) },
  { weight: 2, arbitrary: fc.array(text, { maxLength: 4 }).map((each) => ({ given: each, words: each })) },
  {
    weight: 2,
    arbitrary: fc
      .dictionary(text, fc.oneof(text, fc.integer(), fc.boolean(), fc.array(text, { maxLength: 2 })), { maxKeys: 3 })
      .map((each) => ({ given: each, words: [JSON.stringify(each)] })),
  },
  {
    weight: 1,
    arbitrary: fc
      .oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.bigInt(), fc.boolean())
      .map((each) => ({ given: each, words: [String(each)] })),
  },
)

// A batch at a time, since each costs a process: 20 of 500 make 10,000 values.
test('10,000 values come back through a real sh byte for byte', () => {
  let values = 0
  fc.assert(
    fc.property(fc.array(value, { minLength: 500, maxLength: 500 }), (batch) => {
      const lines = batch.map(({ given }) => commandLine(["printf '%s\\0' start ", ''], [given]))
      const said = execFileSync('/bin/sh', [], { input: `${lines.join('\n')}\n`, maxBuffer: 2 ** 26 })
      const expected = batch.map(({ words }) => ['start', ...words].map((word) => `${word}\0`).join('')).join('')
      expect(said.equals(Buffer.from(expected))).toBe(true)
      values += batch.length
    }),
    { numRuns: 20, endOnFailure: true },
  )
  expect(values).toBe(10_000)
})
