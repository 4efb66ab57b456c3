import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fileNameOf, openOutputDir } from '../../src/cli/output-dir.js'
import type { RunEvent } from '../../src/run/events.js'
import { report, result } from './output/samples.js'

let place = ''
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'xec-output-dir-'))
})
afterEach(() => rmSync(place, { recursive: true, force: true }))

const sending = (item: number, host: string): RunEvent => ({ type: 'sending', run: 'r', item, host })
const output = (item: number, host: string, stream: 'stdout' | 'stderr', text: string): RunEvent => ({
  type: 'output',
  run: 'r',
  item,
  host,
  stream,
  chunk: Buffer.from(text),
})

test('each host has its output in two files, and the hosts are listed by how they ended', async () => {
  const files = await openOutputDir(place, 'out/deep')
  const lost = result('c', { outcome: 'lost', executed: 'maybe' })
  const results = [
    result('a'),
    result('b', { outcome: 'failed', exitCode: 1 }),
    lost,
    result('d', { outcome: 'unreachable' }),
  ]
  await files.observer(sending(1, 'a'))
  await files.observer(output(1, 'a', 'stdout', 'one\n'))
  await files.observer(output(1, 'a', 'stderr', 'warn\n'))
  await files.observer(output(1, 'a', 'stdout', 'two\n'))
  for (const [index, one] of results.entries())
    await files.observer({ type: 'result', run: 'r', item: index + 1, host: one.host, result: one })
  await files.finish(report(results))
  const text = (name: string): string => readFileSync(join(place, 'out/deep', name), 'utf8')
  expect(readdirSync(join(place, 'out/deep')).sort()).toEqual([
    'a.err',
    'a.out',
    'hosts.failed',
    'hosts.ok',
    'hosts.unknown',
  ])
  expect([text('a.out'), text('a.err')]).toEqual(['one\ntwo\n', 'warn\n'])
  expect([text('hosts.ok'), text('hosts.failed'), text('hosts.unknown')]).toEqual(['a\n', 'b\nd\n', 'c\n'])
})

test('a command that is sent again begins its files anew', async () => {
  const files = await openOutputDir(place, '.')
  await files.observer(sending(1, 'a'))
  await files.observer(output(1, 'a', 'stdout', 'first'))
  await files.observer(sending(1, 'a'))
  await files.observer(output(1, 'a', 'stdout', 'second'))
  await files.observer({ type: 'result', run: 'r', item: 1, host: 'a', result: result('a') })
  expect(readFileSync(join(place, 'a.out'), 'utf8')).toBe('second')
})

test('a directory that cannot be made is an error before anything is dialled', async () => {
  writeFileSync(join(place, 'file'), '')
  await expect(openOutputDir(place, 'file')).rejects.toMatchObject({ code: 'XEC_CONFIG' })
})

test.each([
  ['web1', 'web1'],
  ['../../etc/passwd', '__.._etc_passwd'],
  ['..', '_'],
  ['user@[::1]:22', 'user@[::1]:22'],
])('the host %s has files called %s', (host, name) => {
  expect(fileNameOf(host)).toBe(name)
})
