/**
 * Who may use which connection, when: every decision of the pool, pure. A subject (a queue, a connection) and the
 * time go in, one step comes out; `pump.ts` applies it and asks again until the answer is `wait`. The steps of a queue are tried in this order:
 *
 *   fail sticky · grant a confirmed channel · ask an open connection for a channel · dial · evict to dial · wait
 *
 * and of an open connection: drain when suspect, too old or not pooled · drop a channel that nobody wants · drain when
 * idle for too long · wait; one that opens waits for its permit, one that drains is closed, one that closes in vain is
 * destroyed.
 * A `wait` names its own deadline, computed from state and never remembered, and what it lacks, so that the pool
 * knows which ring to keep the subject in.
 */
import type { DrainReason } from './events.js'
import type { ConnectionView, EndpointView, PoolView, QueueView } from './views.js'

/** A channel request that is unanswered for this long makes its connection suspect. */
export const CHANNEL_ANSWER_TIMEOUT_MS = 10_000

/** How long a stranger waits at a full pool before somebody gives a connection up for it: so many grants, or this time. */
export const QUANTUM_GRANTS = 8
export const QUANTUM_MS = 1_000

export type Lack = 'slot' | 'chainSlot' | 'endpoint' | 'held' | 'permit' | null

export type Wait = { readonly do: 'wait'; readonly until: number; readonly lacks: Lack }

/** Of a connection: it has had its turn, and may have to be given up for a stranger; or it has been, and is on its way out. */
export type Turn = 'spent' | 'leaving' | null

export type QueueStep =
  | Wait
  | { readonly do: 'fail' }
  | { readonly do: 'grant'; readonly connection: ConnectionView }
  | { readonly do: 'channel'; readonly connection: ConnectionView }
  | { readonly do: 'askHop' }
  | { readonly do: 'dial'; readonly hop: ConnectionView | null }
  | { readonly do: 'evict'; readonly connection: ConnectionView; readonly reason: 'evicted' }
  | { readonly do: 'evict'; readonly connection: ConnectionView; readonly reason: 'fairness'; readonly leavesBy: number }

export type ConnectionStep =
  | (Wait & { readonly turn?: Turn })
  | { readonly do: 'authenticate' }
  | { readonly do: 'dropSpare' }
  | { readonly do: 'drain'; readonly reason: DrainReason }
  | { readonly do: 'close' }
  | { readonly do: 'destroy' }

const wait = (until = Infinity, lacks: Lack = null): Wait => ({ do: 'wait', until, lacks })

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
    asked += connection.opening
    const room = connection.refusing ? 0 : queue.capacity(now) - connection.used
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
  const wantedDials = Math.max(Math.ceil(unserved / capacity), queue.children.size > 0 && open.length === 0 ? 1 : 0)
  if (wantedDials <= dials) return wait()
  return sticky ? wait(sticky.until) : decideDial(queue, pool, dials, now)
}

/** A dial is wanted: whether it may start, and if not, what it waits for. */
function decideDial(queue: QueueView, pool: PoolView, dials: number, now: number): QueueStep {
  const { endpoint } = queue
  // Credentials that never worked are tried once at a time: a wrong key is one attempt, not one a waiter.
  if (!queue.proven && dials > 0) return wait()
  // In an outage one dial probes for all.
  if (endpoint.failures > 0 && endpoint.opening > 0) return wait()
  if (endpoint.opening >= endpoint.dialLimit) return wait()
  if (endpoint.notBefore > now) return wait(endpoint.notBefore)
  let hop: ConnectionView | null = null
  if (queue.hop) {
    hop = leastLoadedCarrier(queue.hop)
    if (!hop) return queue.hop.children.has(queue) ? wait() : { do: 'askHop' }
  }
  if (endpoint.connections.size >= endpoint.maxConnections) {
    // Only a stranger's idle connection (another user of the same endpoint) may have to go.
    if (endpoint.freeing > 0) return wait(Infinity, 'endpoint')
    let oldest: ConnectionView | null = null
    for (const other of endpoint.connections) {
      if (other.idle && other.queue !== queue && other.queue.waiting === 0 && (!oldest || other.idleSince < oldest.idleSince)) oldest = other
    }
    return oldest ? { do: 'evict', connection: oldest, reason: 'evicted' } : decideQuantum(queue, turnsAt(endpoint, now), 1, now - queue.ringSince, 'endpoint', now)
  }
  if (endpoint.ring.size > 0) {
    const [first] = endpoint.ring
    if (first !== queue) return wait(Infinity, 'endpoint')
  }
  // What an open jump host carries does not depend on the network here; the rest follows the head, one by one.
  if (!queue.hop) {
    const [head] = pool.heldRing
    const first = !head || head === queue
    const until = pool.heldUntil(now)
    if (until > now) return wait(first ? until : Infinity, 'held')
    if (!first && !pool.slotRing.has(queue)) return wait(Infinity, 'held')
  }
  // A jump host leaves room for what it is to carry: otherwise jump hosts could take every slot, each waiting for one.
  // For the same reason the first connection through a jump host goes before the ring: the one for which there was room.
  const ring = hop?.carried === 0 ? pool.chainRing : pool.slotRing
  const lacks = ring === pool.chainRing ? 'chainSlot' : 'slot'
  const need = slotsNeeded(queue)
  if (pool.slots + need > pool.maxConnections) {
    const asking = pool.chainRing.size + pool.slotRing.size + (pool.chainRing.has(queue) || pool.slotRing.has(queue) ? 0 : 1)
    if (pool.slots - pool.freeing + asking - 1 + need > pool.maxConnections) {
      // The head of a ring makes room for all who are behind it.
      const [first] = ring
      if (!first || first === queue) {
        for (const idle of pool.idle) if (!idle.queue.wanted && !carries(idle, queue)) return { do: 'evict', connection: idle, reason: 'evicted' }
        // Jump hosts that wait to carry something: kept by each, they could hold for ever what the other one needs. One
        // that has carried has had its turn; one that has not has it after the head of those whose turn it is.
        if (pool.slots - pool.freeing + need > pool.maxConnections) {
          for (const idle of pool.idle) {
            if (idle.queue.waiting === 0 && (idle.carried > 0 || ring === pool.chainRing) && !carries(idle, queue)) return { do: 'evict', connection: idle, reason: 'evicted' }
          }
        }
      }
      // Likewise the first of the strangers asks for a connection, for all of them.
      const [stranger] = pool.strangers
      if (stranger && stranger !== queue) return wait(Infinity, lacks)
      const waited = pool.grants - queue.ringGrants < QUANTUM_GRANTS ? now - queue.ringSince : QUANTUM_MS
      return decideQuantum(queue, { spent: pool.spent, leaving: pool.leaving, until: Infinity }, asking, waited, lacks, now)
    }
    return wait(Infinity, lacks)
  }
  // A free slot belongs to the head of the ring.
  const [head] = pool.chainRing.size > 0 ? pool.chainRing : ring
  return head && head !== queue ? wait(Infinity, lacks) : { do: 'dial', hop }
}

interface Turns {
  readonly spent: ConnectionView | null
  readonly leaving: number
  /** When either may be different although nothing happens; connections of the pool tell by themselves. */
  readonly until: number
}

/**
 * A full pool, or a full endpoint, without an idle connection. Who has no connection at all gets one after a quantum: of those whose own
 * queue would go on using theirs, and that have had their quantum too, the one whose oldest command began last gives way,
 * because it is likely to be gone first. If it is not gone after another quantum, one more has to; after twice that
 * time the next, and so on, so that commands of hours on all of them do not stop the whole pool for one stranger.
 */
function decideQuantum(queue: QueueView, { spent, leaving, until }: Turns, asking: number, waited: number, lacks: Lack, now: number): QueueStep {
  if (queue.served) return wait(Infinity, lacks)
  // Not yet in a ring: it will be, and be asked again.
  if (!(waited >= QUANTUM_MS)) return wait(queue.ringSince + QUANTUM_MS, lacks)
  if (leaving >= asking || !spent || turnEnd(spent) > now) return wait(until, lacks)
  return { do: 'evict', connection: spent, reason: 'fairness', leavesBy: now + Math.max(QUANTUM_MS, now - queue.ringSince) }
}

/** An endpoint has few connections: they are looked at one by one. */
function turnsAt(endpoint: EndpointView, now: number): Turns {
  let spent: ConnectionView | null = null
  let leaving = 0
  let until = Infinity
  for (const connection of endpoint.connections) {
    const changes = connection.state === 'open' ? turnEnd(connection) : connection.leavesBy
    if (changes > now) until = Math.min(until, changes)
    if (connection.state !== 'open') leaving += connection.leavesBy > now ? 1 : 0
    else if (changes <= now && (!spent || connection.runningSince > spent.runningSince)) spent = connection
  }
  return { spent, leaving, until }
}

/** When an open connection has had its turn; Infinity when nobody would go on using it, or when it carries others. */
function turnEnd({ grants, queue, carriers, openedAt }: ConnectionView): number {
  if (grants === 0 || queue.waiting === 0 || carriers.size > 0) return Infinity
  return grants >= QUANTUM_GRANTS ? openedAt : openedAt + QUANTUM_MS
}

/** One for the connection itself, and one for each further hop of the longest chain that waits to be carried by it. */
function slotsNeeded(queue: QueueView): number {
  let longest = 0
  for (const child of queue.children) longest = Math.max(longest, slotsNeeded(child))
  return 1 + longest
}

function leastLoadedCarrier(hop: QueueView): ConnectionView | null {
  let best: ConnectionView | null = null
  for (const connection of hop.connections) {
    if (connection.state === 'open' && (!best || connection.carriers.size < best.carriers.size)) best = connection
  }
  return best
}

/** Whether a connection is one of the hops that lead to a queue's target, so that closing it would not help. */
function carries(connection: ConnectionView, queue: QueueView): boolean {
  for (let hop = queue.hop; hop; hop = hop.hop) if (connection.queue === hop) return true
  return false
}

export function decideConnection(connection: ConnectionView, pool: PoolView, now: number): ConnectionStep {
  switch (connection.state) {
    case 'opening': {
      if (connection.stage !== 'reached') return wait()
      const [head] = pool.permitRing
      if (pool.handshakes < pool.maxConcurrentDials && (!head || head === connection)) return { do: 'authenticate' }
      return wait(Infinity, 'permit')
    }
    case 'open':
      return decideOpen(connection, pool, now)
    case 'draining':
      if (connection.leases === 0 && connection.carriers.size === 0) return { do: 'close' }
      if (now >= connection.closeBy) return { do: 'destroy' }
      if (connection.closeBy !== Infinity) return wait(connection.closeBy)
      return connection.leavesBy > now ? { ...wait(connection.leavesBy), turn: 'leaving' } : wait()
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
  // With work on it and no room for a successor it goes on: a command of hours must not close the host for hours.
  const replaceable = (connection.leases === 0 && connection.carriers.size === 0)
    || (queue.endpoint.connections.size < queue.endpoint.maxConnections && pool.slots < pool.maxConnections)
  if (now >= connection.expiresAt && replaceable) return { do: 'drain', reason: 'lifetime' }
  // A connection that is not pooled carries one command: whatever comes of it, it takes no second one.
  if (!pool.enabled && connection.carriers.size === 0 && (connection.grants > 0 || !queue.wanted)) return { do: 'drain', reason: 'disabled' }
  if (connection.spare && queue.waiting === 0) return { do: 'dropSpare' }
  let idleUntil = Infinity
  if (connection.idle && !queue.wanted) {
    if (pool.mode === 'draining') return { do: 'drain', reason: 'closing' }
    idleUntil = connection.idleSince + queue.idleTimeoutMs
    if (now >= idleUntil) return { do: 'drain', reason: 'idle' }
  }
  const spentAt = turnEnd(connection)
  const until = Math.min(answerBy, connection.expiresAt > now ? connection.expiresAt : Infinity, idleUntil, spentAt > now ? spentAt : Infinity)
  return spentAt > now ? wait(until) : { ...wait(until), turn: 'spent' }
}
