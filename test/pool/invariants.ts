/**
 * The laws of the pool that can be read off its state. They ride along with every test that uses Sim, after every step;
 * so they are plain comparisons, which cost a hundredth of an `expect`.
 */
import type { PoolEvent } from '../../src/pool/metrics/events.js'
import { decideConnection, decideQueue } from '../../src/pool/policy/policy.js'
import type { ConnectionPool } from '../../src/pool/pool.js'
import { SLOT_WAITLISTS } from '../../src/pool/policy/view.js'
import type { FakeClock, FakeLink } from './sim.js'

export function law(n: number | string, holds: boolean, detail: () => string): void {
  if (!holds) throw new Error(`law ${n}: ${detail()}`)
}

/** What was last seen of each: a limit that comes to be below what there is only stops more. */
const seen = new WeakMap<object, number>()

function grownOnlyWithin(what: object, size: number, limit: number): boolean {
  const before = seen.get(what) ?? 0
  seen.set(what, size)
  return size <= Math.max(limit, before)
}

export function checkInvariants(pool: ConnectionPool, clock: FakeClock): void {
  const { state, options } = pool
  const now = clock.now()
  const live = [...state.connections]
  const count = (is: (connection: (typeof live)[number]) => boolean): number =>
    live.reduce((n, connection) => n + (is(connection) ? 1 : 0), 0)

  // 1: limits
  law(1, live.length <= options.maxConnections, () => `${live.length} slots of ${options.maxConnections}`)
  for (const endpoint of state.registry.endpoints.values()) {
    law(
      1,
      grownOnlyWithin(endpoint, endpoint.connections.size, endpoint.maxConnections),
      () => `${endpoint.connections.size} connections to ${endpoint.id}`,
    )
  }
  law(
    1,
    state.handshakes <= options.maxConcurrentDials,
    () => `${state.handshakes} handshakes of ${options.maxConcurrentDials}`,
  )
  law(
    1,
    state.handshakes === count((c) => c.state === 'opening' && c.stage === 'authenticating'),
    () => `${state.handshakes} handshakes are counted`,
  )

  // 2, 3: capacity, and leases only where they belong
  let leases = 0
  let idle = 0
  const listed = new Set<object>(state.idle)
  for (const connection of live) {
    const capacity = connection.queue.capacity(now)
    leases += connection.leases
    if (connection.idle) {
      idle++
      law('index', listed.has(connection), () => `connection ${connection.id} is idle, and not in the index`)
    }
    law(2, capacity >= 1, () => `capacity ${capacity}`)
    law(
      2,
      grownOnlyWithin(connection, connection.used, capacity) || connection.queue.endpoint.learned(now) !== null,
      () => `connection ${connection.id} has ${connection.used} channels of ${capacity}`,
    )
    law(
      3,
      connection.leases === 0 || connection.state === 'open' || connection.state === 'draining',
      () => `a lease on a connection that is ${connection.state}`,
    )
    law(
      3,
      [...connection.queue.connections].includes(connection),
      () => `connection ${connection.id} is not its queue's`,
    )
  }
  law('index', idle === state.idle.size, () => `the idle index has ${state.idle.size}, a scan finds ${idle}`)
  law('index', state.freeing === count((c) => c.freeing), () => `${state.freeing} are counted as freeing`)
  law(9, state.leases === leases, () => `${state.leases} leases are counted, a scan finds ${leases}`)

  // 4: no lost wake-up: the whole-view oracle finds no step after a pump
  law(4, state.dirty.size === 0, () => `${state.dirty.size} endpoints are left undecided`)
  for (const queue of state.registry.queues.values()) {
    const step = decideQueue(queue, state, now)
    law(4, step.do === 'wait', () => `the queue of ${queue.target.host} could ${step.do}`)
    if (step.do !== 'wait') continue
    const stands =
      SLOT_WAITLISTS.find((name) => state.slotWaitlists[name].has(queue)) ??
      (state.heldWaitlist.has(queue) ? 'held' : queue.endpoint.roomWaitlist.has(queue) ? 'endpoint' : null)
    law(
      13,
      stands === step.lacks,
      () =>
        `the queue of ${queue.target.host} lacks ${step.lacks ?? 'nothing'}, and stands in the ring of those that lack ${stands ?? 'nothing'}`,
    )
    if (step.until === Infinity) continue
    // In a ring the head acts for all, so it is the head's deadline that must be set.
    const behind = [...SLOT_WAITLISTS.map((name) => state.slotWaitlists[name]), state.heldWaitlist].some(
      (ring) => ring.has(queue) && [...ring][0] !== queue,
    )
    law(
      4,
      behind || state.deadlines.at(queue) === step.until,
      () =>
        `the queue of ${queue.target.host} waits until ${step.until}, and its deadline is ${state.deadlines.at(queue)}`,
    )
  }
  let leaving = 0
  let newest = -Infinity
  for (const connection of live) {
    const step = decideConnection(connection, state, now)
    law(4, step.do === 'wait', () => `connection ${connection.id} could ${step.do}`)
    if (step.do !== 'wait') continue
    if (step.preemption === 'preempted') leaving++
    if (step.preemption === 'preemptible') newest = Math.max(newest, connection.runningSince)
  }
  law('index', state.preempted === leaving, () => `${state.preempted} are counted as leaving, a scan finds ${leaving}`)
  law(
    'index',
    (state.preemptible?.runningSince ?? -Infinity) === newest,
    () =>
      `first to be given up is one that runs something since ${state.preemptible?.runningSince}, a scan finds ${newest}`,
  )
  let waiting = 0
  for (const waiter of state.waiters()) {
    waiting++
    law(7, !waiter.settled, () => `a settled waiter of ${waiter.host} is queued`)
    law(4, waiter.deadline > now, () => `an expired waiter of ${waiter.host} is queued`)
  }

  // 9, 10: identities
  const t = state.figures.totals
  law(
    9,
    t.requested === t.granted + t.rejected + state.waiting,
    () => `requested ${t.requested} ≠ granted ${t.granted} + rejected ${t.rejected} + waiting ${state.waiting}`,
  )
  law('index', waiting === state.waiting, () => `${state.waiting} waiters are counted, a scan finds ${waiting}`)
  law(
    9,
    t.granted === t.released + t.revoked + state.leases,
    () => `granted ${t.granted} ≠ released ${t.released} + revoked ${t.revoked} + held ${state.leases}`,
  )
  law(
    10,
    t.dialling === t.opened + t.dialFailed + t.dialCancelled + count((c) => c.state === 'opening'),
    () =>
      `dialled ${t.dialling} ≠ opened ${t.opened} + failed ${t.dialFailed} + cancelled ${t.dialCancelled} + opening`,
  )
  law(
    10,
    t.opened === t.closed + count((c) => c.established),
    () => `opened ${t.opened} ≠ closed ${t.closed} + established`,
  )

  // 11: at most one timer, none when nothing is due, ref'd exactly while work exists
  const due = state.deadlines.size > 0 || (state.mode === 'draining' && state.cutAt !== Infinity)
  law(11, clock.timers.size === pool.timers, () => `${clock.timers.size} timers`)
  law(11, pool.timers === (due ? 1 : 0), () => `${pool.timers} timers, and something ${due ? 'is' : 'is not'} due`)
  // Likewise the sockets: of what is open or still has work, exactly those that somebody waits for.
  for (const c of state.connections) {
    const link = c.link as FakeLink | null
    if (!link?.alive) continue
    const waitedFor = c.used > 0 || [...c.carried].some(({ state }) => state === 'opening')
    law(
      11,
      link.held === waitedFor,
      () =>
        `the link of connection ${c.id} to ${c.queue.target.host} ${link.held ? 'holds' : 'does not hold'} the process, and ${waitedFor ? 'somebody' : 'nobody'} waits for it`,
    )
  }
  for (const timer of clock.timers)
    law(
      11,
      timer.held === state.busy,
      () =>
        `the timer ${timer.held ? 'holds' : 'does not hold'} the process, and there is ${state.busy ? '' : 'no '}work`,
    )
}

const SUMS = [
  'totalConnections',
  'activeConnections',
  'idleConnections',
  'connecting',
  'connectionsCreated',
  'connectionsDestroyed',
  'connectionsFailed',
  'reuseCount',
  'acquired',
  'waiting',
] as const

/** The sum of the hosts is the whole, unless some were forgotten. Dearer than the rest, so the campaign asks it at the end of a run. */
export function checkSnapshot(pool: ConnectionPool): void {
  const snapshot = pool.snapshot()
  for (const name of SUMS) {
    const sum = snapshot.hosts.reduce((n, host) => n + host[name], 0)
    law(
      'sum',
      sum === snapshot[name] || (pool.state.registry.forgotten > 0 && sum < snapshot[name]),
      () => `the hosts' ${name} are ${sum}, the whole is ${snapshot[name]}`,
    )
  }
}

/** Law 6, which speaks of the moment of a dial: no more openings than the waiters could use. */
export function checkDial(pool: ConnectionPool, event: PoolEvent): void {
  const now = event.at
  for (const queue of pool.state.registry.queues.values()) {
    const openings = [...queue.connections].filter((c) => c.state === 'opening')
    if (!openings.some((c) => c.id === event.connection)) continue
    const spare = [...queue.connections]
      .filter((c) => c.state === 'open')
      .reduce(
        (n, c) =>
          n +
          (c.refusing || (!pool.options.enabled && c.grants > 0) ? 0 : Math.max(0, queue.capacity(now) - c.used)) +
          (c.spare ? 1 : 0),
        0,
      )
    const needed = Math.ceil((queue.waiting - spare) / queue.capacity(now))
    // A queue that is to carry others may open one for them.
    law(6, openings.length <= Math.max(needed, 1), () => `${openings.length} openings for ${queue.waiting} waiters`)
  }
}
