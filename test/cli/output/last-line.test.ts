import { expect, test } from 'vitest'
import { LastLine } from '../../../src/cli/output/last-line.js'

const after = (...chunks: string[]): string => {
  const last = new LastLine()
  for (const chunk of chunks) last.push(Buffer.from(chunk))
  return last.toString()
}

test('the line being written, or the last one with something on it', () => {
  expect(after('one\ntwo\n')).toBe('two')
  expect(after('one\ntwo')).toBe('two')
  expect(after('one\n\n\n')).toBe('one')
  expect(after('one\n', '\n', '\n')).toBe('one')
  expect(after('o', 'n', 'e')).toBe('one')
  expect(after('on', 'e\n')).toBe('one')
  expect(after()).toBe('')
})

test('the last full state of a progress bar', () => {
  expect(after('10%\r20%\r')).toBe('20%')
  expect(after('10%\r2', '0%\r3')).toBe('3')
})

test('is sanitised, also when a sequence came in two chunks', () => {
  expect(after('a\x1b[3', '1mred')).toBe('ared')
})

test('a long line costs little: its head is kept', () => {
  const last = new LastLine()
  for (let count = 0; count < 100; count++) last.push(Buffer.from('x'.repeat(10_000)))
  expect(last.toString()).toBe('x'.repeat(1_024))
})
