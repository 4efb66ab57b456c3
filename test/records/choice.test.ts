/** Which run, which hosts of it, which records stay: decisions without IO, and the one that removes files. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compareRuns } from '../../src/records/compare.js'
import { findId } from '../../src/records/find.js'
import { pick, type PickName } from '../../src/records/pick.js'
import { expired, prune } from '../../src/records/retention.js'
import { ownIdentity } from '../../src/stats/process.js'
import { report, result } from '../cli/output/samples.js'

describe('a run is named', () => {
  const ids = ['20260101-000000-aaaaa', '20260131-140355-bbbbb', '20260131-150000-ccccc']
  test.each([
    ['last', ids[2]],
    ['20260101', ids[0]],
    ['20260131-14', ids[1]],
    [ids[1] ?? '', ids[1]],
  ])('%s', (said, id) => expect(findId(said, ids)).toBe(id))

  test.each([
    ['20260131', '2 runs begin with 20260131: 20260131-150000-ccccc, 20260131-140355-bbbbb; say more of the id'],
    ['20260131-140355-bbbbx', 'did you mean 20260131-140355-bbbbb?'],
    ['bbbbb', 'did you mean 20260131-140355-bbbbb?'],
    ['latest', 'the last one is 20260131-150000-ccccc'],
    ['', 'no run "" is recorded'],
  ])('%j is an error that helps', (said, message) => expect(() => findId(said, ids)).toThrow(message))

  test('where there is none', () => expect(() => findId('last', [])).toThrow('no run is recorded yet'))
})

describe('rerun takes', () => {
  const results = [
    ...(['ok', 'failed', 'signal', 'unreachable', 'auth', 'hostkey', 'refused', 'skipped'] as const).map((outcome) =>
      result(outcome, { outcome, executed: ['ok', 'failed', 'signal'].includes(outcome) ? 'yes' : 'no' }),
    ),
    result('lost', { outcome: 'lost', executed: 'maybe' }),
    result('lost-yes', { outcome: 'lost', executed: 'yes' }),
    result('timeout', { outcome: 'timeout', executed: 'maybe' }),
    result('queued', { outcome: 'timeout', executed: 'no' }),
    result('cancelled', { outcome: 'cancelled', executed: 'no' }),
    result('stopped', { outcome: 'cancelled', executed: 'maybe' }),
    result('refused-maybe', { outcome: 'refused', executed: 'maybe' }),
  ]
  test.each<[PickName[], string]>([
    [[], 'failed signal unreachable auth hostkey refused'],
    [['failed'], 'failed'],
    [['unreachable'], 'unreachable'],
    [['lost'], 'lost lost-yes'],
    [['timeout'], 'timeout queued'],
    [['notStarted'], 'skipped queued cancelled'],
    [['notOk'], 'failed signal unreachable auth hostkey refused skipped lost-yes queued cancelled'],
    [['failed', 'lost'], 'failed lost lost-yes'],
  ])('%j', (names, hosts) => {
    const { taken, unknown } = pick(results, names)
    expect(taken.map(({ host }) => host).join(' ')).toBe(hosts)
    expect(unknown).toEqual(results.filter((each) => each.executed === 'maybe' && !taken.includes(each)))
  })
})

test('hosts whose answer changed: outcome, status or output; and those of one run only', () => {
  const before = report([result('a', { stdout: '1' }), result('b'), result('c'), result('gone')])
  const after = report([
    result('a', { stdout: '2' }),
    result('b'),
    result('c', { outcome: 'failed', exitCode: 3 }),
    result('new'),
  ])
  const { changed, ...rest } = compareRuns(before, after)
  expect(changed.map(({ host }) => host)).toEqual(['a', 'c'])
  expect(rest).toEqual({ same: ['b'], onlyBefore: ['gone'], onlyAfter: ['new'] })
})

describe('records are kept', () => {
  const runs = [1, 2, 3, 4].map((at) => ({ id: `run${at}`, at, bytes: 10 }))
  const gone = (limits: object): string =>
    expired(runs, 4, { ageMs: 100, runs: 100, bytes: 100, ...limits })
      .map(({ id }) => id)
      .join(' ')
  test('within every limit', () => expect(gone({})).toBe(''))
  test('so many, the oldest go first', () => expect(gone({ runs: 2 })).toBe('run1 run2'))
  test('so much', () => expect(gone({ bytes: 35 })).toBe('run1'))
  test('so long', () => expect(gone({ ageMs: 1 })).toBe('run1 run2'))

  test('a live one is never removed, nor a file that is no record', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'xec-records-'))
    try {
      const live = '20260101-000000-aaaaa'
      const head = { type: 'run', schemaVersion: 1, id: live, command: 'x', startedAt: '2026-01-01T00:00:00Z' }
      const rest = { user: '', machine: '', cwd: '', config: null, rerunOf: null, ...ownIdentity() }
      const request = { name: 'run', words: [], script: null, options: {}, fromEnv: [], stdin: 'none' }
      writeFileSync(join(directory, `${live}.ndjson`), `${JSON.stringify({ ...head, ...rest, request })}\n`)
      const names = ['20260101-000001-bbbbb.ndjson', '20260101-000002-ccccc.ndjson', 'notes.ndjson']
      for (const name of names) writeFileSync(join(directory, name), '')
      mkdirSync(join(directory, '20260101-000003-ddddd.ndjson'))
      await prune(directory, Date.parse('2026-01-01T00:01:00Z'), { ageMs: 1e9, runs: 1, bytes: 1e9 })
      expect(readdirSync(directory).sort()).toEqual([
        `${live}.ndjson`,
        '20260101-000002-ccccc.ndjson',
        '20260101-000003-ddddd.ndjson',
        'notes.ndjson',
      ])
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
})
