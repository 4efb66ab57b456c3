import { expect, test } from 'vitest'
import { XecError } from '../../src/errors.js'
import { KeepAlive, type Ping } from '../../src/shell/keep-alive.js'
import { settle, target } from '../adapter/fakes.js'
import { SSHAdapter } from '../../src/ssh-adapter.js'
import type { HostPoolOptions } from '../../src/pool/options.js'
import * as held from '../pool/sim.js'
import { FakeClock } from '../transport/fake-clock.js'

function kept(): {
  clock: FakeClock
  keepAlive: KeepAlive
  pings: { ping: Ping; resolve(): void; reject(error?: Error): void }[]
  told: string[]
  idle: { count: number }
} {
  const clock = new FakeClock()
  const told: string[] = []
  const idle = { count: 1 }
  const pings: { ping: Ping; resolve(): void; reject(error?: Error): void }[] = []
  const keepAlive = new KeepAlive({
    clock,
    intervalMs: ({ pool }) => pool?.keepAliveInterval ?? 10,
    idleTimeoutMs: ({ pool }) => pool?.idleTimeout ?? 45,
    idle: () => idle.count,
    ping: ({ host }, ping) =>
      new Promise((resolve, reject) => {
        told.push(`ping ${host}`)
        pings.push({ ping, resolve: () => resolve(null), reject: (error = new Error('no life')) => reject(error) })
      }),
    retire: ({ host }) => void told.push(`retire ${host}`),
  })
  return { clock, keepAlive, pings, told, idle }
}

test('pings what is in use, each idle connection, and nothing before', async () => {
  const { clock, keepAlive, pings, told, idle } = kept()
  clock.advance(100)
  expect([told, clock.pending]).toEqual([[], 0])
  keepAlive.used(target('web1'))
  idle.count = 2
  clock.advance(10)
  expect(told).toEqual(['ping web1', 'ping web1'])
  for (const ping of pings) ping.resolve()
  await settle()
  idle.count = 0
  clock.advance(10)
  expect(told).toHaveLength(2)
})

test('lets go of what was idle for its idle time: pings are no use', async () => {
  const { clock, keepAlive, pings, told } = kept()
  keepAlive.used(target('web1'))
  for (let i = 0; i < 9; i++) {
    clock.advance(10)
    for (const ping of pings) ping.resolve()
    await settle()
  }
  expect([told.length, clock.pending]).toEqual([4, 0])
})

test('retires what fails, and what does not answer within an interval', async () => {
  const { clock, keepAlive, pings, told } = kept()
  keepAlive.used(target('web1'))
  clock.advance(10)
  pings[0]?.reject()
  await settle()
  expect(told).toEqual(['ping web1', 'retire web1'])
  clock.advance(10)
  clock.advance(10)
  expect(told.slice(2)).toEqual(['ping web1', 'retire web1'])
  // The late end of a ping says nothing of the connections that came after.
  clock.advance(10)
  pings[1]?.reject()
  await settle()
  expect(told.slice(4)).toEqual(['ping web1'])
})

test('a wait for a channel is no news: no further pings meanwhile, and nothing is retired', async () => {
  const { clock, keepAlive, pings, told } = kept()
  keepAlive.used(target('web1'))
  clock.advance(10)
  const sent = pings[0]?.ping.waits()
  for (let i = 0; i < 3; i++) {
    keepAlive.used(target('web1'))
    clock.advance(10)
  }
  expect(told).toEqual(['ping web1'])
  // Its interval begins when it is sent.
  clock.advance(5)
  keepAlive.used(target('web1'))
  sent?.()
  clock.advance(5)
  expect(told).toEqual(['ping web1'])
  clock.advance(10)
  expect(told).toEqual(['ping web1', 'retire web1'])
  expect(pings[0]?.ping.signal.aborted).toBe(true)
})

test('what was never sent is no news either', async () => {
  const { clock, keepAlive, pings, told } = kept()
  keepAlive.used(target('web1'))
  clock.advance(10)
  pings[0]?.reject(new XecError('XEC_QUEUE_TIMEOUT', 'web1: no channel', { host: 'web1' }))
  await settle()
  clock.advance(10)
  expect(told).toEqual(['ping web1', 'ping web1'])
})

test('those under way are cancelled with the others, and at the end', async () => {
  const { clock, keepAlive, pings, told, idle } = kept()
  idle.count = 2
  keepAlive.used(target('web1'))
  clock.advance(10)
  pings[0]?.reject()
  await settle()
  expect([told, pings[1]?.ping.signal.aborted]).toEqual([['ping web1', 'ping web1', 'retire web1'], true])
  clock.advance(10)
  keepAlive.stop()
  expect(pings[2]?.ping.signal.aborted).toBe(true)
})

test('stops', () => {
  const { clock, keepAlive, told } = kept()
  keepAlive.used(target('web1'))
  keepAlive.stop()
  clock.advance(50)
  expect([told, clock.pending]).toEqual([[], 0])
})

test('a target has its own interval, from its first use, and they share a timer', async () => {
  const { clock, keepAlive, pings, told } = kept()
  const slow = target('slow', { address: '10.0.0.2', pool: { keepAliveInterval: 25 } })
  const at: string[] = []
  keepAlive.used(slow)
  clock.advance(3)
  keepAlive.used(target('web1'))
  for (let now = 3; now < 70;) {
    expect(clock.pending).toBe(1)
    clock.advance(1)
    now++
    keepAlive.used(slow)
    keepAlive.used(target('web1'))
    for (const what of told.splice(0)) at.push(`${now} ${what}`)
    for (const { resolve } of pings.splice(0)) resolve()
    await settle()
  }
  expect(at).toEqual([
    '13 ping web1',
    '23 ping web1',
    '25 ping slow',
    '33 ping web1',
    '43 ping web1',
    '50 ping slow',
    '53 ping web1',
    '63 ping web1',
  ])
})

test('of several names for the same the last decides the interval, and the strictest the idle time', async () => {
  const { clock, keepAlive, pings, told } = kept()
  const at = async (ms: number): Promise<number> => {
    clock.advance(ms)
    for (const { resolve } of pings.splice(0)) resolve()
    await settle()
    return told.splice(0).length
  }
  const named = (pool: HostPoolOptions) => target('web1', { pool })
  keepAlive.used(named({ keepAliveInterval: 40, idleTimeout: 12 }))
  keepAlive.used(named({ keepAliveInterval: 5 }))
  expect([await at(4), await at(1), await at(5), await at(2), await at(50), clock.pending]).toEqual([0, 1, 1, 0, 0, 0])
  keepAlive.used(named({}))
  keepAlive.used(named({ keepAliveInterval: Infinity }))
  expect([await at(100), clock.pending]).toEqual([0, 0])
})

test.each<[string, HostPoolOptions, HostPoolOptions | undefined, number[]]>([
  [
    'those of its adapter where it has none',
    { keepAliveInterval: 5_000, idleTimeout: 12_000 },
    undefined,
    [5_000, 10_000],
  ],
  ['its own interval', { keepAliveInterval: 5_000 }, { keepAliveInterval: 120_000 }, [120_000, 240_000]],
  ['its own idle time', { keepAliveInterval: 5_000 }, { idleTimeout: 17_000 }, [5_000, 10_000, 15_000]],
  ['its own wish for none', { keepAliveInterval: 5_000 }, { keepAlive: false }, []],
  [
    'its own wish for one',
    { keepAlive: false, keepAliveInterval: 5_000, idleTimeout: 12_000 },
    { keepAlive: true },
    [5_000, 10_000],
  ],
])('a host is kept alive as its options say: %s', async (_, connectionPool, pool, expected) => {
  const clock = new held.FakeClock()
  const began = clock.now()
  const pinged: { at: number; timeoutMs: number | undefined }[] = []
  const execute = async (_target: unknown, { line }: { line: string }, { timeoutMs }: { timeoutMs?: number }) => {
    if (line === 'beat') pinged.push({ at: clock.now() - began, timeoutMs })
    return { ok: true, error: null, truncated: false, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) }
  }
  const xec = { execute, pool: { admission: () => ({ full: null, inHand: 0, maxConnections: 2, idle: 1 }) } }
  const adapter = new SSHAdapter({ keepAliveWith: 'beat', connectionPool }, { xec: () => xec as never, clock })
  await adapter.execute(target('web1', { pool }), { line: 'true' })
  for (const timer of clock.timers) expect(timer.held).toBe(false)
  while (clock.fireNext(began + 1_000_000)) await settle()
  // What takes longer than the interval is no sign of life.
  const timeoutMs = pool?.keepAliveInterval ?? connectionPool.keepAliveInterval
  expect([pinged, clock.timers.size]).toEqual([expected.map((at) => ({ at, timeoutMs })), 0])
})
