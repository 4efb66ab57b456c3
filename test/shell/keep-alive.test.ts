import { expect, test } from 'vitest'
import { XecError } from '../../src/errors.js'
import { KeepAlive, type Ping } from '../../src/shell/keep-alive.js'
import { settle, target } from '../adapter/fakes.js'
import { FakeClock } from '../transport/fake-clock.js'

function kept(): { clock: FakeClock; keepAlive: KeepAlive; pings: { ping: Ping; resolve(): void; reject(error?: Error): void }[]; told: string[]; idle: { count: number } } {
  const clock = new FakeClock()
  const told: string[] = []
  const idle = { count: 1 }
  const pings: { ping: Ping; resolve(): void; reject(error?: Error): void }[] = []
  const keepAlive = new KeepAlive({
    clock, intervalMs: 10, idleTimeoutMs: 45, idle: () => idle.count,
    ping: ({ host }, ping) => new Promise((resolve, reject) => {
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
