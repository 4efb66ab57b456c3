import { describe, expect, test } from 'vitest'
import { errorStatus, fleetStatus, pingStatus, runStatus, type Ended } from '../../src/cli/exit-status.js'
import { XecError, type ErrorCode } from '../../src/errors.js'

const ended = (outcome: Ended['outcome'], rest: Partial<Ended> = {}): Ended => ({
  outcome,
  exitCode: null,
  signal: null,
  executed: 'yes',
  ...rest,
})

describe('run exits with the remote status, or says why there is none', () => {
  test.each<[string, Ended, number]>([
    ['ok', ended('ok', { exitCode: 0 }), 0],
    ['a remote status', ended('failed', { exitCode: 3 }), 3],
    ['the remote 255', ended('failed', { exitCode: 255 }), 255],
    ['a status that one byte would turn into success', ended('failed', { exitCode: 256 }), 255],
    ['a status above a byte', ended('failed', { exitCode: 257 }), 1],
    ['no exit status', ended('failed'), 255],
    ['a signal', ended('signal', { signal: 'TERM' }), 143],
    ['a signal with its full name', ended('signal', { signal: 'SIGKILL' }), 137],
    ['a signal that nobody knows', ended('signal', { signal: 'ODD@example.com' }), 255],
    ['timeout', ended('timeout'), 124],
    ['queue timeout', ended('timeout', { executed: 'no' }), 124],
    ['unreachable', ended('unreachable', { executed: 'no' }), 255],
    ['auth', ended('auth', { executed: 'no' }), 255],
    ['hostkey', ended('hostkey', { executed: 'no' }), 255],
    ['refused', ended('refused', { executed: 'no' }), 255],
    ['lost', ended('lost', { executed: 'maybe' }), 255],
    ['cancelled', ended('cancelled'), 130],
    ['skipped', ended('skipped', { executed: 'no' }), 255],
  ])('%s', (_, result, status) => expect(runStatus(result)).toBe(status))
})

describe('exec-all exits with 0, 1 or 255', () => {
  const ok = ended('ok', { exitCode: 0 })
  const unusable = ended('unreachable', { executed: 'no', error: { code: 'XEC_CONFIG' } })
  test.each<[string, Ended[], number]>([
    ['all ok', [ok, ok], 0],
    ['one failed', [ok, ended('failed', { exitCode: 3 })], 1],
    ['one killed', [ok, ended('signal', { signal: 'KILL' })], 1],
    ['one timed out', [ended('timeout')], 1],
    ['one timed out and perhaps ran', [ended('timeout', { executed: 'maybe' })], 255],
    ['one timed out in the queue', [ended('timeout', { executed: 'no' })], 255],
    ['one without a status', [ended('failed')], 255],
    ['failed and unreachable', [ended('failed', { exitCode: 1 }), ended('unreachable', { executed: 'no' })], 255],
    ['auth', [ended('auth', { executed: 'no' })], 255],
    ['hostkey', [ended('hostkey', { executed: 'no' })], 255],
    ['refused', [ended('refused', { executed: 'no' })], 255],
    ['lost', [ended('lost')], 255],
    ['one cut off, and perhaps it ran', [ok, ended('cancelled', { executed: 'maybe' })], 255],
    ['one cut off', [ok, ended('cancelled')], 1],
    ['a key that no host can use', [unusable, unusable], 2],
    ['a key that some cannot use', [ok, unusable], 255],
    ['a failure and the skipped after it', [ended('failed', { exitCode: 1 }), ended('skipped', { executed: 'no' })], 1],
  ])('%s', (_, results, status) => {
    expect(fleetStatus({ ok: results.every(({ outcome }) => outcome === 'ok'), results })).toBe(status)
  })
})

describe('ping exits with 0, 2 or 255', () => {
  const unusable = { outcome: 'unreachable', error: { code: 'XEC_CONFIG' } } as const
  test.each<[string, Parameters<typeof pingStatus>[0], number]>([
    ['all answer', [{ outcome: 'ok', error: null }], 0],
    [
      'one does not',
      [
        { outcome: 'ok', error: null },
        { outcome: 'unreachable', error: { code: 'XEC_CONNECT' } },
      ],
      255,
    ],
    ['a key that no host can use', [unusable, unusable], 2],
    ['a key that some cannot use', [unusable, { outcome: 'ok', error: null }], 255],
  ])('%s', (_, pongs, status) => expect(pingStatus(pongs)).toBe(status))
})

describe('an error without a result', () => {
  test.each<[ErrorCode, number]>([
    ['XEC_CONFIG', 2],
    ['XEC_UNKNOWN_HOST', 2],
    ['XEC_ABORTED', 130],
    ['XEC_TIMEOUT', 124],
    ['XEC_CONNECT', 255],
    ['XEC_POOL_CLOSED', 255],
  ])('%s', (code, status) => expect(errorStatus(new XecError(code, 'words'))).toBe(status))

  test('one of ours that should not be', () => expect(errorStatus(new TypeError('bug'))).toBe(255))
})
