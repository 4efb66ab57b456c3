/** The laws of the pool that can be read off its state. They ride along with every test that uses Sim. */
import { expect } from 'vitest'
import type { PoolEvent } from '../../src/pool/events.js'
import { decideConnection, decideQueue } from '../../src/pool/policy.js'
import type { ConnectionPool } from '../../src/pool/pool.js'
import type { FakeClock } from './sim.js'

export function checkInvariants(pool: ConnectionPool, clock: FakeClock): void {
  const { facts, options } = pool
  const now = clock.now()
  const live = [...facts.connections]
  const say = (law: number, detail: string): string => `law ${law}: ${detail}`

  // 1: limits
  expect(live.length, say(1, 'slots')).toBeLessThanOrEqual(options.maxConnections)
  for (const endpoint of facts.endpoints.values()) {
    expect(endpoint.connections.size, say(1, `connections of ${endpoint.id}`)).toBeLessThanOrEqual(endpoint.maxConnections)
    expect([...endpoint.idle], 'the idle index of an endpoint is a scan').toEqual([...endpoint.connections].filter((c) => c.idle).sort(byIdle(endpoint.idle)))
  }
  expect(facts.handshakes, say(1, 'handshakes')).toBeLessThanOrEqual(options.maxConcurrentDials)
  expect(facts.handshakes, say(1, 'handshakes are counted')).toBe(live.filter((c) => c.state === 'opening' && c.stage === 'authenticating').length)

  // 2, 3: capacity, and leases only where they belong
  for (const connection of live) {
    const capacity = connection.queue.capacity(now)
    expect(capacity, say(2, 'capacity')).toBeGreaterThanOrEqual(1)
    const learned = connection.queue.endpoint.learned(now)
    if (learned === null) expect(connection.used, say(2, `channels of connection ${connection.id}`)).toBeLessThanOrEqual(capacity)
    if (connection.leases > 0) expect(['open', 'draining'], say(3, `a lease on ${connection.state}`)).toContain(connection.state)
    expect(connection.queue.connections.has(connection)).toBe(true)
  }
  expect(new Set(facts.idle), 'the idle index is a scan').toEqual(new Set(live.filter((c) => c.idle)))
  expect(facts.freeing, 'the freeing index is a scan').toBe(live.filter((c) => c.freeing).length)
  expect(facts.leases, 'leases are counted').toBe(live.reduce((n, c) => n + c.leases, 0))

  // 4: no lost wake-up: the whole-view oracle finds no step after a pump
  expect(facts.dirty.size, say(4, 'nothing is left undecided')).toBe(0)
  for (const queue of facts.queues.values()) {
    const step = decideQueue(queue, facts, now)
    expect(step.do, say(4, `queue of ${queue.target.host} could ${step.do}`)).toBe('wait')
    // In a ring the head acts for all, so it is the head's deadline that must be set.
    const behind = [facts.slotRing, facts.chainRing].some((ring) => ring.has(queue) && [...ring][0] !== queue)
    if (step.do === 'wait' && step.until !== Infinity && !behind) expect(facts.deadlines.at(queue), say(4, 'its deadline is set')).toBe(step.until)
  }
  for (const connection of live) {
    const step = decideConnection(connection, facts, now)
    expect(step.do, say(4, `connection ${connection.id} could ${step.do}`)).toBe('wait')
  }
  for (const waiter of facts.waiters) {
    expect(waiter.settled, say(7, 'a settled waiter is not queued')).toBe(false)
    expect(waiter.deadline, say(4, 'an expired waiter is not queued')).toBeGreaterThan(now)
  }

  // 9, 10: identities
  const t = facts.figures.totals
  expect(t.requested, say(9, 'requested')).toBe(t.granted + t.rejected + facts.waiters.size)
  expect(t.granted, say(9, 'granted')).toBe(t.released + t.revoked + facts.leases)
  const count = (state: string): number => live.filter((c) => c.state === state).length
  expect(t.dialling, say(10, 'dialled')).toBe(t.opened + t.dialFailed + count('opening'))
  expect(t.opened, say(10, 'opened')).toBe(t.closed + count('open') + count('draining') + count('closing'))

  // The sum of the hosts is the whole.
  const snapshot = pool.snapshot()
  for (const name of ['totalConnections', 'activeConnections', 'idleConnections', 'connecting', 'connectionsCreated', 'connectionsDestroyed', 'connectionsFailed', 'reuseCount', 'acquired', 'waiting'] as const) {
    expect(snapshot.hosts.reduce((n, h) => n + h[name], 0), `Σ hosts.${name}`).toBe(snapshot[name])
  }

  // 11: at most one timer, none when nothing is due, ref'd exactly while work exists
  expect(clock.timers.size, say(11, 'timers')).toBe(pool.timers)
  expect(pool.timers, say(11, 'a timer exactly when something is due')).toBe(facts.deadlines.size > 0 || (facts.mode === 'draining' && facts.cutAt !== Infinity) ? 1 : 0)
  for (const timer of clock.timers) expect(timer.held, say(11, 'the timer holds the process exactly while work exists')).toBe(facts.busy)
}

/** Law 6, which speaks of the moment of a dial: no more openings than the waiters could use. */
export function checkDial(pool: ConnectionPool, event: PoolEvent): void {
  const now = event.at
  for (const queue of pool.facts.queues.values()) {
    const openings = [...queue.connections].filter((c) => c.state === 'opening')
    if (!openings.some((c) => c.id === event.connection)) continue
    const spare = [...queue.connections].filter((c) => c.state === 'open').reduce((n, c) => n + Math.max(0, queue.capacity(now) - c.used) + (c.spare ? 1 : 0), 0)
    const needed = Math.ceil((queue.waiting - spare) / queue.capacity(now))
    // A queue that is to carry others may open one for them.
    expect(openings.length, 'law 6: openings').toBeLessThanOrEqual(Math.max(needed, 1))
  }
}

function byIdle(order: Iterable<unknown>): (a: unknown, b: unknown) => number {
  const position = [...order]
  return (a, b) => position.indexOf(a) - position.indexOf(b)
}
