/** Jump hosts, many and long: what they carry, what they cost, and that they cannot wait for each other. */
import { describe, expect, test } from 'vitest'
import type { Lease, PoolTarget } from '../../src/pool/types.js'
import { Sim, target } from './sim.js'

const through = (host: string, ...hops: string[]): PoolTarget =>
  target(host, { jump: hops.reduce<PoolTarget | null>((jump, hop) => target(hop, { jump }), null) })

describe('three hops', () => {
  test('are dialled in the order of travel, each over the one before, and used again', async () => {
    const sim = new Sim()
    const db = through('db', 'hop-1', 'hop-2', 'hop-3')
    const first = sim.acquire(db)
    await sim.settle()
    await sim.dialAll()
    expect(sim.dials.map((dial) => dial.target.host)).toEqual(['hop-1', 'hop-2', 'hop-3', 'db'])
    expect(sim.dials.map((dial) => sim.links.findIndex((link) => link === dial.options.via))).toEqual([-1, 0, 1, 2])
    first.lease()!.release()
    const again = await sim.acquire(db).acquired
    expect([again.reused, sim.dials.length]).toEqual([true, 4])
    again.release()
    await sim.settle()
  })

  test('a chain whose middle dies is dialled again from there on', async () => {
    const sim = new Sim()
    const db = through('db', 'hop-1', 'hop-2')
    sim.acquire(db)
    await sim.settle()
    await sim.dialAll()
    // With the middle goes what it carried; the wire tells us one after the other.
    sim.links[1]!.lose()
    sim.links[2]!.lose()
    await sim.settle()
    const next = sim.acquire(db)
    await sim.advance(20_000)
    await sim.dialAll()
    expect(next.lease()).toBeDefined()
    expect(sim.dials.slice(3).map((dial) => dial.target.host)).toEqual(['hop-2', 'db'])
  })
})

describe('300 hosts behind one bastion', () => {
  const bastion = target('bastion')
  const hosts = Array.from({ length: 300 }, (_, i) => target(`h${i}`, { jump: bastion }))

  test('share one connection to it', async () => {
    const sim = new Sim({ maxConnections: 400 })
    sim.checkEvery = 10
    const waiters = hosts.map((host) => sim.acquire(host))
    await sim.settle()
    expect(sim.dials.map((dial) => dial.target.host)).toEqual(['bastion'])
    await sim.dialAll()
    expect(waiters.filter((waiter) => waiter.lease())).toHaveLength(300)
    expect(sim.dials.filter((dial) => dial.target.host === 'bastion')).toHaveLength(1)
    expect(sim.pool.snapshot()).toMatchObject({ totalConnections: 301, acquired: 300 })
  })

  test('also when only ten connections may be open, and all are served', async () => {
    const sim = new Sim({ maxConnections: 10 })
    sim.checkEvery = 10
    const waiters = hosts.map((host) => sim.acquire(host))
    const back = new Set<Lease>()
    for (let round = 0; round < 300 && back.size < 300; round++) {
      await sim.settle()
      for (const dial of sim.parked) dial.succeed()
      await sim.settle()
      for (const waiter of waiters) {
        const lease = waiter.lease()
        if (!lease || back.has(lease)) continue
        back.add(lease)
        lease.release()
      }
    }
    expect(back.size).toBe(300)
    expect(sim.dials.filter((dial) => dial.target.host === 'bastion')).toHaveLength(1)
  })

  test('which dies in the middle of it: who waits is carried by the next one', async () => {
    const sim = new Sim({ maxConnections: 400 })
    sim.checkEvery = 10
    const waiters = hosts.map((host) => sim.acquire(host))
    await sim.settle()
    sim.dials[0]!.succeed()
    await sim.settle()
    // A hundred are connected, the others are on their way, when the bastion goes down.
    for (const dial of sim.parked.slice(0, 100)) dial.succeed()
    await sim.settle()
    for (const link of sim.links) link.lose()
    for (const dial of sim.parked) dial.fail('transient', 'XEC_CONNECT', false)
    for (let round = 0; round < 40; round++) {
      await sim.advance(1_000)
      await sim.dialAll()
    }
    expect(waiters.filter((waiter) => waiter.error())).toEqual([])
    expect(sim.pool.snapshot().hosts.find(({ host }) => host === 'bastion')).toMatchObject({ connectionsCreated: 2 })
    expect(sim.events.filter((event) => event.type === 'outage')).toEqual([])
  })
})

describe('a bastion that does not do its work', () => {
  test('one that forbids forwarding fails each behind it for itself, and serves its own', async () => {
    const sim = new Sim()
    const bastion = target('bastion')
    const behind = [0, 1, 2].map((i) => sim.acquire(target(`h${i}`, { jump: bastion })))
    const own = sim.acquire(bastion)
    await sim.settle()
    sim.dials[0]!.succeed()
    await sim.settle()
    for (const dial of sim.parked) dial.fail('final')
    await sim.settle()
    expect(behind.map((waiter) => (waiter.error() as Error).message)).toEqual([
      'h0: final failure',
      'h1: final failure',
      'h2: final failure',
    ])
    expect(own.lease()).toBeDefined()
  })

  test.each([2, 10])(
    'one that allows no session carries its own all the same, with %i connections at most',
    async (maxConnections) => {
      const sim = new Sim({ maxConnections, maxChannelsPerConnection: 1 })
      sim.tune = (link) => {
        if (link.dial.target.host === 'bastion') link.maxSessions = 0
      }
      const bastion = target('bastion')
      const own = sim.acquire(bastion)
      const behind = [0, 1, 2].map((i) => sim.acquire(target(`h${i}`, { jump: bastion })))
      await sim.settle()
      for (let round = 0; round < 20; round++) {
        for (const dial of sim.parked) dial.succeed()
        await sim.settle()
        // Who asks while it carries something hears it again, and costs nobody anything.
        if (round === 2) sim.acquire(bastion)
        for (const waiter of behind) if (round > 5) waiter.lease()?.release()
        await sim.settle()
      }
      expect(own.error()).toMatchObject({ code: 'XEC_REFUSED', host: 'bastion' })
      expect(behind.map((waiter) => waiter.error())).toEqual([undefined, undefined, undefined])
      expect(behind.map((waiter) => waiter.lease() !== undefined)).toEqual([true, true, true])
      expect(sim.dials.filter((dial) => dial.target.host === 'bastion')).toHaveLength(1)
      expect(sim.events.filter((event) => event.type === 'rejected')).toHaveLength(2)
    },
  )

  /** A jump host whose server allows so many sessions, and one behind it. */
  function narrow(sessions: number): { sim: Sim; bastion: PoolTarget; behind: PoolTarget } {
    const sim = new Sim({ maxConnectionsPerHost: 2, maxChannelsPerConnection: 1, reconnectDelay: 1_000 })
    sim.tune = (link) => {
      if (link.dial.target.host === 'bastion') link.maxSessions = sessions
    }
    const bastion = target('bastion')
    return { sim, bastion, behind: target('behind', { jump: bastion }) }
  }

  test('one that refuses a session and carries somebody who works goes on', async () => {
    const { sim, bastion, behind } = narrow(0)
    const inner = sim.acquire(behind)
    await sim.dialAll()
    const own = sim.acquire(bastion)
    await sim.dialAll()
    expect(own.error()).toMatchObject({ code: 'XEC_REFUSED' })
    expect(inner.lease()).toBeDefined()
    expect(sim.events.filter(({ type }) => type === 'draining')).toEqual([])
  })

  test('nor does one end that refuses a session while the one behind it waits to be dialled again', async () => {
    const { sim, bastion, behind } = narrow(0)
    sim.acquire(behind)
    await sim.settle()
    sim.parked[0]!.succeed()
    await sim.settle()
    sim.parked[0]!.fail('transient')
    await sim.settle()
    const own = sim.acquire(bastion)
    await sim.settle()
    expect(own.error()).toMatchObject({ code: 'XEC_REFUSED' })
    expect(sim.events.filter(({ type }) => type === 'draining')).toEqual([])
    await sim.advance(1_000)
    await sim.dialAll()
    expect(sim.pool.snapshot().totalConnections).toBe(2)
  })

  test('one that refuses a session beside another of its connections that has one: who asked hears it, because it will not be closed', async () => {
    const { sim, bastion, behind } = narrow(1)
    const first = sim.acquire(bastion)
    sim.acquire(behind)
    await sim.dialAll()
    const second = sim.acquire(bastion)
    await sim.settle()
    const link = sim.parked[0]!.succeed((own) => {
      own.answersOpens = false
      own.maxSessions = 0
    })
    await sim.settle()
    const other = sim.acquire(target('other', { jump: bastion }))
    await sim.dialAll()
    link.answer()
    await sim.settle()
    expect(second.error()).toMatchObject({ code: 'XEC_REFUSED' })
    expect([first.lease(), other.lease()]).not.toContain(undefined)
    expect(sim.events.filter(({ type }) => type === 'draining')).toEqual([])
  })

  test('a dead one blocks nobody but those behind it, although it takes the whole connect timeout', async () => {
    const sim = new Sim({ maxConnections: 4, maxConcurrentDials: 1, autoReconnect: false })
    const dead = target('dead')
    const behind = Array.from({ length: 50 }, (_, i) => sim.acquire(target(`h${i}`, { jump: dead })))
    const others = Array.from({ length: 6 }, (_, i) => sim.acquire(target(`o${i}`)))
    await sim.settle()
    for (let round = 0; round < 20; round++) {
      for (const dial of sim.parked) if (dial.target.host !== 'dead') dial.succeed()
      await sim.settle()
      for (const other of others) other.lease()?.release()
      await sim.settle()
    }
    expect(others.filter((other) => other.lease())).toHaveLength(6)
    expect(sim.parked.map((dial) => dial.target.host)).toEqual(['dead'])
    sim.parked[0]!.fail('final')
    await sim.settle()
    expect(new Set(behind.map((waiter) => (waiter.error() as Error).message.replace(/^h\d+/, 'h')))).toEqual(
      new Set(['h: jump host dead: final failure']),
    )
  })
})

describe('chains through each other', () => {
  test.each([3, 4, 5])("two pools' worth of them end, with %i connections at most", async (maxConnections) => {
    const sim = new Sim({ maxConnections, maxConcurrentDials: 2 })
    // Each of a and b is a hop of one chain and the end of another; the longest takes three connections.
    const targets = [
      ...Array.from({ length: 2 * maxConnections }, (_, i) => through(`x${i}`, 'a')),
      ...Array.from({ length: 2 * maxConnections }, (_, i) => through(`y${i}`, 'b')),
      through('b', 'a'),
      through('a', 'b'),
      through('z', 'a', 'b'),
      through('z', 'b', 'a'),
      target('a'),
      target('b'),
    ]
    const waiters = targets.map((each) => sim.acquire(each))
    const back = new Set<Lease>()
    for (let round = 0; round < 400 && back.size < targets.length; round++) {
      await sim.settle()
      for (const dial of sim.parked) dial.succeed()
      await sim.settle()
      for (const waiter of waiters) {
        const lease = waiter.lease()
        if (!lease || back.has(lease)) continue
        back.add(lease)
        lease.release()
      }
      await sim.advance(100)
    }
    expect(targets.filter((_, i) => !waiters[i]!.lease()).map(({ host }) => host)).toEqual([])
  })
})

test('of two jump hosts that opened at once, while a long command took the room of one, the first carries, and then the other', async () => {
  const sim = new Sim({ maxConnections: 3 })
  const [first, second] = ['a', 'b'].map((hop) => sim.acquire(through(`behind-${hop}`, hop))) as [
    ReturnType<Sim['acquire']>,
    ReturnType<Sim['acquire']>,
  ]
  await sim.settle()
  const long = sim.acquire(target('long'))
  await sim.settle()
  expect(sim.dials.map((dial) => dial.target.host)).toEqual(['a', 'b', 'long'])
  await sim.dialAll()
  expect(long.lease()).toBeDefined()
  // No hour of waiting: the jump host that is behind in the line gives its connection up.
  expect(first.lease()).toBeDefined()
  expect(second.lease()).toBeUndefined()
  first.lease()!.release()
  await sim.settle()
  await sim.dialAll()
  expect(second.lease()).toBeDefined()
})

/** While the dial that is under way goes on, these connect. @returns ends that dial, with success */
async function meanwhile(sim: Sim, ...hosts: string[]): Promise<() => Promise<void>> {
  const [dial] = sim.parked
  for (const host of hosts) sim.acquire(target(host))
  await sim.settle()
  for (const other of sim.parked) if (other !== dial) other.succeed()
  await sim.settle()
  return async () => {
    dial!.succeed()
    await sim.settle()
  }
}

/** A jump host that is open for one behind it, whose slot a long command took meanwhile. */
async function waitsToCarry(
  options: ConstructorParameters<typeof Sim>[0] = {},
): Promise<{ sim: Sim; behind: ReturnType<Sim['acquire']> }> {
  const sim = new Sim({ maxConnections: 2, maxConnectionsPerHost: 1, ...options })
  const behind = sim.acquire(through('behind', 'hop'))
  await sim.settle()
  const opens = await meanwhile(sim, 'long')
  await opens()
  return { sim, behind }
}

describe('a jump host that is open and has carried nobody yet', () => {
  test('counts as one that failed when it hangs up, like one that did so before a command', async () => {
    const { sim, behind } = await waitsToCarry({ maxReconnectAttempts: 0 })
    sim.links[1]!.lose()
    await sim.settle()
    expect(behind.error()).toMatchObject({
      code: 'XEC_CONNECT',
      message: expect.stringMatching(
        /^behind: jump host hop: .* accepted the login and closed the connection/,
      ) as string,
    })
  })

  test('does not, once it has carried', async () => {
    const sim = new Sim({ maxConnections: 2, maxReconnectAttempts: 0 })
    sim.acquire(through('a', 'hop'))
    const second = sim.acquire(through('b', 'hop'))
    await sim.dialAll()
    for (const link of sim.links) link.lose()
    await sim.dialAll()
    expect(second.lease()).toBeDefined()
  })

  test('is no room for another user of it', async () => {
    const { sim } = await waitsToCarry()
    expect(sim.pool.admission(target('hop', { username: 'root' })).full).toBe('maxConnectionsPerHost')
  })

  test('is not closed for another user of it, who waits for its turn: neither keeps the other from carrying', async () => {
    const sim = new Sim({ maxConnectionsPerHost: 1 })
    const waiters = [
      sim.acquire(through('a', 'hop')),
      sim.acquire(target('b', { jump: target('hop', { username: 'root' }) })),
    ]
    for (let round = 0; round < 20; round++) {
      await sim.settle()
      for (const dial of sim.parked) dial.succeed()
      await sim.settle()
      for (const waiter of waiters) waiter.lease()?.release()
      await sim.advance(2_000)
    }
    expect(waiters.map((waiter) => waiter.lease() !== undefined)).toEqual([true, true])
    expect(sim.dials.filter(({ target: { host } }) => host === 'hop').length).toBeLessThanOrEqual(3)
  })

  test('goes for a stranger, if those whom it is to carry have a connection and want another', async () => {
    const sim = new Sim({ maxConnections: 4, maxConnectionsPerHost: 2, maxChannelsPerConnection: 1 })
    const behind = through('behind', 'hop')
    sim.acquire(behind)
    await sim.dialAll()
    sim.pool.retire(target('hop'))
    sim.acquire(behind)
    await sim.settle()
    const opens = await meanwhile(sim, 'long')
    await opens()
    expect(sim.parked).toEqual([])
    sim.acquire(target('stranger'))
    await sim.settle()
    expect(sim.events.filter((event) => event.type === 'draining')).toMatchObject([
      { reason: 'reset' },
      { host: 'hop', reason: 'evicted' },
    ])
    expect(sim.parked.map(({ target: { host } }) => host)).toEqual(['stranger'])
  })
})

test('a jump host that is on its way out is not kept by what idles on it, where its host has room for one', async () => {
  const sim = new Sim({ maxConnectionsPerHost: 1 })
  const first = sim.acquire(through('a', 'hop'))
  await sim.dialAll()
  first.lease()!.release()
  sim.pool.retire(target('hop'))
  await sim.settle()
  const second = sim.acquire(through('b', 'hop'))
  await sim.dialAll()
  expect(second.lease()).toBeDefined()
})

describe('two users of a host, and of the jump host before it', () => {
  const pool = { maxConnectionsPerHost: 1 }
  const [hop, rootsHop] = [target('hop'), target('hop', { username: 'root' })]
  const [deploy, root] = [target('db', { jump: hop, pool }), target('db', { jump: rootsHop, username: 'root', pool })]

  test.each([[{ idleTimeout: 0 }], [{ enabled: false }], [{}]])(
    'the second is served within its turn, though its jump host has to be dialled, with %j',
    async (options) => {
      const sim = new Sim({ maxChannelsPerConnection: 1, ...options })
      sim.acquire(target('other', { jump: hop }))
      const busy = [sim.acquire(deploy), sim.acquire(deploy)]
      await sim.dialAll()
      const waiter = sim.acquire(root)
      for (let round = 0; round < 100 && !waiter.lease(); round++) {
        for (const each of busy.splice(0)) {
          each.lease()?.release()
          busy.push(each.lease() ? sim.acquire(deploy) : each)
        }
        await sim.settle()
        for (const dial of sim.parked) if (dial.target.username !== 'root' || round % 4 === 3) dial.succeed()
        await sim.advance(100)
      }
      expect(waiter.lease()).toBeDefined()
      expect(sim.dials.filter(({ target: { host, username } }) => host === 'hop' && username === 'root')).toHaveLength(
        1,
      )
    },
  )

  test('no connection is given up for one whose jump host does not answer', async () => {
    const sim = new Sim({ maxChannelsPerConnection: 1 })
    const busy = [sim.acquire(deploy), sim.acquire(deploy)]
    await sim.dialAll()
    sim.acquire(root)
    for (let round = 0; round < 50; round++) {
      for (const each of busy.splice(0)) {
        each.lease()?.release()
        busy.push(each.lease() ? sim.acquire(deploy) : each)
      }
      await sim.settle()
      for (const dial of sim.parked) if (dial.target.username !== 'root') dial.succeed()
      await sim.advance(100)
    }
    expect(sim.events.filter(({ type }) => type === 'draining')).toEqual([])
  })

  test('one whose jump host is known to turn it away hears it at once, also where its own host is full', async () => {
    const sim = new Sim({ maxChannelsPerConnection: 1 })
    sim.acquire(deploy)
    await sim.dialAll()
    sim.acquire(rootsHop)
    await sim.settle()
    sim.parked[0]!.fail('sticky')
    await sim.settle()
    const waiter = sim.acquire(root)
    await sim.settle()
    expect(waiter.error()).toMatchObject({ code: 'XEC_AUTH' })
  })

  test("what idles on the first one's is closed all at once for the second", async () => {
    const sim = new Sim({ maxConnectionsPerHost: 1 })
    const idle = ['a', 'b', 'c'].map((host) => sim.acquire(target(host, { jump: hop })))
    await sim.dialAll()
    for (const { lease } of idle) lease()!.release()
    for (const link of sim.links) link.answersEnd = false
    await sim.settle()
    sim.acquire(rootsHop)
    await sim.settle()
    expect(sim.events.filter(({ type }) => type === 'draining').map(({ host }) => host)).toEqual(['a', 'b', 'c'])
  })
})

describe('who waits for room at a jump host is looked at again', () => {
  test('when the last one leaves for whom it was kept', async () => {
    const { sim, behind } = await waitsToCarry()
    const other = sim.acquire(target('hop', { username: 'root' }))
    await sim.settle()
    behind.abort()
    await sim.dialAll()
    expect(other.lease()).toBeDefined()
  })

  /** A jump host of a jump host is opened for one that has a connection, and lacks a slot for it. */
  async function another(): Promise<{ sim: Sim; own: PoolTarget }> {
    const sim = new Sim({ maxConnections: 6, maxConnectionsPerHost: 3, maxChannelsPerConnection: 1 })
    const [first, own] = [target('h1'), through('h2', 'h1')]
    const [x, y] = [target('x', { jump: own }), target('y')]
    for (const each of [x, y, y, target('z')]) {
      sim.acquire(each)
      await sim.dialAll()
    }
    for (const each of [own, first]) sim.pool.retire(each)
    for (const each of [y, x]) {
      sim.acquire(each)
      await sim.settle()
    }
    return { sim, own }
  }

  test('when somebody comes for whom one behind it has no connection', async () => {
    const { sim, own } = await another()
    const { state } = sim.pool
    sim.acquire(own)
    await sim.settle()
    expect([...state.slotWaitlists.firstSlot].map(({ target: { host } }) => host)).toEqual(['h1'])
    await sim.advance(5_000)
    expect(
      sim.events.filter((event) => event.type === 'draining' && event.reason === 'fairness').length,
    ).toBeGreaterThan(0)
  })

  test('when that one leaves, and another user of the first of them waits', async () => {
    const sim = new Sim({ maxConnections: 6, maxConnectionsPerHost: 2, maxChannelsPerConnection: 1 })
    const [first, own] = [target('h1'), through('h2', 'h1')]
    const x = target('x', { jump: own })
    sim.acquire(x)
    await sim.dialAll()
    for (const each of [own, first]) sim.pool.retire(each)
    sim.acquire(x)
    await sim.settle()
    const opens = await meanwhile(sim, 'long', 'longer')
    const waiter = sim.acquire(own)
    await sim.settle()
    await opens()
    sim.acquire(target('h1', { username: 'root' }))
    await sim.settle()
    const evicted = (): string[] =>
      sim.events.filter((event) => event.type === 'draining' && event.reason === 'evicted').map(({ host }) => host)
    expect(evicted()).toEqual([])
    waiter.abort()
    await sim.settle()
    expect(evicted()).toEqual(['h1'])
  })

  test('when one behind it leaves that has no connection', async () => {
    const { sim, own } = await another()
    sim.acquire(target('stranger'))
    await sim.settle()
    const waiter = sim.acquire(target('w', { jump: own }))
    await sim.settle()
    const rings = (): string[][] =>
      [sim.pool.state.slotWaitlists.firstSlot, sim.pool.state.slotWaitlists.moreSlot].map((ring) =>
        [...ring].map(({ target: { host } }) => host),
      )
    expect(rings()).toEqual([['stranger', 'h1'], ['y']])
    waiter.abort()
    await sim.settle()
    expect(rings()).toEqual([['stranger'], ['y', 'h1']])
  })

  test('when it leaves and nobody else does', async () => {
    const { sim, own } = await another()
    const waiter = sim.acquire(own)
    await sim.settle()
    waiter.abort()
    await sim.advance(5_000)
    expect([...sim.pool.state.slotWaitlists.moreSlot].map(({ target: { host } }) => host)).toEqual(['y', 'h1'])
  })
})

test('a connection that is not pooled takes one command, also while it carries somebody', async () => {
  const sim = new Sim({ enabled: false })
  const hop = target('hop')
  sim.acquire(through('behind', 'hop'))
  await sim.dialAll()
  const first = sim.acquire(hop)
  await sim.dialAll()
  expect(first.lease()?.connection).toBe(1)
  first.lease()!.release()
  const second = sim.acquire(hop)
  await sim.dialAll()
  expect(second.lease()?.connection).toBe(3)
})

test('whoever was carried by a jump host that was lost is carried by the next one after the others', async () => {
  const sim = new Sim({ maxConnections: 2, maxChannelsPerConnection: 1 })
  const [x, y] = [through('x', 'hop'), through('y', 'hop')]
  sim.acquire(x)
  await sim.dialAll()
  for (const each of [x, y]) sim.acquire(each)
  await sim.settle()
  for (const link of sim.links) link.lose()
  await sim.settle()
  sim.parked[0]!.succeed()
  await sim.settle()
  expect(sim.parked.map(({ target: { host } }) => host)).toEqual(['y'])
})

test('once a jump host has carried one, the others behind it wait like everybody, also while somebody else is first in line', async () => {
  const sim = new Sim({ maxConnections: 4 })
  const rings = (): string[][] =>
    [sim.pool.state.slotWaitlists.chainSlot, sim.pool.state.slotWaitlists.firstSlot].map((ring) =>
      [...ring].map(({ target: { host } }) => host),
    )
  sim.acquire(target('b')) // at work, so that it is not closed for those behind the other one
  await sim.dialAll()
  sim.acquire(through('a-1', 'a'))
  for (const host of ['long', 'longer']) sim.acquire(target(host))
  await sim.settle()
  for (const dial of sim.parked) dial.succeed()
  await sim.settle()
  for (const each of [through('b-1', 'b'), through('a-2', 'a')]) {
    sim.acquire(each)
    await sim.settle()
  }
  expect(rings()).toEqual([['a-1', 'b-1', 'a-2'], []])
  sim.links.find(({ dial }) => dial.target.host === 'long')!.lose()
  await sim.settle()
  expect(sim.parked.map(({ target: { host } }) => host)).toEqual(['a-1'])
  expect(rings()).toEqual([['b-1'], ['a-2']])
})
