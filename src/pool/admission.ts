/** How a target stands in the pool: what one more acquire would find. A look; it changes nothing. */
import { firstToGo, isEvictable } from './policy/evict.js'
import type { State } from './state/state.js'
import { capacityOf } from './policy/capacity.js'
import type { Admission, PoolTarget } from './types.js'
import type { FullLimit } from './metrics/events.js'
import type { ConnectionView, EndpointView, QueueView } from './policy/view.js'
import { chainTooLong } from './messages.js'

/** What one more acquire of a target would find. Limits are the strictest of what is known and of what this name of it asks for, which may be new to the pool. */
export function admissionOf(target: PoolTarget, state: State): Admission {
  const { queue, endpoint } = state.registry.find(target)
  const { maxConnectionsPerHost, maxChannelsPerConnection } = state.options
  const limits = {
    maxConnections: Math.min(
      endpoint?.maxConnections ?? Infinity,
      target.pool?.maxConnectionsPerHost ?? maxConnectionsPerHost,
    ),
    maxChannels: Math.min(
      queue?.maxChannels ?? Infinity,
      target.pool?.maxChannelsPerConnection ?? maxChannelsPerConnection,
    ),
  }
  return look(state, queue, endpoint, limits, 1)
}

/** What keeps the last of those who wait in a queue waiting, once the scheduler has done what it could; null: no limit does. */
export function waitsFor(
  queue: QueueView,
  state: State,
): { readonly limit: FullLimit; readonly inHand: number } | null {
  let asked = 0
  for (const connection of queue.connections) asked += connection.asked
  if (queue.waiting <= asked) return null
  const { endpoint, maxChannels } = queue
  const { full, inHand } = look(state, queue, endpoint, { maxConnections: endpoint.maxConnections, maxChannels }, 0)
  return full && { limit: full, inHand }
}

/** @param more callers beyond those who wait */
function look(
  state: State,
  queue: QueueView | null,
  endpoint: EndpointView | null,
  { maxConnections, maxChannels }: { readonly maxConnections: number; readonly maxChannels: number },
  more: number,
): Admission {
  const capacity = capacityOf(maxChannels, endpoint, state.options, state.now())
  let inHand = 0
  let idle = 0
  /** Seats for those who wait here, on what is open or opening. */
  let seats = 0
  /** Connections that may yet be dialled here: free slots of the endpoint, and those that others would give up. */
  let dials = maxConnections
  for (const connection of endpoint?.connections ?? []) {
    dials--
    inHand += connection.leases
    if (connection.freeing || firstToGo(connection, queue)) dials++
    if (connection.queue !== queue) continue
    if (connection.idle) idle++
    seats += seatsOn(connection, capacity)
  }
  for (const each of endpoint?.queues ?? []) inHand += each.waiting
  // What becomes free goes to those who have asked for it.
  for (const other of endpoint?.roomWaitlist ?? []) if (other !== queue) dials--
  const found = { inHand, idle, maxConnections }
  const wanted = Math.ceil(((queue?.waiting ?? 0) + more - seats) / capacity)
  if (wanted <= 0) return { ...found, full: null }
  if (wanted > dials) return { ...found, full: 'maxConnectionsPerHost' }
  return { ...found, full: wanted > slotsFor(queue, state) ? 'maxConnections' : null }
}

/** Slots of the pool that are free, or that an idle connection would give up, after those who have asked for one. */
function slotsFor(queue: QueueView | null, state: State): number {
  const { slotWaitlists } = state
  const asking =
    (queue?.served ? slotWaitlists.size : slotWaitlists.starved) - (queue && slotWaitlists.has(queue) ? 1 : 0)
  let slots = state.maxConnections - state.slots + state.freeing - asking
  for (const connection of state.idle) if (isEvictable(connection, queue)) slots++
  return slots
}

/** @throws XecError XEC_CONFIG when a target and its jump hosts are more connections than the pool may have */
export function checkChain(target: PoolTarget, maxConnections: number): void {
  let jumps = 0
  for (let { jump } = target; jump; { jump } = jump) jumps++
  if (jumps + 1 > maxConnections) throw chainTooLong(target.host, jumps, maxConnections)
}

/** What is not leased is for who waits: spare channels, those that are asked for, and those that close. */
function seatsOn(connection: ConnectionView, capacity: number): number {
  const takes = (connection.state === 'open' || connection.state === 'opening') && connection.takesCommands
  return takes ? Math.max(0, capacity - connection.leases) : 0
}
