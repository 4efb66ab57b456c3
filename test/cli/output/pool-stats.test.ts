import { describe, expect, test } from 'vitest'
import { createPaint } from '../../../src/cli/output/paint.js'
import { NOTHING_SENTENCE, renderPoolStats, sourceLine } from '../../../src/cli/output/pool-stats.js'
import { viewOf, withGaugesAtRest, type RunStats } from '../../../src/stats/view.js'
import { hostFigures, snapshot } from './samples.js'

const now = new Date(2026, 0, 2, 14, 2, 7).getTime()
const at = (ms: number): string => new Date(now - ms).toISOString()
const text = { json: false, paint: createPaint(false), now }
const json = { ...text, json: true }

function run(given: Partial<RunStats> = {}): RunStats {
  const { hosts, ...totals } = snapshot({
    totalConnections: 2,
    activeConnections: 1,
    idleConnections: 1,
    connectionsCreated: 2,
    acquired: 9,
    reuseCount: 7,
    reuseRatio: 0.7777,
    commands: { ok: 8, failed: 1 },
    hosts: [
      hostFigures('web1', {
        totalConnections: 1,
        acquired: 5,
        reuseRatio: 0.8,
        commandMs: { n: 5, p50: 20, p95: 31, p99: null, max: 40 },
      }),
      hostFigures('db', {
        names: 3,
        connectionsFailed: 2,
        learnedCapacity: 2,
        lastError: 'connect \x1b[2JECONNREFUSED',
      }),
    ],
  })
  return {
    pid: 901,
    command: 'exec-all',
    since: at(60_000),
    asOf: at(400),
    endedAt: null,
    exitCode: null,
    live: true,
    totals,
    hosts,
    hostsOmitted: 0,
    ...given,
  }
}

function dead(given: Partial<RunStats> = {}): RunStats {
  const alive = run()
  return {
    ...alive,
    live: false,
    totals: withGaugesAtRest(alive.totals),
    hosts: alive.hosts.map(withGaugesAtRest),
    endedAt: at(1_000),
    exitCode: 255,
    ...given,
  }
}

describe('where the figures come from', () => {
  test('a live run says how old they are', () => {
    expect(sourceLine(run(), now)).toBe('live · pid 901 · xec exec-all · since 14:01:07 · written 0.4 s ago')
    expect(sourceLine(run({ asOf: at(12_000) }), now)).toBe(
      'live · pid 901 · xec exec-all · since 14:01:07 · written 12.0 s ago · stale: the process is stopped or busy',
    )
  })

  test('a finished one says when and how it ended, and that there is no live pool', () => {
    expect(sourceLine(dead(), now)).toBe('last run · pid 901 · xec exec-all · ended 14:02:06 · exit 255 · no live pool')
    expect(sourceLine(dead({ endedAt: at(24 * 3_600_000), exitCode: null }), now)).toBe(
      'last run · pid 901 · xec exec-all · ended 2026-01-01 14:02:07 · exit unknown · no live pool',
    )
    expect(sourceLine(dead({ endedAt: null }), now)).toBe(
      'last run · pid 901 · xec exec-all · ended without saying so, last written 14:02:06 · no live pool',
    )
  })
})

test('for people: source, figures, and a row per host with trouble first', () => {
  const { stdout, stderr, status } = renderPoolStats(viewOf([run()], []), text)
  expect(stdout.split('\n')).toEqual([
    'live · pid 901 · xec exec-all · since 14:01:07 · written 0.4 s ago',
    'pool  2/256 connections: 1 active, 1 idle, 0 connecting · none waiting',
    '      opened 2, closed 0 · dials failed 0',
    '      limits   2 connections a host, 8 commands on each, 32 handshakes at once',
    '      reuse    7 of 9 commands found their connection open (77.7 %)',
    '      wait     –',
    '      connect  –',
    '      command  –',
    "      db takes only 2 commands a connection (its sshd's MaxSessions); the pool has adapted",
    '      commands: 8 ok, 1 failed',
    'HOST   ADDRESS       CONNS    CHANNELS  WAITING  CMDS  REUSE   P95  FAILED  LAST ERROR',
    'db +2  db.test:22      0/2  ≤2 learned        0     0      –     –       2  connect ECONNREFUSED',
    'web1   web1.test:22    1/2          ≤8        0     5   80 %  31ms       0',
    '',
  ])
  expect([stderr, status]).toEqual(['', 0])
})

test('several live runs: each, then the sum, said so', () => {
  const { stdout } = renderPoolStats(viewOf([run(), run({ pid: 902, command: 'run' })], []), text)
  const blocks = stdout.split('\n\n')
  expect(blocks).toHaveLength(3)
  expect(blocks[0]).toMatch(/^live · pid 902 · xec run/)
  expect(blocks[1]).toMatch(/^live · pid 901 · xec exec-all/)
  expect(blocks[2]).toMatch(
    /^sum of 2 live runs, each with its own pool and its own limits · percentiles are per run and do not add up\npool {2}4 connections: /,
  )
  // The limits of two processes are no limit of anything.
  expect(blocks[2]).not.toMatch(/limits {3}|\d\/\d|≤8/)
  expect(stdout.match(/^HOST/gm)).toHaveLength(1)
})

test("a host's own limits stand beside its figures", () => {
  const own = hostFigures('db', {
    totalConnections: 1,
    limits: { maxConnectionsPerHost: 1, maxChannelsPerConnection: 3 },
  })
  const { stdout } = renderPoolStats(viewOf([run({ hosts: [own] })], []), text)
  expect(stdout).toMatch(/^db +db\.test:22 +1\/1 +≤3 /m)
})

test('of a large fleet the hosts that failed come first, each reason without the host', () => {
  const hosts = Array.from({ length: 60 }, (_, at) =>
    hostFigures(
      `web${at}`,
      at < 58 ? {} : { connectionsFailed: 1, lastError: at === 59 ? 'web59 (10.0.0.1:22): connection refused' : null },
    ),
  )
  const { stdout } = renderPoolStats(viewOf([run({ hosts })], []), text)
  const rows = stdout.slice(stdout.indexOf('HOST ')).split('\n')
  expect(rows[1]).toMatch(/^web58 .* 1$/)
  expect(rows[2]).toMatch(/^web59 .* 1 {2}connection refused$/)
})

test('a large fleet shows its first 50 rows and says so', () => {
  const hosts = Array.from({ length: 60 }, (_, at) => hostFigures(`web${at}`))
  const { stdout } = renderPoolStats(viewOf([run({ hosts, hostsOmitted: 3 })], []), text)
  expect(stdout).toMatch(/\nand 13 more hosts, all of them in --json up to 1000\n$/)
})

test('nothing: a sentence on stderr, status 3, and with --json still one document', () => {
  expect(renderPoolStats(viewOf([], []), text)).toEqual({ stdout: '', stderr: `${NOTHING_SENTENCE}\n`, status: 3 })
  const { stdout, status } = renderPoolStats(viewOf([], ['/x is odd']), json)
  expect(JSON.parse(stdout)).toEqual({
    schemaVersion: 1,
    live: false,
    source: 'none',
    pid: null,
    asOf: null,
    since: null,
    totals: null,
    hosts: [],
    hostsOmitted: 0,
  })
  expect(status).toBe(3)
})

test('warnings are said, sanitised, on stderr', () => {
  expect(renderPoolStats(viewOf([run()], ['/x\x1b[2J is odd']), text).stderr).toBe('warning: /x is odd\n')
})

describe('as JSON', () => {
  test('a live run', () => {
    const document = JSON.parse(renderPoolStats(viewOf([run()], []), json).stdout) as Record<string, unknown>
    expect(Object.keys(document)).toEqual([
      'schemaVersion',
      'live',
      'source',
      'pid',
      'asOf',
      'since',
      'totals',
      'hosts',
      'hostsOmitted',
    ])
    expect(document).toMatchObject({
      schemaVersion: 1,
      live: true,
      source: 'live run of xec exec-all',
      pid: 901,
      asOf: at(400),
      since: at(60_000),
      totals: { activeConnections: 1, acquired: 9 },
    })
    expect((document.hosts as { host: string }[]).map(({ host }) => host)).toEqual(['web1', 'db'])
  })

  test("the last run's gauges are 0, its counts are not", () => {
    const document = JSON.parse(renderPoolStats(viewOf([dead()], []), json).stdout) as Record<string, unknown>
    expect(document).toMatchObject({
      live: false,
      source: 'last run of xec exec-all, ended with status 255',
      totals: { totalConnections: 0, activeConnections: 0, acquired: 9 },
    })
  })

  test('several: the sum, and each under runs', () => {
    const document = JSON.parse(renderPoolStats(viewOf([run(), run({ pid: 902 })], []), json).stdout) as Record<
      string,
      unknown
    >
    expect(document).toMatchObject({
      live: true,
      source: 'sum of 2 live runs',
      pid: null,
      totals: { acquired: 18 },
      runs: [{ pid: 902, totals: { acquired: 9 } }, { pid: 901 }],
    })
  })
})
