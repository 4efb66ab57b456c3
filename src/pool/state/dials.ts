/** What happens to a connection from its slot to its end, written down. */
import type { Link, Reached } from '../../transport/transport.js'
import type { DrainReason } from '../metrics/events.js'
import { raisedDialLimit, type SeriesFacts } from '../policy/retry.js'
import type { ConnectionView, QueueView } from '../policy/view.js'
import type { XecError } from '../../errors.js'
import { Connection } from './connection.js'
import type { Endpoint } from './endpoint.js'
import type { Queue } from './queue.js'
import type { State } from './state.js'

/** A connection's lifetime is shortened by up to this share, so that a fleet's do not all end at once. */
const LIFETIME_JITTER = 0.025

/** A dial takes its slot. `again`: in the place of a connection that was closed to make room. */
export function beginDial(
  state: State,
  view: QueueView,
  jump: ConnectionView | null,
): { readonly connection: ConnectionView; readonly again: boolean } {
  const queue = view as Queue
  const { endpoint } = queue
  const again = endpoint.madeRoom > 0
  if (again) endpoint.madeRoom--
  const { live } = state
  const connection = new Connection(live.nextId(), queue, jump as Connection | null, state.now(), endpoint.failures + 1)
  live.add(connection)
  state.leaveJump(queue)
  return { connection, again }
}

/** The server's address was reached; what is left is the handshake, which needs a permit. */
export function reach(state: State, view: ConnectionView, reached: Reached): void {
  const connection = view as Connection
  connection.reached = reached
  connection.reachedAt = state.now()
  connection.stage = 'reached'
  state.live.changed(connection)
}

/** A handshake takes its permit. */
export function beginHandshake(state: State, view: ConnectionView): void {
  const connection = view as Connection
  connection.permitMs = state.now() - connection.reachedAt
  connection.stage = 'authenticating'
  state.live.countHandshake(1)
}

/** A handshake gives its permit back, however it ended. */
export function endHandshake(state: State): void {
  state.live.countHandshake(-1)
}

/** A dial succeeded. */
export function open(state: State, view: ConnectionView, link: Link): void {
  const connection = view as Connection
  const { queue } = connection
  const now = state.now()
  connection.link = link
  connection.openedAt = now
  connection.dialMs = connection.dialledFor(now)
  connection.expiresAt = now + queue.options.maxLifetime * (1 - LIFETIME_JITTER * state.random.next())
  connection.idleSince = now
  queue.proven = true
  queue.sticky = null
  queue.endpoint.lastOpenedAt = now
  queue.endpoint.shortSince = null
  queue.endpoint.dialLimit = raisedDialLimit(queue.endpoint, state.maxConcurrentDials)
  state.live.move(connection, 'open')
}

/** A starved target waits for no other connection than this one until then. */
export function preempt(view: ConnectionView, until: number): void {
  ;(view as Connection).preemptedUntil = until
}

/** A connection takes no more work. */
export function drain(state: State, view: ConnectionView, reason: DrainReason): void {
  const connection = view as Connection
  connection.drainReason = reason
  if (reason === 'evicted' || reason === 'fairness') connection.queue.endpoint.madeRoom++
  state.live.move(connection, 'draining')
}

/** A connection's socket is to be shut by itself until then, in whatever state it is. */
export function hurry(view: ConnectionView, by: number): void {
  const connection = view as Connection
  connection.closeBy = Math.min(connection.closeBy, by)
}

/** A connection's socket is destroyed: nothing more is to be waited for. */
export function giveUpClosing(view: ConnectionView): void {
  ;(view as Connection).closeBy = Infinity
}

/** A connection is to be shut. */
export function beginClosing(state: State, view: ConnectionView): void {
  state.live.move(view as Connection, 'closing')
}

/** A connection, or a dial, is over: it gives its slot back. */
export function end(state: State, view: ConnectionView): void {
  const connection = view as Connection
  connection.sessions.clear()
  state.live.remove(connection)
}

/** What the last failed dial, or the last loss, said. */
export function noteError(view: QueueView, message: string): void {
  ;(view.endpoint as Endpoint).lastError = message
}

/** A failure that will be the same for a while. */
export function stick(state: State, view: QueueView, error: XecError, until: number): void {
  const queue = view as Queue
  queue.proven = false
  queue.sticky = { error, until }
  state.dirty.changed(queue)
}

/** How a failed dial leaves its endpoint's series. */
export function keepSeries(state: State, view: QueueView, series: SeriesFacts): void {
  const { endpoint } = view as Queue
  endpoint.failures = series.failures
  endpoint.throttledSince = series.throttledSince
  endpoint.dialLimit = series.dialLimit
  if (series.notBefore !== null) endpoint.notBefore = series.notBefore
  state.dirty.changed(view)
}

/** The next dial to an endpoint begins a new series; not before its time. */
export function endSeries(state: State, view: QueueView): void {
  ;(view.endpoint as Endpoint).endSeries()
  state.dirty.changed(view)
}

/** Since when dials to an endpoint fail for want of something on this machine; null: they do not. */
export function setShortSince(state: State, view: QueueView, since: number | null): void {
  ;(view.endpoint as Endpoint).shortSince = since
  state.dirty.changed(view)
}

/** No dial to an endpoint before then. */
export function pause(state: State, view: QueueView, until: number): void {
  const endpoint = view.endpoint as Endpoint
  endpoint.notBefore = Math.max(endpoint.notBefore, until)
  state.dirty.changed(view)
}

/** Failures and what was learned of an endpoint are forgotten. */
export function forget(state: State, view: QueueView): void {
  const endpoint = view.endpoint as Endpoint
  endpoint.forget()
  for (const queue of endpoint.queues as Set<Queue>) queue.sticky = null
  state.dirty.changed(view)
}
