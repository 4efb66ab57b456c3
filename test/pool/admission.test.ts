import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Lease } from '../../src/pool/types.js'
import { Sim, target } from './sim.js'

const deploy = target('web1')
const root = target('web1', { username: 'root' })
const other = target('web2')
/** Other names of the first two, which ask for less. */
const narrow = target('narrow', { address: 'web1.test', pool: { maxChannelsPerConnection: 1 } })
const single = target('single', { address: 'web1.test', pool: { maxConnectionsPerHost: 1 } })

test("what stands in the way of one more: nothing, its host's limit, or the pool's", async () => {
  const sim = new Sim({ maxConnections: 2, maxConnectionsPerHost: 1, maxChannelsPerConnection: 2 })
  expect(sim.pool.admission(deploy)).toEqual({ full: null, inHand: 0, maxConnections: 1, idle: 0 })
  const [one, two] = [sim.acquire(deploy), sim.acquire(deploy)]
  expect(sim.pool.admission(deploy)).toMatchObject({ full: 'maxConnectionsPerHost', inHand: 2 })
  await sim.dialAll()
  // Another user of the host finds it full as well; another host does not.
  expect(sim.pool.admission(root)).toEqual({ full: 'maxConnectionsPerHost', inHand: 2, maxConnections: 1, idle: 0 })
  expect(sim.pool.admission(other)).toMatchObject({ full: null, inHand: 0 })
  sim.acquire(other)
  await sim.dialAll()
  expect(sim.pool.admission(target('web3'))).toMatchObject({ full: 'maxConnections' })
  for (const { lease } of [one, two]) lease()?.release()
  await sim.settle()
  // An idle connection goes to whoever needs its place.
  expect([deploy, root, target('web3')].map((each) => sim.pool.admission(each))).toMatchObject([
    { full: null, idle: 1 },
    { full: null, idle: 0 },
    { full: null },
  ])
})

test('who finds no limit in the way does not wait for one, and who finds one waits', async () => {
  const steps = fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ acquire: fc.constantFrom(deploy, root, other, narrow, single) }) },
      { weight: 2, arbitrary: fc.record({ release: fc.nat(20) }) },
    ),
    { maxLength: 25 },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 2 }),
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
      steps,
      async (maxConnections, maxConnectionsPerHost, maxChannelsPerConnection, enabled, sequence) => {
        const sim = new Sim({ maxConnections, maxConnectionsPerHost, maxChannelsPerConnection, enabled })
        const waiting: ReturnType<Sim['acquire']>[] = []
        const leases: Lease[] = []
        for (const step of sequence) {
          if ('release' in step) leases.splice(step.release, 1)[0]?.release()
          else {
            const { full } = sim.pool.admission(step.acquire)
            const asked = sim.acquire(step.acquire)
            waiting.push(asked)
            await sim.dialAll()
            expect({ full, granted: asked.lease() !== undefined }).toEqual({ full, granted: full === null })
          }
          await sim.dialAll()
          for (const each of waiting.splice(0)) {
            const lease = each.lease()
            if (lease) leases.push(lease)
            else waiting.push(each)
          }
        }
        await sim.pool.close()
      },
    ),
    { numRuns: 150 },
  )
})

test('a look changes nothing: no host is met by it, no name, no limit', async () => {
  const sim = new Sim({ maxConnectionsPerHost: 2 })
  const jump = target('bastion')
  sim.acquire(deploy)
  await sim.dialAll()
  const before = [sim.pool.admission(deploy), sim.pool.snapshot()]
  for (const each of [narrow, single, root, other, target('behind', { jump })])
    expect(sim.pool.admission(each).full).toBeNull()
  expect([sim.pool.admission(deploy), sim.pool.snapshot()]).toEqual(before)
  expect([sim.pool.state.registry.queues.size, sim.pool.state.registry.endpoints.size]).toEqual([1, 1])
})

test('a name that asks for less finds its own limits, before the pool has met it', async () => {
  const sim = new Sim({ maxConnectionsPerHost: 2, maxChannelsPerConnection: 2 })
  sim.acquire(deploy)
  await sim.dialAll()
  // On the one there is it may have no second channel, and there may be no second one.
  const both = target('both', { address: 'web1.test', pool: { maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 } })
  expect([deploy, narrow, single, both].map((each) => sim.pool.admission(each))).toMatchObject([
    { full: null, maxConnections: 2 },
    { full: null, maxConnections: 2 },
    { full: null, maxConnections: 1 },
    { full: 'maxConnectionsPerHost', maxConnections: 1 },
  ])
  // Another user of the place has no connection to share.
  expect(sim.pool.admission({ ...single, username: 'root' })).toMatchObject({ full: 'maxConnectionsPerHost' })
  const asked = sim.acquire(both)
  await sim.dialAll()
  expect(asked.lease()).toBeUndefined()
  // What it asks for holds for all from now.
  expect(sim.pool.admission(deploy)).toMatchObject({ full: 'maxConnectionsPerHost', inHand: 2, maxConnections: 1 })
})

test('what was learned of a server holds for a user of it whom the pool has not met', async () => {
  const sim = new Sim({ maxConnectionsPerHost: 1, maxChannelsPerConnection: 2 })
  sim.tune = (link) => void (link.maxSessions = 1)
  const both = [sim.acquire(deploy), sim.acquire(deploy)]
  await sim.dialAll()
  both[1]?.abort()
  both[0]?.lease()?.release()
  await sim.settle()
  expect(sim.pool.admission(root).full).toBeNull()
  // The one that it takes over carries a single channel.
  sim.acquire(root)
  await sim.dialAll()
  expect(sim.pool.admission(root).full).toBe('maxConnectionsPerHost')
})

/** A pool in which the first to use it has left a connection that goes slowly, and another waits for its place. */
async function placeAsked(
  by: typeof deploy,
  limits: { maxConnections: number } | { maxConnectionsPerHost: number },
): Promise<Sim> {
  const sim = new Sim(limits)
  sim.tune = (link) => void (link.answersEnd = false)
  const first = sim.acquire(deploy)
  await sim.dialAll()
  first.lease()?.release()
  await sim.settle()
  sim.acquire(by)
  await sim.dialAll()
  return sim
}

test.each([
  ['a host', 'maxConnectionsPerHost', root, target('web1', { username: 'third' })],
  ['the pool', 'maxConnections', other, target('web3')],
] as const)('the place in %s that becomes free is for who has asked for it', async (_, limit, second, third) => {
  const sim = await placeAsked(
    second,
    limit === 'maxConnections' ? { maxConnections: 1 } : { maxConnectionsPerHost: 1 },
  )
  expect([second, third].map((each) => sim.pool.admission(each).full)).toEqual([null, limit])
  const asked = sim.acquire(third)
  sim.links[0]?.lose()
  await sim.dialAll()
  expect([asked.lease(), sim.links.length]).toEqual([undefined, 2])
})

test('a connection of its own that is about to be lost is no room for another', async () => {
  const sim = new Sim({ maxConnections: 1, maxConnectionsPerHost: 2 })
  const first = sim.acquire(deploy)
  await sim.dialAll()
  first.lease()?.release()
  await sim.settle()
  sim.links[0]?.crack()
  const lost = sim.acquire(deploy)
  await sim.dialAll()
  lost.abort()
  await sim.settle()
  expect(sim.pool.admission(deploy)).toMatchObject({ full: 'maxConnections', idle: 1 })
  const asked = sim.acquire(deploy)
  await sim.dialAll()
  expect(asked.lease()).toBeUndefined()
  sim.links[0]?.lose()
  await sim.dialAll()
  expect(asked.lease()).toBeDefined()
})
