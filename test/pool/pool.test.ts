import { describe, expect, test } from 'vitest'
import type { PoolTarget } from '../../src/pool/types.js'
import { Sim, target } from './sim.js'

const web1 = target('web-1')
const web2 = target('web-2')
const web3 = target('web-3')

/** Acquires and dials until the lease is there. */
async function leased(sim: Sim, host = web1) {
  const waiter = sim.acquire(host)
  await sim.settle()
  for (const dial of sim.parked) dial.succeed()
  await sim.settle()
  const lease = await waiter.acquired
  return { lease, channel: [...sim.links.at(-1)!.open].at(-1)! }
}

describe('reuse', () => {
  test('the first acquire dials, the second reuses the connection', async () => {
    const sim = new Sim()
    const { lease } = await leased(sim)
    lease.release()
    await sim.settle()
    const second = await sim.acquire(web1).acquired
    expect(second.connection).toBe(lease.connection)
    expect(second.reused).toBe(true)
    expect(sim.dials).toHaveLength(1)
    expect(sim.pool.snapshot()).toMatchObject({ connectionsCreated: 1, reuseCount: 1, activeConnections: 1 })
    second.release()
    await sim.settle()
    expect(sim.pool.snapshot()).toMatchObject({ totalConnections: 1, activeConnections: 0, idleConnections: 1 })
  })

  test('other credentials never share a connection, but share the limit of their endpoint', async () => {
    const sim = new Sim({ maxConnectionsPerHost: 1 })
    const other = target('web-1', { username: 'root' })
    const first = await leased(sim)
    const second = sim.acquire(other)
    await sim.settle()
    expect(sim.dials).toHaveLength(1)
    first.lease.release()
    await sim.settle()
    expect(sim.events.filter((e) => e.type === 'draining')).toMatchObject([{ reason: 'evicted' }])
    sim.dials[1]!.succeed()
    await sim.settle()
    expect((await second.acquired).connection).toBe(2)
  })

  // Found by the model: seed 651865676.
  test('an idle connection whose last waiter was served elsewhere makes room for another user of its endpoint', async () => {
    const sim = new Sim({ maxConnectionsPerHost: 2, maxChannelsPerConnection: 1 })
    const root = target('web-1', { username: 'root' })
    const mine = [await leased(sim), sim.acquire(target('web-1'))] as const
    await sim.settle()
    sim.dials[1]!.succeed()
    await sim.settle()
    const next = sim.acquire(target('web-1'))
    const stranger = sim.acquire(root)
    await sim.settle()
    // Both come back in one turn; one of them serves the last waiter, the other is nobody's.
    mine[0].lease.release()
    mine[1].lease()?.release()
    await sim.settle()
    expect(next.lease()).toBeDefined()
    expect(sim.events.filter((e) => e.type === 'draining')).toMatchObject([{ reason: 'evicted' }])
    sim.dials[2]!.succeed()
    await sim.settle()
    expect(stranger.lease()).toBeDefined()
  })

  test('two names of one place share a connection, and the row says how many names it has', async () => {
    const sim = new Sim()
    const alias = target('also-web-1', { address: 'web-1.test' })
    await leased(sim)
    const lease = await sim.acquire(alias).acquired
    expect(lease.connection).toBe(1)
    expect(sim.pool.snapshot().hosts).toMatchObject([{ host: 'web-1', names: 2 }])
  })

  test.each([
    ['the first', 0],
    ['the second', 1],
  ])('of two names of one login the stricter limits hold, if %s has them', async (_, strict) => {
    const sim = new Sim({ idleTimeout: 60_000 })
    const names = ['a', 'b'].map((name, i) =>
      target(name, {
        address: 'one.test',
        ...(i === strict
          ? { pool: { maxChannelsPerConnection: 1, maxConnectionsPerHost: 1, idleTimeout: 1_000 } }
          : {}),
      }),
    )
    const first = sim.acquire(names[0]!)
    await sim.settle()
    sim.parked[0]!.succeed()
    const waiters = [1, 2, 3].map(() => sim.acquire(names[1]!))
    await sim.settle()
    expect(waiters.map((each) => each.lease() !== undefined)).toEqual([false, false, false])
    for (const each of [first, ...waiters]) {
      each.lease()!.release()
      await sim.settle()
    }
    await sim.advance(1_000)
    expect(sim.pool.snapshot()).toMatchObject({
      totalConnections: 0,
      connectionsCreated: 1,
      closedByReason: { idle: 1 },
    })
  })

  test('a limit that another name brings, below what runs, only stops more', async () => {
    const sim = new Sim()
    const waiters = [1, 2, 3].map(() => sim.acquire(web1))
    await sim.settle()
    sim.parked[0]!.succeed()
    await sim.settle()
    const strict = sim.acquire(
      target('other-name', { address: web1.address, pool: { maxChannelsPerConnection: 1, maxConnectionsPerHost: 1 } }),
    )
    for (const each of waiters) {
      await sim.settle()
      expect(strict.lease()).toBeUndefined()
      each.lease()!.release()
    }
    await sim.settle()
    expect(strict.lease()).toBeDefined()
  })

  test('a waiter that leaves while its dial is pending leaves the connection behind', async () => {
    const sim = new Sim({ maxConnections: 1 })
    const { abort, acquired } = sim.acquire(web1)
    abort()
    await expect(acquired).rejects.toMatchObject({ code: 'XEC_ABORTED', executed: 'no' })
    sim.dials[0]!.succeed()
    await sim.settle()
    expect(sim.pool.snapshot()).toMatchObject({ idleConnections: 1, waiting: 0 })
  })

  test('a channel that is confirmed after its waiter left is closed again, and the slot is free', async () => {
    const sim = new Sim()
    sim.tune = (link) => (link.answersOpens = false)
    const { abort, acquired } = sim.acquire(web1)
    sim.dials[0]!.succeed()
    await sim.settle()
    abort()
    await expect(acquired).rejects.toMatchObject({ code: 'XEC_ABORTED' })
    sim.links[0]!.answer()
    await sim.settle()
    expect(sim.links[0]!.open.size).toBe(0)
    expect(sim.pool.snapshot()).toMatchObject({ idleConnections: 1, acquired: 0 })
  })

  test('enabled: false carries one command per connection and closes it after', async () => {
    const sim = new Sim({ enabled: false })
    const { lease } = await leased(sim)
    lease.release()
    await sim.settle()
    const { lease: second } = await leased(sim)
    expect(second.connection).toBe(2)
    second.release()
    await sim.settle()
    expect(sim.pool.snapshot()).toMatchObject({
      totalConnections: 0,
      connectionsCreated: 2,
      connectionsDestroyed: 2,
      closedByReason: { disabled: 2 },
    })
  })
})

describe('limits', () => {
  test('what is past maxConnections waits, and gets the slot when it is free', async () => {
    const sim = new Sim({ maxConnections: 1 })
    const a = await leased(sim)
    const b = sim.acquire(web2)
    await sim.settle()
    expect(sim.dials).toHaveLength(1)
    a.lease.release()
    await sim.settle()
    expect(sim.dials).toHaveLength(2)
    sim.dials[1]!.succeed()
    expect((await b.acquired).reused).toBe(false)
    expect(sim.pool.snapshot().closedByReason).toEqual({ evicted: 1 })
  })

  test('an evicted connection holds its slot until its socket is shut', async () => {
    const sim = new Sim({ maxConnections: 1 })
    sim.tune = (link) => (link.answersEnd = false)
    const a = await leased(sim)
    a.lease.release()
    sim.acquire(web2)
    await sim.settle()
    expect(sim.dials).toHaveLength(1)
    await sim.advance(1_000) // the close times out, the socket is destroyed
    expect(sim.dials).toHaveLength(2)
  })

  test('slots are handed out in the order in which targets asked', async () => {
    const sim = new Sim({ maxConnections: 1 })
    const a = await leased(sim)
    sim.acquire(web2)
    sim.acquire(web3)
    a.lease.release()
    await sim.settle()
    sim.dials[1]!.succeed()
    await sim.settle()
    expect(sim.dials[1]!.target.host).toBe('web-2')
    expect(sim.dials).toHaveLength(2)
  })

  test('a target with a thousand commands gives its connection up to a stranger after the quantum', async () => {
    const sim = new Sim({ maxConnections: 1, maxChannelsPerConnection: 1 })
    let served = 0
    for (let i = 0; i < 1_000; i++)
      void sim.acquire(web1).acquired.then((lease) => {
        served++
        setImmediate(() => lease.release())
      })
    const stranger = sim.acquire(web2)
    for (let i = 0; i < 100 && !stranger.lease(); i++) {
      for (const dial of sim.parked) dial.succeed()
      await sim.settle()
    }
    expect(stranger.lease()).toBeDefined()
    expect(served).toBeLessThanOrEqual(8 + 1)
    expect(sim.pool.snapshot().closedByReason).toEqual({ fairness: 1 })
  })

  test('a connection carries up to its capacity, then a second one is dialled, then callers wait', async () => {
    const sim = new Sim({ maxChannelsPerConnection: 2, maxConnectionsPerHost: 2 })
    const waiters = Array.from({ length: 5 }, () => sim.acquire(web1))
    await sim.settle()
    expect(sim.dials).toHaveLength(1) // credentials are tried once before they are tried again
    sim.dials[0]!.succeed()
    await sim.settle()
    expect(sim.dials).toHaveLength(2)
    sim.dials[1]!.succeed()
    await sim.settle()
    expect(waiters.filter((w) => w.lease())).toHaveLength(4)
    expect(sim.pool.snapshot()).toMatchObject({ waiting: 1, activeConnections: 2 })
  })

  test('a released channel counts until the server has closed it', async () => {
    const sim = new Sim({ maxChannelsPerConnection: 1, maxConnectionsPerHost: 1 })
    sim.tune = (link) => (link.answersClose = false)
    const { lease, channel } = await leased(sim)
    lease.release()
    const next = sim.acquire(web1)
    await sim.settle()
    expect(next.lease()).toBeUndefined()
    expect(sim.pool.snapshot().activeConnections).toBe(0)
    channel.finish()
    await sim.settle()
    expect(next.lease()).toBeDefined()
  })

  test('a command that ended keeps its slot until its lease is back', async () => {
    const sim = new Sim({ maxChannelsPerConnection: 1, maxConnectionsPerHost: 1 })
    const { lease, channel } = await leased(sim)
    channel.end()
    const next = sim.acquire(web1)
    await sim.settle()
    expect(next.lease()).toBeUndefined()
    lease.release()
    await sim.settle()
    expect(next.lease()).toBeDefined()
  })

  test('the wait for a permit is no part of what a dial took', async () => {
    const sim = new Sim({ maxConcurrentDials: 1 })
    const [first, second, third] = [sim.acquire(web1), sim.acquire(web2), sim.acquire(web3)]
    await sim.settle()
    for (const dial of sim.dials) dial.arrive()
    await sim.advance(10_000)
    sim.parked[0]!.succeed()
    await sim.settle()
    await sim.advance(300)
    sim.dials[1]!.succeed()
    await sim.settle()
    await sim.advance(70)
    sim.dials[2]!.fail('final')
    await sim.settle()
    expect([first.lease()?.connectMs, second.lease()?.connectMs]).toEqual([10_000, 300])
    expect(second.lease()).toMatchObject({ waitMs: 10_300, attempts: [{ outcome: 'ok', ms: 300 }] })
    expect(third.error()).toBeDefined()
    expect(sim.events.filter((event) => event.type === 'opened').map((event) => event.dialMs)).toEqual([10_000, 300])
    expect(sim.pool.snapshot().connectMs).toMatchObject({ n: 2, max: 10_000 })
  })

  test('handshakes wait for a permit; hosts that sit in TCP connect hold none', async () => {
    const sim = new Sim({ maxConcurrentDials: 1 })
    sim.acquire(web1)
    sim.acquire(web2)
    const c = sim.acquire(web3)
    await sim.settle()
    expect(sim.dials.map((d) => d.stage)).toEqual(['reaching', 'reaching', 'reaching'])
    sim.dials[1]!.arrive()
    sim.dials[2]!.arrive()
    await sim.settle()
    expect(sim.dials.map((d) => d.stage)).toEqual(['reaching', 'authenticating', 'reached'])
    sim.dials[1]!.fail('sticky')
    await sim.settle()
    expect(sim.dials[2]!.stage).toBe('authenticating')
    sim.dials[2]!.succeed()
    expect((await c.acquired).connection).toBe(3)
  })

  test('a chain longer than maxConnections is refused with both numbers', async () => {
    const sim = new Sim({ maxConnections: 1 })
    const behind = target('db-1', { jump: web1 })
    await expect(sim.acquire(behind).acquired).rejects.toThrow(
      'db-1: needs 2 connections at once (itself and 1 jump host), but maxConnections is 1',
    )
  })
})

describe('refused channels', () => {
  test('capacity is learned from a refusal, and the refused waiter is served in its turn', async () => {
    const sim = new Sim({ maxConnectionsPerHost: 1 })
    sim.tune = (link) => (link.maxSessions = 2)
    const waiters = Array.from({ length: 5 }, () => sim.acquire(web1))
    sim.dials[0]!.succeed()
    await sim.settle()
    expect(waiters.map((w) => !!w.lease())).toEqual([true, true, false, false, false])
    expect(sim.pool.snapshot().hosts[0]).toMatchObject({ learnedCapacity: 2 })
    waiters[0]!.lease()!.release()
    await sim.settle()
    expect(waiters[2]!.lease()).toBeDefined()
    expect(sim.dials).toHaveLength(1)
  })

  test('a learned capacity is forgotten after ten minutes', async () => {
    const sim = new Sim({ maxConnectionsPerHost: 1, idleTimeout: 3_600_000 })
    sim.tune = (link) => (link.maxSessions = 1)
    const a = sim.acquire(web1)
    sim.acquire(web1)
    sim.dials[0]!.succeed()
    await sim.settle()
    expect(sim.pool.snapshot().hosts[0]!.learnedCapacity).toBe(1)
    a.lease()!.release()
    await sim.advance(600_001)
    expect(sim.pool.snapshot().hosts[0]!.learnedCapacity).toBeNull()
  })

  test('a server that never served anybody speaks for itself: every waiter hears the refusal', async () => {
    const sim = new Sim()
    sim.tune = (link) => (link.maxSessions = 0)
    const waiters = [sim.acquire(web1), sim.acquire(web1)]
    sim.dials[0]!.succeed()
    await sim.settle()
    for (const w of waiters) expect(w.error()).toMatchObject({ code: 'XEC_REFUSED', executed: 'no' })
    expect(sim.dials).toHaveLength(1)
    expect(sim.pool.snapshot()).toMatchObject({ totalConnections: 0, closedByReason: { refused: 1 } })
  })

  test('a connection that has served and refuses even when alone is replaced by a new one', async () => {
    const sim = new Sim()
    const { lease } = await leased(sim)
    lease.release()
    await sim.settle()
    sim.links[0]!.maxSessions = 0
    const next = sim.acquire(web1)
    await sim.settle()
    expect(sim.dials).toHaveLength(2)
    sim.dials[1]!.succeed()
    expect((await next.acquired).connection).toBe(2)
  })

  test('a channel open that stays unanswered makes the connection suspect, and the waiter gets another', async () => {
    const sim = new Sim()
    const { lease } = await leased(sim)
    lease.release()
    await sim.settle()
    sim.links[0]!.answersOpens = false
    const next = sim.acquire(web1)
    await sim.advance(10_000)
    expect(sim.events.filter((e) => e.type === 'draining')).toMatchObject([{ reason: 'suspect' }])
    sim.dials[1]!.succeed()
    await sim.settle()
    expect(next.lease()?.connection).toBe(2)
  })
})

test('a channel close that stays unanswered makes the connection suspect, so that its slot is not lost for good', async () => {
  const sim = new Sim({ maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 })
  sim.tune = (link) => (link.answersClose = false)
  const { lease } = await leased(sim)
  lease.release()
  const next = sim.acquire(web1)
  await sim.advance(10_000)
  sim.dials[1]!.succeed()
  await sim.settle()
  expect(next.lease()?.connection).toBe(2)
  expect(sim.pool.snapshot().closedByReason).toEqual({ suspect: 1 })
})

describe('dial series', () => {
  test('a passing failure is dialled again, at most maxReconnectAttempts times, then every waiter gets the error', async () => {
    const sim = new Sim({ maxReconnectAttempts: 2, reconnectDelay: 1_000 })
    const waiters = [sim.acquire(web1), sim.acquire(web1)]
    for (let i = 0; i < 3; i++) {
      await sim.settle()
      expect(sim.dials).toHaveLength(i + 1)
      sim.dials[i]!.fail('transient')
      await sim.settle()
      await sim.advance(15_000)
    }
    for (const w of waiters) expect(w.error()).toMatchObject({ code: 'XEC_CONNECT', executed: 'no', safeToRetry: true })
    expect(sim.dials).toHaveLength(3)
    expect(sim.pool.snapshot()).toMatchObject({ connectionsFailed: 3, failuresByPhase: { tcp: 3 } })
  })

  test('a success ends the series, and the lease lists the attempts it waited for', async () => {
    const sim = new Sim()
    const waiter = sim.acquire(web1)
    sim.dials[0]!.fail('transient')
    await sim.advance(1_000)
    sim.dials[1]!.succeed()
    await sim.settle()
    expect(waiter.lease()!.attempts.map((a) => a.outcome)).toEqual(['unreachable', 'ok'])
  })

  test('autoReconnect: false dials once', async () => {
    const sim = new Sim({ autoReconnect: false })
    const waiter = sim.acquire(web1)
    sim.dials[0]!.fail('transient')
    await sim.advance(60_000)
    expect(waiter.error()).toMatchObject({ code: 'XEC_CONNECT' })
    expect(sim.dials).toHaveLength(1)
  })

  test('a timeout is not dialled again', async () => {
    const sim = new Sim()
    const waiter = sim.acquire(web1)
    sim.dials[0]!.fail('final')
    await sim.advance(60_000)
    expect(waiter.error()).toMatchObject({ code: 'XEC_CONNECT' })
    expect(sim.dials).toHaveLength(1)
  })

  test('200 names of one account with a wrong key make one attempt, believed for a minute', async () => {
    const sim = new Sim()
    const names = Array.from({ length: 200 }, (_, i) => sim.acquire(target(`n${i}`, { address: 'one.test' })))
    await sim.settle()
    expect(sim.dials).toHaveLength(1)
    sim.dials[0]!.fail('sticky')
    await sim.settle()
    expect(sim.dials).toHaveLength(1)
    names.forEach((n, i) => expect(n.error()).toMatchObject({ code: 'XEC_AUTH', host: `n${i}` }))
    const again = sim.acquire(target('n0', { address: 'one.test' }))
    await sim.settle()
    expect(again.error()).toMatchObject({ code: 'XEC_AUTH' })
    await sim.advance(60_000)
    sim.acquire(target('n0', { address: 'one.test' }))
    await sim.settle()
    expect(sim.dials).toHaveLength(2)
  })

  test('throttling is not an attempt: the dial is repeated until a minute is over', async () => {
    const sim = new Sim({ maxReconnectAttempts: 0, maxReconnectDelay: 5_000 })
    const waiter = sim.acquire(web1)
    const start = sim.clock.now()
    for (let i = 0; waiter.error() === undefined && i < 200; i++) {
      sim.dials.at(-1)!.fail('throttled')
      await sim.advance(5_000)
    }
    expect(waiter.error()).toMatchObject({ code: 'XEC_CONNECT' })
    expect(sim.clock.now() - start).toBeGreaterThanOrEqual(60_000)
    expect(sim.dials.length).toBeGreaterThan(5)
  })

  test('waiters in backoff can leave, and hold no permit', async () => {
    const sim = new Sim({ maxConcurrentDials: 1, reconnectDelay: 10_000 })
    const waiter = sim.acquire(web1)
    sim.dials[0]!.fail('transient')
    await sim.settle()
    sim.acquire(web2)
    await sim.settle()
    sim.dials[1]!.succeed()
    await sim.settle()
    waiter.abort()
    await sim.advance(60_000)
    expect(waiter.error()).toMatchObject({ code: 'XEC_ABORTED' })
    expect(sim.dials).toHaveLength(2)
  })

  test('a series ends when nobody waits for it any more: hours later, a throttled dial is the first of a new minute', async () => {
    const sim = new Sim()
    const first = sim.acquire(web1)
    sim.dials[0]!.fail('throttled')
    await sim.settle()
    first.abort()
    await sim.advance(3_600_000)
    const second = sim.acquire(web1)
    await sim.settle()
    sim.dials[1]!.fail('throttled')
    await sim.advance(15_000)
    expect(second.error()).toBeUndefined()
    sim.dials[2]!.succeed()
    await sim.settle()
    expect(second.lease()).toBeDefined()
  })

  test.each(['a host', 'a jump host'])(
    'a series of %s that was left in the middle does not cost the next one its dials',
    async (what) => {
      const sim = new Sim({ maxReconnectAttempts: 3 })
      const wanted = what === 'a host' ? web1 : target('behind', { jump: web1 })
      const first = sim.acquire(wanted)
      for (let i = 0; i < 3; i++) {
        await sim.advance(20_000)
        sim.dials[i]!.fail('transient')
        await sim.settle()
      }
      first.abort()
      await sim.advance(24 * 3_600_000)
      const second = sim.acquire(wanted)
      for (let i = 3; i < 7; i++) {
        expect(second.error()).toBeUndefined()
        await sim.advance(20_000)
        sim.dials[i]!.fail('transient')
        await sim.settle()
      }
      expect(second.error()).toMatchObject({ code: 'XEC_CONNECT' })
      expect(sim.dials).toHaveLength(7)
    },
  )

  test('who joins while a dial of the series is under way, or another still waits, joins the series', async () => {
    const sim = new Sim({ maxReconnectAttempts: 1, reconnectDelay: 1_000 })
    const first = sim.acquire(web1)
    sim.dials[0]!.fail('transient')
    await sim.advance(1_000)
    expect(sim.parked).toHaveLength(1)
    first.abort()
    const second = sim.acquire(web1)
    await sim.settle()
    sim.dials[1]!.fail('transient')
    await sim.settle()
    expect(second.error()).toMatchObject({ code: 'XEC_CONNECT' })
    expect(sim.dials).toHaveLength(2)
  })

  test('a server that accepts the login and hangs up is not dialled for ever', async () => {
    const sim = new Sim({ maxReconnectAttempts: 2 })
    sim.tune = (link) => (link.answersOpens = false)
    const waiter = sim.acquire(web1)
    for (let i = 0; waiter.error() === undefined && i < 20; i++) {
      sim.parked[0]?.succeed()
      await sim.settle()
      sim.links.at(-1)!.lose()
      await sim.advance(15_000)
    }
    expect(waiter.error()).toMatchObject({
      code: 'XEC_CONNECT',
      message: expect.stringContaining('accepted the login and closed the connection'),
    })
    expect(sim.dials).toHaveLength(3)
  })

  test('one that idled for long, or carried others, and is lost before its first command: nobody says that it turned us away', async () => {
    const sim = new Sim({ autoReconnect: false })
    const idle = sim.acquire(web1)
    await sim.settle()
    idle.abort()
    sim.dials[0]!.succeed((link) => (link.answersOpens = false))
    await sim.advance(10_000)
    const next = sim.acquire(web1)
    await sim.settle()
    sim.links[0]!.lose()
    await sim.settle()
    expect(next.error()).toBeUndefined()
    sim.dials[1]!.succeed()
    await sim.settle()
    expect(next.lease()?.connection).toBe(2)

    const bastion = target('bastion')
    sim.acquire(target('behind', { jump: bastion }))
    for (let i = 0; i < 2; i++) {
      await sim.settle()
      sim.parked[0]!.succeed((link) => (link.answersOpens = i > 0))
    }
    await sim.settle()
    const own = sim.acquire(bastion)
    await sim.settle()
    sim.links[2]!.lose()
    await sim.settle()
    expect((own.error() as Error).message).toBe(
      'bastion: the connection to bastion.test:22 was lost before a command could be sent on it (ECONNRESET)',
    )
  })

  test('a lost connection gives its waiters to the next dial', async () => {
    const sim = new Sim({ maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 })
    const { lease } = await leased(sim)
    const next = sim.acquire(web1)
    sim.links[0]!.lose()
    await sim.settle()
    expect(sim.dials).toHaveLength(2)
    sim.dials[1]!.succeed()
    await sim.settle()
    expect(next.lease()?.connection).toBe(2)
    lease.release() // a revoked lease: a no-op
    await sim.settle()
    expect(sim.pool.snapshot()).toMatchObject({ closedByReason: { lost: 1 }, activeConnections: 1 })
  })

  test('an idle connection that dies is not dialled again before someone asks', async () => {
    const sim = new Sim()
    const { lease } = await leased(sim)
    lease.release()
    await sim.settle()
    sim.links[0]!.lose('keepalive')
    await sim.advance(60_000)
    expect(sim.dials).toHaveLength(1)
    expect(sim.pool.snapshot().closedByReason).toEqual({ keepalive: 1 })
  })
})

describe('waiting', () => {
  test('a queue timeout says which limit it waited for', async () => {
    const sim = new Sim({ maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 })
    await leased(sim, web3)
    await sim.advance(12_000)
    const waiter = sim.acquire(web3, { queueTimeoutMs: 5_000 })
    await sim.advance(5_000)
    expect(waiter.error()).toMatchObject({
      code: 'XEC_QUEUE_TIMEOUT',
      executed: 'no',
      message: 'web-3: no channel within 5.0s (connections 1/1, channels 1/1, 1 waiting; last dial ok 17.0s ago)',
    })
  })

  test('waiters of one target are served in the order in which they came', async () => {
    const sim = new Sim({ maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 })
    const { lease } = await leased(sim)
    const order: number[] = []
    for (let i = 0; i < 5; i++)
      void sim.acquire(web1).acquired.then((l) => {
        order.push(i)
        l.release()
      })
    lease.release()
    for (let i = 0; i < 10; i++) await sim.settle()
    expect(order).toEqual([0, 1, 2, 3, 4])
  })

  test('a full target does not block another', async () => {
    const sim = new Sim({ maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 })
    await leased(sim)
    sim.acquire(web1)
    const { lease } = await leased(sim, web2)
    expect(lease.connection).toBe(2)
  })

  test('an acquire that is aborted before it starts never dials', async () => {
    const sim = new Sim()
    const signal = AbortSignal.abort('enough')
    await expect(sim.pool.acquire(web1, { signal })).rejects.toMatchObject({ code: 'XEC_ABORTED', cause: 'enough' })
    expect(sim.dials).toHaveLength(0)
  })
})

describe('idle, lifetime', () => {
  test('an idle connection closes after idleTimeout, and not while it works', async () => {
    const sim = new Sim({ idleTimeout: 1_000 })
    const { lease } = await leased(sim)
    await sim.advance(5_000)
    expect(sim.pool.snapshot().totalConnections).toBe(1)
    lease.release()
    await sim.advance(999)
    expect(sim.pool.snapshot().totalConnections).toBe(1)
    await sim.advance(1)
    expect(sim.pool.snapshot()).toMatchObject({ totalConnections: 0, closedByReason: { idle: 1 } })
    expect(sim.pool.timers).toBe(0)
  })

  test('a connection past its lifetime finishes its work and takes no more', async () => {
    const sim = new Sim({ maxLifetime: 10_000 })
    const { lease } = await leased(sim)
    await sim.advance(10_000)
    expect(sim.pool.snapshot().activeConnections).toBe(1)
    sim.acquire(web1)
    await sim.settle()
    expect(sim.dials).toHaveLength(2)
    lease.release()
    await sim.settle()
    expect(sim.pool.snapshot().closedByReason).toEqual({ lifetime: 1 })
  })

  test('an idle connection holds neither the process nor its timer', async () => {
    const sim = new Sim()
    const { lease } = await leased(sim)
    expect(sim.links[0]!.held).toBe(true)
    lease.release()
    await sim.settle()
    expect(sim.links[0]!.held).toBe(false)
    for (const timer of sim.clock.timers) expect(timer.held).toBe(false)
  })

  test("a host's own idleTimeout goes before the pool's", async () => {
    const sim = new Sim()
    const { lease } = await leased(sim, target('web-1', { pool: { idleTimeout: 50 } }))
    lease.release()
    await sim.advance(50)
    expect(sim.pool.snapshot().totalConnections).toBe(0)
  })
})

describe('what a waiter hears', () => {
  function listening(sim: Sim, where: PoolTarget) {
    const heard: string[] = []
    return {
      heard,
      ...sim.acquire(where, { onDialling: () => heard.push('dialling'), onQueued: () => heard.push('queued') }),
    }
  }

  test('that it is dialled for; and that it waits again, when the dial is over and others get its channels', async () => {
    const sim = new Sim({ maxConnectionsPerHost: 1, maxChannelsPerConnection: 2 })
    const waiters = [1, 2, 3, 4].map(() => listening(sim, web1))
    await sim.settle()
    const late = listening(sim, web1)
    expect([...waiters, late].map(({ heard }) => heard)).toEqual(Array.from({ length: 5 }, () => ['dialling']))
    sim.dials[0]!.succeed()
    await sim.settle()
    // The first two never waited in the line.
    expect([...waiters, late].map(({ heard }) => heard.join(' '))).toEqual([
      'dialling',
      'dialling',
      'dialling queued',
      'dialling queued',
      'dialling queued',
    ])
    const later = listening(sim, web1)
    waiters[0]!.lease()!.release()
    await sim.settle()
    expect(waiters[2]!.lease()).toBeDefined()
    expect([waiters[2]!.heard, later.heard]).toEqual([['dialling', 'queued'], []])
  })

  test('that it waits again when the server refuses its channel', async () => {
    const sim = new Sim({ maxConnectionsPerHost: 1 })
    const waiters = [1, 2, 3].map(() => listening(sim, web1))
    await sim.settle()
    const link = sim.dials[0]!.succeed((each) => {
      each.maxSessions = 2
      each.answersOpens = false
    })
    await sim.settle()
    expect(waiters[2]!.heard).toEqual(['dialling'])
    link.answer()
    await sim.settle()
    expect(waiters.map(({ heard }) => heard.join(' '))).toEqual(['dialling', 'dialling', 'dialling queued'])
  })

  test('both of each dial of a series, and not before the last of two dials is over', async () => {
    const sim = new Sim({ maxChannelsPerConnection: 1, maxReconnectAttempts: 1 })
    const [first, second] = [listening(sim, web1), listening(sim, web1)]
    await sim.settle()
    sim.dials[0]!.fail('transient')
    await sim.settle()
    expect(first.heard).toEqual(['dialling', 'queued'])
    await sim.advance(1_000)
    expect(first.heard).toEqual(['dialling', 'queued', 'dialling'])
    sim.dials[1]!.succeed()
    await sim.settle()
    // Its own has begun.
    expect(sim.parked).toHaveLength(1)
    expect(second.heard.at(-1)).toBe('dialling')
    sim.parked[0]!.succeed()
    await sim.settle()
    expect(second.heard.at(-1)).toBe('dialling')
    expect(second.lease()).toBeDefined()
  })

  test("of its jump host's dial as of its own, and of its wait for a slot behind that", async () => {
    const sim = new Sim({ maxConnections: 2, maxConnectionsPerHost: 1 })
    const bastion = target('bastion')
    const [a, b] = ['a', 'b'].map((name) => listening(sim, target(name, { jump: bastion }))) as [
      ReturnType<typeof listening>,
      ReturnType<typeof listening>,
    ]
    await sim.settle()
    expect([a.heard, b.heard]).toEqual([['dialling'], ['dialling']])
    sim.dials[0]!.succeed()
    await sim.settle()
    expect([a.heard, b.heard]).toEqual([
      ['dialling', 'dialling'],
      ['dialling', 'queued'],
    ])
  })
})

describe('jump hosts', () => {
  const behind = (host: string, jump = web1) => target(host, { jump })

  test('a target behind a jump host is carried by one pooled connection to it', async () => {
    const sim = new Sim()
    const a = sim.acquire(behind('db-1'))
    const b = sim.acquire(behind('db-2'))
    await sim.settle()
    expect(sim.dials.map((d) => d.target.host)).toEqual(['web-1'])
    const hop = sim.dials[0]!.succeed()
    await sim.settle()
    expect(sim.dials.map((d) => d.target.host)).toEqual(['web-1', 'db-1', 'db-2'])
    expect(sim.dials[1]!.options.via).toBe(hop)
    sim.dials[1]!.succeed()
    sim.dials[2]!.succeed()
    await sim.settle()
    expect([a, b].every((w) => w.lease())).toBe(true)
    expect(sim.pool.snapshot()).toMatchObject({ totalConnections: 3, acquired: 2 })
  })

  test('what a jump host carries keeps it from being idle, and does not count against its capacity', async () => {
    const sim = new Sim({ idleTimeout: 1_000, maxChannelsPerConnection: 1 })
    const a = sim.acquire(behind('db-1'))
    sim.dials[0]!.succeed()
    await sim.settle()
    sim.dials[1]!.succeed()
    await sim.settle()
    const onHop = await sim.acquire(web1).acquired
    onHop.release()
    await sim.advance(5_000)
    expect(sim.pool.snapshot().totalConnections).toBe(2)
    expect(sim.events.filter((e) => e.type === 'draining')).toEqual([])
    a.lease()!.release()
    await sim.advance(2_000)
    expect(sim.pool.snapshot()).toMatchObject({ totalConnections: 0, closedByReason: { idle: 2 } })
  })

  test('a jump host that cannot be reached fails those behind it, named; others go on', async () => {
    const sim = new Sim({ autoReconnect: false })
    const a = sim.acquire(behind('db-1'))
    const b = sim.acquire(web2)
    await sim.settle()
    sim.dials.find((d) => d.target.host === 'web-1')!.fail('transient')
    sim.dials.find((d) => d.target.host === 'web-2')!.succeed()
    await sim.settle()
    expect(a.error()).toMatchObject({
      code: 'XEC_CONNECT',
      host: 'db-1',
      message: 'db-1: jump host web-1: transient failure',
    })
    expect(b.lease()).toBeDefined()
  })

  test('a chain of three is dialled from its first hop on', async () => {
    const sim = new Sim()
    const first = target('hop-1')
    const second = target('hop-2', { jump: first })
    const last = sim.acquire(target('db-1', { jump: second }))
    for (const expected of ['hop-1', 'hop-2', 'db-1']) {
      await sim.settle()
      expect(sim.dials.at(-1)!.target.host).toBe(expected)
      sim.dials.at(-1)!.succeed()
    }
    await sim.settle()
    expect(last.lease()).toBeDefined()
  })

  test('two chains through each other do not deadlock at two slots', async () => {
    const sim = new Sim({ maxConnections: 2 })
    const a = sim.acquire(behind('db-1', target('hop-1')))
    const b = sim.acquire(behind('db-2', target('hop-2')))
    for (let i = 0; i < 20 && !(a.lease() && b.lease()); i++) {
      for (const dial of sim.parked) dial.succeed()
      await sim.settle()
      for (const w of [a, b]) w.lease()?.release()
      await sim.settle()
    }
    expect(a.lease() && b.lease()).toBeTruthy()
  })

  test('when the only one that a jump host carries is given up, another of those behind it waits for its turn', async () => {
    const sim = new Sim({ maxConnections: 4, maxChannelsPerConnection: 1 })
    const hop = target('hop')
    const leases = []
    for (const each of [hop, web1, web2]) leases.push((await leased(sim, each)).lease)
    sim.acquire(target('d', { jump: hop }))
    await sim.settle()
    // The head of the ring needs two slots, one for what it is to carry.
    const f = sim.acquire(target('f', { jump: target('hop-2') }))
    const e = sim.acquire(target('e', { jump: hop }))
    await sim.settle()
    sim.parked[0]?.fail('final')
    await sim.settle()
    expect(sim.parked).toEqual([])
    leases[1]!.release()
    await sim.settle()
    expect(sim.parked.map((dial) => dial.target.host)).toEqual(['hop-2', 'e'])
    for (const dial of sim.parked) dial.succeed()
    await sim.settle()
    e.lease()!.release()
    await sim.settle()
    expect(sim.parked.map((dial) => dial.target.host)).toEqual(['f'])
    sim.parked[0]?.succeed()
    await sim.settle()
    expect(f.lease()).toBeDefined()
  })

  test('a queue behind a jump host that gives up waiting stops asking for it', async () => {
    const sim = new Sim({ reconnectDelay: 10_000 })
    const a = sim.acquire(behind('db-1'))
    sim.dials[0]!.fail('transient')
    await sim.settle()
    a.abort()
    await sim.advance(60_000)
    expect(sim.dials).toHaveLength(1)
  })
})

describe('ends', () => {
  test('drain lets queued and running work finish, refuses new work, and closes', async () => {
    const sim = new Sim({ maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 })
    const { lease } = await leased(sim)
    const queued = sim.acquire(web1)
    const drained = sim.pool.drain({ timeoutMs: 10_000 })
    await expect(sim.acquire(web2).acquired).rejects.toMatchObject({ code: 'XEC_POOL_CLOSED', executed: 'no' })
    lease.release()
    await sim.settle()
    queued.lease()!.release()
    await sim.settle()
    expect(await drained).toEqual({ completed: 2, rejected: 0, revoked: 0 })
    expect(sim.pool.snapshot()).toMatchObject({
      totalConnections: 0,
      activeConnections: 0,
      idleConnections: 0,
      waiting: 0,
    })
    expect(sim.clock.timers.size).toBe(0)
  })

  test('drain closes idle connections at once', async () => {
    const sim = new Sim()
    const a = await leased(sim)
    const b = await leased(sim, web2)
    b.lease.release()
    await sim.settle()
    void sim.pool.drain()
    await sim.settle()
    expect(sim.pool.snapshot()).toMatchObject({ totalConnections: 1, activeConnections: 1 })
    a.lease.release()
    await sim.settle()
    expect(sim.pool.snapshot().totalConnections).toBe(0)
  })

  test('at its timeout a drain revokes what still runs', async () => {
    const sim = new Sim()
    const { lease, channel } = await leased(sim)
    const drained = sim.pool.drain({ timeoutMs: 1_000 })
    await sim.advance(1_000)
    expect(await drained).toEqual({ completed: 0, rejected: 0, revoked: 1 })
    expect(await channel.exit).toMatchObject({ kind: 'lost' })
    lease.release()
    await sim.settle()
  })

  test('close rejects who waits, aborts dials, cuts off what runs, and resolves although a peer never answers', async () => {
    const sim = new Sim({ maxConnections: 3 })
    const a = await leased(sim)
    const b = await leased(sim, web2)
    b.lease.release()
    sim.links[1]!.answersEnd = false
    const dialling = sim.acquire(web3)
    const queued = sim.acquire(target('web-4'))
    await sim.settle()
    const closed = sim.pool.close()
    expect(sim.pool.close()).toBeInstanceOf(Promise)
    await sim.advance(1_000)
    await closed
    expect(dialling.error()).toMatchObject({ code: 'XEC_POOL_CLOSED', executed: 'no' })
    expect(queued.error()).toMatchObject({ code: 'XEC_POOL_CLOSED', executed: 'no' })
    expect(await a.channel.exit).toMatchObject({ kind: 'lost' })
    expect(sim.pool.snapshot()).toMatchObject({ totalConnections: 0, connecting: 0, waiting: 0 })
    expect(sim.clock.timers.size).toBe(0)
  })

  test.each([0, 1, 2, 3])(
    'close takes no longer for an idle chain of %i jump hosts whose peers do not answer',
    async (hops) => {
      const sim = new Sim()
      sim.tune = (link) => (link.answersEnd = false)
      let jump: PoolTarget | null = null
      for (let i = 0; i < hops; i++) jump = target(`hop-${i}`, { jump })
      const waiter = sim.acquire(target('x', { jump }))
      for (let i = 0; i <= hops; i++) {
        await sim.settle()
        sim.parked[0]!.succeed()
      }
      ;(await waiter.acquired).release()
      await sim.settle()
      let closed = false
      void sim.pool.close().then(() => (closed = true))
      await sim.advance(799)
      expect(closed).toBe(false)
      await sim.advance(1)
      expect(closed).toBe(true)
      expect(sim.pool.snapshot()).toMatchObject({ closedByReason: { closing: hops + 1 } })
    },
  )

  test('a drain reports who waited when it began and got no channel, not who asks later', async () => {
    const sim = new Sim({ maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 })
    const { lease } = await leased(sim)
    sim.acquire(web1)
    const drained = sim.pool.drain({ timeoutMs: 1_000 })
    for (let i = 0; i < 5; i++) sim.acquire(web1)
    await sim.advance(2_000)
    expect(await drained).toEqual({ completed: 0, rejected: 1, revoked: 1 })
    lease.release()
  })

  test('a dial that waits for its permit is given up by close', async () => {
    const sim = new Sim({ maxConcurrentDials: 1 })
    sim.acquire(web1)
    sim.acquire(web2)
    await sim.settle()
    sim.dials.forEach((d) => d.arrive())
    await sim.settle()
    await sim.pool.close()
    expect(sim.dials.map((d) => d.stage)).toEqual(['done', 'done'])
  })

  test('close before any use resolves, and the snapshot stays readable', async () => {
    const sim = new Sim()
    await sim.pool.close()
    expect(sim.pool.snapshot()).toMatchObject({
      totalConnections: 0,
      acquired: 0,
      reuseRatio: null,
      waitMs: { n: 0, p50: null },
    })
  })

  test('reset retires the connections of an endpoint and stays open for business', async () => {
    const sim = new Sim()
    const { lease } = await leased(sim)
    sim.pool.reset(web1)
    const next = await leased(sim)
    expect(next.lease.connection).toBe(2)
    lease.release()
    await sim.settle()
    expect(sim.pool.snapshot()).toMatchObject({ totalConnections: 1, closedByReason: { reset: 1 } })
  })

  test('reset forgets an authentication failure', async () => {
    const sim = new Sim()
    sim.acquire(web1)
    sim.dials[0]!.fail('sticky')
    await sim.settle()
    sim.pool.reset(web1)
    sim.acquire(web1)
    await sim.settle()
    expect(sim.dials).toHaveLength(2)
  })

  test('`with` gives the lease back whether its work succeeds or throws', async () => {
    const sim = new Sim()
    sim.pool.subscribe(() => {})
    const worked = sim.pool.with(web1, {}, async () => 'done')
    await sim.settle()
    sim.dials[0]!.succeed()
    expect(await worked).toBe('done')
    await expect(sim.pool.with(web1, {}, () => Promise.reject(new Error('mine')))).rejects.toThrow('mine')
    await sim.settle()
    expect(sim.pool.snapshot()).toMatchObject({ activeConnections: 0, acquired: 2 })
  })
})
