/** A result as programs read it. */
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { XecError } from '../../src/errors.js'
import { LineQueue } from '../../src/shell/lines.js'
import { CommandError, ShellResult } from '../../src/shell/result.js'
import { result } from '../cli/output/samples.js'

const of = (stdout: string): ShellResult => new ShellResult(result('web1', { stdout }))

test('text is without its last newlines, and only those', () => {
  expect(['a\n\n', '\na\n b', '\n\n', '', 'a\r\n'].map((stdout) => of(stdout).text())).toEqual([
    'a',
    '\na\n b',
    '',
    '',
    'a\r',
  ])
})

test('200,000 newlines, and then something, are read at once', { timeout: 5_000 }, () => {
  const text = `${'\n'.repeat(200_000)}x`
  expect(of(text).text()).toBe(text)
})

test('output is decoded when it is asked for, and shown, spread and serialised as a value', () => {
  let read = 0
  const lazy = {
    ...result('web1', {}),
    get stdout() {
      read++
      return Buffer.from('out')
    },
    get stderr() {
      read++
      return Buffer.from('err')
    },
  }
  const shown = new ShellResult(lazy)
  expect([read, shown.ok, shown.stdout, read]).toEqual([0, true, 'out', 1])
  expect({ ...shown }).toMatchObject({ stdout: 'out', stderr: 'err', exitCode: 0 })
  expect(JSON.parse(JSON.stringify(shown))).toMatchObject({ stdout: 'out', stderr: 'err' })
  expect(inspect(shown)).toContain("stdout: 'out'")
})

test('an error of a command says its name, its message and what the command wrote', () => {
  const error = new CommandError(
    result('web1', { stdout: 'half', stderr: 'no room', outcome: 'failed', exitCode: 1, ok: false }),
    new XecError('XEC_EXIT', 'web1: exit status 1', { host: 'web1', executed: 'yes' }),
  )
  expect(String(error)).toBe('CommandError: web1: exit status 1')
  expect(error).toBeInstanceOf(XecError)
  expect(error).toMatchObject({
    code: 'XEC_EXIT',
    host: 'web1',
    ok: false,
    exitCode: 1,
    stdout: 'half',
    stderr: 'no room',
  })
})

test('an error has the readers of a result, and the bytes as they came', () => {
  const bytes = Buffer.from([0xff, 0xfe, 0x00, 0x0a])
  const failed = (stdout: Buffer | string): CommandError =>
    new CommandError(
      { ...result('web1', { outcome: 'failed', exitCode: 1, ok: false }), stdout: Buffer.from(stdout) },
      new XecError('XEC_EXIT', 'web1: exit status 1', { host: 'web1', executed: 'yes' }),
    )
  expect(failed(bytes).buffer()).toEqual(bytes)
  expect([failed('a\nb\n\n').text(), failed('a\r\nb\n').lines(), failed('{"a":1}').json()]).toEqual([
    'a\nb',
    ['a', 'b'],
    { a: 1 },
  ])
})

test('lines are those that a loop gives', async () => {
  for (const stdout of ['', '\n', '\n\n', 'a', 'a\n', 'a\n\n', '\r\n', 'a\r', 'a\r\n\r\nb', '\r']) {
    const queue = new LineQueue()
    queue.end(stdout)
    const looped: string[] = []
    for await (const line of queue) looped.push(line)
    expect([stdout, of(stdout).lines()]).toEqual([stdout, looped])
  }
})

test('what is no JSON says whose output it is, and has it', () => {
  expect(() => of('<html>').json()).toThrow(
    expect.objectContaining({
      name: 'SyntaxError',
      host: 'web1',
      stdout: '<html>',
      message: expect.stringMatching(/^web1: stdout is not JSON: Unexpected token/) as string,
    }) as Error,
  )
})
