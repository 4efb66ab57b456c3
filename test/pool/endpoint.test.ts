/** What is known of a place: what ends it, what `reset` forgets of it, and when it is forgotten itself. */
import { describe, expect, test } from 'vitest'
import { Sim, target } from './sim.js'

const web = target('web')

describe('reset forgets', () => {
  test('the backoff: the next dial is at once', async () => {
    const sim = new Sim({ maxReconnectAttempts: 0, reconnectDelay: 10_000 })
    sim.acquire(web)
    await sim.settle()
    sim.parked[0]!.fail('transient')
    await sim.settle()
    sim.pool.reset(web)
    sim.acquire(web)
    await sim.settle()
    expect(sim.parked).toHaveLength(1)
  })

  test('the series: who waits has all its dials again', async () => {
    const sim = new Sim({ maxReconnectAttempts: 1 })
    const waiter = sim.acquire(web)
    await sim.settle()
    sim.parked[0]!.fail('transient')
    await sim.settle()
    sim.pool.reset(web)
    await sim.settle()
    sim.parked[0]!.fail('transient')
    await sim.advance(15_000)
    expect(waiter.error()).toBeUndefined()
    expect(sim.events.filter(({ type }) => type === 'dialling')).toMatchObject([
      { attempt: 1 },
      { attempt: 1 },
      { attempt: 2 },
    ])
  })

  test('that its server asked for fewer handshakes', async () => {
    const sim = new Sim({ maxConnectionsPerHost: 4, maxChannelsPerConnection: 1 })
    const first = sim.acquire(web)
    await sim.dialAll()
    first.lease()?.release()
    for (let i = 0; i < 4; i++) sim.acquire(web)
    await sim.settle()
    for (const dial of sim.parked) dial.fail('throttled')
    await sim.settle()
    sim.pool.reset(web)
    await sim.dialAll()
    expect(sim.pool.state.registry.endpoints.get('web.test:22')!.dialLimit).toBe(Infinity)
  })

  test('how many channels its server allowed', async () => {
    const sim = new Sim({ maxConnectionsPerHost: 1, maxChannelsPerConnection: 2 })
    sim.tune = (link) => void (link.maxSessions = 1)
    const waiters = [sim.acquire(web), sim.acquire(web)]
    await sim.dialAll()
    expect(sim.pool.snapshot().hosts).toMatchObject([{ learnedCapacity: 1 }])
    sim.pool.reset(web)
    expect(sim.pool.snapshot().hosts).toMatchObject([{ learnedCapacity: null }])
    for (const waiter of waiters) waiter.lease()?.release()
    await sim.settle()
  })
})

test('at a full host one idle connection of another user is closed for one that waits, also when its server takes its time', async () => {
  const sim = new Sim({ maxConnectionsPerHost: 2, maxChannelsPerConnection: 1 })
  const own = [sim.acquire(web), sim.acquire(web)]
  await sim.dialAll()
  for (const waiter of own) waiter.lease()?.release()
  for (const link of sim.links) link.answersEnd = false
  await sim.settle()
  sim.acquire(target('web', { username: 'root' }))
  await sim.advance(100)
  expect(sim.events.filter(({ type }) => type === 'draining')).toMatchObject([{ reason: 'evicted' }])
})

test('a place where somebody waits for a slot is not forgotten, however many others come and go', async () => {
  const sim = new Sim({ maxConnections: 1, maxConnectionsPerHost: 1 })
  sim.acquire(target('busy'))
  await sim.dialAll()
  sim.acquire(web)
  for (let i = 0; i < 1_100; i++) sim.acquire(target(`n${i}`)).abort()
  await sim.settle()
  expect(sim.pool.state.registry.queues.size).toBeLessThan(1_000)
  sim.acquire(target('web', { username: 'root' }))
  await sim.settle()
  const queues = [...sim.pool.state.registry.queues.values()].filter(({ target: { host } }) => host === 'web')
  expect(new Set(queues.map(({ endpoint }) => endpoint)).size).toBe(1)
})

test('where pooling is off, each command has a dial of its own at once', async () => {
  const sim = new Sim({ enabled: false, maxConnectionsPerHost: 3 })
  sim.acquire(web)
  await sim.dialAll()
  for (let i = 0; i < 2; i++) sim.acquire(web)
  await sim.settle()
  expect(sim.parked).toHaveLength(2)
})

test('a series that is over is over also for those who may still hope for an open connection: the next one has as many dials at once as they can use', async () => {
  const sim = new Sim({ maxConnectionsPerHost: 4, maxChannelsPerConnection: 1, reconnectDelay: 1_000 })
  sim.acquire(web)
  await sim.dialAll()
  for (let i = 0; i < 3; i++) sim.acquire(web)
  await sim.settle()
  for (const dial of sim.parked) dial.fail('final')
  await sim.settle()
  await sim.advance(1_000)
  expect(sim.parked).toHaveLength(3)
})
