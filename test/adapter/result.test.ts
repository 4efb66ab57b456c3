import { describe, expect, test } from 'vitest'
import { connectionsKeepEnding, judge, judgeUnsent, type Ran } from '../../src/adapter/result.js'
import { XecError, type ErrorCode, type Executed } from '../../src/errors.js'

const done: Ran = {
  accepted: true,
  failure: null,
  exit: { kind: 'code', code: 0 },
  stop: null,
  signals: [],
  complete: true,
  open: null,
  handled: false,
  delivered: false,
  durationMs: 1,
}
const lost = { kind: 'lost', end: { reason: 'lost', detail: 'the server closed the connection' } } as const
const failure = (code: ErrorCode, executed: Executed): XecError =>
  new XecError(code, `web1: ${code === 'XEC_CONNECTION_LOST' ? 'Connection closed' : 'refused'}`, { executed })

/** outcome, executed, exitCode, signal, remoteProcess, code, message */
type Row = [string, Partial<Ran>, unknown[]]
const rows: Row[] = [
  ['exit 0', {}, ['ok', 'yes', 0, null, null, undefined, undefined]],
  ['exit 3', { exit: { kind: 'code', code: 3 } }, ['failed', 'yes', 3, null, null, 'XEC_EXIT', 'web1: exit status 3']],
  [
    'exit 255 of the command itself',
    { exit: { kind: 'code', code: 255 } },
    ['failed', 'yes', 255, null, null, 'XEC_EXIT', 'web1: exit status 255'],
  ],
  [
    'an exit that is heard before the reply',
    { accepted: false, exit: { kind: 'code', code: 3 } },
    ['failed', 'yes', 3, null, null, 'XEC_EXIT', 'web1: exit status 3'],
  ],
  [
    'a signal',
    { exit: { kind: 'signal', signal: 'SEGV', coreDumped: true } },
    ['signal', 'yes', null, 'SEGV', null, 'XEC_EXIT', 'web1: killed by signal SEGV (core dumped)'],
  ],
  [
    'no status on a live link',
    { exit: { kind: 'none' } },
    ['failed', 'yes', null, null, null, 'XEC_EXIT', 'web1: the server ended the command without an exit status'],
  ],
  [
    'lost while running',
    { exit: lost },
    [
      'lost',
      'yes',
      null,
      null,
      'maybe-running',
      'XEC_CONNECTION_LOST',
      'web1: Connection closed while the command was running, so its exit status is unknown (the server closed the connection); it may still be running',
    ],
  ],
  [
    'lost before the reply',
    { accepted: false, exit: lost, failure: failure('XEC_CONNECTION_LOST', 'maybe') },
    ['lost', 'maybe', null, null, 'maybe-running', 'XEC_CONNECTION_LOST', 'web1: Connection closed'],
  ],
  ['exit seen, then lost', { complete: false }, ['ok', 'yes', 0, null, null, undefined, undefined]],
  [
    'refused',
    { accepted: false, exit: null, failure: failure('XEC_REFUSED', 'no') },
    ['refused', 'no', null, null, null, 'XEC_REFUSED', 'web1: refused'],
  ],
  [
    'closed instead of answered',
    { accepted: false, exit: { kind: 'none' }, failure: failure('XEC_REFUSED', 'maybe') },
    ['failed', 'maybe', null, null, null, 'XEC_REFUSED', 'web1: refused'],
  ],
  [
    'timeout, ended by TERM',
    {
      exit: { kind: 'signal', signal: 'TERM', coreDumped: false },
      stop: { why: 'timeout' },
      signals: ['TERM', 'KILL'],
    },
    [
      'timeout',
      'yes',
      null,
      null,
      'exited',
      'XEC_TIMEOUT',
      'web1: not finished within 5.0s; the remote process has ended',
    ],
  ],
  [
    'timeout, ended with status 0 on TERM',
    { stop: { why: 'timeout' }, signals: ['TERM', 'KILL'] },
    [
      'timeout',
      'yes',
      null,
      null,
      'exited',
      'XEC_TIMEOUT',
      'web1: not finished within 5.0s; the remote process has ended',
    ],
  ],
  [
    'timeout, no sign of the end',
    { exit: null, stop: { why: 'timeout' }, signals: ['TERM', 'KILL'], complete: false },
    [
      'timeout',
      'yes',
      null,
      null,
      'signalled',
      'XEC_TIMEOUT',
      'web1: not finished within 5.0s; TERM and KILL were sent, but the server did not confirm that the remote process has ended (before OpenSSH 10, sshd signals no process of root)',
    ],
  ],
  [
    'timeout, another process holds the output',
    { stop: { why: 'timeout' }, signals: ['TERM', 'KILL'], open: 'lingering' },
    [
      'timeout',
      'yes',
      null,
      null,
      'maybe-running',
      'XEC_TIMEOUT',
      'web1: not finished within 5.0s; the remote shell has ended, but a process of the command keeps the output open and may still be running',
    ],
  ],
  [
    'timeout, our side holds the output',
    { stop: { why: 'timeout' }, signals: ['TERM'], open: 'untaken' },
    [
      'timeout',
      'yes',
      null,
      null,
      'exited',
      'XEC_TIMEOUT',
      'web1: not finished within 5.0s; the remote process has ended, but its output was not taken to the end here',
    ],
  ],
  [
    'cancelled, and the channel closed on TERM',
    { exit: { kind: 'none' }, stop: { why: 'abort' }, signals: ['TERM'] },
    [
      'cancelled',
      'yes',
      null,
      null,
      'signalled',
      'XEC_ABORTED',
      'web1: cancelled; TERM was sent, but the server did not confirm that the remote process has ended (before OpenSSH 10, sshd signals no process of root)',
    ],
  ],
  [
    'timeout, then lost',
    { exit: lost, stop: { why: 'timeout' }, signals: ['TERM', 'KILL'] },
    [
      'timeout',
      'yes',
      null,
      null,
      'maybe-running',
      'XEC_TIMEOUT',
      'web1: not finished within 5.0s; the remote process could not be signalled and may still be running',
    ],
  ],
  [
    'timeout before the reply',
    { accepted: false, exit: null, stop: { why: 'timeout' }, signals: ['TERM', 'KILL'] },
    [
      'timeout',
      'maybe',
      null,
      null,
      'maybe-running',
      'XEC_TIMEOUT',
      'web1: not finished within 5.0s; the remote process could not be signalled and may still be running',
    ],
  ],
  [
    'cancelled',
    { exit: { kind: 'signal', signal: 'KILL', coreDumped: false }, stop: { why: 'abort' }, signals: ['TERM', 'KILL'] },
    ['cancelled', 'yes', null, null, 'exited', 'XEC_ABORTED', 'web1: cancelled; the remote process has ended'],
  ],
  [
    'cancelled before anything left',
    { accepted: false, failure: failure('XEC_CONNECTION_LOST', 'no'), stop: { why: 'abort' } },
    ['cancelled', 'no', null, null, null, 'XEC_ABORTED', 'web1: cancelled; it did not run'],
  ],
  [
    'input broke',
    { stop: { why: 'stdin', cause: new Error('EIO') }, signals: ['TERM', 'KILL'] },
    [
      'cancelled',
      'yes',
      null,
      null,
      'exited',
      'XEC_ABORTED',
      'web1: cancelled, because its input could not be read to the end: EIO; the remote process has ended',
    ],
  ],
  [
    'output could not be delivered',
    { stop: { why: 'output', cause: new Error('write EPIPE') } },
    [
      'cancelled',
      'yes',
      null,
      null,
      'exited',
      'XEC_ABORTED',
      'web1: cancelled, because its output could not be delivered: write EPIPE; the remote process has ended',
    ],
  ],
]

describe('the outcome table', () => {
  test.each(rows)('%s', (_, facts, expected) => {
    const { outcome, executed, exitCode, signal, remoteProcess, error } = judge('web1', { ...done, ...facts }, 5_000)
    expect([outcome, executed, exitCode, signal, remoteProcess, error?.code, error?.message]).toEqual(expected)
    if (error && error !== facts.failure) expect([error.host, error.executed]).toEqual(['web1', executed])
  })

  test('only a loss says Connection closed, and every loss does', () => {
    for (const [, facts] of rows) {
      const { outcome, error } = judge('web1', { ...done, ...facts }, 5_000)
      expect((error?.message ?? '').includes('Connection closed')).toBe(outcome === 'lost')
    }
  })

  test.each<[ErrorCode, string]>([
    ['XEC_CONNECT', 'unreachable'],
    ['XEC_AUTH', 'auth'],
    ['XEC_HOST_KEY', 'hostkey'],
    ['XEC_REFUSED', 'refused'],
    ['XEC_QUEUE_TIMEOUT', 'timeout'],
    ['XEC_ABORTED', 'cancelled'],
    ['XEC_POOL_CLOSED', 'cancelled'],
    ['XEC_CONFIG', 'auth'],
  ])('no channel because of %s: %s, not executed', (code, outcome) => {
    const error = new XecError(code, 'web1: why')
    expect(judgeUnsent('web1', error)).toEqual({
      outcome,
      executed: 'no',
      exitCode: null,
      signal: null,
      remoteProcess: null,
      error,
    })
  })

  test('what is no XecError is told with its message', () => {
    expect(judgeUnsent('web1', new Error('boom'))).toMatchObject({
      outcome: 'unreachable',
      error: { code: 'XEC_CONNECT', message: 'web1: boom' },
    })
  })

  test('connections that end before anything is sent are no loss of a command', () => {
    const error = connectionsKeepEnding('web1', 3, failure('XEC_CONNECTION_LOST', 'no'))
    expect(error).toMatchObject({ executed: 'no', safeToRetry: true })
    expect(error.message).not.toContain('Connection closed')
  })
})
