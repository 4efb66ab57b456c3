import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { ExecuteOptions, Executor, Outcome, Result } from '../../src/adapter/types.js'
import { XecError } from '../../src/errors.js'
import type { Report, RunEvent, RunObserver } from '../../src/run/events.js'
import { localRun, type HostCommand } from '../../src/run/local.js'
import { startRun, type StartRunOptions } from '../../src/run/start.js'
import { seededRandom } from '../../src/runtime/random.js'
import { settle, target } from '../adapter/fakes.js'
import { FakeClock } from '../transport/fake-clock.js'

const result = (host: string, outcome: Outcome = 'ok', stdout = ''): Result => ({
  host,
  address: `${host}:22`,
  outcome,
  ok: outcome === 'ok',
  exitCode: outcome === 'ok' ? 0 : null,
  signal: null,
  executed: 'yes',
  remoteProcess: null,
  stdout: Buffer.from(stdout),
  stderr: Buffer.alloc(0),
  truncated: false,
  durationMs: 1,
  waitMs: 0,
  connectMs: 0,
  reused: false,
  connection: 1,
  attempts: [],
  error: outcome === 'ok' ? null : new XecError('XEC_EXIT', `${host}: ${outcome}`),
})

/** Commands that end when the test says so. */
class Fleet implements Executor {
  readonly running = new Map<
    string,
    { options: ExecuteOptions; end(outcome?: Outcome): void; break(error: Error): void }
  >()
  readonly order: string[] = []
  most = 0

  execute({ host }: HostCommand['target'], _command: HostCommand['command'], options: ExecuteOptions): Promise<Result> {
    this.order.push(host)
    return new Promise((resolve, reject) => {
      const over = (then: () => void): void => {
        this.running.delete(host)
        then()
      }
      this.running.set(host, {
        options,
        end: (outcome) => over(() => resolve(result(host, outcome))),
        break: (error) => over(() => reject(error)),
      })
      this.most = Math.max(this.most, this.running.size)
      options.signal?.addEventListener('abort', () => over(() => resolve(result(host, 'cancelled'))))
    })
  }

  async end(host: string, outcome?: Outcome): Promise<void> {
    this.running.get(host)?.end(outcome)
    await settle()
  }
}

const items = (n: number): HostCommand[] =>
  Array.from({ length: n }, (_, index) => ({ target: target(`web${index}`), command: { line: 'job' } }))
const start = (
  fleet: Executor,
  hosts: HostCommand[],
  { onEvent, ...options }: Partial<StartRunOptions> & { onEvent?: RunObserver } = {},
): { report: Promise<Report>; events: RunEvent[] } => {
  const events: RunEvent[] = []
  const { items, dispatcher } = localRun(fleet, hosts)
  return {
    // In a promise, because what cannot be sent as asked is thrown.
    report: Promise.resolve().then(
      () =>
        startRun(dispatcher, items, {
          commandText: 'job',
          clock: new FakeClock(),
          random: seededRandom(1),
          observers: [onEvent ?? ((event) => void events.push(event))],
          ...options,
        }).report,
    ),
    events,
  }
}

describe('a run over many hosts', () => {
  test('never has more than its fanout in flight, and reports in the order of the items', async () => {
    const fleet = new Fleet()
    const { report } = start(fleet, items(5), { fanout: 2 })
    await settle()
    expect([...fleet.running.keys()]).toEqual(['web0', 'web1'])
    await fleet.end('web1')
    expect([...fleet.running.keys()]).toEqual(['web0', 'web2'])
    for (const host of ['web2', 'web3', 'web4', 'web0']) await fleet.end(host, host === 'web3' ? 'failed' : 'ok')
    const { results, ok, counts } = await report
    expect(results.map(({ host, outcome }) => `${host} ${outcome}`)).toEqual([
      'web0 ok',
      'web1 ok',
      'web2 ok',
      'web3 failed',
      'web4 ok',
    ])
    expect([ok, counts.total, counts.ok, counts.failed, fleet.most]).toEqual([false, 5, 4, 1, 2])
  })

  test('tells what happens: started, states, output, results, finished', async () => {
    const fleet = new Fleet()
    const { report, events } = start(fleet, items(1))
    await settle()
    const one = fleet.running.get('web0')
    one?.options.onState?.('running')
    await one?.options.onStdout?.(Buffer.from('hi'))
    await fleet.end('web0')
    expect(events.map(({ type }) => type)).toEqual(['started', 'state', 'output', 'result', 'finished'])
    expect(events[2]).toMatchObject({
      type: 'output',
      item: 1,
      host: 'web0',
      stream: 'stdout',
      chunk: Buffer.from('hi'),
    })
    expect(events[4]).toMatchObject({ type: 'finished', report: await report })
  })

  test('one dead host spoils nobody', async () => {
    const fleet = new Fleet()
    const { report } = start(fleet, items(3))
    await settle()
    await fleet.end('web1', 'unreachable')
    await fleet.end('web0')
    await fleet.end('web2')
    expect((await report).results.map(({ outcome }) => outcome)).toEqual(['ok', 'unreachable', 'ok'])
  })

  test('fail-fast admits no further host; those in flight go on', async () => {
    const fleet = new Fleet()
    const { report } = start(fleet, items(4), { fanout: 2, failFast: true })
    await settle()
    await fleet.end('web1', 'failed')
    await fleet.end('web0')
    const { results, counts } = await report
    expect(results.map(({ outcome, executed }) => `${outcome} ${executed}`)).toEqual([
      'ok yes',
      'failed yes',
      'skipped no',
      'skipped no',
    ])
    expect(results[2]?.error?.message).toBe(
      'web2: skipped: web1 did not succeed, and no further host was admitted after the first failure',
    )
    expect([counts.skipped, fleet.order]).toEqual([2, ['web0', 'web1']])
  })

  test('an abort reaches those in flight and skips the others', async () => {
    const fleet = new Fleet()
    const abort = new AbortController()
    const { report } = start(fleet, items(3), { fanout: 2, signal: abort.signal })
    await settle()
    await fleet.end('web0')
    abort.abort()
    expect((await report).results.map(({ outcome }) => outcome)).toEqual(['ok', 'cancelled', 'cancelled'])
    const late = start(fleet, items(2), { signal: AbortSignal.abort() })
    expect((await late.report).counts).toMatchObject({ total: 2, skipped: 2 })
  })

  test('a command that cannot be sent to some host stops the run before anything is dialled', async () => {
    const fleet = new Fleet()
    const hosts: HostCommand[] = [
      ...items(1),
      { target: target('db1'), command: { line: 'job', env: { 'not a name': 'x' } } },
    ]
    await expect(start(fleet, hosts).report).rejects.toMatchObject({
      code: 'XEC_CONFIG',
      host: 'db1',
      message: expect.stringMatching(/^db1: "not a name"/),
    })
    await expect(start(fleet, items(1), { fanout: 0 }).report).rejects.toMatchObject({ code: 'XEC_CONFIG' })
    expect(fleet.order).toEqual([])
  })

  test('a bug in the dispatcher is told, after the others were stopped', async () => {
    const fleet = new Fleet()
    const { report } = start(fleet, items(3), { fanout: 2 })
    const told = expect(report).rejects.toThrow('bug: here')
    await settle()
    fleet.running.get('web0')?.break(new Error('bug: here'))
    await told
    expect(fleet.running.size).toBe(0)
  })

  test('a listener that fails cancels the run instead of letting it go on unseen', async () => {
    const fleet = new Fleet()
    const { report } = start(fleet, items(3), {
      fanout: 2,
      onEvent: (event) => {
        if (event.type === 'state') throw new Error('write EPIPE')
      },
    })
    await settle()
    fleet.running.get('web0')?.options.onState?.('running')
    expect((await report).counts).toMatchObject({ cancelled: 2, skipped: 1 })
  })

  test('a run has an id, its items are plain values, and every event carries both', async () => {
    const fleet = new Fleet()
    const { report, events } = start(fleet, items(2))
    await settle()
    await fleet.running.get('web0')?.options.onSend?.()
    await fleet.end('web0')
    await fleet.end('web1')
    const { id } = await report
    expect(id).toMatch(/^19700101-000000-[a-z2-9]{5}$/)
    expect(events.map(({ run }) => run)).toEqual(events.map(() => id))
    expect(events[0]).toMatchObject({
      type: 'started',
      items: [
        { id: 1, host: 'web0', address: '10.0.0.1:22' },
        { id: 2, host: 'web1', address: '10.0.0.1:22' },
      ],
    })
    expect(events.flatMap((event) => ('item' in event ? [`${event.type} ${event.item} ${event.host}`] : []))).toEqual([
      'sending 1 web0',
      'result 1 web0',
      'result 2 web1',
    ])
  })

  test('every observer hears every event, and one that fails does not keep it from the others', async () => {
    const fleet = new Fleet()
    const heard: string[] = []
    const { report } = start(fleet, items(1), {
      observers: [
        (event) => {
          if (event.type === 'state') throw new Error('full disk')
        },
        ({ type }) => void heard.push(type),
      ],
    })
    await settle()
    fleet.running.get('web0')?.options.onState?.('running')
    expect((await report).counts.cancelled).toBe(1)
    expect(heard).toEqual(['started', 'state', 'result', 'finished'])
  })

  test("output is held back by a listener that asks for it, and its failure is the sink's", async () => {
    const fleet = new Fleet()
    const { report } = start(fleet, items(1), {
      onEvent: (event) => (event.type === 'output' ? Promise.reject(new Error('ENOSPC')) : undefined),
    })
    await settle()
    await expect(fleet.running.get('web0')?.options.onStdout?.(Buffer.from('x'))).rejects.toThrow('ENOSPC')
    expect((await report).counts.cancelled).toBe(1)
  })

  test('300 hosts hang on one signal without a warning', async () => {
    const warnings: unknown[] = []
    const hear = (warning: unknown): void => void warnings.push(warning)
    process.on('warning', hear)
    const fleet = new Fleet()
    const abort = new AbortController()
    const { report } = start(fleet, items(300), { fanout: 300, signal: abort.signal })
    await settle()
    abort.abort()
    expect((await report).counts.cancelled).toBe(300)
    await settle()
    process.off('warning', hear)
    expect(warnings).toEqual([])
  })
})

describe('one input for all', () => {
  test('every host gets every byte, also those whose turn comes later', async () => {
    const fleet = new Fleet()
    const stdin = new PassThrough()
    const { report } = start(fleet, items(3), { fanout: 1, stdin })
    const got: string[] = []
    stdin.write('one,')
    for (const [index, host] of ['web0', 'web1', 'web2'].entries()) {
      await settle()
      const input = fleet.running.get(host)?.options.stdin as PassThrough
      let text = ''
      input.on('data', (chunk: Buffer) => (text += String(chunk)))
      await settle()
      if (index === 0) stdin.end('two')
      await settle()
      expect(input.readableEnded).toBe(true)
      got.push(text)
      await fleet.end(host)
    }
    await report
    expect(got).toEqual(['one,two', 'one,two', 'one,two'])
  })
})
