import { describe, expect, test } from 'vitest'
import { TIME_SLICE_GRANTS, TIME_SLICE_MS } from '../../src/pool/policy/fairness.js'
import type { Lease, PoolTarget } from '../../src/pool/types.js'
import { Sim, target } from './sim.js'

/** Serves commands of a fixed length; who is served, in order. */
class Town {
  readonly served: string[] = []
  readonly #running = new Set<{ readonly lease: Lease; readonly until: number }>()

  constructor(
    readonly sim: Sim,
    readonly commandMs: number,
  ) {
    sim.checkEvery = 10
    sim.checksSnapshots = false
  }

  want(target: PoolTarget, commands: number): void {
    for (let i = 0; i < commands; i++) {
      this.sim.pool.acquire(target).then(
        (lease) => {
          this.served.push(target.host)
          this.#running.add({ lease, until: this.sim.clock.now() + this.commandMs })
        },
        () => {},
      )
    }
  }

  /** One round of the world: dials succeed, commands that are over come back. */
  async round(ms: number): Promise<void> {
    for (const dial of this.sim.parked) dial.succeed()
    await this.sim.settle()
    await this.sim.advance(ms)
    for (const each of this.#running) {
      if (each.until > this.sim.clock.now()) continue
      this.#running.delete(each)
      each.lease.release()
    }
    await this.sim.settle()
  }

  async until(isSo: () => boolean, ms: number): Promise<void> {
    for (let rounds = 0; !isSo(); rounds++) {
      if (rounds > 5_000)
        throw new Error(
          `served so far: ${this.served.length}, of a ${this.count('a')} and of b ${this.count('b')}; and nobody any more`,
        )
      await this.round(ms)
    }
  }

  count(host: string): number {
    return this.served.filter((name) => name === host).length
  }
}

describe('law 14: a stranger at a full pool', () => {
  test.each([
    [1, 1],
    [10, 1],
    [400, 1],
    [10, 8],
  ])(
    '1,000 commands of %i ms for A, %i at once, and one for B: B is served within the quantum',
    async (commandMs, channels) => {
      const sim = new Sim({ maxConnections: 1, maxConnectionsPerHost: 1, maxChannelsPerConnection: channels })
      const town = new Town(sim, commandMs)
      town.want(target('a'), 1_000)
      await town.round(0)
      town.want(target('b'), 1)
      const since = sim.clock.now()
      const before = town.count('a')
      await town.until(() => town.count('b') > 0, commandMs)
      // Eight grants or a second, whichever is first; then what runs on that connection comes to its end.
      const grants = town.count('a') - before
      const waited = sim.clock.now() - since
      expect(
        grants <= TIME_SLICE_GRANTS + channels || waited <= TIME_SLICE_MS + 2 * commandMs,
        `${grants} grants, ${waited} ms`,
      ).toBe(true)
      await town.until(() => town.count('a') >= 1_000, commandMs)
      expect(town.served).toHaveLength(1_001)
    },
  )

  test('who gave its connection up asks again behind the one it was given up for', async () => {
    // It may have two, wants both, and so is in the ring before the stranger comes.
    const sim = new Sim({ maxConnections: 1, maxConnectionsPerHost: 2, maxChannelsPerConnection: 1 })
    const town = new Town(sim, 10)
    town.want(target('a'), 200)
    await town.round(0)
    town.want(target('b'), 1)
    await town.until(() => town.count('b') > 0, 10)
    expect(
      sim.events
        .filter(({ type }) => type === 'dialling')
        .map(({ host }) => host)
        .slice(0, 2),
    ).toEqual(['a', 'b'])
    await town.until(() => town.count('a') >= 200, 10)
  })

  test('likewise where it has another one left: the slot that comes free next is for the others that want one more', async () => {
    const sim = new Sim({ maxConnections: 3, maxConnectionsPerHost: 3, maxChannelsPerConnection: 1 })
    for (const host of ['a', 'b', 'a']) {
      sim.acquire(target(host))
      await sim.dialAll()
      await sim.advance(1)
    }
    for (const host of ['a', 'a', 'b']) {
      sim.acquire(target(host))
      await sim.settle()
    }
    await sim.advance(2 * TIME_SLICE_MS)
    const stranger = sim.acquire(target('stranger'))
    await sim.advance(TIME_SLICE_MS)
    expect(sim.events.filter((event) => event.type === 'draining')).toMatchObject([
      { host: 'a', connection: 3, reason: 'fairness' },
    ])
    sim.links[2]!.lose()
    await sim.dialAll()
    stranger.lease()!.release()
    await sim.settle()
    expect(sim.parked.map(({ target: { host } }) => host)).toEqual(['b'])
  })

  test('another user of a full host is served within the quantum too', async () => {
    const sim = new Sim({ maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 })
    const town = new Town(sim, 10)
    town.want(target('a'), 500)
    await town.round(0)
    town.want(target('a', { username: 'root' }), 1)
    const total = (): number => sim.pool.snapshot().acquired
    const roots = (): number =>
      [...sim.pool.state.registry.queues.values()]
        .filter(({ target: { username } }) => username === 'root')
        .reduce((n, { waiters }) => n + waiters.size, 0)
    const before = total()
    const since = sim.clock.now()
    await town.until(() => roots() === 0, 10)
    expect(
      total() - before <= TIME_SLICE_GRANTS + 1 || sim.clock.now() - since <= TIME_SLICE_MS + 20,
      `${total() - before} grants, ${sim.clock.now() - since} ms`,
    ).toBe(true)
    await town.until(() => town.served.length >= 501, 10)
  })

  test('20 strangers, one after the other: each within its quantum of the one before', async () => {
    const sim = new Sim({ maxConnections: 2, maxConnectionsPerHost: 2, maxChannelsPerConnection: 2 })
    const town = new Town(sim, 20)
    town.want(target('a'), 2_000)
    for (let i = 0; i < 20; i++) town.want(target(`stranger-${i}`), 1)
    for (let i = 0; i < 20 * TIME_SLICE_GRANTS * 3 && town.served.filter((name) => name !== 'a').length < 20; i++)
      await town.round(20)
    expect(town.served.filter((name) => name !== 'a').sort()).toEqual(
      Array.from({ length: 20 }, (_, i) => `stranger-${i}`).sort(),
    )
    // And A has gone on all the while.
    expect(town.count('a')).toBeGreaterThan(0)
  })
})

test('law 14: a second stranger has one given up for it at the end of its own quantum, though nothing else happens then', async () => {
  const sim = new Sim({ maxConnections: 2, maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 })
  for (const host of ['a', 'b', 'a', 'b']) sim.acquire(target(host))
  await sim.dialAll()
  await sim.advance(5_000)
  const draining = (): number => sim.events.filter(({ type }) => type === 'draining').length
  sim.acquire(target('first'))
  await sim.advance(TIME_SLICE_MS / 2)
  sim.acquire(target('second'))
  await sim.advance(TIME_SLICE_MS / 2)
  expect(draining()).toBe(1)
  await sim.advance(TIME_SLICE_MS / 2 - 1)
  expect(draining()).toBe(1)
  await sim.advance(1)
  expect(draining()).toBe(2)
})

describe('law 14: no more than it takes', () => {
  test('who wanted another connection, and then lost the one it had, waits for its quantum from there', async () => {
    const sim = new Sim({ maxConnections: 2, maxConnectionsPerHost: 2, maxChannelsPerConnection: 1 })
    for (const host of ['a', 'b']) for (let i = 0; i < 2; i++) sim.acquire(target(host))
    await sim.settle()
    for (const dial of sim.parked) dial.succeed()
    await sim.advance(5_000)
    // The slot that comes free goes to a stranger that asked before it had none.
    sim.acquire(target('c'))
    sim.acquire(target('c'))
    sim.links[1]!.lose()
    await sim.settle()
    for (const dial of sim.parked) dial.succeed()
    await sim.advance(TIME_SLICE_MS - 1)
    expect(sim.events.filter(({ type }) => type === 'draining')).toEqual([])
    await sim.advance(1)
    expect(sim.events.filter(({ type }) => type === 'draining')).toHaveLength(1)
  })

  test.each([
    [1, 2],
    [2, 3],
    [2, 2],
    [1, 8],
  ])(
    'one stranger costs one connection, although each of 20 hosts has %i, may have %i and wants more',
    async (has, maxConnectionsPerHost) => {
      const sim = new Sim({ maxConnections: 20 * has, maxConnectionsPerHost, maxChannelsPerConnection: 1 })
      const hosts = Array.from({ length: 20 }, (_, i) => target(`h${i}`))
      for (let i = 0; i < has; i++) for (const host of hosts) sim.acquire(host)
      await sim.dialAll()
      for (const host of hosts) for (let i = 0; i < 20; i++) sim.acquire(host)
      await sim.advance(1_500)
      sim.acquire(target('stranger'))
      await sim.advance(TIME_SLICE_MS)
      expect(sim.events.filter(({ type }) => type === 'draining')).toHaveLength(1)
      sim.links[0]?.lose()
      await sim.settle()
      expect(sim.parked.map(({ target: { host } }) => host)).toEqual(['stranger'])
    },
  )
})

describe('law 14: long commands', () => {
  test.each([
    [10, 25, 1],
    [10, 100, 1],
    [10, 100, 2],
    [10, 500, 2],
  ])(
    'a stranger does not wait for a command of an hour where others take %i and %i ms, %i connections a host',
    async (aMs, bMs, maxConnectionsPerHost) => {
      const sim = new Sim({ maxConnections: 2, maxConnectionsPerHost, maxChannelsPerConnection: 2 })
      const [hour, a, b, s] = [new Town(sim, 3_600_000), new Town(sim, aMs), new Town(sim, bMs), new Town(sim, 10)]
      hour.want(target('a'), 1)
      a.want(target('a'), 3_000)
      b.want(target('b'), 3_000)
      const round = async (): Promise<void> => {
        for (const each of [a, b, s]) await each.round(5)
      }
      for (let i = 0; i < 20; i++) await round()
      s.want(target('stranger'), 1)
      const since = sim.clock.now()
      while (s.count('stranger') === 0 && sim.clock.now() - since < 60_000) await round()
      expect(sim.clock.now() - since).toBeLessThanOrEqual(4 * TIME_SLICE_MS + 2 * bMs)
    },
  )

  test('one whose first choice does not leave gets another, and the pool is not stopped for it', async () => {
    const sim = new Sim({ maxConnections: 20, maxConnectionsPerHost: 1, maxChannelsPerConnection: 2 })
    sim.checksSnapshots = false
    const hosts = Array.from({ length: 20 }, (_, i) => target(`h${i}`))
    // Each runs one of hours, and wants more than it may have.
    for (const host of hosts) for (let i = 0; i < 3; i++) sim.acquire(host)
    await sim.settle()
    for (const dial of sim.parked) dial.succeed()
    await sim.settle()
    sim.acquire(target('stranger'))
    const leaving = (): number => sim.events.filter((event) => event.type === 'draining').length
    const after: number[] = []
    for (const ms of [1_000, 1_000, 2_000, 4_000, 8_000, 16_000, 3_600_000]) {
      await sim.advance(ms)
      after.push(leaving())
    }
    expect(after).toEqual([1, 2, 3, 4, 5, 6, 12])
  })
})

describe('law 14: whoever is first in the ring', () => {
  test('a stranger behind one that cannot ask for it gets a connection as soon as one may be given up', async () => {
    const sim = new Sim({ maxConnections: 2, maxChannelsPerConnection: 1 })
    const [x, y] = [target('x'), target('y')]
    sim.acquire(x)
    sim.acquire(y)
    await sim.settle()
    for (const dial of sim.parked) dial.succeed()
    await sim.advance(2 * TIME_SLICE_MS)
    // The head of the ring has a connection still, which drains.
    sim.pool.reset(y)
    sim.acquire(y)
    sim.acquire(target('stranger'))
    await sim.advance(2 * TIME_SLICE_MS)
    expect(sim.events.filter((event) => event.type === 'draining' && event.reason === 'fairness')).toEqual([])
    sim.acquire(x)
    await sim.settle()
    expect(sim.events.filter((event) => event.type === 'draining' && event.reason === 'fairness')).toMatchObject([
      { host: 'x' },
    ])
  })
})

describe('law 14: at the moment at which the quantum is over', () => {
  test('a connection that was just reset is not given up once more', async () => {
    const sim = new Sim({ maxConnections: 1, maxConnectionsPerHost: 2, maxChannelsPerConnection: 1 })
    const [user, root] = [target('a'), target('a', { username: 'root' })]
    for (let i = 0; i < 2; i++) sim.acquire(user)
    await sim.dialAll()
    await sim.advance(1_500)
    sim.acquire(root)
    await sim.settle()
    // The timer is late.
    sim.clock.moveTo(sim.clock.now() + 2 * TIME_SLICE_MS)
    sim.pool.reset(user)
    await sim.settle()
    expect(sim.events.filter(({ type }) => type === 'draining')).toMatchObject([{ reason: 'reset' }])
  })

  test('of two whose turn is over, the one whose command began last is given up, although the clock is late', async () => {
    const sim = new Sim({ maxConnections: 2, maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 })
    for (let i = 0; i < 2; i++) sim.acquire(target('a'))
    await sim.dialAll()
    for (let i = 0; i < 2; i++) sim.acquire(target('b'))
    sim.acquire(target('stranger'))
    await sim.advance(1)
    for (const dial of sim.parked) dial.succeed()
    await sim.settle()
    sim.clock.moveTo(sim.clock.now() + 2 * TIME_SLICE_MS)
    while (sim.clock.fireNext(sim.clock.now())) await sim.settle()
    expect(sim.events.filter(({ type }) => type === 'draining')).toMatchObject([{ host: 'b', reason: 'fairness' }])
  })
})

describe('laws 13 and 14: a stranger and jump hosts', () => {
  test.each([
    [2, 1, 2],
    [2, 1, 3],
    [2, 1, 4],
    [3, 1, 3],
    [4, 2, 2],
    [4, 2, 3],
    [5, 2, 3],
    [6, 3, 3],
  ])(
    'at %i connections, of %i jump hosts with %i busy hosts behind each: it is served, and so are all of these',
    async (maxConnections, bastions, children) => {
      const sim = new Sim({ maxConnections, maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 })
      const town = new Town(sim, 10)
      const behind = Array.from({ length: bastions * children }, (_, i) =>
        target(`b${i % bastions}-h${i}`, { jump: target(`b${i % bastions}`) }),
      )
      for (const each of behind) town.want(each, 300)
      for (let i = 0; i < 6; i++) await town.round(10)
      const before = behind.map(({ host }) => town.count(host))
      town.want(target('stranger'), 1)
      for (let i = 0; i < 150 && town.count('stranger') === 0; i++) await town.round(10)
      // Each has at most one turn before the stranger's.
      expect(town.count('stranger')).toBe(1)
      expect(Math.max(...behind.map(({ host }, i) => town.count(host) - before[i]!))).toBeLessThanOrEqual(
        2 * TIME_SLICE_GRANTS + 2 * behind.length,
      )
      for (let i = 0; i < 250; i++) await town.round(10)
      for (const { host } of behind) expect(town.count(host), town.served.join(' ')).toBeGreaterThan(0)
    },
  )

  test('strangers without end do not keep those behind a jump host away, nor one of these the others', async () => {
    const sim = new Sim({ maxConnections: 2, maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 })
    const town = new Town(sim, 10)
    const all = [
      ...['c0', 'c1', 'c2'].map((host) => target(host, { jump: target('bastion') })),
      target('s'),
      target('t'),
    ]
    for (const each of all) town.want(each, 400)
    for (let i = 0; i < 600; i++) await town.round(10)
    const counts = all.map(({ host }) => town.count(host))
    expect(Math.min(...counts), counts.join(' ')).toBeGreaterThanOrEqual(3 * TIME_SLICE_GRANTS)
  })
})

describe('law 13: the order of the ring', () => {
  test('a user that lacked room at its host, and then lacks a slot, goes before a stranger that asked after it', async () => {
    const sim = new Sim({ maxConnections: 2, maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 })
    sim.acquire(target('a'))
    sim.acquire(target('b'))
    await sim.dialAll()
    sim.acquire(target('a', { username: 'root' }))
    await sim.settle()
    sim.acquire(target('stranger'))
    await sim.settle()
    sim.links[0]!.lose()
    await sim.settle()
    expect(sim.parked.map(({ target: { username } }) => username)).toEqual(['root'])
    sim.links[1]!.lose()
    await sim.settle()
    expect(sim.parked.map(({ target: { host } }) => host)).toEqual(['a', 'stranger'])
  })

  test('who lost the connection it had, while it asked for another, goes behind who had none before', async () => {
    const sim = new Sim({ maxConnections: 2, maxChannelsPerConnection: 1 })
    sim.acquire(target('a'))
    sim.acquire(target('b'))
    await sim.dialAll()
    for (const host of ['a', 'first', 'second']) {
      sim.acquire(target(host))
      await sim.settle()
    }
    for (const next of ['first', 'second', 'a']) {
      sim.links.find(({ over }) => !over)!.lose()
      await sim.settle()
      expect(sim.parked.map(({ target: { host } }) => host)).toEqual([next])
      await sim.dialAll()
    }
  })
})

test('law 13: who comes to have no connection, because that drains, waits behind those users of its host who have none', async () => {
  const sim = new Sim({ maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 })
  const [user, root] = [target('a'), target('a', { username: 'root' })]
  const first = sim.acquire(user)
  await sim.dialAll()
  for (const each of [user, root]) {
    sim.acquire(each)
    await sim.settle()
  }
  sim.pool.retire(user)
  await sim.settle()
  first.lease()!.release()
  await sim.settle()
  expect(sim.parked.map(({ target: { username } }) => username)).toEqual(['root'])
})

describe('law 13: equal hosts', () => {
  test.each([
    [8, 2],
    [12, 5],
    [30, 4],
  ])(
    '%i hosts that want without end at %i connections are served within a factor of two',
    async (hosts, maxConnections) => {
      const sim = new Sim({ maxConnections, maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 })
      const town = new Town(sim, 10)
      const names = Array.from({ length: hosts }, (_, i) => `host-${i}`)
      for (const name of names) town.want(target(name), 100)
      for (let i = 0; i < hosts * 25; i++) await town.round(10)
      const counts = names.map((name) => town.count(name))
      const [least, most] = [Math.min(...counts), Math.max(...counts)]
      expect(least).toBeGreaterThan(0)
      expect(most / least, `served ${counts.join(' ')}`).toBeLessThanOrEqual(2)
    },
  )

  test('nobody is overtaken more than once a round', async () => {
    const sim = new Sim({ maxConnections: 1, maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 })
    const town = new Town(sim, 10)
    const names = ['a', 'b', 'c', 'd', 'e']
    for (const name of names) town.want(target(name), 100)
    for (let i = 0; i < 600; i++) await town.round(10)
    // The turns, one for each stay at the connection.
    const turns = town.served.filter((name, i) => name !== town.served[i - 1])
    expect(turns.length).toBeGreaterThan(15)
    for (let i = 0; i + names.length <= turns.length; i++)
      expect(new Set(turns.slice(i, i + names.length)).size, turns.join(' ')).toBe(names.length)
  })

  test('nor is a user of a host by another one of it, where both wait for a slot', async () => {
    const sim = new Sim({ enabled: false, maxConnections: 1, maxConnectionsPerHost: 1 })
    const [other, user, root, third] = [
      target('other'),
      target('a'),
      target('a', { username: 'root' }),
      target('a', { username: 'third' }),
    ]
    for (const each of [user, third, root]) sim.pool.reset(each) // so that they are known in this order
    const served: string[] = []
    let lease: Lease | undefined
    for (const each of [other, user, root, third, user, root, third]) {
      sim.pool.acquire(each).then(
        (given) => {
          lease = given
          served.push(each.username)
        },
        () => {},
      )
      await sim.settle()
    }
    for (let i = 0; i < 7; i++) {
      for (const dial of sim.parked) dial.succeed()
      await sim.settle()
      lease?.release()
      await sim.settle()
    }
    expect(served.slice(1)).toEqual(['deploy', 'root', 'third', 'deploy', 'root', 'third'])
  })
})
