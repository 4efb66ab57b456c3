/** Output that our own side has not taken is not a process that keeps it open. */
import { expect, test } from 'vitest'
import { execute } from '../../src/adapter/execute.js'
import type { ExecuteOptions, Result } from '../../src/adapter/types.js'
import { FakeClock } from '../transport/fake-clock.js'
import { FakePool, settle, target, type FakeChannel } from './fakes.js'

/** Stopped by its timeout, ended by TERM, with its output still open: the result after the grace. */
async function timedOut(
  options: ExecuteOptions,
  before: (channel: FakeChannel) => void,
  after: (channel: FakeChannel) => void = () => {},
): Promise<Result | null> {
  const clock = new FakeClock()
  const pool = new FakePool()
  let result: Result | null = null
  void execute(pool, target(), { line: 'yes' }, { timeoutMs: 1_000, ...options }, { clock }).then(
    (settled) => (result = settled),
  )
  const step = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await settle()
  }
  await settle()
  pool.last.accept()
  before(pool.last)
  await settle()
  await step(1_000)
  pool.last.exits({ kind: 'signal', signal: 'TERM', coreDumped: false })
  after(pool.last)
  await settle()
  await step(2_000)
  await step(1_000)
  return result
}

test('a sink that still holds output when its process has ended: exited, and the output is not all', async () => {
  expect(await timedOut({ onStdout: () => new Promise(() => {}) }, ({ stdout }) => stdout.write('y\n'))).toMatchObject({
    outcome: 'timeout',
    remoteProcess: 'exited',
    truncated: true,
    error: {
      message:
        'web1: not finished within 1.0s; the remote process has ended, but its output was not taken to the end here',
    },
  })
})

test('the same when it took something in the meantime', async () => {
  let release: () => void = () => {}
  const sink = (): Promise<void> => new Promise((resolve) => (release = resolve))
  const result = await timedOut(
    { onStdout: sink },
    ({ stdout }) => void (stdout.write('one'), stdout.write('two'), stdout.write('three')),
    () => release(),
  )
  expect(result).toMatchObject({ outcome: 'timeout', remoteProcess: 'exited' })
})

test('output that is open although all that came was taken: something keeps it', async () => {
  expect(await timedOut({ onStdout: () => {} }, ({ stdout }) => stdout.write('y\n'))).toMatchObject({
    outcome: 'timeout',
    remoteProcess: 'maybe-running',
    error: { message: expect.stringContaining('keeps the output open') as string },
  })
})

test.each([
  ['throws later', Promise.reject.bind(Promise, new Error('EPIPE')), 'cancelled'],
  ['gives back something that is no promise', () => true, 'ok'],
  ['gives back a thenable', () => ({ then: (done: () => void) => done() }), 'ok'],
])('a sink that %s', async (_, sink, outcome) => {
  const clock = new FakeClock()
  const pool = new FakePool()
  const result = execute(pool, target(), { line: 'job' }, { onStdout: sink as () => void }, { clock })
  await settle()
  pool.last.accept()
  pool.last.stdout.write('x')
  await settle()
  pool.last.finish(0)
  expect((await result).outcome).toBe(outcome)
})
