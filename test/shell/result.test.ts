/** A result as programs read it. */
import { expect, test } from 'vitest'
import { ShellResult } from '../../src/shell/result.js'
import { result } from '../cli/output/samples.js'

const of = (stdout: string): ShellResult => new ShellResult(result('web1', { stdout }))

test('text is without its last newlines, and only those', () => {
  expect(['a\n\n', '\na\n b', '\n\n', '', 'a\r\n'].map((stdout) => of(stdout).text())).toEqual(['a', '\na\n b', '', '', 'a\r'])
})

test('200,000 newlines, and then something, are read at once', { timeout: 5_000 }, () => {
  const text = `${'\n'.repeat(200_000)}x`
  expect(of(text).text()).toBe(text)
})
