import { describe, expect, test } from 'vitest'
import { CHANNEL_ANSWER_TIMEOUT_MS, decideConnection, decideQueue } from '../../src/pool/policy/policy.js'
import { TIME_SLICE_GRANTS, TIME_SLICE_MS } from '../../src/pool/policy/fairness.js'
import {
  SLOT_WAITLISTS,
  type ConnectionView,
  type EndpointView,
  type PoolView,
  type QueueView,
  type SlotLack,
  type SlotWaitlistsView,
} from '../../src/pool/policy/view.js'

const NOW = 100_000

const slotRings = (more: Partial<Record<SlotLack, ReadonlySet<QueueView>>> = {}): SlotWaitlistsView => {
  const rings = {
    chainSlot: new Set<QueueView>(),
    firstSlot: new Set<QueueView>(),
    moreSlot: new Set<QueueView>(),
    ...more,
  }
  return {
    ...rings,
    starved: rings.chainSlot.size + rings.firstSlot.size,
    size: rings.chainSlot.size + rings.firstSlot.size + rings.moreSlot.size,
    has: (queue) => SLOT_WAITLISTS.some((name) => rings[name].has(queue)),
  }
}
const pool = (more: Partial<PoolView> = {}): PoolView => ({
  mode: 'running',
  enabled: true,
  maxConnections: 4,
  maxConcurrentDials: 2,
  slots: 0,
  freeing: 0,
  retiring: 0,
  handshakes: 0,
  grants: 0,
  preemptible: null,
  preempted: 0,
  slotWaitlists: slotRings(),
  permitWaitlist: new Set(),
  heldWaitlist: new Set(),
  heldUntil: () => 0,
  idle: [],
  ...more,
})
const endpoint = (more: Partial<EndpointView> = {}): EndpointView =>
  ({
    maxConnections: 2,
    connections: new Set(),
    roomWaitlist: new Set(),
    opening: 0,
    freeing: 0,
    retiring: 0,
    failing: false,
    notBefore: 0,
    dialLimit: Infinity,
    ...more,
  }) as EndpointView
const queue = (more: Partial<QueueView> = {}): QueueView =>
  ({
    waiting: 1,
    wanted: true,
    served: false,
    waitingDependants: new Set(),
    connections: [],
    proven: true,
    lackingSince: Infinity,
    lackingSinceGrants: Infinity,
    sticky: null,
    jump: null,
    capacity: () => 2,
    capacityUntil: Infinity,
    idleTimeoutMs: 1_000,
    endpoint: endpoint(),
    ...more,
  }) as QueueView
/** So many that are carried, of which nothing else matters. */
const some = (n: number): ReadonlySet<ConnectionView> =>
  new Set(Array.from({ length: n }, () => ({}) as ConnectionView))
const connection = (more: Partial<ConnectionView> = {}): ConnectionView =>
  ({
    state: 'open',
    stage: 'authenticating',
    queue: queue({ waiting: 0, wanted: false }),
    idle: false,
    freeing: false,
    spare: undefined,
    used: 0,
    leases: 0,
    asked: 0,
    unansweredSince: Infinity,
    refusing: false,
    takesCommands: true,
    grants: 1,
    runningSince: 0,
    openedAt: 0,
    preemptedUntil: 0,
    carried: some(0),
    carriedTotal: 0,
    idleSince: NOW,
    expiresAt: Infinity,
    closeBy: Infinity,
    ...more,
  }) as ConnectionView
const wait = { do: 'wait', until: Infinity, lacks: null }

describe('what a queue does', () => {
  const full = connection({ used: 2 })
  const roomy = connection({ used: 1 })
  const empty = connection({ used: 0 })
  const ready = connection({ used: 1, spare: {} as never })
  const stranger = connection({ idle: true })
  const busy = connection({ leases: 1, used: 1, queue: queue(), runningSince: NOW - 500 })
  const quick = connection({ leases: 1, used: 1, queue: queue(), runningSince: NOW - 5 })
  const old = connection({ leases: 1, used: 1, queue: queue(), runningSince: NOW - 50_000 })
  const opening = connection({ state: 'opening' })
  const jump = (open: ConnectionView[]): QueueView => queue({ waiting: 0, wanted: false, connections: open })
  const carrier = connection({ carried: some(3), carriedTotal: 3 })
  const fresh = connection({ carried: some(0) })

  test.each<[string, QueueView, PoolView, unknown]>([
    ['waits when nobody wants anything', queue({ waiting: 0, wanted: false }), pool(), wait],
    ['fails when the credentials are known not to work', queue({ sticky: { until: NOW + 1 } }), pool(), { do: 'fail' }],
    ['tries again when that is old', queue({ sticky: { until: NOW } }), pool(), { do: 'dial', jump: null }],
    [
      'serves from an open connection although new dials would fail',
      queue({ sticky: { until: NOW + 1 }, connections: [roomy] }),
      pool(),
      { do: 'channel', connection: roomy },
    ],
    [
      'grants a confirmed channel first',
      queue({ connections: [empty, ready] }),
      pool(),
      { do: 'grant', connection: ready },
    ],
    [
      'grants on the least loaded of those that have one',
      queue({ connections: [connection({ used: 2, spare: {} as never }), ready] }),
      pool(),
      { do: 'grant', connection: ready },
    ],
    [
      'asks the least loaded connection for a channel',
      queue({ connections: [roomy, empty, full] }),
      pool(),
      { do: 'channel', connection: empty },
    ],
    [
      'does not ask for more channels than there are waiters',
      queue({ connections: [connection({ used: 1, asked: 1 })] }),
      pool(),
      wait,
    ],
    [
      'does not dial while open connections have room',
      queue({ waiting: 2, connections: [connection({ used: 0, asked: 0 })] }),
      pool(),
      { do: 'channel' },
    ],
    ['dials when all are full', queue({ connections: [full] }), pool(), { do: 'dial', jump: null }],
    ['dials no more than the waiters can use', queue({ waiting: 2, connections: [full, opening] }), pool(), wait],
    [
      'dials a second one for more',
      queue({ waiting: 3, connections: [full, opening] }),
      pool(),
      { do: 'dial', jump: null },
    ],
    [
      'tries unproven credentials once at a time',
      queue({ waiting: 9, proven: false, connections: [opening] }),
      pool(),
      wait,
    ],
    [
      'probes with one dial in an outage',
      queue({ waiting: 9, endpoint: endpoint({ failing: true, opening: 1 }) }),
      pool(),
      wait,
    ],
    [
      'keeps to the limit that throttling left',
      queue({ endpoint: endpoint({ opening: 1, dialLimit: 1 }) }),
      pool(),
      wait,
    ],
    [
      'waits for the end of the backoff',
      queue({ endpoint: endpoint({ notBefore: NOW + 5 }) }),
      pool(),
      { do: 'wait', until: NOW + 5, lacks: null },
    ],
    [
      'waits at the endpoint limit',
      queue({ endpoint: endpoint({ connections: new Set([full, opening]) }) }),
      pool(),
      { do: 'wait', until: Infinity, lacks: 'endpoint' },
    ],
    [
      'evicts a stranger at the endpoint limit',
      queue({ endpoint: endpoint({ connections: new Set([busy, stranger]) }) }),
      pool(),
      { do: 'evict', connection: stranger },
    ],
    [
      'evicts one at a time there',
      queue({ endpoint: endpoint({ connections: new Set([busy, stranger]), freeing: 1 }) }),
      pool(),
      { do: 'wait', until: Infinity, lacks: 'endpoint' },
    ],
    [
      'goes before another user of its endpoint that wants another one',
      queue({ endpoint: endpoint({ roomWaitlist: new Set([queue({ served: true })]) }) }),
      pool(),
      { do: 'dial', jump: null },
    ],
    [
      'leaves room at its endpoint to whoever asked before',
      queue({ endpoint: endpoint({ roomWaitlist: new Set([queue()]) }) }),
      pool(),
      { do: 'wait', until: Infinity, lacks: 'endpoint' },
    ],
    [
      'lacks a slot when the pool is full',
      queue(),
      pool({ slots: 4 }),
      { do: 'wait', until: Infinity, lacks: 'firstSlot' },
    ],
    [
      'evicts the least recently used idle connection for it',
      queue(),
      pool({ slots: 4, idle: [stranger, empty] }),
      { do: 'evict', connection: stranger },
    ],
    [
      'waits for its quantum at a full pool',
      queue({ lackingSince: NOW - 400, lackingSinceGrants: 0 }),
      pool({ slots: 4, grants: 7, preemptible: busy }),
      { do: 'wait', until: NOW + 600, lacks: 'firstSlot' },
    ],
    [
      'gets a connection that another gives up after so much time',
      queue({ lackingSince: NOW - TIME_SLICE_MS, lackingSinceGrants: 0 }),
      pool({ slots: 4, preemptible: busy }),
      { do: 'evict', connection: busy, reason: 'fairness' },
    ],
    [
      'gets one after so many grants',
      queue({ lackingSince: NOW, lackingSinceGrants: 2 }),
      pool({ slots: 4, grants: 2 + TIME_SLICE_GRANTS, preemptible: busy }),
      { do: 'evict', connection: busy, reason: 'fairness' },
    ],
    [
      'waits for it another quantum',
      queue({ lackingSince: NOW - TIME_SLICE_MS, lackingSinceGrants: 0 }),
      pool({ slots: 4, preemptible: busy }),
      { do: 'evict', preemptedUntil: NOW + TIME_SLICE_MS },
    ],
    [
      'and for the next ones as long as it has waited',
      queue({ lackingSince: NOW - 7_000, lackingSinceGrants: 0 }),
      pool({ slots: 4, preemptible: busy }),
      { do: 'evict', preemptedUntil: NOW + 7_000 },
    ],
    [
      'takes it from whose oldest command began last',
      queue({ lackingSince: 0, endpoint: endpoint({ connections: new Set([busy, quick, old]) }) }),
      pool(),
      { do: 'evict', connection: quick },
    ],
    [
      'at its endpoint takes no second one while the first is on its way',
      queue({
        lackingSince: 0,
        endpoint: endpoint({
          connections: new Set([busy, connection({ state: 'draining', preemptedUntil: NOW + 300 })]),
        }),
      }),
      pool(),
      { do: 'wait', until: NOW + 300, lacks: 'endpoint' },
    ],
    [
      'but does when that is not gone in time',
      queue({
        lackingSince: 0,
        endpoint: endpoint({ connections: new Set([busy, connection({ state: 'draining', preemptedUntil: NOW })]) }),
      }),
      pool(),
      { do: 'evict', connection: busy },
    ],
    [
      'at its endpoint lets a new connection have its own quantum',
      queue({
        lackingSince: 0,
        endpoint: endpoint({
          connections: new Set([
            connection({ ...busy, openedAt: NOW - 300 }),
            connection({ ...busy, openedAt: NOW - 200 }),
          ]),
        }),
      }),
      pool(),
      { do: 'wait', until: NOW + 700, lacks: 'endpoint' },
    ],
    [
      'lets a new connection have its own quantum',
      queue({ lackingSince: 0, lackingSinceGrants: 0 }),
      pool({ slots: 4, preemptible: connection({ ...busy, openedAt: NOW - 300 }) }),
      { do: 'wait', until: Infinity, lacks: 'firstSlot' },
    ],
    [
      'leaves it to the first of those without a connection',
      queue({ lackingSince: 0, lackingSinceGrants: 0 }),
      pool({ slots: 4, preemptible: busy, slotWaitlists: slotRings({ firstSlot: new Set([queue()]) }) }),
      { do: 'wait', until: Infinity, lacks: 'firstSlot' },
    ],
    [
      'asks nobody to give way for a second connection',
      queue({ lackingSince: 0, lackingSinceGrants: 0, connections: [full], served: true }),
      pool({ slots: 4, preemptible: busy }),
      { do: 'wait', until: Infinity, lacks: 'moreSlot' },
    ],
    [
      'takes none from those whose own queue is served',
      queue({ lackingSince: 0, lackingSinceGrants: 0 }),
      pool({ slots: 4, preemptible: connection({ leases: 1, used: 1 }) }),
      { do: 'wait', until: Infinity, lacks: 'firstSlot' },
    ],
    [
      'takes no second one while the first is on its way',
      queue({ lackingSince: 0, lackingSinceGrants: 0 }),
      pool({ slots: 4, preemptible: busy, preempted: 1 }),
      { do: 'wait', until: Infinity, lacks: 'firstSlot' },
    ],
    [
      'does not evict when a slot is on its way',
      queue(),
      pool({ slots: 4, freeing: 1, idle: [stranger] }),
      { do: 'wait', until: Infinity, lacks: 'firstSlot' },
    ],
    [
      'follows the first of those that an outage held back',
      queue(),
      pool({ heldWaitlist: new Set([queue()]) }),
      { do: 'wait', until: Infinity, lacks: 'held' },
    ],
    [
      'leaves it to the head of its ring to evict',
      queue(),
      pool({ slots: 4, slotWaitlists: slotRings({ firstSlot: new Set([queue()]) }), idle: [stranger] }),
      { do: 'wait', until: Infinity, lacks: 'firstSlot' },
    ],
    [
      'does not evict what somebody waits for',
      queue(),
      pool({ slots: 4, idle: [connection({ idle: true, queue: queue() })] }),
      { do: 'wait', until: Infinity, lacks: 'firstSlot' },
    ],
    [
      'goes before those who want another one',
      queue(),
      pool({ slots: 3, slotWaitlists: slotRings({ moreSlot: new Set([queue({ served: true })]) }) }),
      { do: 'dial', jump: null },
    ],
    [
      'and these leave it to whoever has none',
      queue({ waiting: 5, connections: [full], served: true }),
      pool({ slots: 3, slotWaitlists: slotRings({ firstSlot: new Set([queue()]) }) }),
      { do: 'wait', until: Infinity, lacks: 'moreSlot' },
    ],
    [
      'has one given up for each of those who have none, not for those who want another',
      queue({ lackingSince: 0, lackingSinceGrants: 0 }),
      pool({
        slots: 4,
        preemptible: busy,
        preempted: 1,
        slotWaitlists: slotRings({ moreSlot: new Set([queue(), queue()]) }),
      }),
      { do: 'wait', until: Infinity, lacks: 'firstSlot' },
    ],
    [
      'nor where a slot is about to come free',
      queue({ lackingSince: 0, lackingSinceGrants: 0 }),
      pool({
        slots: 4,
        preemptible: busy,
        freeing: 1,
        slotWaitlists: slotRings({ moreSlot: new Set([queue(), queue()]) }),
      }),
      { do: 'wait', until: Infinity, lacks: 'firstSlot' },
    ],
    [
      'leaves a free slot to the head of the ring',
      queue(),
      pool({ slots: 3, slotWaitlists: slotRings({ firstSlot: new Set([queue()]) }) }),
      { do: 'wait', until: Infinity, lacks: 'firstSlot' },
    ],
    [
      'waits for a connection that refuses its first channels to be judged',
      queue({
        connections: [connection({ refusing: true, takesCommands: false, grants: 0, asked: 1, used: 1 })],
        waiting: 5,
      }),
      pool(),
      wait,
    ],
    [
      'looks again when a learned capacity is no longer believed',
      queue({ waiting: 1, capacityUntil: NOW + 9, endpoint: endpoint({ connections: new Set([full, busy]) }) }),
      pool(),
      { do: 'wait', until: NOW + 9, lacks: 'endpoint' },
    ],
    [
      'but not for one that was',
      queue({ waiting: 1, capacityUntil: NOW, endpoint: endpoint({ connections: new Set([full, busy]) }) }),
      pool(),
      { do: 'wait', until: Infinity, lacks: 'endpoint' },
    ],
    [
      'gets a connection that another user of its endpoint gives up after the same time',
      queue({ lackingSince: NOW - TIME_SLICE_MS, endpoint: endpoint({ connections: new Set([full, busy]) }) }),
      pool(),
      { do: 'evict', connection: busy, reason: 'fairness' },
    ],
    ['asks its jump host to open', queue({ jump: jump([]) }), pool(), { do: 'askJump' }],
    [
      'is carried by the jump host that has carried nobody, of those that carry as few',
      queue({ jump: jump([connection({ carriedTotal: 2 }), fresh]) }),
      pool(),
      { do: 'dial', jump: fresh },
    ],
    [
      'is carried by the jump host that carries the fewest',
      queue({ jump: jump([carrier, fresh]) }),
      pool(),
      { do: 'dial', jump: fresh },
    ],
    [
      'goes before the ring as the first through an open jump host',
      queue({ jump: jump([fresh]) }),
      pool({ slots: 3, slotWaitlists: slotRings({ firstSlot: new Set([queue()]) }) }),
      { do: 'dial', jump: fresh },
    ],
    [
      'stays behind the ring as a later one',
      queue({ jump: jump([carrier]) }),
      pool({ slots: 3, slotWaitlists: slotRings({ firstSlot: new Set([queue()]) }) }),
      { do: 'wait', until: Infinity, lacks: 'firstSlot' },
    ],
    [
      'as a jump host leaves room for what it is to carry',
      queue({ waiting: 0, waitingDependants: new Set([queue()]) }),
      pool({ slots: 3 }),
      { do: 'wait', until: Infinity, lacks: 'firstSlot' },
    ],
    [
      'as a jump host dials when there is room for both',
      queue({ waiting: 0, waitingDependants: new Set([queue()]) }),
      pool({ slots: 2 }),
      { do: 'dial', jump: null },
    ],
  ])('%s', (_, q, p, expected) => {
    expect(decideQueue(q, p, NOW)).toMatchObject(expected as object)
  })

  test('asks a jump host only once', () => {
    const parent = jump([])
    const q = queue({ jump: parent })
    ;(parent.waitingDependants as Set<QueueView>).add(q)
    expect(decideQueue(q, pool(), NOW)).toEqual(wait)
  })

  test('takes a free slot as the head of the ring', () => {
    const q = queue()
    expect(decideQueue(q, pool({ slots: 3, slotWaitlists: slotRings({ firstSlot: new Set([q]) }) }), NOW)).toEqual({
      do: 'dial',
      jump: null,
    })
  })
})

describe('what a connection does', () => {
  const wanted = queue()
  test.each<[string, Partial<ConnectionView>, Partial<PoolView>, unknown]>([
    ['waits on its way', { state: 'opening', stage: 'reaching' }, {}, wait],
    ['takes a permit when it has arrived', { state: 'opening', stage: 'reached' }, {}, { do: 'authenticate' }],
    [
      'lacks a permit when all are out',
      { state: 'opening', stage: 'reached' },
      { handshakes: 2 },
      { do: 'wait', until: Infinity, lacks: 'permit' },
    ],
    [
      'leaves a permit to the head of its ring',
      { state: 'opening', stage: 'reached' },
      { permitWaitlist: new Set([connection()]) },
      { do: 'wait', until: Infinity, lacks: 'permit' },
    ],
    [
      'waits for its idle timeout',
      { idle: true, idleSince: NOW - 400 },
      {},
      { do: 'wait', until: NOW + 600, lacks: null },
    ],
    ['drains after its idle timeout', { idle: true, idleSince: NOW - 1_000 }, {}, { do: 'drain', reason: 'idle' }],
    [
      'does not idle out while its queue is wanted',
      { idle: true, idleSince: 0, queue: wanted },
      {},
      { ...wait, preemption: 'preemptible' },
    ],
    [
      'outlives its lifetime until it has served whom it was dialled for',
      { grants: 0, queue: wanted, expiresAt: NOW },
      {},
      wait,
    ],
    [
      'drains after its lifetime when nobody waits for it, though it served nobody',
      { grants: 0, expiresAt: NOW },
      {},
      { do: 'drain', reason: 'lifetime' },
    ],
    [
      'drains after its lifetime when others wait for it, once it has carried',
      { grants: 0, carriedTotal: 1, queue: wanted, expiresAt: NOW },
      {},
      { do: 'drain', reason: 'lifetime' },
    ],
    [
      'drains after its lifetime, also while it works',
      { leases: 1, used: 1, expiresAt: NOW },
      {},
      { do: 'drain', reason: 'lifetime' },
    ],
    [
      'nor where the pool is full',
      { leases: 1, used: 1, expiresAt: NOW },
      { slots: 4 },
      { do: 'wait', until: Infinity, lacks: null },
    ],
    [
      'but not while it works where no successor has room',
      {
        leases: 1,
        used: 1,
        expiresAt: NOW,
        queue: queue({
          waiting: 0,
          wanted: false,
          endpoint: endpoint({ maxConnections: 1, connections: new Set([connection()]) }),
        }),
      },
      {},
      { do: 'wait', until: Infinity, lacks: null },
    ],
    [
      'has had its turn after so many grants, if its queue wants more',
      { leases: 1, used: 1, grants: TIME_SLICE_GRANTS, openedAt: NOW, queue: wanted },
      {},
      { do: 'wait', until: Infinity, preemption: 'preemptible' },
    ],
    [
      'or after so much time',
      { leases: 1, used: 1, openedAt: NOW - TIME_SLICE_MS, queue: wanted },
      {},
      { do: 'wait', preemption: 'preemptible' },
    ],
    [
      'but not while it carries others',
      { leases: 1, used: 1, grants: TIME_SLICE_GRANTS, openedAt: NOW, queue: wanted, carried: some(1) },
      {},
      wait,
    ],
    [
      'which it waits for',
      { leases: 1, used: 1, openedAt: NOW - 400, queue: wanted },
      {},
      { do: 'wait', until: NOW + 600 },
    ],
    [
      'draining for a stranger says for how long it is expected to go',
      { state: 'draining', leases: 1, preemptedUntil: NOW + 5 },
      {},
      { do: 'wait', until: NOW + 5, preemption: 'preempted' },
    ],
    [
      'is suspect when a channel request stays unanswered',
      { asked: 1, used: 1, unansweredSince: NOW - CHANNEL_ANSWER_TIMEOUT_MS },
      {},
      { do: 'drain', reason: 'suspect' },
    ],
    ['drops a channel that nobody waits for', { spare: {} as never, used: 1 }, {}, { do: 'dropSpare' }],
    [
      'drains after one command where pooling is off',
      { leases: 1, used: 1, grants: 1 },
      { enabled: false },
      { do: 'drain', reason: 'disabled' },
    ],
    [
      'carries on where pooling is off but something is carried',
      { grants: 0, carried: some(1) },
      { enabled: false },
      wait,
    ],
    [
      'goes at once in a drain when it is idle',
      { idle: true },
      { mode: 'draining' },
      { do: 'drain', reason: 'closing' },
    ],
    [
      'stays in a drain for those who wait',
      { idle: true, queue: wanted },
      { mode: 'draining' },
      { ...wait, preemption: 'preemptible' },
    ],
    [
      'goes in any case when the pool is closed',
      { leases: 1, used: 1 },
      { mode: 'closed' },
      { do: 'drain', reason: 'closing' },
    ],
    ['draining waits for its leases', { state: 'draining', leases: 1 }, {}, wait],
    ['draining waits for what it carries', { state: 'draining', carried: some(1) }, {}, wait],
    [
      'draining is cut off when the time for that is over',
      { state: 'draining', leases: 1, closeBy: NOW },
      {},
      { do: 'destroy' },
    ],
    ['drained closes', { state: 'draining' }, {}, { do: 'close' }],
    [
      'closing waits for its socket',
      { state: 'closing', closeBy: NOW + 1 },
      {},
      { do: 'wait', until: NOW + 1, lacks: null },
    ],
    ['closing is cut off in the end', { state: 'closing', closeBy: NOW }, {}, { do: 'destroy' }],
    ['closed does nothing', { state: 'closed' }, {}, wait],
  ])('%s', (_, c, p, expected) => {
    const step = decideConnection(connection(c), pool(p), NOW)
    if (expected === wait) expect(step).toEqual(wait)
    else expect(step).toMatchObject(expected as object)
  })
})
