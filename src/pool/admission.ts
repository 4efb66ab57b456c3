/** How a target stands in the pool: what one more acquire would find. A look; it changes nothing. */
import type { Connection } from './state/connection.js'
import { firstToGo, isEvictable } from './policy/evict.js'
import type { State } from './state/state.js'
import { capacityOf } from './state/queue.js'
import type { PoolTarget } from './types.js'

/** The limit that makes an acquire wait: its host's, or the pool's. */
export type FullLimit = 'maxConnectionsPerHost' | 'maxConnections'

export interface Admission {
  /** The limit for which one more would wait; null when there is a channel for it, or room to dial. */
  readonly full: FullLimit | null
  /** Channels in use at the target's endpoint, and callers that wait for one there, whoever logs in. */
  readonly inHand: number
  /** Connections that the endpoint may have. */
  readonly maxConnections: number
  /** Open connections of the target with nothing on them. */
  readonly idle: number
}

/** Limits are the strictest of what is known and of what this name of the target asks for, which may be new to the pool. */
export function admissionOf(target: PoolTarget, state: State): Admission {
  const { queue, endpoint } = state.registry.find(target)
  const { options } = state
  const maxConnections = Math.min(
    endpoint?.maxConnections ?? Infinity,
    target.pool?.maxConnectionsPerHost ?? options.maxConnectionsPerHost,
  )
  const maxChannels = Math.min(
    queue?.maxChannels ?? Infinity,
    target.pool?.maxChannelsPerConnection ?? options.maxChannelsPerConnection,
  )
  const capacity = capacityOf(maxChannels, endpoint, options, state.now())
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
  const standing = { inHand, idle, maxConnections }
  const wanted = Math.ceil(((queue?.waiting ?? 0) + 1 - seats) / capacity)
  if (wanted <= 0) return { ...standing, full: null }
  if (wanted > dials) return { ...standing, full: 'maxConnectionsPerHost' }
  const { slotWaitlists } = state
  const asking =
    (queue?.served ? slotWaitlists.size : slotWaitlists.starved) - (queue && slotWaitlists.has(queue) ? 1 : 0)
  let slots = state.maxConnections - state.slots + state.freeing - asking
  for (const connection of state.idle) if (isEvictable(connection, queue)) slots++
  return { ...standing, full: wanted > slots ? 'maxConnections' : null }
}

/** What is not leased is for who waits: spare channels, those that are asked for, and those that close. */
function seatsOn(connection: Connection, capacity: number): number {
  const takes = (connection.state === 'open' || connection.state === 'opening') && connection.takesCommands
  return takes ? Math.max(0, capacity - connection.leases) : 0
}
