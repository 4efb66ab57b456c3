import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CUT_MARK, LinePrefixer } from '../../../src/cli/output/lines.js'
import { LONGEST_LINE } from '../../../src/run/line-splitter.js'

const all = (lines: LinePrefixer, ...chunks: (string | Buffer)[]): Buffer =>
  Buffer.concat([...chunks.map((chunk) => lines.push(Buffer.from(chunk))), lines.end()])

test('each line stands behind its host, and the last one gets its newline', () => {
  expect(all(new LinePrefixer('web1'), 'one\ntwo\n\nthree').toString()).toBe(
    'web1: one\nweb1: two\nweb1: \nweb1: three\n',
  )
})

test('a line is held until it is complete', () => {
  const lines = new LinePrefixer('web1')
  expect(lines.push(Buffer.from('half ')).toString()).toBe('')
  expect(lines.push(Buffer.from('a line\nand ')).toString()).toBe('web1: half a line\n')
  expect(lines.end().toString()).toBe('web1: and \n')
  expect(lines.end().toString()).toBe('')
})

test('no output is no line', () => {
  expect(all(new LinePrefixer('web1')).toString()).toBe('')
})

test('CRLF, NUL and bytes that are not UTF-8 are kept', () => {
  const bytes = Buffer.from([0x61, 0x0d, 0x0a, 0xff, 0x00, 0x1b, 0x0a])
  expect(all(new LinePrefixer('h'), bytes)).toEqual(
    Buffer.concat([Buffer.from('h: a\r\nh: '), Buffer.from([0xff, 0x00, 0x1b]), Buffer.from('\n')]),
  )
})

test('a line of exactly 64 KiB is whole; a longer one is cut, marked and loses nothing', () => {
  const whole = 'x'.repeat(LONGEST_LINE)
  expect(all(new LinePrefixer('h'), whole, '\n').toString()).toBe(`h: ${whole}\n`)
  expect(all(new LinePrefixer('h'), whole, whole, 'end\n').toString()).toBe(
    `h: ${whole}${CUT_MARK}\nh: ${whole}${CUT_MARK}\nh: end\n`,
  )
})

test('however the chunks are cut, the lines are the same, and behind the prefixes stand the bytes that came', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(300), { maxLength: 10 }), (array, cuts) => {
      const bytes = Buffer.from(array.map((byte) => (byte % 5 === 0 ? 0x0a : byte)))
      const lines = new LinePrefixer('h')
      const out: Buffer[] = []
      let start = 0
      for (const cut of [...cuts.sort((a, b) => a - b), bytes.length]) {
        out.push(lines.push(bytes.subarray(start, cut)))
        start = Math.max(start, Math.min(cut, bytes.length))
      }
      out.push(lines.end())
      const text = Buffer.concat(out).toString('latin1')
      expect(text).toBe(all(new LinePrefixer('h'), bytes).toString('latin1'))
      const source = bytes.toString('latin1')
      const ended = source === '' || source.endsWith('\n') ? source : `${source}\n`
      expect(
        text
          .split('\n')
          .map((line) => line.replace(/^h: /, ''))
          .join('\n'),
      ).toBe(ended)
    }),
  )
})
