/** Moments between two states: a link that is broken and not yet shut, a listener that calls back, a step inside a step. */
import { describe, expect, test } from 'vitest'
import type { Lease } from '../../src/pool/types.js'
import { TIME_SLICE_MS } from '../../src/pool/policy/fairness.js'
import { DialError } from '../../src/transport/transport.js'
import { collectUncaught } from '../rig/uncaught.js'
import { Sim, target } from './sim.js'

const web1 = target('web-1')
const web2 = target('web-2')
const deploy = web1
const root = target('web-1', { username: 'root' })

async function leased(sim: Sim, host = web1): Promise<Lease> {
  const waiter = sim.acquire(host)
  await sim.settle()
  for (const dial of sim.parked) dial.succeed()
  await sim.settle()
  return waiter.acquired
}

describe('a link that is broken and not yet shut', () => {
  test('is asked for no second channel, and the waiter gets the next connection once it is shut', async () => {
    const sim = new Sim({ maxConnectionsPerHost: 1 })
    const first = await leased(sim)
    sim.links[0]!.crack()
    const waiter = sim.acquire(web1)
    await sim.settle() // asked for ever, this would never come back
    expect(waiter.lease()).toBeUndefined()
    sim.links[0]!.lose()
    await sim.settle()
    sim.dials[1]!.succeed()
    await sim.settle()
    expect(waiter.lease()?.connection).toBe(2)
    first.release()
    await sim.settle()
  })

  test('is shut when it fails to open a channel and believes itself alive', async () => {
    const sim = new Sim()
    const first = await leased(sim)
    const [link] = sim.links
    link!.openSession = () => Promise.reject(new Error('an error of a kind that nobody foresaw'))
    const waiter = sim.acquire(web1)
    await sim.settle()
    expect(link!.over).toBe(true)
    sim.parked[0]!.succeed()
    await sim.settle()
    expect(waiter.lease()?.connection).toBe(2)
    first.release()
    await sim.settle()
  })
})

describe('two users of one place', () => {
  test('the second gets its turn at a full host, although the first never pauses', async () => {
    const sim = new Sim({ maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 })
    const lease = await leased(sim)
    const more = sim.acquire(deploy)
    const stranger = sim.acquire(root)
    await sim.advance(TIME_SLICE_MS)
    lease.release()
    await sim.settle()
    sim.parked[0]!.succeed()
    await sim.settle()
    expect(stranger.lease()).toBeDefined()
    expect(more.lease()).toBeUndefined()
    stranger.lease()!.release()
    await sim.settle()
    sim.parked[0]!.succeed()
    await sim.settle()
    expect(more.lease()).toBeDefined()
    expect(sim.events.filter((event) => event.type === 'draining').map(({ reason }) => reason)).toEqual([
      'fairness',
      'evicted',
    ])
  })

  test.each([
    [0, 1],
    [1, 0],
  ])('a third one of a full host gets the place of the one that idles longest', async (first, second) => {
    const sim = new Sim({ maxConnectionsPerHost: 2 })
    const leases = [await leased(sim, deploy), await leased(sim, root)]
    leases[first]!.release()
    await sim.advance(10)
    leases[second]!.release()
    await sim.advance(10)
    sim.acquire(target('web-1', { username: 'third' }))
    await sim.settle()
    expect(sim.events.filter((event) => event.type === 'draining')).toMatchObject([
      { connection: leases[first]!.connection, reason: 'evicted' },
    ])
  })

  test('a host may have a number of further dials of its own', async () => {
    const sim = new Sim({ maxReconnectAttempts: 3 })
    const once = sim.acquire(target('once', { pool: { maxReconnectAttempts: 0 } }))
    const often = sim.acquire(target('often'))
    await sim.settle()
    for (const dial of [...sim.dials])
      dial.failWith(new DialError('XEC_CONNECT', 'refused', { phase: 'tcp', verdict: 'transient', answered: true }))
    await sim.settle()
    expect(once.error()).toMatchObject({ code: 'XEC_CONNECT' })
    expect(often.error()).toBeUndefined()
  })

  test('a key of one that cannot be used is no news of the place, and nothing the other waits for', async () => {
    const sim = new Sim({ maxReconnectAttempts: 3 })
    const broken = sim.acquire(deploy)
    const other = sim.acquire(root)
    await sim.settle()
    const [mine, theirs] = sim.dials
    mine!.failWith(
      new DialError('XEC_CONFIG', 'web-1: the key file has no key in it', { host: 'web-1', verdict: 'final' }),
    )
    await sim.settle()
    expect(broken.error()).toMatchObject({ code: 'XEC_CONFIG' })
    expect(other.error()).toBeUndefined()
    expect(theirs?.stage).toBe('reaching')
    expect(
      [...sim.pool.state.registry.endpoints.values()].map(({ failures, notBefore }) => [failures, notBefore]),
    ).toEqual([[0, 0]])
    theirs!.succeed()
    await sim.settle()
    expect(other.lease()).toBeDefined()
  })
})

test('a command of hours on the only connection a host allows does not close the host to others when the lifetime is over', async () => {
  const sim = new Sim({ maxConnectionsPerHost: 1, maxLifetime: 10_000 })
  const long = await leased(sim)
  await sim.advance(60_000)
  const short = sim.acquire(web1)
  await sim.settle()
  expect(short.lease()?.connection).toBe(long.connection)
  short.lease()!.release()
  long.release()
  await sim.settle()
  expect(sim.pool.snapshot()).toMatchObject({ totalConnections: 0, closedByReason: { lifetime: 1 } })
})

test('a successor of one that is too old is dialled as soon as another of its place has gone', async () => {
  const sim = new Sim({ maxConnectionsPerHost: 2, maxChannelsPerConnection: 1, maxLifetime: 10_000 })
  const old = await leased(sim)
  const second = await leased(sim)
  await sim.advance(60_000)
  expect(sim.pool.snapshot().closedByReason).toEqual({})
  second.release()
  await sim.settle()
  expect(sim.pool.snapshot().closedByReason).toEqual({ lifetime: 1 })
  const next = sim.acquire(web1)
  await sim.settle()
  expect(sim.dials).toHaveLength(3)
  old.release()
  await sim.settle()
  expect(sim.pool.snapshot().closedByReason).toEqual({ lifetime: 2 })
  sim.parked[0]!.succeed()
  await sim.settle()
  next.lease()!.release()
})

test.each([
  ['the pool', { maxConnections: 3 }, [target('a'), target('b')]],
  ['a host', { maxConnectionsPerHost: 3 }, [web1, web1]],
] as const)(
  'the last room in %s lets one go that is too old and at work, not all of them, and the next when that one has gone',
  async (_, limit, hosts) => {
    const sim = new Sim({ maxChannelsPerConnection: 1, maxLifetime: 10_000, ...limit })
    const leases = [await leased(sim, hosts[0]), await leased(sim, hosts[1])]
    await sim.advance(60_000)
    const draining = (): number => sim.events.filter((event) => event.type === 'draining').length
    expect(draining()).toBe(1)
    const [first] = leases.filter(({ connection }) =>
      sim.events.some((event) => event.type === 'draining' && event.connection === connection),
    )
    // Its socket need not be shut for that.
    for (const link of sim.links) link.answersEnd = false
    first!.release()
    await sim.settle()
    expect(draining()).toBe(2)
  },
)

test('the room for one lets the next one go when the successor of the first is there', async () => {
  const sim = new Sim({ maxConnectionsPerHost: 4, maxChannelsPerConnection: 1, maxLifetime: 10_000 })
  await leased(sim)
  await sim.advance(11_000)
  for (let i = 0; i < 2; i++) await leased(sim)
  await sim.advance(60_000)
  // The first, which goes on; and, for the one room that is left, one of its successors.
  expect(sim.events.filter((event) => event.type === 'draining')).toHaveLength(2)
  expect(sim.pool.snapshot().totalConnections).toBe(3)
})

test('however short its life is meant to be, a connection serves whom it was dialled for', async () => {
  const sim = new Sim({ maxLifetime: 1 })
  const [own, behind] = [sim.acquire(web1), sim.acquire(target('behind', { jump: target('hop') }))]
  for (let round = 0; round < 3; round++) {
    for (const dial of sim.parked)
      dial.succeed((link) => {
        link.answersOpens = false
      })
    await sim.advance(10)
  }
  for (const link of sim.links) link.answer()
  await sim.settle()
  expect([own.lease(), behind.lease()]).not.toContain(undefined)
  expect(sim.dials).toHaveLength(3)
  for (const { lease } of [own, behind]) lease()!.release()
  await sim.advance(10)
  expect(sim.pool.snapshot()).toMatchObject({ totalConnections: 0, closedByReason: { lifetime: 3 } })
})

test('what is cut off is counted where its connection is closed', async () => {
  const sim = new Sim()
  for (let i = 0; i < 2; i++) await leased(sim)
  void sim.pool.close()
  await sim.settle()
  expect(sim.events.filter((event) => event.type === 'closed')).toMatchObject([{ reason: 'closing', inFlight: 2 }])
})

describe('a step inside a step', () => {
  test('a drain whose last waiter runs into its queue timeout is over at that moment', async () => {
    const sim = new Sim()
    const waiter = sim.acquire(web1, { queueTimeoutMs: 500 })
    await sim.settle()
    const drained = sim.pool.drain({ timeoutMs: 60_000 })
    const began = sim.clock.now()
    await sim.advance(500)
    expect(waiter.error()).toMatchObject({ code: 'XEC_QUEUE_TIMEOUT' })
    expect(await drained).toMatchObject({ rejected: 1 })
    expect(sim.clock.now() - began).toBe(500)
  })

  test('a listener that asks again when a lease is back gets a channel of its own, not the one that has run', async () => {
    const sim = new Sim({ maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 })
    const lease = await leased(sim)
    let again: ReturnType<Sim['acquire']> | undefined
    sim.pool.subscribe((event) => {
      if (event.type === 'released') again ??= sim.acquire(web1)
    })
    lease.release()
    await sim.settle()
    expect(again!.lease()?.channel).toBeDefined()
    expect(again!.lease()?.channel).not.toBe(lease.channel)
    expect(sim.pool.snapshot().totalConnections).toBe(1)
  })

  test('a listener that throws, of events, of attempts or of dials, is heard of and disturbs nobody', async () => {
    const thrown = collectUncaught()
    const sim = new Sim({ maxReconnectAttempts: 1, reconnectDelay: 0 })
    const oops = (): void => {
      throw new Error('mine')
    }
    sim.pool.subscribe(oops)
    const heard: string[] = []
    sim.pool.subscribe((event) => heard.push(event.type))
    const waiter = sim.acquire(web1, { onDialling: oops, onAttempt: oops })
    const late = sim.acquire(web1, { onDialling: oops })
    await sim.settle()
    sim.dials[0]!.fail('transient')
    await sim.advance(1)
    sim.dials[1]!.succeed()
    await sim.settle()
    expect([waiter.lease(), late.lease()]).not.toContain(undefined)
    expect(heard).toContain('dialFailed')
    expect(heard).toContain('granted')
    expect(thrown.length).toBeGreaterThan(heard.length)
    expect(new Set(thrown.map(String))).toEqual(new Set(['Error: mine']))
  })
})

test('time for a dial is not part of what a connection is known by: the dial takes that of whoever came last', async () => {
  const sim = new Sim()
  const first = await leased(sim)
  first.release()
  sim.links[0]!.lose()
  await sim.settle()
  void sim.acquire(target('web-1', { connectTimeoutMs: 2_000 }))
  await sim.settle()
  expect(sim.dials.map((dial) => dial.target.connectTimeoutMs)).toEqual([15_000, 2_000])
})

test('only who is first in line makes others give up an idle connection, and does it for all', async () => {
  const sim = new Sim({ maxConnections: 4 })
  for (const name of ['a', 'b', 'c', 'd']) (await leased(sim, target(name))).release()
  await sim.settle()
  for (const link of sim.links) link.answersEnd = false
  sim.acquire(web1)
  sim.acquire(web2)
  await sim.settle()
  expect(sim.events.filter((event) => event.type === 'draining').map(({ host }) => host)).toEqual(['a', 'b'])
  await sim.advance(800)
  expect(sim.dials.slice(4).map((dial) => dial.target.host)).toEqual(['web-1', 'web-2'])
})

test('places that nobody uses are forgotten, and what happened there stays in the figures of the pool', async () => {
  const sim = new Sim({ idleTimeout: 0, maxConnectionsPerHost: 1 })
  sim.checkEvery = 100
  const learned = await leased(sim, target('narrow'))
  sim.links[0]!.maxSessions = 1
  sim.acquire(target('narrow'), { queueTimeoutMs: 1_000 })
  await sim.advance(1_000)
  learned.release()
  const failing = sim.acquire(target('failing'))
  await sim.settle()
  sim.parked[0]!.fail('transient')
  await sim.settle()
  failing.abort()
  for (let i = 0; i < 3_000; i++) (await leased(sim, target(`n${i}`))).release()
  await sim.settle()
  const { hosts, connectionsCreated, acquired } = sim.pool.snapshot()
  expect(hosts.length).toBeLessThan(1_100)
  expect({ connectionsCreated, acquired }).toEqual({ connectionsCreated: 3_001, acquired: 3_001 })
  // Not yet those of which something was learned.
  expect(hosts.slice(0, 2).map(({ host }) => host)).toEqual(['narrow', 'failing'])
  await sim.advance(700_000)
  for (let i = 0; i < 1_100; i++) (await leased(sim, target(`m${i}`))).release()
  expect(sim.pool.snapshot().hosts.map(({ host }) => host)).not.toContain('narrow')
  expect(sim.pool.snapshot().hosts.map(({ host }) => host)).not.toContain('failing')
  await sim.settle()
})

test('a pool that meets ever new targets forgets those that nothing is known of', async () => {
  const sim = new Sim({ idleTimeout: 0 })
  sim.checkEvery = 100
  const first = target('n0')
  for (let i = 0; i < 3_000; i++) (await leased(sim, i === 0 ? first : target(`n${i}`))).release()
  const { queues } = sim.pool.state.registry
  expect(queues.size).toBeLessThan(1_100)
  const bastion = target('bastion')
  const waiting = sim.acquire(target('kept', { jump: bastion }))
  for (let hop = 0; hop < 2; hop++) {
    await sim.settle()
    sim.parked[0]!.succeed()
  }
  const kept = await waiting.acquired
  for (let i = 0; i < 3_000; i++) (await leased(sim, target(`m${i}`))).release()
  // What is connected, and what leads there, is known.
  expect(
    [...queues.values()].filter(({ connections }) => connections.size > 0).map(({ target: { host } }) => host),
  ).toEqual(expect.arrayContaining(['kept', 'bastion']))
  kept.release()
  sim.checkEvery = 1
  await sim.settle()
  // Who comes back is met as if for the first time, by the same object too.
  expect([...queues.values()].filter(({ target: { host } }) => host === 'n0')).toEqual([])
  sim.acquire(first)
  await sim.settle()
  expect([...queues.values()].filter(({ target: { host } }) => host === 'n0')).toHaveLength(1)
})
