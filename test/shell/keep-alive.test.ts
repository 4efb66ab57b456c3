import { expect, test } from 'vitest'
import { KeepAlive } from '../../src/shell/keep-alive.js'
import { settle, target } from '../adapter/fakes.js'
import { FakeClock } from '../transport/fake-clock.js'

function kept(): { clock: FakeClock; keepAlive: KeepAlive; pings: { resolve(): void; reject(): void }[]; told: string[]; connections: { count: number } } {
  const clock = new FakeClock()
  const told: string[] = []
  const connections = { count: 1 }
  const pings: { resolve(): void; reject(): void }[] = []
  const keepAlive = new KeepAlive({
    clock, intervalMs: 10, idleTimeoutMs: 45, connections: () => connections.count,
    ping: ({ host }) => new Promise((resolve, reject) => {
      told.push(`ping ${host}`)
      pings.push({ resolve: () => resolve(null), reject: () => reject(new Error('no life')) })
    }),
    retire: ({ host }) => void told.push(`retire ${host}`),
  })
  return { clock, keepAlive, pings, told, connections }
}

test('pings what is in use, each connection, and nothing before', async () => {
  const { clock, keepAlive, pings, told, connections } = kept()
  clock.advance(100)
  expect([told, clock.pending]).toEqual([[], 0])
  keepAlive.used(target('web1'))
  connections.count = 2
  clock.advance(10)
  expect(told).toEqual(['ping web1', 'ping web1'])
  for (const ping of pings) ping.resolve()
  await settle()
  connections.count = 0
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

test('stops', () => {
  const { clock, keepAlive, told } = kept()
  keepAlive.used(target('web1'))
  keepAlive.stop()
  clock.advance(50)
  expect([told, clock.pending]).toEqual([[], 0])
})
