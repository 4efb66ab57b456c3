/** What the pool tells of a wait, and of limits: the event `queued`, each host's limits in the figures, what a close cost. */
import { expect, test } from 'vitest'
import { createXec } from '../../src/xec.js'
import { seededRandom } from '../../src/runtime/random.js'
import { Sim, target } from './sim.js'

const web = target('web')
const told = (sim: Sim): unknown[] =>
  sim.events.flatMap((event) => (event.type === 'queued' ? [[event.host, event.limit, event.inHand]] : []))

test('a command that waits for a limit says so once: its host, the limit, and how many are before it', async () => {
  const sim = new Sim({ maxConnectionsPerHost: 1, maxChannelsPerConnection: 2 })
  for (let i = 0; i < 2; i++) sim.acquire(web)
  expect(told(sim)).toEqual([])
  sim.acquire(web)
  await sim.dialAll()
  sim.acquire(web)
  expect(told(sim)).toEqual([
    ['web', 'maxConnectionsPerHost', 3],
    ['web', 'maxConnectionsPerHost', 4],
  ])
})

test('a full pool is named where the host has room', async () => {
  const sim = new Sim({ maxConnections: 1, maxChannelsPerConnection: 1 })
  sim.acquire(web)
  await sim.dialAll()
  sim.acquire(target('db'))
  expect(told(sim)).toEqual([['db', 'maxConnections', 1]])
})

test('a wait for a dial, for a backoff, or for a channel that has been asked for, is for no limit', async () => {
  const sim = new Sim({ maxConnectionsPerHost: 1 })
  sim.acquire(web)
  await sim.settle()
  sim.acquire(web)
  sim.parked[0]!.fail('transient')
  await sim.settle()
  sim.acquire(web)
  await sim.advance(5_000)
  await sim.dialAll()
  sim.acquire(web)
  expect(told(sim)).toEqual([])
})

test('a command that is turned away never waited', async () => {
  const sim = new Sim({ maxConnections: 1, maxChannelsPerConnection: 1 })
  sim.acquire(web)
  await sim.dialAll()
  await expect(sim.pool.acquire(web, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'XEC_ABORTED' })
  await expect(sim.pool.acquire(target('db', { jump: web }))).rejects.toMatchObject({ code: 'XEC_CONFIG' })
  void sim.pool.drain()
  await expect(sim.pool.acquire(web)).rejects.toMatchObject({ code: 'XEC_POOL_CLOSED' })
  expect(told(sim)).toEqual([])
})

test('an idle connection that goes for a new host costs it no wait at a limit', async () => {
  const sim = new Sim({ maxConnections: 1 })
  const first = sim.acquire(web)
  await sim.dialAll()
  ;(await first.acquired).release()
  await sim.settle()
  sim.acquire(target('db'))
  await sim.dialAll()
  expect(told(sim)).toEqual([])
})

test("figures tell each host's own limits: the strictest of the pool's and of what its names ask for", async () => {
  const sim = new Sim({ maxConnectionsPerHost: 2 })
  sim.acquire(web)
  sim.acquire(target('db', { pool: { maxConnectionsPerHost: 1, maxChannelsPerConnection: 3 } }))
  await sim.dialAll()
  expect(sim.pool.snapshot().hosts.map(({ host, limits }) => [host, limits])).toEqual([
    ['web', { maxConnectionsPerHost: 2, maxChannelsPerConnection: 8 }],
    ['db', { maxConnectionsPerHost: 1, maxChannelsPerConnection: 3 }],
  ])
  const bare = new Sim({ enabled: false })
  bare.acquire(web)
  await bare.dialAll()
  expect(bare.pool.snapshot().hosts[0]!.limits.maxChannelsPerConnection).toBe(1)
})

test('a connection that made room and is dialled again is counted; one that nobody asks for again is not', async () => {
  const sim = new Sim({ maxConnections: 1 })
  const use = async (host: string): Promise<void> => {
    const { acquired } = sim.acquire(target(host))
    await sim.dialAll()
    ;(await acquired).release()
    await sim.settle()
  }
  await use('a')
  await use('b')
  expect(sim.pool.snapshot()).toMatchObject({ closedByReason: { evicted: 1 }, reopened: 0 })
  await use('a')
  expect(sim.pool.snapshot()).toMatchObject({ closedByReason: { evicted: 2 }, reopened: 1 })
  expect(sim.pool.snapshot().hosts.map(({ host, reopened }) => [host, reopened])).toEqual([
    ['a', 1],
    ['b', 0],
  ])
})

test('queue timeouts and waits for a handshake are in the figures', async () => {
  const sim = new Sim({ maxConcurrentDials: 1 })
  sim.parksHandshakes = true
  sim.acquire(web)
  sim.acquire(target('db'))
  await sim.settle()
  for (const dial of sim.parked) dial.succeed()
  await sim.settle()
  await sim.advance(3_000)
  sim.shaking[0]!.accept()
  await sim.settle()
  sim.shaking[0]!.accept()
  await sim.settle()
  expect(sim.pool.snapshot()).toMatchObject({ handshakeWaitMs: { n: 2, max: 3_000 }, connectMs: { n: 2 } })
  const late = sim.pool.acquire(target('late'), { queueTimeoutMs: 50 })
  const failed = expect(late).rejects.toMatchObject({ code: 'XEC_QUEUE_TIMEOUT' })
  await sim.advance(60)
  await failed
  expect(sim.pool.snapshot()).toMatchObject({ queueTimeouts: 1 })
  expect(sim.pool.snapshot().hosts.map(({ queueTimeouts }) => queueTimeouts)).toEqual([0, 0, 1])
})

test('a run with a chain that is too long for the pool is refused before anything is dialled', async () => {
  const sim = new Sim()
  const xec = createXec({ transport: sim, clock: sim.clock, random: seededRandom(1), pool: { maxConnections: 1 } })
  const items = [web, target('db', { jump: web })].map((each) => ({ target: each, command: { line: 'true' } }))
  await expect(xec.run(items as never, { fanout: 2, commandText: 'true' })).rejects.toMatchObject({
    code: 'XEC_CONFIG',
    message: 'db: needs 2 connections at once (itself and 1 jump host), but maxConnections is 1',
  })
  expect(sim.dials).toEqual([])
})

test('autoReconnect: false does not follow a server that throttles', async () => {
  const sim = new Sim({ autoReconnect: false })
  const { acquired } = sim.acquire(web)
  const failed = expect(acquired).rejects.toMatchObject({ code: 'XEC_CONNECT' })
  await sim.settle()
  sim.parked[0]!.fail('throttled')
  await failed
  await sim.advance(60_000)
  expect(sim.dials).toHaveLength(1)
})
