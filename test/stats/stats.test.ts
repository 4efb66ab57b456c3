import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  chownSync,
  utimesSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseRecord, splitSnapshot, type StatsRecord } from '../../src/stats/file.js'
import { isAlive, ownIdentity, startTimeOf } from '../../src/stats/process.js'
import { statsPlace } from '../../src/stats/place.js'
import { openStats, readStats, type OpenStatsOptions, type StatsFile } from '../../src/stats/stats.js'
import { FakeClock, hostFigures, snapshot } from '../cli/output/samples.js'

let home: string
let clock: FakeClock
let opened: StatsFile[]
const warnings: string[] = []

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'xec-stats-'))
  clock = new FakeClock()
  opened = []
  warnings.length = 0
})
afterEach(async () => {
  await Promise.all(opened.map((file) => file.stop(0)))
  rmSync(home, { recursive: true, force: true })
})

const runs = (): string => join(home, '.local', 'state', 'xec', 'runs')
const busy = snapshot({
  totalConnections: 3,
  activeConnections: 2,
  idleConnections: 1,
  connecting: 1,
  waiting: 4,
  oldestWaitMs: 50,
  connectionsCreated: 5,
  acquired: 40,
  reuseCount: 35,
  reuseRatio: 0.875,
  hosts: [hostFigures('web1', { totalConnections: 3, acquired: 40 })],
})

function begin(given: Partial<OpenStatsOptions> = {}): StatsFile {
  const file = openStats({
    env: {},
    home,
    clock,
    command: 'exec-all',
    snapshot: () => busy,
    warn: (message) => warnings.push(message),
    ...given,
  })
  opened.push(file)
  return file
}

/** The next write is done when the timer for the one after it is set. */
async function written(): Promise<void> {
  for (let turn = 0; clock.timers === 0 && warnings.length === 0; turn++) {
    if (turn > 100_000) throw new Error('nothing was written')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const read = (): ReturnType<typeof readStats> => readStats({ env: {}, home, clock })

/** A file as another xec would have left it. */
function leave(given: Partial<StatsRecord>, name?: string): void {
  mkdirSync(runs(), { recursive: true, mode: 0o700 })
  const record: StatsRecord = {
    schemaVersion: 1,
    pid: 999_999_999,
    startTime: '1',
    startedBy: 'proc',
    command: 'run',
    since: new Date(clock.wall() - 5_000).toISOString(),
    asOf: new Date(clock.wall()).toISOString(),
    endedAt: null,
    exitCode: null,
    ...splitSnapshot(busy),
    ...given,
  }
  writeFileSync(join(runs(), name ?? `${record.pid}-${record.startTime}.json`), JSON.stringify(record), { mode: 0o600 })
}

/** A live process that is not this one, and its identity. */
async function withProcess(
  use: (identity: Pick<StatsRecord, 'pid' | 'startTime' | 'startedBy'>) => Promise<void>,
): Promise<void> {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] })
  await once(child, 'spawn')
  const startTime = startTimeOf(readFileSync(`/proc/${child.pid}/stat`, 'latin1'))
  try {
    await use({ pid: child.pid ?? 0, startTime: startTime ?? '', startedBy: 'proc' })
  } finally {
    child.stdin?.end()
    await once(child, 'exit')
  }
}

describe('a run that lasts', () => {
  test('is seen live from within a second, and again every second', async () => {
    begin()
    expect(existsSync(runs())).toBe(false)
    clock.advance(500)
    await written()
    const first = await read()
    expect(first).toMatchObject({
      live: true,
      runs: [{ pid: process.pid, command: 'exec-all', live: true, endedAt: null }],
      sum: { totals: { activeConnections: 2, waiting: 4 } },
    })
    clock.advance(1_000)
    await written()
    expect(Date.parse((await read()).runs[0]?.asOf ?? '')).toBe(clock.wall())
  })

  test('files are 0600 in directories of 0700, and nothing temporary stays', async () => {
    const file = begin()
    clock.advance(500)
    await written()
    await file.stop(0)
    const [name, ...others] = readdirSync(runs())
    expect(others).toEqual([])
    expect(name).toBe(`${process.pid}-${ownIdentity().startTime}.json`)
    expect(lstatSync(join(runs(), name ?? '')).mode & 0o777).toBe(0o600)
    expect(lstatSync(runs()).mode & 0o777).toBe(0o700)
    expect(lstatSync(join(runs(), '..')).mode & 0o777).toBe(0o700)
  })

  test('once stopped it is the last run, with its status and with no gauge of a live pool', async () => {
    const file = begin()
    await file.stop(255)
    await file.stop(0)
    const view = await read()
    expect(view).toMatchObject({
      live: false,
      runs: [{ exitCode: 255, live: false, endedAt: new Date(clock.wall()).toISOString() }],
    })
    expect(view.sum?.totals).toMatchObject({
      totalConnections: 0,
      activeConnections: 0,
      idleConnections: 0,
      connecting: 0,
      waiting: 0,
      oldestWaitMs: 0,
      connectionsCreated: 5,
      acquired: 40,
    })
    expect(view.sum?.hosts[0]).toMatchObject({ totalConnections: 0, acquired: 40 })
    expect(clock.timers).toBe(0)
  })

  test('a fleet writes at most 1000 rows, those with something to tell first, and says how many are left out', () => {
    const hosts = [
      ...Array.from({ length: 1_500 }, (_, at) => hostFigures(`web${at}`)),
      hostFigures('broken', { lastError: 'refused' }),
    ]
    const split = splitSnapshot(snapshot({ hosts }))
    expect(split.hosts).toHaveLength(1_000)
    expect(split.hosts[0]?.host).toBe('broken')
    expect(split.hostsOmitted).toBe(501)
  })
})

describe('a process that is gone', () => {
  test('is not live, whatever its file says', async () => {
    leave({})
    expect(await read()).toMatchObject({
      live: false,
      runs: [{ live: false, endedAt: null }],
      sum: { totals: { totalConnections: 0, waiting: 0, acquired: 40 } },
    })
  })

  test('its pid in use by another process does not bring it back', async () => {
    await withProcess(async (identity) => {
      leave({ ...identity, startTime: String(Number(identity.startTime) - 1) })
      expect((await read()).live).toBe(false)
    })
  })

  test('the start time is found behind any process name', () => {
    const fields = Array.from({ length: 40 }, (_, at) => String(at + 4))
    expect(startTimeOf(`7 (a) S) b) R ${fields.join(' ')}`)).toBe('22')
    expect(startTimeOf('')).toBe(undefined)
  })

  test.each(['Z', 'X', 'x'])('one that nobody has asked for its end yet (%s) has ended', (state) => {
    const fields = Array.from({ length: 40 }, (_, at) => String(at + 4))
    expect(startTimeOf(`7 (a) ${state} ${fields.join(' ')}`)).toBe(undefined)
  })

  test('without /proc a recent file and an existing pid are what counts', async () => {
    const identity = { pid: process.pid, startTime: '5', startedBy: 'wall' as const }
    expect(await isAlive(identity, 1_000)).toBe(true)
    expect(await isAlive(identity, 60_000)).toBe(false)
    expect(await isAlive({ ...identity, pid: 999_999_999 }, 1_000)).toBe(false)
  })
})

describe('several at once', () => {
  test('each is there, and their sum; percentiles do not add up', async () => {
    await withProcess(async (identity) => {
      const latency = (n: number): { n: number; p50: number; p95: number; p99: null; max: number } => ({
        n,
        p50: 1,
        p95: 2,
        p99: null,
        max: n,
      })
      leave({
        ...identity,
        ...splitSnapshot(
          snapshot({
            totalConnections: 1,
            idleConnections: 1,
            acquired: 10,
            reuseCount: 5,
            reuseRatio: 0.5,
            commandMs: latency(10),
            closedByReason: { idle: 1 },
            commands: { ok: 9, failed: 1 },
            hosts: [hostFigures('alias', { address: 'web1.test:22', acquired: 10 }), hostFigures('db')],
          }),
        ),
      })
      begin({
        snapshot: () => ({
          ...busy,
          commandMs: latency(40),
          connectMs: latency(5),
          closedByReason: { idle: 2, lost: 1 },
          commands: { ok: 40 },
        }),
      })
      clock.advance(500)
      await written()
      const view = await read()
      expect(view.runs.map(({ pid }) => pid)).toEqual([process.pid, identity.pid])
      expect(view.sum?.totals).toMatchObject({
        totalConnections: 4,
        acquired: 50,
        reuseCount: 40,
        reuseRatio: 0.8,
        closedByReason: { idle: 3, lost: 1 },
        commands: { ok: 49, failed: 1 },
        commandMs: { n: 50, p50: null, p95: null, p99: null, max: 40 },
        connectMs: { n: 5, p50: 1 },
        limits: null,
      })
      expect(view.sum?.hosts.map(({ host, acquired }) => [host, acquired])).toEqual([
        ['web1', 50],
        ['db', 0],
      ])
    })
  })

  test('a live run hides finished ones', async () => {
    leave({ endedAt: new Date(clock.wall()).toISOString(), exitCode: 0 })
    begin()
    clock.advance(500)
    await written()
    expect((await read()).runs.map(({ pid }) => pid)).toEqual([process.pid])
  })

  test('of finished ones the last is shown', async () => {
    const at = (ms: number): string => new Date(clock.wall() - ms).toISOString()
    leave({ startTime: '1', asOf: at(9_000), endedAt: at(9_000), exitCode: 7 })
    leave({ startTime: '2', asOf: at(1_000), endedAt: at(1_000), exitCode: 8 })
    expect((await read()).runs).toMatchObject([{ exitCode: 8 }])
  })
})

describe('what is kept', () => {
  test('the last 20 runs of the last 24 hours, and whatever lives', async () => {
    await withProcess(async (identity) => {
      const at = (ms: number): string => new Date(clock.wall() - ms).toISOString()
      leave({ ...identity, asOf: at(30 * 3_600_000) })
      leave({ startTime: '77', asOf: at(25 * 3_600_000) })
      for (let count = 0; count < 30; count++)
        leave({ startTime: String(100 + count), asOf: at(1_000 + count), endedAt: at(1_000 + count) })
      writeFileSync(join(runs(), 'notes.txt'), 'mine')
      writeFileSync(join(runs(), '5-5.json.tmp'), 'half')
      utimesSync(join(runs(), '5-5.json.tmp'), 0, 0)
      await begin().stop(0)
      const names = readdirSync(runs())
      expect(names).toContain(`${identity.pid}-${identity.startTime}.json`)
      expect(names).toContain('notes.txt')
      expect(names).not.toContain('999999999-77.json')
      expect(names).not.toContain('5-5.json.tmp')
      expect(names.filter((name) => name.startsWith('999999999-'))).toHaveLength(19) // and our own
      expect(names).toContain('999999999-100.json')
    })
  })
})

describe('a place that is not ours', () => {
  test.each(['xec', 'runs'])('%s as a symbolic link is refused with a warning, and the run goes on', async (part) => {
    const state = join(home, '.local', 'state')
    const elsewhere = join(home, 'elsewhere')
    mkdirSync(elsewhere)
    mkdirSync(part === 'xec' ? state : join(state, 'xec'), { recursive: true })
    symlinkSync(elsewhere, part === 'xec' ? join(state, 'xec') : join(state, 'xec', 'runs'))
    const file = begin()
    clock.advance(500)
    await written()
    clock.advance(5_000)
    await file.stop(0)
    expect(warnings).toEqual([
      expect.stringMatching(/^no stats for "xec pool stats": .* is not used for stats files: it is a symbolic link$/),
    ])
    expect(readdirSync(elsewhere)).toEqual([])
    expect(await read()).toMatchObject({ runs: [], sum: null, warnings: [expect.stringContaining('symbolic link')] })
  })

  test.runIf(process.getuid?.() === 0)('a directory of another user is refused', async () => {
    mkdirSync(runs(), { recursive: true })
    chownSync(runs(), 12_345, 12_345)
    await begin().stop(0)
    expect(warnings).toEqual([expect.stringContaining('it belongs to user id 12345, not to you')])
    expect(readdirSync(runs())).toEqual([])
  })

  test.runIf(existsSync('/proc/self'))(
    'a file system that lets nobody make one is a warning, and no loop',
    async () => {
      await begin({ env: { XDG_STATE_HOME: '/proc/nope/state' } }).stop(0)
      expect(warnings).toEqual([expect.stringContaining('/proc/nope')])
    },
  )

  test('the levels above it are made', async () => {
    await begin({ env: { XDG_STATE_HOME: join(home, 'a', 'b') } }).stop(0)
    expect(readdirSync(join(home, 'a', 'b', 'xec', 'runs'))).toHaveLength(1)
  })

  test('a file in place of the directory is a warning', async () => {
    mkdirSync(join(home, '.local', 'state'), { recursive: true })
    writeFileSync(join(home, '.local', 'state', 'xec'), '')
    await begin().stop(0)
    expect(warnings).toHaveLength(1)
  })

  test('a planted link in place of the temporary file is not followed', async () => {
    mkdirSync(runs(), { recursive: true })
    const victim = join(home, 'victim')
    writeFileSync(victim, 'precious')
    symlinkSync(victim, join(runs(), `${process.pid}-${ownIdentity().startTime}.json.tmp`))
    await begin().stop(0)
    expect(readFileSync(victim, 'utf8')).toBe('precious')
    expect((await read()).runs).toHaveLength(1)
  })

  test('a snapshot that throws is a warning, not a failure of the run', async () => {
    await begin({
      snapshot: () => {
        throw new Error('no pool')
      },
    }).stop(0)
    expect(warnings).toEqual(['no stats for "xec pool stats": no pool'])
  })
})

describe('reading', () => {
  test('nothing there is nothing shown, and reading makes no directory', async () => {
    expect(await read()).toEqual({ live: false, runs: [], sum: null, warnings: [] })
    expect(readdirSync(home)).toEqual([])
  })

  test('what is no stats file is said, and does not hide the others', async () => {
    leave({ endedAt: new Date(clock.wall()).toISOString() })
    writeFileSync(join(runs(), '1-1.json'), '{"schemaVersion":1,"pid":')
    writeFileSync(join(runs(), '2-2.json'), '{"schemaVersion":2}')
    symlinkSync('/etc/passwd', join(runs(), '3-3.json'))
    const view = await read()
    expect(view.runs).toHaveLength(1)
    expect(view.warnings).toHaveLength(3)
  })

  test('a record with a wrong type anywhere is none', () => {
    leave({})
    const text = readFileSync(join(runs(), '999999999-1.json'), 'utf8')
    expect(parseRecord(text)).toBeDefined()
    for (const wrong of [
      { pid: '1' },
      { asOf: 'yesterday' },
      { startedBy: 'x' },
      { totals: null },
      { totals: { ...busy, waiting: '4' } },
      { hosts: [{}] },
      { hosts: {} },
      { hostsOmitted: null },
      { totals: { ...busy, commands: { 'ok\u001b[2J': 1 } } },
      { totals: { ...busy, closedByReason: { 'a b': 1 } } },
      { totals: { ...busy, failuresByPhase: { '\n': 1 } } },
    ])
      expect(parseRecord(JSON.stringify({ ...(JSON.parse(text) as object), ...wrong }))).toBe(undefined)
    expect(parseRecord('null')).toBe(undefined)
  })

  test('the state directory: XDG_STATE_HOME when absolute, else ~/.local/state', () => {
    expect(statsPlace({ env: { XDG_STATE_HOME: '/var/state' }, home }).runs).toBe('/var/state/xec/runs')
    expect(statsPlace({ env: { XDG_STATE_HOME: 'state' }, home }).runs).toBe(runs())
    expect(statsPlace({ env: {}, home }).runs).toBe(runs())
  })
})

test('the file tells of the pool alone: its keys are these', async () => {
  await begin().stop(0)
  const [name = ''] = readdirSync(runs())
  expect(Object.keys(JSON.parse(readFileSync(join(runs(), name), 'utf8')) as object)).toEqual([
    'schemaVersion',
    'pid',
    'startTime',
    'startedBy',
    'command',
    'since',
    'asOf',
    'endedAt',
    'exitCode',
    'totals',
    'hosts',
    'hostsOmitted',
  ])
})
