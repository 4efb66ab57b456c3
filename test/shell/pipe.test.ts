import { PassThrough, Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { XecError, type ErrorCode, type Executed } from '../../src/errors.js'
import type { Result } from '../../src/adapter/types.js'
import { into } from '../../src/shell/pipe.js'
import type { RunCommand } from '../../src/shell/run-command.js'
import { CommandError, ShellResult } from '../../src/shell/result.js'
import { settle } from '../adapter/fakes.js'
import { collectUncaught } from '../rig/uncaught.js'

const ENDS: readonly (readonly [Result['outcome'], ErrorCode, Executed])[] = [
  ['timeout', 'XEC_TIMEOUT', 'yes'],
  ['cancelled', 'XEC_ABORTED', 'yes'],
  ['unreachable', 'XEC_CONNECT', 'no'],
  ['lost', 'XEC_CONNECTION_LOST', 'maybe'],
]

/** A command that wrote half of its output and then ended so. */
function ending(outcome: Result['outcome'], code: ErrorCode, executed: Executed): RunCommand {
  return async ({ onStdout, nothrow }) => {
    if (executed !== 'no') await onStdout?.(Buffer.from('half'))
    const error = new XecError(code, `web1: ${outcome}`, { host: 'web1', executed })
    const result: Result = {
      host: 'web1',
      address: '10.0.0.1:22',
      outcome,
      ok: false,
      exitCode: null,
      signal: null,
      executed,
      remoteProcess: null,
      stdout: Buffer.alloc(0),
      stderr: Buffer.alloc(0),
      truncated: false,
      durationMs: 1,
      waitMs: 0,
      connectMs: 0,
      reused: false,
      connection: 1,
      attempts: [],
      error,
    }
    if (!nothrow) throw new CommandError(result, error)
    return new ShellResult(result)
  }
}

describe('a pipe into a stream that is broken off', () => {
  test.each(ENDS.flatMap((end) => [false, true].map((nothrow) => ({ end, outcome: end[0], nothrow }))))(
    'rejects, and nothing else fails: $outcome, nothrow $nothrow',
    async ({ end, nothrow }) => {
      const uncaught = collectUncaught()
      for (const stream of [new PassThrough(), new Writable({ write: (_chunk, _encoding, done) => done() })]) {
        await expect(into(ending(...end), stream)({ nothrow })).rejects.toMatchObject({ code: end[1] })
        await settle()
        expect([stream.destroyed, stream.errored?.message, stream.listenerCount('error')]).toEqual([
          true,
          `web1: ${end[0]}`,
          0,
        ])
      }
      expect(uncaught).toEqual([])
    },
  )

  test('is told to whoever listens to the stream', async () => {
    const stream = new PassThrough()
    const told: unknown[] = []
    stream.on('error', (error) => told.push(error))
    const failure = await into(
      ending('lost', 'XEC_CONNECTION_LOST', 'maybe'),
      stream,
    )({}).catch((error: unknown) => error)
    await settle()
    expect(told).toEqual([failure])
  })
})
