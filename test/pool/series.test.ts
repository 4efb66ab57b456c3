/** The dials of one outage: how many at once, when, and what a success or an end of them leaves behind. */
import { expect, test } from 'vitest'
import type { Lease } from '../../src/pool/types.js'
import { DialError } from '../../src/transport/transport.js'
import { Sim, target } from './sim.js'

const web = target('web')

/** One connection is open and in use; `more` waiters want one each. */
async function wanting(
  more: number,
  options: ConstructorParameters<typeof Sim>[0] = {},
): Promise<{ sim: Sim; lease: Lease }> {
  const sim = new Sim({ maxConnectionsPerHost: 20, maxChannelsPerConnection: 1, ...options })
  const first = sim.acquire(web)
  await sim.settle()
  sim.parked[0]!.succeed()
  const lease = await first.acquired
  for (let i = 0; i < more; i++) sim.acquire(web)
  await sim.settle()
  expect(sim.parked).toHaveLength(more)
  return { sim, lease }
}

test('a server that throttles is dialled by one, and by one more after each success', async () => {
  const { sim } = await wanting(10)
  for (const dial of sim.parked) dial.fail('throttled')
  await sim.advance(15_000)
  const atOnce: number[] = []
  for (let round = 0; round < 3; round++) {
    atOnce.push(sim.parked.length)
    for (const dial of sim.parked) dial.succeed()
    await sim.settle()
  }
  expect(atOnce).toEqual([1, 2, 4])
})

test('half as many dials as there were follow a single refusal', async () => {
  const { sim } = await wanting(10)
  sim.parked[0]!.fail('throttled')
  await sim.settle()
  // The nine that are under way go on, and are not counted against a limit that came later; each that succeeds raises it.
  expect(sim.pool.state.registry.endpoints.get('web.test:22')!.dialLimit).toBe(5)
  expect(sim.parked).toHaveLength(9)
})

test('the next series, too, does not start before its time', async () => {
  const sim = new Sim({ maxReconnectAttempts: 0, reconnectDelay: 10_000 })
  const first = sim.acquire(web)
  await sim.settle()
  sim.parked[0]!.fail('transient')
  await sim.settle()
  expect(first.error()).toMatchObject({ code: 'XEC_CONNECT' })
  sim.acquire(web)
  await sim.settle()
  expect(sim.parked).toEqual([])
  await sim.advance(10_000)
  expect(sim.parked).toHaveLength(1)
})

test('who may hope for an open connection is not turned away by a failed dial, and the next one is not at once', async () => {
  const { sim } = await wanting(1, { reconnectDelay: 1_000 })
  sim.parked[0]!.fail('final')
  await sim.settle()
  expect([sim.pool.snapshot().waiting, sim.parked.length]).toEqual([1, 0])
  await sim.advance(999)
  expect(sim.parked).toEqual([])
  await sim.advance(1)
  expect(sim.parked).toHaveLength(1)
})

test('who comes while others wait out a backoff joins their series, and does not begin it anew', async () => {
  const sim = new Sim({ maxReconnectAttempts: 1, reconnectDelay: 1_000 })
  const first = sim.acquire(web)
  await sim.settle()
  sim.parked[0]!.fail('transient')
  await sim.settle()
  const second = sim.acquire(web)
  await sim.advance(15_000)
  sim.parked[0]!.fail('transient')
  await sim.settle()
  expect([first.error(), second.error()]).toMatchObject([{ code: 'XEC_CONNECT' }, { code: 'XEC_CONNECT' }])
})

test('a dial that was aborted and succeeds all the same serves nobody', async () => {
  const sim = new Sim({ maxConnectionsPerHost: 2 })
  const waiter = sim.acquire(web)
  await sim.settle()
  const [late] = sim.parked
  late!.deaf = true
  late!.arrive()
  await sim.settle()
  sim.pool.reset(web)
  await sim.settle()
  late!.succeed()
  await sim.settle()
  expect(waiter.lease()).toBeUndefined()
  expect(sim.pool.snapshot()).toMatchObject({ totalConnections: 0, closedByReason: { reset: 1 } })
  sim.parked[0]!.succeed()
  await sim.settle()
  expect(waiter.lease()?.connection).toBe(2)
})

test('a login that works takes back what another said of the credentials meanwhile', async () => {
  const { sim } = await wanting(2)
  sim.parked[0]!.fail('sticky')
  await sim.settle()
  sim.parked[0]!.succeed()
  await sim.settle()
  for (const link of sim.links) link.lose()
  await sim.settle()
  const next = sim.acquire(web)
  await sim.settle()
  // It, and the one whose dial failed.
  expect(next.error()).toBeUndefined()
  expect(sim.parked).toHaveLength(2)
})

test('dials side by side that fail are one attempt', async () => {
  const { sim } = await wanting(3, { maxReconnectAttempts: 1, reconnectDelay: 1_000 })
  for (const dial of sim.parked) dial.fail('transient')
  await sim.settle()
  expect(sim.events.filter((event) => event.type === 'dialFailed').map(({ retryInMs }) => typeof retryInMs)).toEqual([
    'number',
    'number',
    'number',
  ])
  await sim.advance(15_000)
  for (const dial of sim.parked) dial.fail('transient')
  await sim.settle()
  expect(sim.events.filter((event) => event.type === 'dialling').map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 2])
})

test('being turned away by a server that throttles is not an attempt', async () => {
  const sim = new Sim({ maxReconnectAttempts: 1 })
  const waiter = sim.acquire(web)
  for (const how of ['throttled', 'transient', 'throttled'] as const) {
    await sim.settle()
    sim.parked[0]!.fail(how)
    await sim.advance(15_000)
  }
  expect(waiter.error()).toBeUndefined()
  sim.parked[0]!.fail('transient')
  await sim.settle()
  expect(waiter.error()).toMatchObject({ code: 'XEC_CONNECT' })
})

/** As the transport says that this machine has no room for a connection. */
const noRoom = (): DialError =>
  new DialError('XEC_LOCAL_LIMIT', 'web: local limit: no file descriptor left', { verdict: 'local', phase: 'tcp' })

test('a dial that this machine has no room for closes what idles, lowers the limit, and is made again', async () => {
  const sim = new Sim({ maxConnections: 10 })
  const events: string[] = []
  sim.pool.subscribe(({ type }) => void events.push(type))
  const first = sim.acquire(target('a'))
  await sim.settle()
  sim.parked[0]!.succeed()
  ;(await first.acquired).release()
  await sim.settle()
  const second = sim.acquire(target('b'))
  await sim.settle()
  sim.parked[0]!.failWith(noRoom())
  await sim.advance(1_000)
  expect(sim.pool.state.maxConnections).toBe(1)
  expect(events.filter((type) => type === 'localLimit')).toHaveLength(1)
  expect(events).toContain('draining')
  sim.parked[0]!.succeed()
  expect((await second.acquired).attempts.map(({ outcome }) => outcome)).toEqual(['skipped', 'ok'])
})

test('where nothing is open that could make room, the host is given up, and no other one with it', async () => {
  const sim = new Sim({ maxConnections: 10 })
  const acquires = [sim.acquire(target('a')), sim.acquire(target('b'))]
  await sim.settle()
  for (const dial of [...sim.parked]) dial.failWith(noRoom())
  await sim.settle()
  expect(acquires.map((each) => (each.error() as DialError | undefined)?.code ?? 'waits')).toEqual([
    'waits',
    'XEC_LOCAL_LIMIT',
  ])
  await sim.advance(1_000)
  sim.parked[0]!.succeed()
  await acquires[0]!.acquired
})

test('a host that this machine has no room for is given up when two connect timeouts have passed', async () => {
  const sim = new Sim({ maxConnections: 10 })
  const first = sim.acquire(target('a'))
  await sim.settle()
  sim.parked[0]!.succeed()
  const lease = await first.acquired
  const second = sim.acquire(target('b'))
  await sim.settle()
  sim.parked[0]!.failWith(noRoom())
  await sim.advance(30_000)
  expect(second.error()).toBeUndefined()
  lease.release()
  await sim.advance(1_000)
  sim.parked[0]!.failWith(noRoom())
  await sim.settle()
  expect(second.error()).toMatchObject({ code: 'XEC_LOCAL_LIMIT', executed: 'no' })
})
