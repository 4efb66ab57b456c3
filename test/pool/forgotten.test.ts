/** What a pool is worth when connections are on their way out, too old, refused or carried: nobody may be forgotten for them. */
import { describe, expect, test } from 'vitest'
import { Sim, target } from './sim.js'

describe('the process', () => {
  test('is not held by a jump host whose only load is idle, and is while that is dialled or works', async () => {
    const sim = new Sim()
    const waiter = sim.acquire(target('web', { jump: target('bastion') }))
    await sim.settle()
    sim.dials[0]!.succeed()
    await sim.settle()
    expect(sim.links.map(({ held }) => held)).toEqual([true])
    await sim.dialAll()
    // The bastion is held by what it carries, which the transport sees to.
    expect(sim.links.map(({ held }) => held)).toEqual([false, true])
    waiter.lease()!.release()
    await sim.settle()
    expect([sim.pool.state.busy, sim.links.map(({ held }) => held)]).toEqual([false, [false, false]])
  })

  test('is not held by a connection on its way out because another was at work when it began to go', async () => {
    const sim = new Sim()
    const bastion = target('bastion')
    const [web, other] = [sim.acquire(target('web', { jump: bastion })), sim.acquire(target('other'))]
    await sim.dialAll()
    web.lease()!.release()
    await sim.settle()
    sim.pool.retire(bastion)
    await sim.settle()
    other.lease()!.release()
    await sim.settle()
    expect([sim.pool.state.busy, sim.links.map(({ held }) => held)]).toEqual([false, [false, false, false]])
  })
})

test('a server that allows so many sessions in all serves who waits as they become free', async () => {
  const sim = new Sim({ maxConnectionsPerHost: 2, maxChannelsPerConnection: 2 })
  const web = target('web')
  const first = [sim.acquire(web), sim.acquire(web)]
  await sim.dialAll()
  const later = [sim.acquire(web), sim.acquire(web)]
  await sim.settle()
  sim.parked[0]!.succeed((link) => {
    link.maxSessions = 0
  })
  await sim.settle()
  expect(later.map((waiter) => waiter.error())).toEqual([undefined, undefined])
  expect(sim.pool.snapshot()).toMatchObject({ closedByReason: { refused: 1 }, waiting: 2 })
  // Not dialled again at once, which would be a handshake for nothing each time.
  await sim.advance(900)
  expect(sim.dials).toHaveLength(2)
  for (const waiter of first) waiter.lease()!.release()
  await sim.settle()
  expect(later.map((waiter) => waiter.lease()?.connection)).toEqual([1, 1])
})

test('a host whose only connection is on its way out is a stranger like one that has none', async () => {
  const sim = new Sim({ maxConnections: 2, maxChannelsPerConnection: 1 })
  const [slow, busy] = [target('slow'), target('busy')]
  sim.acquire(slow) // runs for ever
  await sim.dialAll()
  let commands = [0, 1, 2].map(() => sim.acquire(busy))
  await sim.dialAll()
  sim.pool.retire(slow)
  const next = sim.acquire(slow)
  for (let rounds = 0; !next.lease(); rounds++) {
    expect(rounds).toBeLessThan(50)
    const done = commands.filter((command) => command.lease())
    for (const command of done) command.lease()!.release()
    commands = [...commands.filter((command) => !done.includes(command)), ...done.map(() => sim.acquire(busy))]
    await sim.advance(100)
    await sim.dialAll()
  }
  expect(next.lease()!.waitMs).toBeLessThan(2_000)
})

test('a connection that is too old goes on while it works and the pool has no room, and takes no more when there is some', async () => {
  const sim = new Sim({ maxConnections: 2, maxLifetime: 60_000 })
  const [web, other] = [target('web'), target('other')]
  const [, filler] = [sim.acquire(web), sim.acquire(other)]
  await sim.dialAll()
  await sim.advance(61_000)
  const next = sim.acquire(web)
  await sim.settle()
  expect(next.lease()?.connection).toBe(1)
  filler.lease()!.release()
  await sim.settle()
  sim.pool.retire(other)
  await sim.settle()
  expect(sim.pool.snapshot().closedByReason).toEqual({ lifetime: 1 })
  sim.acquire(web)
  await sim.settle()
  expect(sim.parked.map((dial) => dial.target.host)).toEqual(['web'])
})

test('a reset of a host that works leaves an outage of others as it is; one of a host that it hit ends it', async () => {
  const sim = new Sim()
  const good = target('good')
  sim.acquire(good)
  await sim.dialAll()
  const hosts = Array.from({ length: 20 }, (_, i) => target(`h${i}`))
  for (const host of hosts) sim.acquire(host)
  await sim.settle()
  for (const dial of sim.parked) dial.fail('transient')
  await sim.settle()
  const told = (): string[] => sim.events.filter(({ type }) => type.startsWith('outage')).map(({ type }) => type)
  expect(told()).toEqual(['outage'])
  sim.pool.reset(good)
  sim.pool.retire(hosts[0]!)
  await sim.settle()
  expect(told()).toEqual(['outage'])
  sim.pool.reset(hosts[0]!)
  await sim.settle()
  expect(told()).toEqual(['outage', 'outageOver'])
})

test.each([
  ['attempt', ['a attempt', 'c attempt', 'c queued']],
  ['queued', ['a attempt', 'b attempt', 'c attempt', 'a queued', 'c queued']],
])('who left while it was its turn to hear of a dial hears nothing (%s)', async (at, expected) => {
  const sim = new Sim({ maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 })
  const heard: string[] = []
  const abort = new AbortController()
  for (const name of ['a', 'b', 'c']) {
    const tell = (what: string) => () => {
      heard.push(`${name} ${what}`)
      if (name === 'a' && what === at) abort.abort()
    }
    sim.pool
      .acquire(target('web'), {
        ...(name === 'c' ? {} : { signal: abort.signal }),
        onAttempt: tell('attempt'),
        onQueued: tell('queued'),
      })
      .catch(() => {})
  }
  await sim.settle()
  sim.dials[0]!.fail('transient')
  await sim.settle()
  expect(heard).toEqual(expected)
})

test('a jump host is at work while something is dialled over it', async () => {
  const sim = new Sim()
  sim.acquire(target('web', { jump: target('bastion') }))
  await sim.settle()
  sim.parked[0]!.succeed()
  await sim.settle()
  expect(sim.pool.snapshot()).toMatchObject({
    totalConnections: 1,
    activeConnections: 1,
    idleConnections: 0,
    connecting: 1,
  })
})

test('a jump host is at work while what it carries is', async () => {
  const sim = new Sim()
  const waiter = sim.acquire(target('web', { jump: target('bastion') }))
  await sim.dialAll()
  expect(sim.pool.snapshot()).toMatchObject({ totalConnections: 2, activeConnections: 2, idleConnections: 0 })
  waiter.lease()!.release()
  await sim.settle()
  expect(sim.pool.snapshot()).toMatchObject({ totalConnections: 2, activeConnections: 0, idleConnections: 2 })
})

test('a dial that this side cancels is no failure', async () => {
  const sim = new Sim({ maxConcurrentDials: 1 })
  for (const name of ['a', 'b', 'c']) sim.acquire(target(name))
  await sim.settle()
  for (const dial of sim.dials) dial.arrive()
  await sim.settle()
  await sim.pool.close()
  expect(sim.pool.snapshot()).toMatchObject({ connectionsFailed: 0, failuresByPhase: {}, connecting: 0 })
  expect(sim.pool.state.figures.totals).toMatchObject({ dialling: 3, dialCancelled: 3, opened: 0 })
})
