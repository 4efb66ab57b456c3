import { PassThrough, Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { execute } from '../../src/adapter/execute.js'
import type { Command, ExecuteOptions, Result } from '../../src/adapter/types.js'
import { XecError } from '../../src/errors.js'
import { FakeClock } from '../transport/fake-clock.js'
import { collectUncaught } from '../rig/uncaught.js'
import { FakePool, settle, target } from './fakes.js'

class Setting {
  readonly clock = new FakeClock()
  readonly pool = new FakePool()
  result: Result | null = null
  states: string[] = []

  run(options: ExecuteOptions = {}, command: Partial<Command> = {}): this {
    void execute(
      this.pool,
      target(),
      { line: 'job', ...command },
      { onState: (state) => this.states.push(state), ...options },
      { clock: this.clock },
    ).then((result) => (this.result = result))
    return this
  }

  /** Runs until the server has accepted the command. */
  async started(options: ExecuteOptions = {}, command: Partial<Command> = {}): Promise<this> {
    this.run(options, command)
    await settle()
    this.pool.last.accept()
    await settle()
    return this
  }

  async advance(ms: number): Promise<void> {
    await settle()
    this.clock.advance(ms)
    await settle()
  }

  /** The result, once everything that it needs has happened; and that nothing is left behind. */
  async done(): Promise<Result> {
    await settle()
    if (!this.result) throw new Error('it has not settled')
    expect(this.clock.pending).toBe(0)
    expect(this.pool.released).toBe(this.pool.leases)
    return this.result
  }
}

const lost = (executed: 'no' | 'maybe'): XecError =>
  new XecError('XEC_CONNECTION_LOST', 'web1: Connection closed before the command was sent', { executed })

describe('a command on a pool', () => {
  test('ends with its output, its status and its lease back', async () => {
    const it = await new Setting().started()
    expect([it.pool.last.line, it.pool.last.stdinEnded]).toEqual(['job', true])
    it.pool.last.stderr.write('warn')
    it.pool.last.finish(0, 'hello')
    const result = await it.done()
    expect(result).toMatchObject({
      host: 'web1',
      address: '10.0.0.1:22',
      outcome: 'ok',
      ok: true,
      exitCode: 0,
      executed: 'yes',
      truncated: false,
      waitMs: 3,
      connectMs: 2,
      connection: 1,
      attempts: [],
      error: null,
    })
    expect([String(result.stdout), String(result.stderr)]).toEqual(['hello', 'warn'])
    expect(it.states).toEqual(['queued', 'running'])
  })

  test('the lease is back before the result settles', async () => {
    const clock = new FakeClock()
    const pool = new FakePool()
    const releasedAtSettle = execute(pool, target(), { line: 'job' }, {}, { clock }).then(() => pool.released)
    await settle()
    pool.last.accept()
    pool.last.finish()
    expect(await releasedAtSettle).toBe(1)
  })

  test('a command that cannot be sent as asked rejects before a channel is asked for', async () => {
    const pool = new FakePool()
    await expect(execute(pool, target(), { line: '' }, {}, { clock: new FakeClock() })).rejects.toMatchObject({
      code: 'XEC_CONFIG',
    })
    expect(pool.asked).toHaveLength(0)
  })

  test('an exit is not success before the output is over, and a failure is told', async () => {
    const it = await new Setting().started()
    it.pool.last.exits(4)
    await settle()
    expect(it.result).toBeNull()
    it.pool.last.end()
    expect(await it.done()).toMatchObject({ outcome: 'failed', exitCode: 4, error: { code: 'XEC_EXIT' } })
  })

  test('a child that keeps the output open: settled when it has been quiet for 2 s after the exit, and said', async () => {
    const it = await new Setting().started()
    it.pool.last.exits(0)
    await it.advance(1_500)
    it.pool.last.stdout.write('late')
    await it.advance(1_999)
    expect(it.result).toBeNull()
    await it.advance(1)
    const result = await it.done()
    expect(result).toMatchObject({
      outcome: 'ok',
      exitCode: 0,
      truncated: true,
      attempts: [{ phase: 'run', outcome: 'ok', message: expect.stringContaining('keeps the output open') }],
    })
    expect(String(result.stdout)).toBe('late')
    expect(it.pool.last.signals).toEqual([])
  })

  test('a server that does not confirm the close is not waited for longer than a second', async () => {
    const it = await new Setting().started()
    it.pool.last.answersClose = false
    it.pool.last.exits(0)
    await it.advance(2_000)
    expect(it.result).toBeNull()
    await it.advance(1_000)
    await it.advance(1_000)
    expect(await it.done()).toMatchObject({ outcome: 'ok', truncated: true })
  })

  test('exit seen, then lost: the status stands, the output may be short', async () => {
    const it = await new Setting().started()
    it.pool.last.exits(0)
    it.pool.last.lose()
    expect(await it.done()).toMatchObject({
      outcome: 'ok',
      exitCode: 0,
      truncated: true,
      attempts: [{ message: expect.stringContaining('lost after the exit status') }],
    })
  })

  test('the same when all of it came at once, before the answer to the request was read', async () => {
    const it = new Setting().run()
    await settle()
    it.pool.last.exits(0)
    it.pool.last.lose()
    expect(await it.done()).toMatchObject({
      outcome: 'ok',
      executed: 'yes',
      truncated: true,
      attempts: [{ message: expect.stringContaining('lost after the exit status') }],
    })
  })
})

describe('the moment before the exec request', () => {
  test('the request waits for what onSend returns', async () => {
    let letGo = (): void => {}
    const it = new Setting().run({ onSend: () => new Promise<void>((resolve) => (letGo = resolve)) })
    await settle()
    expect(it.pool.last.line).toBe(null)
    letGo()
    await settle()
    expect(it.pool.last.line).toBe('job')
    it.pool.last.accept()
    it.pool.last.finish(0)
    expect((await it.done()).outcome).toBe('ok')
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('the record is full')
      },
    ],
    ['rejects', () => Promise.reject(new Error('the record is full'))],
  ])('an onSend that %s keeps the command from being sent', async (_how, onSend) => {
    const it = new Setting().run({ onSend })
    await settle()
    // A channel sends nothing that is not wanted any more; test/transport has that.
    expect(it.pool.last.isWanted()).toBe(false)
    it.pool.last.refuse(new XecError('XEC_ABORTED', 'web1: given up before the command was sent', { executed: 'no' }))
    expect(await it.done()).toMatchObject({ outcome: 'cancelled', executed: 'no' })
  })
})

describe('at most once', () => {
  test('a connection that goes before the command left costs a new one, and is listed', async () => {
    const it = new Setting().run()
    await settle()
    it.pool.last.refuse(lost('no'))
    it.pool.last.lose()
    await settle()
    expect(it.pool.channels).toHaveLength(2)
    it.pool.last.accept()
    it.pool.last.finish()
    expect(await it.done()).toMatchObject({
      outcome: 'ok',
      attempts: [{ phase: 'connect', outcome: 'lost' }],
      connection: 2,
      waitMs: 6,
    })
  })

  test('three in a row are enough: unreachable, not executed, and no loss', async () => {
    const it = new Setting().run()
    for (let i = 0; i < 3; i++) {
      await settle()
      it.pool.last.refuse(lost('no'))
      it.pool.last.lose()
    }
    const result = await it.done()
    expect(it.pool.channels).toHaveLength(3)
    expect(result).toMatchObject({
      outcome: 'unreachable',
      executed: 'no',
      error: { message: expect.stringMatching(/^web1: 3 connections ended before/) },
    })
  })

  test.each(['maybe', 'yes'] as const)(
    'lost when it has %s been executed: reported, not repeated',
    async (executed) => {
      const it = executed === 'yes' ? await new Setting().started() : new Setting().run()
      await settle()
      if (executed === 'maybe') it.pool.last.refuse(lost('maybe'))
      it.pool.last.lose()
      expect(await it.done()).toMatchObject({
        outcome: 'lost',
        executed,
        exitCode: null,
        remoteProcess: 'maybe-running',
        error: { message: expect.stringContaining('Connection closed') },
      })
      expect(it.pool.channels).toHaveLength(1)
    },
  )

  test('a loss is repeated when that was asked for, with every attempt listed and nothing of the first in the output', async () => {
    const it = await new Setting().started({ retryCommands: 1, stdin: 'in' })
    it.pool.last.stdout.write('half')
    it.pool.last.lose()
    await settle()
    it.pool.last.accept()
    it.pool.last.finish(0, 'whole')
    const result = await it.done()
    expect(result).toMatchObject({
      outcome: 'ok',
      attempts: [
        { phase: 'run', outcome: 'lost', message: expect.stringContaining('sent again') },
        { phase: 'run', outcome: 'ok' },
      ],
    })
    expect(String(result.stdout)).toBe('whole')
    expect(String(it.pool.last.received)).toBe('in')
  })

  test('a loss is not undone by a repetition that never gets there: the first sending may have run', async () => {
    for (const [fails, said] of [
      [
        async () => {
          throw new XecError('XEC_CONNECT', 'web1: connection refused', { host: 'web1' })
        },
        'connection refused',
      ],
      [
        async () => {
          throw new XecError('XEC_QUEUE_TIMEOUT', 'web1: no channel within 5s', { host: 'web1' })
        },
        'no channel within 5s',
      ],
    ] as const) {
      const it = await new Setting().started({ retryCommands: 1 })
      it.pool.next.push(fails)
      it.pool.last.stdout.write('half')
      it.pool.last.lose()
      const result = await it.done()
      expect(result).toMatchObject({
        outcome: 'lost',
        executed: 'yes',
        remoteProcess: 'maybe-running',
        connection: 1,
        truncated: true,
        error: {
          code: 'XEC_CONNECTION_LOST',
          executed: 'yes',
          safeToRetry: false,
          message: expect.stringMatching(
            new RegExp(`Connection closed while the command was running.*; it could not be sent again: .*${said}`),
          ),
        },
      })
      expect(String(result.stdout)).toBe('half')
      expect(result.attempts.filter(({ phase }) => phase === 'run')).toHaveLength(1)
    }
  })

  test('nor by a server that then refuses it, nor by a cancel in between, nor by a loss of which less is known', async () => {
    const refused = await new Setting().started({ retryCommands: 1 })
    refused.pool.last.lose()
    await settle()
    refused.pool.last.refuse(new XecError('XEC_REFUSED', 'web1: the server refused the command', { host: 'web1' }))
    expect(await refused.done()).toMatchObject({
      outcome: 'lost',
      executed: 'yes',
      attempts: [{ outcome: 'lost' }, { phase: 'run', outcome: 'refused' }],
    })

    const abort = new AbortController()
    const cancelled = await new Setting().started({ retryCommands: 1, signal: abort.signal })
    cancelled.pool.next.push(
      (options) =>
        new Promise((_, reject) =>
          options.signal?.addEventListener('abort', () =>
            reject(new XecError('XEC_ABORTED', 'web1: cancelled', { host: 'web1' })),
          ),
        ),
    )
    cancelled.pool.last.lose()
    await settle()
    abort.abort()
    expect(await cancelled.done()).toMatchObject({
      outcome: 'cancelled',
      executed: 'yes',
      remoteProcess: 'maybe-running',
      error: {
        code: 'XEC_ABORTED',
        executed: 'yes',
        message: 'web1: cancelled before it was sent again; its connection had been lost, so it may be running',
      },
    })

    const again = await new Setting().started({ retryCommands: 1 })
    again.pool.last.lose()
    await settle()
    again.pool.last.lose()
    expect(await again.done()).toMatchObject({ outcome: 'lost', executed: 'yes', error: { executed: 'yes' } })
  })

  test('not when a consumer has its output, nor when its input is used up', async () => {
    const shown = await new Setting().started({ retryCommands: 1, onStdout: () => {} })
    shown.pool.last.stdout.write('half')
    await settle()
    shown.pool.last.lose()
    expect(await shown.done()).toMatchObject({ outcome: 'lost' })

    const fed = await new Setting().started({ retryCommands: 1, stdin: Readable.from(['once']) })
    fed.pool.last.lose()
    expect(await fed.done()).toMatchObject({ outcome: 'lost' })
  })

  test('nor when it was signalled: whoever did that has done with it', async () => {
    const controls: { signal(name: 'TERM'): boolean }[] = []
    const it = await new Setting().started({ retryCommands: 1, onStarted: (control) => controls.push(control) })
    expect(controls[0]?.signal('TERM')).toBe(true)
    it.pool.last.lose()
    expect(await it.done()).toMatchObject({ outcome: 'lost', executed: 'yes' })
    expect(it.pool.channels).toHaveLength(1)
  })

  test('control of an attempt that is over says so', async () => {
    const controls: { signal(name: 'TERM'): boolean }[] = []
    const it = await new Setting().started({ retryCommands: 1, onStarted: (control) => controls.push(control) })
    it.pool.last.lose()
    await settle()
    it.pool.last.accept()
    await settle()
    expect(controls.map((control) => control.signal('TERM'))).toEqual([false, true])
    it.pool.last.finish({ kind: 'signal', signal: 'TERM', coreDumped: false })
    expect(await it.done()).toMatchObject({ outcome: 'signal' })
  })

  test('a failure, a signal or a timeout is never repeated', async () => {
    const failed = await new Setting().started({ retryCommands: 5 })
    failed.pool.last.finish(1)
    expect(await failed.done()).toMatchObject({ outcome: 'failed', attempts: [] })
    expect(failed.pool.channels).toHaveLength(1)
  })

  test('no channel: the reason decides the outcome, and nothing was executed', async () => {
    const it = new Setting()
    it.pool.next.push(async (options) => {
      options.onDialling?.()
      options.onAttempt?.({ phase: 'connect', outcome: 'unreachable', ms: 7, message: 'refused' })
      options.onQueued?.()
      throw new XecError('XEC_CONNECT', 'web1: connection refused', { host: 'web1' })
    })
    it.run()
    expect(await it.done()).toMatchObject({
      outcome: 'unreachable',
      executed: 'no',
      connection: null,
      attempts: [{ phase: 'connect', outcome: 'unreachable', ms: 7 }],
      error: { message: 'web1: connection refused' },
    })
    // Between two dials it waits.
    expect(it.states).toEqual(['queued', 'connecting', 'queued'])
  })
})

describe('timeout and cancel', () => {
  test('the timeout counts from the moment the command is sent, and TERM ends it', async () => {
    const it = await new Setting().started({ timeoutMs: 1_000 })
    await it.advance(999)
    expect(it.pool.last.signals).toEqual([])
    await it.advance(1)
    expect(it.pool.last.signals).toEqual(['TERM'])
    it.pool.last.finish({ kind: 'signal', signal: 'TERM', coreDumped: false })
    expect(await it.done()).toMatchObject({
      outcome: 'timeout',
      executed: 'yes',
      remoteProcess: 'exited',
      exitCode: null,
      signal: null,
      durationMs: 1_000,
    })
  })

  test('who ignores TERM gets KILL after 5 s, then the channel is closed', async () => {
    const it = await new Setting().started({ timeoutMs: 1_000 })
    it.pool.last.answersClose = false
    await it.advance(5_999)
    expect(it.pool.last.signals).toEqual(['TERM'])
    await it.advance(1)
    expect(it.pool.last.signals).toEqual(['TERM', 'KILL'])
    await it.advance(2_000)
    expect([it.pool.last.closes, it.result]).toEqual([1, null])
    await it.advance(1_000)
    await it.advance(1_000)
    expect(await it.done()).toMatchObject({ outcome: 'timeout', remoteProcess: 'signalled' })
  })

  test('a timeout before the server accepted says maybe', async () => {
    const it = new Setting().run({ timeoutMs: 100 })
    await it.advance(0)
    await it.advance(100)
    await it.advance(7_000)
    it.pool.last.refuse(new XecError('XEC_REFUSED', 'web1: the server closed the channel', { executed: 'maybe' }))
    expect(await it.done()).toMatchObject({ outcome: 'timeout', executed: 'maybe', remoteProcess: 'maybe-running' })
  })

  test('an exit before the timeout is no timeout, even if the output goes on', async () => {
    const it = await new Setting().started({ timeoutMs: 1_000 })
    it.pool.last.exits(0)
    await it.advance(5_000)
    expect(await it.done()).toMatchObject({ outcome: 'ok' })
  })

  test('a cancel walks the ladder; one in the queue executes nothing', async () => {
    const abort = new AbortController()
    const it = await new Setting().started({ signal: abort.signal })
    abort.abort()
    await settle()
    expect(it.pool.last.signals).toEqual(['TERM'])
    it.pool.last.finish(143)
    expect(await it.done()).toMatchObject({
      outcome: 'cancelled',
      executed: 'yes',
      remoteProcess: 'exited',
      exitCode: null,
    })

    const queued = new Setting()
    queued.pool.next.push(async () => {
      throw new XecError('XEC_ABORTED', 'web1: cancelled while waiting')
    })
    expect(await queued.run({ signal: AbortSignal.abort() }).done()).toMatchObject({
      outcome: 'cancelled',
      executed: 'no',
    })
  })

  test('an abort between grant and exec sends nothing', async () => {
    const it = new Setting().run({ signal: AbortSignal.abort() })
    await settle()
    expect(it.pool.last.line).toBeNull()
    expect(await it.done()).toMatchObject({ outcome: 'cancelled', executed: 'no', remoteProcess: null })
  })

  test('an abort while the terminal is asked for keeps the command back', async () => {
    const abort = new AbortController()
    const it = new Setting().run({ signal: abort.signal }, { pty: { term: 'xterm', rows: 24, cols: 80 } })
    await settle()
    expect(it.pool.last.isWanted()).toBe(true)
    abort.abort()
    expect(it.pool.last.isWanted()).toBe(false)
    it.pool.last.refuse(new XecError('XEC_ABORTED', 'web1: given up before the command was sent'))
    expect(await it.done()).toMatchObject({
      outcome: 'cancelled',
      executed: 'no',
      remoteProcess: null,
      error: { code: 'XEC_ABORTED', message: 'web1: cancelled; it did not run' },
    })
  })

  test('the queue timeout covers all the waits of a command together, and none of the time it ran', async () => {
    const it = new Setting().run({ queueTimeoutMs: 1_000, retryCommands: 1 })
    await settle()
    it.pool.last.refuse(lost('no'))
    it.pool.last.lose()
    await settle()
    it.pool.last.accept()
    await it.advance(5_000)
    it.pool.last.lose()
    await settle()
    // Each wait of this pool takes 3 ms.
    expect(it.pool.asked.map(({ queueTimeoutMs }) => queueTimeoutMs)).toEqual([1_000, 997, 994])
    it.pool.last.accept()
    it.pool.last.finish()
    await it.done()
  })
})

describe('input and output', () => {
  test('a stream is sent as fast as it is taken', async () => {
    const source = new PassThrough({ highWaterMark: 4 })
    const it = await new Setting().started({ stdin: source })
    it.pool.last.takesStdin = false
    source.write('0123456789')
    await settle()
    expect(source.isPaused()).toBe(true)
    it.pool.last.takeStdin()
    await settle()
    source.end('abc')
    await settle()
    expect([String(it.pool.last.received), it.pool.last.stdinEnded]).toEqual(['0123456789abc', true])
    it.pool.last.finish()
    await it.done()
  })

  test('a source that breaks off cancels the command, which never sees an end of its input', async () => {
    const source = new PassThrough()
    const it = await new Setting().started({ stdin: source })
    source.write('half')
    await settle()
    source.destroy(new Error('EIO: read failed'))
    await settle()
    expect([it.pool.last.signals, it.pool.last.stdinEnded]).toEqual([['TERM'], false])
    it.pool.last.finish({ kind: 'signal', signal: 'TERM', coreDumped: false })
    expect(await it.done()).toMatchObject({
      outcome: 'cancelled',
      error: { message: expect.stringContaining('EIO: read failed') },
    })
  })

  test('a source that breaks off while the command is queued does not bring the process down', async () => {
    const source = new PassThrough()
    const it = new Setting().run({ stdin: source })
    await settle()
    source.destroy(new Error('EIO'))
    await settle()
    it.pool.last.accept()
    await settle()
    it.pool.last.finish({ kind: 'signal', signal: 'TERM', coreDumped: false })
    expect(await it.done()).toMatchObject({ outcome: 'cancelled' })
  })

  test('after the command a stream is left to its owner: paused, not destroyed, an error of it harmless', async () => {
    const source = new PassThrough()
    const it = await new Setting().started({ stdin: source })
    it.pool.last.finish()
    await it.done()
    expect([source.isPaused(), source.destroyed, source.listenerCount('data')]).toEqual([true, false, 0])
    source.destroy(new Error('later'))
    await settle()
  })

  test('a sink holds its stream back', async () => {
    let release: () => void = () => {}
    const seen: string[] = []
    const it = await new Setting().started({
      onStdout: (chunk) => {
        seen.push(String(chunk))
        return new Promise((resolve) => (release = resolve))
      },
    })
    it.pool.last.stdout.write('one')
    await settle()
    it.pool.last.stdout.write('two')
    it.pool.last.finish()
    await it.advance(60_000)
    expect([seen, it.result]).toEqual([['one'], null])
    release()
    await settle()
    release()
    const result = await it.done()
    expect([seen, String(result.stdout)]).toEqual([['one', 'two'], 'onetwo'])
    expect(result).toMatchObject({ outcome: 'ok', truncated: false })
  })

  test.each(['throws', 'rejects'])(
    'a sink that %s cancels the command, also when it had ended already',
    async (how) => {
      const fail = (): Promise<void> => {
        if (how === 'throws') throw new Error('write EPIPE')
        return Promise.reject(new Error('write EPIPE'))
      }
      const running = await new Setting().started({ onStdout: fail })
      running.pool.last.stdout.write('x')
      await settle()
      expect(running.pool.last.signals).toEqual(['TERM'])
      running.pool.last.finish({ kind: 'signal', signal: 'TERM', coreDumped: false })
      expect(await running.done()).toMatchObject({
        outcome: 'cancelled',
        error: { message: expect.stringContaining('write EPIPE') },
      })

      const ended = await new Setting().started({ onStderr: fail })
      ended.pool.last.stderr.write('x')
      ended.pool.last.finish(0)
      expect(await ended.done()).toMatchObject({ outcome: 'cancelled', remoteProcess: 'exited' })
    },
  )

  test('a sink that hangs does not outlive a cancel', async () => {
    const abort = new AbortController()
    const it = await new Setting().started({ signal: abort.signal, onStdout: () => new Promise(() => {}) })
    it.pool.last.stdout.write('x')
    await settle()
    abort.abort()
    await settle()
    it.pool.last.exits({ kind: 'signal', signal: 'TERM', coreDumped: false })
    it.pool.last.end()
    await it.advance(2_000)
    await it.advance(1_000)
    expect(await it.done()).toMatchObject({ outcome: 'cancelled' })
  })

  test('captured output is bounded and says so; streamed output is not', async () => {
    let streamed = 0
    const it = await new Setting().started({ captureBytes: 4, onStdout: (chunk) => void (streamed += chunk.length) })
    it.pool.last.finish(0, '0123456789')
    const result = await it.done()
    expect([String(result.stdout), result.truncated, streamed]).toEqual(['0123', true, 10])
  })

  test('control of the running command is handed out', async () => {
    const it = await new Setting().started({ onStarted: (control) => control.signal('USR1') })
    expect(it.pool.last.signals).toEqual(['USR1'])
    it.pool.last.finish()
    await it.done()
  })

  test('a callback that throws is heard of, and the command goes on', async () => {
    const thrown = collectUncaught()
    const oops = (): void => {
      throw new Error('mine')
    }
    const it = await new Setting().started({ onState: oops, onStarted: oops })
    it.pool.last.finish(0, 'done')
    expect(await it.done()).toMatchObject({ outcome: 'ok', attempts: [] })
    expect(thrown.map(String)).toEqual(['Error: mine', 'Error: mine', 'Error: mine'])
  })
})
