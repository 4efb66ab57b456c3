import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Result } from '../../src/adapter/types.js'
import type { Dispatcher, DispatchOptions, RunItem } from '../../src/run/dispatcher.js'
import { findRecord } from '../../src/records/find.js'
import type { RunRecord } from '../../src/records/fold.js'
import { lineText, type RecordLine, type RunRequest } from '../../src/records/format.js'
import { historyPlace, recordPath } from '../../src/records/place.js'
import { readSummary } from '../../src/records/read.js'
import { createRecorder, type RecorderOptions } from '../../src/records/recorder.js'
import { startRun } from '../../src/run/start.js'
import { systemClock, type Clock } from '../../src/runtime/clock.js'
import { ownIdentity } from '../../src/stats/process.js'
import { result, snapshot } from '../cli/output/samples.js'
import { makePlace, type Place } from '../rig/place.js'
import { FakeClock } from '../transport/fake-clock.js'

let place: Place
let warnings: string[]
beforeEach(() => {
  place = makePlace()
  warnings = []
})
afterEach(() => place.remove())

const where = () => ({ env: place.env, home: place.home })
const directory = (): string => historyPlace(where()).directory
const REQUEST: RunRequest = {
  name: 'exec-all',
  words: ['uptime'],
  script: null,
  options: { group: ['web'] },
  fromEnv: [],
  stdin: 'none',
}
const itemsOf = (...hosts: string[]): RunItem[] =>
  hosts.map((host, at) => ({ id: at + 1, host, address: `${host}:22` }))

/** Runs through a recorder; what a host does is up to the test. */
async function record(
  hosts: readonly string[],
  dispatch: (item: RunItem, how: DispatchOptions) => Promise<Result>,
  given: Partial<RecorderOptions> = {},
) {
  const clock: Clock = given.clock ?? systemClock
  const recorder = createRecorder({
    ...where(),
    clock,
    cwd: '/srv',
    config: null,
    request: REQUEST,
    snapshot: () => snapshot(),
    warn: (message) => warnings.push(message),
    ...given,
  })
  const dispatcher: Dispatcher = { dispatch }
  const run = startRun(dispatcher, itemsOf(...hosts), {
    commandText: 'uptime',
    clock,
    observers: [recorder.observer],
    fanout: 2,
  })
  const report = await run.report
  await recorder.stop()
  return report
}

const onlyFile = (): string => join(directory(), readdirSync(directory())[0] ?? '')
const linesOnDisk = (): RecordLine[] =>
  readFileSync(onlyFile(), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RecordLine)

/** Sends, writes, ends. */
async function work({ host }: RunItem, how: DispatchOptions, out = `${host} says hello\n`): Promise<Result> {
  await how.onSend?.()
  await how.onStdout?.(Buffer.from(out))
  return result(host, { stdout: out })
}

/** A record that another process left, or with `alive` this one. */
function leave(id: string, lines: readonly RecordLine[], more: { alive?: boolean; rest?: string } = {}): void {
  mkdirSync(directory(), { recursive: true, mode: 0o700 })
  const head: RecordLine = {
    type: 'run',
    schemaVersion: 1,
    id,
    command: 'uptime',
    startedAt: '2026-01-02T03:04:05.000Z',
    user: 'me',
    machine: 'here',
    cwd: '/',
    config: null,
    request: REQUEST,
    rerunOf: null,
    ...(more.alive ? ownIdentity() : { pid: 999_999_999, startTime: '1', startedBy: 'proc' as const }),
  }
  const text = [head, ...lines].map(lineText).join('') + (more.rest ?? '')
  writeFileSync(recordPath(directory(), id), text, { mode: 0o600 })
}

const ID = '20260102-030405-aaaaa'
const hosts: RecordLine = { type: 'hosts', items: itemsOf('a', 'b', 'c') }
const sent = (item: number, host: string): RecordLine => ({ type: 'sent', item, host, at: '2026-01-02T03:04:06.000Z' })
const outcomes = ({ report }: RunRecord): string =>
  report.results.map(({ host, outcome, executed }) => `${host} ${outcome} ${executed}`).join(', ')

describe('while a run goes', () => {
  test('the line that a host is sent the command is on disk before the request leaves', async () => {
    await record(['a', 'b', 'c'], async (item, how) => {
      await how.onSend?.()
      const written = linesOnDisk().flatMap((line) => (line.type === 'sent' ? [line.host] : []))
      expect(written).toContain(item.host)
      return result(item.host)
    })
    expect(linesOnDisk().filter(({ type }) => type === 'sent')).toHaveLength(3)
    expect(warnings).toEqual([])
  })

  test('the file is ours alone, in directories that are ours alone', async () => {
    await record(['a'], work)
    expect(statSync(onlyFile()).mode & 0o777).toBe(0o600)
    expect(statSync(directory()).mode & 0o777).toBe(0o700)
    expect(statSync(dirname(directory())).mode & 0o777).toBe(0o700)
  })

  test('what is read back is what the report said, with who ran it and from where', async () => {
    const bytes = Buffer.from([0xff, 0, 0xc3])
    const report = await record(['a', 'dead'], async (item, how) => {
      if (item.host === 'dead') return result('dead', { outcome: 'unreachable', message: 'dead: no route' })
      await how.onSend?.()
      // A character in two chunks, then bytes that are no text, as a stream would bring them.
      for (const part of [Buffer.from([0xc3]), Buffer.from([0xa4, 10])]) await how.onStdout?.(part)
      await how.onStderr?.(bytes)
      return result('a', { stdout: 'ä\n', stderr: bytes })
    })
    const found = await findRecord(where(), report.id, true)
    expect(found).toMatchObject({ state: 'ended', head: { cwd: '/srv', request: REQUEST }, pool: snapshot() })
    expect(found.report.counts).toEqual(report.counts)
    expect(found.report.results[0]).toMatchObject({ stdout: Buffer.from('ä\n'), stderr: bytes, outcome: 'ok' })
    expect(found.report.results[1]).toMatchObject({ outcome: 'unreachable', error: { message: 'dead: no route' } })
  })

  test('a command that is sent again starts its output anew', async () => {
    const report = await record(['a'], async (item, how) => {
      await work(item, how, 'first\n')
      return work(item, how, 'second\n')
    })
    const { report: found } = await findRecord(where(), report.id, true)
    expect(found.results[0]?.stdout.toString()).toBe('second\n')
  })

  test('output past the bound is cut, and says so; the list of runs still knows how it ended', async () => {
    const limits = { streamBytes: 10, runBytes: 25 }
    const { id } = await record(['a', 'b', 'c'], (item, how) => work(item, how, '0123456789abc'), { limits })
    const { report } = await findRecord(where(), id, true)
    expect(report.results.map(({ stdout }) => stdout.length)).toEqual([10, 10, 5])
    expect(report.results.every(({ truncated }) => truncated)).toBe(true)
    expect(await readSummary(onlyFile())).toMatchObject({ state: 'ended', counts: { ok: 3 } })
  })
})

describe('a disk that does not take it', () => {
  const run = async (given: Partial<RecorderOptions>) => record(['a', 'b', 'c', 'd'], work, given)

  test('a write that fails: one warning, no half record, and every host has its result', async () => {
    let writes = 0
    const write: RecorderOptions['write'] = async (handle, bytes) => {
      if (++writes > 2) {
        await handle.write(bytes.subarray(0, 5))
        throw new Error('ENOSPC: no space left on device, write')
      }
      await handle.appendFile(bytes)
    }
    expect((await run({ write })).counts.ok).toBe(4)
    expect(warnings).toEqual(['this run is not recorded: ENOSPC: no space left on device, write'])
    expect(readdirSync(directory())).toEqual([])
  })

  test('a directory that cannot be made: one warning', async () => {
    writeFileSync(place.path('.state', 'xec'), 'a file')
    expect((await run({})).counts.ok).toBe(4)
    expect(warnings).toEqual([expect.stringMatching(/^this run is not recorded: .*xec/)])
  })

  test('a file system that does not answer holds nobody up for longer than five seconds', async () => {
    const clock = new FakeClock()
    let over = false
    const running = run({ clock, write: () => new Promise(() => {}) }).finally(() => (over = true))
    while (!over) {
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(5_000)
    }
    expect((await running).counts.ok).toBe(4)
    expect(warnings).toEqual(['this run is not recorded: its file system does not answer'])
  })

  test.skipIf(process.getuid?.() !== 0 || process.platform !== 'linux')('a disk that is really full', async () => {
    const disk = place.path('disk')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'none', disk])
    try {
      const env = { ...place.env, XDG_STATE_HOME: disk }
      const long = 'x'.repeat(40_000)
      const report = await record(['a', 'b', 'c', 'd'], (item, how) => work(item, how, long), { env })
      expect(report.counts.ok).toBe(4)
      expect(warnings).toEqual([expect.stringMatching(/^this run is not recorded: ENOSPC/)])
      expect(readdirSync(join(disk, 'xec', 'history'))).toEqual([])
    } finally {
      execFileSync('umount', [disk])
    }
  })
})

describe('a run that was cut short', () => {
  test('what was sent is lost and may have run; the rest was not started', async () => {
    const half: RecordLine = { type: 'output', item: 2, host: 'b', stream: 'stdout', text: 'half', encoding: 'utf8' }
    leave(ID, [hosts, sent(1, 'a'), sent(2, 'b'), half])
    const found = await findRecord(where(), ID, true)
    expect(found.state).toBe('interrupted')
    expect(outcomes(found)).toBe('a lost maybe, b lost maybe, c skipped no')
    expect(found.report.results[1]?.stdout.toString()).toBe('half')
  })

  test('a last line that is cut off was never acted on', async () => {
    leave(ID, [hosts, sent(1, 'a')], { rest: '{"type":"sent","item":2,"ho' })
    expect(outcomes(await findRecord(where(), ID, false))).toBe('a lost maybe, b skipped no, c skipped no')
  })

  test('a line in the middle that cannot be read: nobody knows who was sent the command', async () => {
    leave(ID, [hosts], { rest: `{"type":"sent","it\n${lineText(sent(2, 'b'))}` })
    expect(outcomes(await findRecord(where(), ID, false))).toBe('a lost maybe, b lost maybe, c lost maybe')
  })

  test('a process that is still there is running', async () => {
    leave(ID, [hosts, sent(1, 'a')], { alive: true })
    const found = await findRecord(where(), ID, false)
    expect(found).toMatchObject({ state: 'running', open: [{ sent: true }, { sent: false }, { sent: false }] })
    expect(found.report.ok).toBe(false)
  })

  test('a link, or a file that is no record, is not read', async () => {
    leave(ID, [hosts])
    writeFileSync(recordPath(directory(), '20260102-030406-bbbbb'), 'hello\n')
    await expect(findRecord(where(), 'last', false)).rejects.toThrow('is not a record of this version of xec')
    symlinkSync(recordPath(directory(), ID), recordPath(directory(), '20260102-030407-ccccc'))
    await expect(findRecord(where(), 'last', false)).rejects.toThrow('cannot be read')
  })
})
