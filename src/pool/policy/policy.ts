/**
 * Which connection may be used by whom, and when: every decision of the pool, pure. A view and the time go in, one step
 * comes out; scheduler.ts carries it out and asks again until the answer is `wait`.
 *
 * The laws hold after every run of the scheduler; docs/pool.md explains them.
 *    1  slots held ≤ maxConnections; per endpoint ≤ maxConnectionsPerHost;        decideDial, decideSlot (fairness.ts)
 *       handshakes ≤ maxConcurrentDials                                           decideConnection
 *    2  1 ≤ capacity; leases ≤ capacity                                           nextStep, capacity.ts
 *    3  a lease begins on an open connection whose key is the target's            nextStep
 *    4  no lost wake-up                                                           every `wait`; state/dirty.ts
 *    5  first in, first out within a target; no target blocks another             state/queue.ts; nextStep
 *    6  no more dials for a target than its waiters could use                     nextStep
 *    7  every acquire settles exactly once                                        state/waiter.ts; retry.ts says when
 *    8  states move only down                                                     state/connection.ts
 *    9  requested = granted + rejected + waiting                                  metrics/figures.ts
 *   10  dialled = opened + failed + cancelled + opening                           metrics/figures.ts
 *   11  at most one timer; it holds the process while somebody waits              scheduler.ts; State.busy
 *   12  close and drain always resolve                                            Scheduler.#cut
 *   13  a freed slot or permit goes to the head of its waiting list               fairness.ts; state/places.ts
 *   14  a starved target gets a connection after 8 grants or 1 s                  fairness.ts
 *
 * The steps of a queue are tried in this order:
 *
 *   fail sticky · grant a confirmed channel · ask an open connection for a channel · ask the jump host for a connection ·
 *   evict for room at the host · dial · evict for a slot · wait
 *
 * and of an open connection: drain when suspect, too old or not pooled · drop a channel that nobody wants · drain when
 * idle for too long · wait. One that opens waits for its permit, one that drains is closed, one that closes in vain is
 * destroyed. evict.ts says which idle connection may be closed, retry.ts what a failure means.
 *
 * A `wait` names its deadline, computed from the state and never remembered, and what it lacks, so that the state knows
 * which waiting list to keep the queue in.
 */
import { firstToGo } from './evict.js'
import { decideTimeSlice, timeSliceEnd, timeSlicesAt } from './fairness.js'
import { decideSlot } from './fairness.js'
import { wait, type ConnectionStep, type QueueStep } from './view.js'
import type { ConnectionView, EndpointView, PoolView, QueueView } from './view.js'

/** A channel request that is unanswered for this long makes its connection suspect. */
export const CHANNEL_ANSWER_TIMEOUT_MS = 10_000

export function decideQueue(queue: QueueView, pool: PoolView, now: number): QueueStep {
  const step = nextStep(queue, pool, now)
  if (step.do !== 'wait' || queue.waiting === 0) return step
  // What is believed to be full now may have room when the belief is over, and nothing else need happen then.
  return queue.capacityUntil > now && queue.capacityUntil < step.until ? { ...step, until: queue.capacityUntil } : step
}

function nextStep(queue: QueueView, pool: PoolView, now: number): QueueStep {
  if (!queue.wanted) return wait()
  const open: ConnectionView[] = []
  let dials = 0
  for (const connection of queue.connections) {
    if (connection.state === 'open') open.push(connection)
    else if (connection.state === 'opening') dials++
  }
  const sticky = queue.sticky && queue.sticky.until > now ? queue.sticky : null
  if (sticky && open.length === 0) return { do: 'fail' }

  let asked = 0
  let free = 0
  let roomiest: ConnectionView | undefined
  let ready: ConnectionView | undefined
  for (const connection of open) {
    asked += connection.asked
    const room = connection.takesCommands ? queue.capacity(now) - connection.used : 0
    if (room > 0) free += room
    if (connection.spare && (!ready || connection.used < ready.used)) ready = connection
    if (room > 0 && (!roomiest || connection.used < roomiest.used)) roomiest = connection
  }
  if (ready && queue.waiting > 0) return { do: 'grant', connection: ready }
  if (roomiest && queue.waiting > asked) return { do: 'channel', connection: roomiest }

  // A connection that refuses its first channels is about to speak for the server: no second one before that.
  if (open.some((connection) => connection.refusing && connection.grants === 0)) return wait()

  // What the open connections will not serve needs dials; a queue that only has to carry others needs one.
  const unserved = queue.waiting - asked - free
  const capacity = queue.capacity(now)
  const wantedDials = Math.max(
    Math.ceil(unserved / capacity),
    queue.waitingDependants.size > 0 && open.length === 0 ? 1 : 0,
  )
  if (wantedDials <= dials) return wait()
  return sticky ? wait(sticky.until) : decideDial(queue, pool, dials, now)
}

/** A dial is wanted: whether it may start, and if not, what it waits for. */
function decideDial(queue: QueueView, pool: PoolView, dials: number, now: number): QueueStep {
  const { endpoint } = queue
  // Credentials that never worked are tried once at a time: a wrong key is one attempt, not one a waiter.
  if (!queue.proven && dials > 0) return wait()
  // Where dials fail, one at a time tries for all.
  if (endpoint.failing && endpoint.opening > 0) return wait()
  if (endpoint.opening >= endpoint.dialLimit) return wait()
  if (endpoint.notBefore > now) return wait(endpoint.notBefore)
  // The jump host first: nobody makes room for one who could not use it.
  let jump: ConnectionView | null = null
  if (queue.jump) {
    jump = leastLoadedCarrier(queue.jump)
    if (!jump) return queue.jump.waitingDependants.has(queue) ? wait() : { do: 'askJump' }
  }
  if (endpoint.connections.size >= endpoint.maxConnections) return decideRoom(queue, now)
  if (firstAt(endpoint, queue) !== queue) return wait(Infinity, 'endpoint')
  // What an open jump host carries does not depend on the network here; the rest follows the head, one by one.
  if (!queue.jump) {
    const [head] = pool.heldWaitlist
    const first = !head || head === queue
    const until = pool.heldUntil(now)
    if (until > now) return wait(first ? until : Infinity, 'held')
    if (!first && !pool.slotWaitlists.has(queue)) return wait(Infinity, 'held')
  }
  return decideSlot(queue, jump, pool, now)
}

/** An endpoint has no room: a connection of another user of it may have to go that nobody uses, or one that has had its time slice. */
function decideRoom(queue: QueueView, now: number): QueueStep {
  const { endpoint } = queue
  if (endpoint.freeing > 0) return wait(Infinity, 'endpoint')
  let oldest: ConnectionView | null = null
  for (const other of endpoint.connections) {
    const first = firstToGo(other, queue)
    if (first && (!oldest || first.idleSince < oldest.idleSince)) oldest = first
  }
  return oldest
    ? { do: 'evict', connection: oldest, reason: 'evicted' }
    : decideTimeSlice(queue, timeSlicesAt(endpoint, now), now - queue.lackingSince, 'endpoint', now)
}

/** Of those who lack room at an endpoint: who has no connection goes before who wants another; of either, who asked first. */
function firstAt(endpoint: EndpointView, queue: QueueView): QueueView {
  let first: QueueView | undefined
  for (const each of endpoint.roomWaitlist) {
    if (!each.served) return each
    first ??= each
  }
  return queue.served && first ? first : queue
}

/** Of those that carry as few, the one that has carried fewest: one that has carried nobody is chosen wherever there is one. */
function leastLoadedCarrier(jump: QueueView): ConnectionView | null {
  let best: ConnectionView | null = null
  for (const connection of jump.connections) {
    if (
      connection.state === 'open' &&
      (!best || (connection.carried.size - best.carried.size || connection.carriedTotal - best.carriedTotal) < 0)
    )
      best = connection
  }
  return best
}

export function decideConnection(connection: ConnectionView, pool: PoolView, now: number): ConnectionStep {
  switch (connection.state) {
    case 'opening': {
      if (connection.stage !== 'reached') return wait()
      const [head] = pool.permitWaitlist
      if (pool.handshakes < pool.maxConcurrentDials && (!head || head === connection)) return { do: 'authenticate' }
      return wait(Infinity, 'permit')
    }
    case 'open':
      return decideOpen(connection, pool, now)
    case 'draining':
      if (connection.leases === 0 && connection.carried.size === 0) return { do: 'close' }
      if (now >= connection.closeBy) return { do: 'destroy' }
      if (connection.closeBy !== Infinity) return wait(connection.closeBy)
      return connection.preemptedUntil > now ? { ...wait(connection.preemptedUntil), preemption: 'preempted' } : wait()
    case 'closing':
      return now >= connection.closeBy ? { do: 'destroy' } : wait(connection.closeBy)
    case 'closed':
      return wait()
  }
}

function decideOpen(connection: ConnectionView, pool: PoolView, now: number): ConnectionStep {
  const { queue } = connection
  if (pool.mode === 'closed') return { do: 'drain', reason: 'closing' }
  const answerBy = connection.unansweredSince + CHANNEL_ANSWER_TIMEOUT_MS
  if (now >= answerBy) return { do: 'drain', reason: 'suspect' }
  if (now >= connection.expiresAt && wasOfUse(connection) && isReplaceable(connection, pool))
    return { do: 'drain', reason: 'lifetime' }
  // A connection that is not pooled carries one command: whatever comes of it, it takes no second one.
  if (!pool.enabled && connection.carried.size === 0 && (connection.grants > 0 || !queue.wanted))
    return { do: 'drain', reason: 'disabled' }
  if (connection.spare && queue.waiting === 0) return { do: 'dropSpare' }
  let idleUntil = Infinity
  if (connection.idle && !queue.wanted) {
    if (pool.mode === 'draining') return { do: 'drain', reason: 'closing' }
    idleUntil = connection.idleSince + queue.idleTimeoutMs
    if (now >= idleUntil) return { do: 'drain', reason: 'idle' }
  }
  const preemptibleAt = timeSliceEnd(connection)
  const until = Math.min(
    answerBy,
    connection.expiresAt > now ? connection.expiresAt : Infinity,
    idleUntil,
    preemptibleAt > now ? preemptibleAt : Infinity,
  )
  return preemptibleAt > now ? wait(until) : { ...wait(until), preemption: 'preemptible' }
}

/** Whoever it was dialled for gets it, however short its life is meant to be: otherwise it would be dialled for for ever. */
function wasOfUse({ grants, carriedTotal, queue }: ConnectionView): boolean {
  return grants > 0 || carriedTotal > 0 || !queue.wanted
}

/**
 * With work on it and no room for a successor it goes on: a command of hours must not close the host for hours. Room that
 * was there for one that is on its way out already is not there for the next.
 */
function isReplaceable({ leases, carried, queue: { endpoint } }: ConnectionView, pool: PoolView): boolean {
  if (leases === 0 && carried.size === 0) return true
  return (
    endpoint.connections.size + endpoint.retiring < endpoint.maxConnections &&
    pool.slots + pool.retiring < pool.maxConnections
  )
}
