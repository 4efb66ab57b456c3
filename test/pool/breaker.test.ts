/** Storms: many hosts fail at once, for one cause. The network is a switch here, and every dial takes 20 ms of it. */
import { describe, expect, test } from 'vitest'
import { Endpoint } from '../../src/pool/state/endpoint.js'
import { CircuitBreaker } from '../../src/pool/state/breaker.js'
import { DialError } from '../../src/transport/transport.js'
import type { Lease, PoolTarget } from '../../src/pool/types.js'
import type { PoolOptions } from '../../src/pool/options.js'
import { Sim, target } from './sim.js'

const STEP_MS = 20

class Network {
  up = true
  readonly sim: Sim
  readonly granted = new Map<string, number>()
  readonly failed = new Map<string, string>()
  readonly #leases = new Map<string, Lease>()

  constructor(options: Partial<PoolOptions> = {}) {
    this.sim = new Sim(options)
    this.sim.checkEvery = 5
    this.sim.checksSnapshots = false
    this.sim.parksHandshakes = true
  }

  dials(host: string): number {
    return this.sim.events.filter((event) => event.type === 'dialling' && event.host === host).length
  }

  told(type: string): readonly unknown[] {
    return this.sim.events.filter((event) => event.type === type)
  }

  /** Holds a channel to each host until it is lost or released. */
  async ask(hosts: readonly PoolTarget[]): Promise<void> {
    for (const each of hosts) {
      this.sim.acquire(each).acquired.then(
        (lease) => {
          this.granted.set(each.host, this.sim.clock.now())
          this.#leases.set(each.host, lease)
        },
        (error: unknown) => this.failed.set(each.host, (error as Error).message),
      )
    }
    await this.sim.settle()
  }

  async release(hosts: readonly PoolTarget[]): Promise<void> {
    for (const { host } of hosts) this.#leases.get(host)?.release()
    await this.sim.settle()
  }

  async pass(ms: number): Promise<void> {
    const { sim } = this
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      const { parked } = sim
      await sim.advance(STEP_MS)
      for (const dial of parked) {
        if (this.up) dial.succeed()
        else dial.fail('transient')
      }
      // Handshakes go on at once, as many as may.
      await sim.settle()
      for (const dial of sim.shaking) dial.accept()
      await sim.settle()
    }
  }

  async drop(hosts: readonly PoolTarget[]): Promise<void> {
    const names = new Set(hosts.map(({ host }) => host))
    for (const link of this.sim.links) if (names.has(link.dial.target.host)) link.lose()
    await this.sim.settle()
  }
}

const fleet = (n: number, more: Partial<PoolTarget> = {}): PoolTarget[] =>
  Array.from({ length: n }, (_, i) => target(`h${i}`, more))

async function connected(hosts: readonly PoolTarget[], options: Partial<PoolOptions> = {}): Promise<Network> {
  const network = new Network(options)
  await network.ask(hosts)
  await network.pass(2_000)
  expect(network.granted.size).toBe(hosts.length)
  network.granted.clear()
  return network
}

describe('a storm', () => {
  const hosts = fleet(200)

  test('200 connections dropped at once and restored after 5 s: all are back within 10 s, by at most 3 dials a host', async () => {
    const network = await connected(hosts)
    const before = hosts.map(({ host }) => network.dials(host))
    network.up = false
    const dropped = network.drop(hosts)
    // They ask before the losses are known, so that half of them dial again before the other half is lost.
    await network.ask(hosts)
    await dropped
    expect(network.told('dialling').length - before.reduce((sum, n) => sum + n, 0)).toBeGreaterThan(50)
    await network.pass(5_000)
    expect(network.granted.size).toBe(0)
    network.up = true
    const restored = network.sim.clock.now()
    await network.pass(10_000)
    const back = [...network.granted.values()].filter((at) => at - restored <= 10_000)
    expect(back.length).toBeGreaterThanOrEqual(190)
    expect(network.failed.size).toBe(0)
    expect(Math.max(...hosts.map(({ host }, i) => network.dials(host) - before[i]!))).toBeLessThanOrEqual(3)
    // All permits were out at times, and never more.
    expect(network.sim.mostHandshakes).toBe(32)
    expect(network.told('outage')).toHaveLength(1)
    expect(network.told('outageOver')).toMatchObject([{ connected: true }])
  })

  test('half the hosts fail at once: probed one at a time, while the others go on', async () => {
    const network = await connected(hosts)
    const [lost, whole] = [hosts.slice(0, 100), hosts.slice(100)]
    network.up = false
    await network.drop(lost)
    const before = network.told('dialling').length
    await network.ask(lost)
    expect(network.told('outage')).toMatchObject([{ hosts: 100 }])
    await network.pass(10_000)
    // The first at once, then 1 s, 2 s, 4 s and 5 s apart.
    expect(network.told('dialling').length - before).toBe(4)
    await network.release(whole)
    network.granted.clear()
    await network.ask(whole)
    expect(network.granted.size).toBe(100)
    expect(network.failed.size).toBe(0)
  })

  test('after a success the rest follow, and in small numbers first', async () => {
    const network = await connected(hosts)
    network.up = false
    await network.drop(hosts)
    await network.ask(hosts)
    await network.pass(100)
    network.up = true
    const counts: number[] = []
    for (let i = 0; i < 60; i++) {
      counts.push(network.granted.size)
      await network.pass(STEP_MS)
    }
    const steps = counts
      .slice(1)
      .map((n, i) => n - counts[i]!)
      .filter((n) => n > 0)
    expect(steps[0]).toBe(1)
    expect(steps[1]).toBe(2)
    expect(steps[2]).toBe(4)
    expect(counts.at(-1)).toBe(200)
  })

  test('a network that does not come back: after 30 s everybody hears of it, and what was asked of', async () => {
    const network = await connected(hosts)
    network.up = false
    await network.drop(hosts)
    await network.ask(hosts)
    await network.pass(29_000)
    expect(network.failed.size).toBe(0)
    await network.pass(10_000)
    expect(network.failed.size).toBe(200)
    expect(network.failed.get('h150')).toBe(
      'h150: lost together with 199 other hosts, and none was reached since; is the network here up? (last try: h8: transient failure)',
    )
    expect(network.told('outageOver')).toMatchObject([{ connected: false }])
    expect(Math.max(...hosts.map(({ host }) => network.dials(host)))).toBeLessThanOrEqual(2)
  })

  test('hosts that had never been reached get no more time than the dials of one series', async () => {
    const network = new Network()
    network.up = false
    await network.ask(fleet(40))
    await network.pass(8_000)
    expect(network.failed.size).toBe(40)
    expect(network.told('dialling').length).toBeLessThanOrEqual(40 + 4)
  })

  test('connections that idled are not dialled again before somebody asks', async () => {
    const network = await connected(hosts)
    await network.release(hosts)
    const before = network.told('dialling').length
    network.up = false
    await network.drop(hosts)
    await network.pass(10_000)
    expect(network.told('dialling').length).toBe(before)
    network.up = true
    await network.ask(hosts.slice(0, 1))
    await network.pass(STEP_MS)
    expect(network.granted.size).toBe(1)
  })
})

describe('no outage', () => {
  test('refusals come from the hosts: the network works', async () => {
    const network = new Network({ reconnectDelay: 100 })
    const hosts = fleet(40)
    await network.ask(hosts)
    for (let i = 0; i < 50; i++) {
      for (const dial of network.sim.parked) dial.fail('transient', 'XEC_CONNECT', true)
      await network.sim.advance(100)
    }
    expect(network.failed.size).toBe(40)
    expect(network.told('outage')).toEqual([])
    expect(hosts.map(({ host }) => network.dials(host))).toEqual(hosts.map(() => 4))
  })

  test('twenty hosts that fail one a second, each for its own reason', async () => {
    const hosts = fleet(20)
    const network = await connected(hosts)
    for (const host of hosts) {
      await network.drop([host])
      await network.sim.advance(1_000)
    }
    expect(network.told('outage')).toEqual([])
  })

  test('a handful of many, or few at all', async () => {
    const network = await connected(fleet(40))
    network.up = false
    await network.drop(fleet(19))
    expect(network.told('outage')).toEqual([])
    const few = await connected(fleet(7))
    await few.drop(fleet(7))
    expect(few.told('outage')).toEqual([])
  })

  test("what is lost behind a jump host is that one's loss", async () => {
    const network = new Network()
    const bastion = target('bastion')
    const hosts = fleet(50, { jump: bastion })
    await network.ask(hosts)
    await network.pass(2_000)
    expect(network.granted.size).toBe(50)
    await network.drop([...hosts, bastion])
    await network.ask([target('other')])
    await network.pass(STEP_MS)
    expect(network.told('outage')).toEqual([])
    expect(network.granted.has('other')).toBe(true)
  })

  test.each(['lapses', 'is forgotten by a reset'])(
    'one that %s is told to be over, and not by a connection',
    async (how) => {
      const hosts = fleet(20)
      const network = await connected(hosts)
      await network.release(hosts)
      await network.drop(hosts)
      expect([network.told('outage').length, network.told('outageOver').length]).toEqual([1, 0])
      if (how === 'lapses') await network.pass(31_000)
      else network.sim.pool.reset(hosts[3]!)
      await network.ask(hosts.slice(0, 2))
      await network.pass(STEP_MS)
      expect(network.granted.size).toBe(2)
      expect(network.told('outageOver')).toMatchObject([{ connected: false }])
    },
  )

  test('a key that cannot be used is no answer', async () => {
    const hosts = fleet(20)
    const network = await connected(hosts)
    network.up = false
    await network.drop(hosts)
    await network.ask(hosts)
    await network.pass(3_000)
    for (let i = 0; i < 100 && network.sim.parked.length === 0; i++) await network.sim.advance(STEP_MS)
    network.sim.parked[0]!.failWith(new DialError('XEC_CONFIG', 'the key file has no key in it', { verdict: 'final' }))
    await network.sim.settle()
    expect(network.told('outageOver')).toEqual([])
    expect(network.sim.pool.state.heldUntil(network.sim.clock.now())).toBeGreaterThan(0)
  })

  test('a refusal is an answer: six hosts whose sshd is down hold nobody back', async () => {
    const hosts = fleet(20)
    const network = await connected(hosts)
    await network.release(hosts)
    await network.drop(hosts)
    await network.ask(hosts)
    const since = network.sim.clock.now()
    for (let i = 0; i < 500 && network.granted.size < 14; i++) {
      for (const dial of network.sim.parked) {
        if (Number(dial.target.host.slice(1)) < 6) dial.fail('transient', 'XEC_CONNECT', true)
        else dial.succeed()
      }
      await network.pass(STEP_MS)
    }
    expect(network.granted.size).toBe(14)
    // Nobody had to wait for a second probe.
    expect(network.told('outageOver')).toMatchObject([{ connected: true }])
    expect(network.sim.clock.now() - since).toBeLessThan(1_000)
  })

  test('an answer of any kind ends one', async () => {
    const hosts = fleet(20)
    const network = await connected(hosts)
    network.up = false
    await network.drop(hosts)
    await network.ask(hosts)
    await network.pass(3_000)
    expect(network.told('outage')).toHaveLength(1)
    for (let i = 0; i < 100 && network.sim.parked.length === 0; i++) await network.sim.advance(STEP_MS)
    network.sim.parked[0]!.fail('sticky')
    await network.sim.advance(2 * STEP_MS)
    expect(network.sim.parked.length).toBe(2)
  })
})

test('a probe that hangs does not hold the others for longer than the outage is believed', () => {
  const outage = new CircuitBreaker({
    reconnectDelay: 1_000,
    maxReconnectDelay: 30_000,
    maxReconnectAttempts: 3,
    maxConcurrentDials: 20,
  })
  for (let i = 0; i < 8; i++) outage.failed(new Endpoint(`e${i}`, `h${i}`), null, 0, 0)
  const held: number[] = []
  for (const now of [0, 1_000, 3_000, 7_000, 12_000, 17_000, 22_000, 27_000]) {
    outage.dialled(now)
    held.push(outage.heldUntil(now))
  }
  expect(held).toEqual([1_000, 3_000, 7_000, 12_000, 17_000, 22_000, 27_000, 30_000])
  expect([outage.size(29_999), outage.size(30_000)]).toEqual([8, 0])
})

test('how many are connected to those that failed is counted as they come and go', async () => {
  const hosts = fleet(60)
  const network = await connected(hosts, { maxConnectionsPerHost: 1 })
  await network.release(hosts)
  // 13 are lost and 7 of these come back: 54 have a connection. With 23 more, 29 have failed, and 31 have one.
  await network.drop(hosts.slice(0, 13))
  await network.ask(hosts.slice(0, 7))
  await network.pass(STEP_MS)
  await network.drop(hosts.slice(13, 36))
  expect(network.told('outage')).toEqual([])
  await network.drop(hosts.slice(36, 37))
  expect(network.told('outage')).toMatchObject([{ hosts: 30 }])
})

test.each([
  [8, true],
  [9, false],
])(
  'of those that failed, what they have left counts for neither side: eight of them, and %i connections besides',
  (others, outage) => {
    const facts = new CircuitBreaker({
      reconnectDelay: 1_000,
      maxReconnectDelay: 30_000,
      maxReconnectAttempts: 3,
      maxConcurrentDials: 20,
    })
    const begun = Array.from({ length: 8 }, (_, i) => {
      const endpoint = new Endpoint(`e${i}`, `h${i}`)
      endpoint.connections.add({} as never)
      return facts.failed(endpoint, null, 0, 8 + others)
    })
    expect(begun).toEqual([...Array<boolean>(7).fill(false), outage])
  },
)

test('an error of a dial says whether the host was heard', () => {
  const of = (phase: 'dns' | 'tcp' | 'banner' | 'auth', answered?: boolean): boolean =>
    new DialError('XEC_CONNECT', 'x', { verdict: 'transient', phase, ...(answered === undefined ? {} : { answered }) })
      .answered
  expect([of('dns'), of('tcp'), of('tcp', true), of('banner'), of('auth')]).toEqual([false, false, true, true, true])
})

test('who is held back, and has no room at its host when another user of it probes, waits for that', async () => {
  const sim = new Sim({ maxConnectionsPerHost: 1 })
  const lost = Array.from({ length: 8 }, (_, i) => target(`h${i}`))
  for (const each of lost) sim.acquire(each)
  await sim.dialAll()
  for (const link of sim.links) link.lose()
  await sim.settle()
  for (const each of [target('first'), target('web'), target('other'), target('web', { username: 'root' })])
    sim.acquire(each)
  await sim.settle()
  const held = (): string[] =>
    [...sim.pool.state.heldWaitlist].map(({ target: { host, username } }) => `${username}@${host}`)
  expect([sim.parked.map(({ target: { host } }) => host), held()]).toEqual([
    ['first'],
    ['deploy@web', 'deploy@other', 'root@web'],
  ])
  await sim.advance(1_000)
  expect([sim.parked.map(({ target: { host } }) => host), held()]).toEqual([['first', 'web'], ['deploy@other']])
})
