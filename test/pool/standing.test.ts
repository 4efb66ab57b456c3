import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Lease } from '../../src/pool/types.js'
import { Sim, target } from './sim.js'

const deploy = target('web1')
const root = target('web1', { username: 'root' })
const other = target('web2')

/** Every dial succeeds, until there is nothing left to do without time. */
async function play(sim: Sim): Promise<void> {
  do {
    for (const dial of sim.parked) dial.succeed()
    await sim.settle()
  } while (sim.parked.length > 0)
}

test('what stands in the way of one more: nothing, its host\'s limit, or the pool\'s', async () => {
  const sim = new Sim({ maxConnections: 2, maxConnectionsPerHost: 1, maxChannelsPerConnection: 2 })
  expect(sim.pool.standing(deploy)).toEqual({ full: null, inHand: 0, maxConnections: 1, idle: 0 })
  const [one, two] = [sim.acquire(deploy), sim.acquire(deploy)]
  expect(sim.pool.standing(deploy)).toMatchObject({ full: 'maxConnectionsPerHost', inHand: 2 })
  await play(sim)
  // Another user of the host finds it full as well; another host does not.
  expect(sim.pool.standing(root)).toEqual({ full: 'maxConnectionsPerHost', inHand: 2, maxConnections: 1, idle: 0 })
  expect(sim.pool.standing(other)).toMatchObject({ full: null, inHand: 0 })
  sim.acquire(other)
  await play(sim)
  expect(sim.pool.standing(target('web3'))).toMatchObject({ full: 'maxConnections' })
  for (const { lease } of [one, two]) lease()?.release()
  await sim.settle()
  // An idle connection goes to whoever needs its place.
  expect([deploy, root, target('web3')].map((each) => sim.pool.standing(each))).toMatchObject([{ full: null, idle: 1 }, { full: null, idle: 0 }, { full: null }])
})

test('who finds no limit in the way does not wait for one, and who finds one waits', async () => {
  const steps = fc.array(fc.oneof(
    { weight: 3, arbitrary: fc.record({ acquire: fc.constantFrom(deploy, root, other) }) },
    { weight: 2, arbitrary: fc.record({ release: fc.nat(20) }) },
  ), { maxLength: 25 })
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 3 }), fc.boolean(), steps, async (maxConnections, maxConnectionsPerHost, maxChannelsPerConnection, enabled, sequence) => {
    const sim = new Sim({ maxConnections, maxConnectionsPerHost, maxChannelsPerConnection, enabled })
    const waiting: ReturnType<Sim['acquire']>[] = []
    const leases: Lease[] = []
    for (const step of sequence) {
      if ('release' in step) leases.splice(step.release, 1)[0]?.release()
      else {
        const { full } = sim.pool.standing(step.acquire)
        const asked = sim.acquire(step.acquire)
        waiting.push(asked)
        await play(sim)
        expect({ full, granted: asked.lease() !== undefined }).toEqual({ full, granted: full === null })
      }
      await play(sim)
      for (const each of waiting.splice(0)) {
        const lease = each.lease()
        if (lease) leases.push(lease)
        else waiting.push(each)
      }
    }
    await sim.pool.close()
  }), { numRuns: 150 })
})
