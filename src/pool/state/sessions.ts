/** What happens to the sessions of a connection, and what its callers were told, written down. */
import type { Channel } from '../../transport/transport.js'
import type { ConnectionView, QueueView, SessionView, WaiterView } from '../policy/view.js'
import type { Attempt } from '../types.js'
import type { Connection, Session } from './connection.js'
import type { Endpoint } from './endpoint.js'
import type { Queue } from './queue.js'
import type { State } from './state.js'
import type { Waiter } from './waiter.js'

/** A session is asked for. */
export function ask(state: State, view: ConnectionView): void {
  const connection = view as Connection
  if (connection.asked++ === 0) connection.askedSince = state.now()
  state.live.changed(connection)
}

/** An answer came, whatever it said. */
export function hear(state: State, view: ConnectionView): void {
  const connection = view as Connection
  connection.asked--
  connection.askedSince = state.now()
}

/** A session is open; nobody has it yet. */
export function confirm(state: State, view: ConnectionView, channel: Channel): SessionView {
  const connection = view as Connection
  const { endpoint } = connection.queue
  const session: Session = {
    channel,
    leased: false,
    leasedAt: Infinity,
    releasedAt: Infinity,
    channelClosed: false,
    previous: null,
    next: null,
  }
  connection.sessions.add(session)
  connection.refusing = false
  // Only a session shows that a server is well again: some servers accept a login and hang up.
  if (endpoint.failing || endpoint.notBefore > 0) {
    endpoint.endSeries()
    endpoint.notBefore = 0
  }
  state.live.changed(connection)
  return session
}

/** Nothing more is asked of a connection until everything that it was asked is answered; or again. */
export function setRefusing(state: State, view: ConnectionView, refusing: boolean): void {
  const connection = view as Connection
  connection.refusing = refusing
  state.live.changed(connection)
}

/** A server allows so many sessions on one connection. */
export function learn(state: State, view: QueueView, capacity: number): void {
  ;(view.endpoint as Endpoint).learn(capacity, state.now())
  state.dirty.changed(view)
}

/** A caller gets a session that nobody has (law 3); it has left its queue. */
export function grant(state: State, connectionView: ConnectionView, sessionView: SessionView): void {
  const connection = connectionView as Connection
  const session = sessionView as Session
  session.leased = true
  session.leasedAt = state.now()
  connection.grants++
  state.live.countLease(1)
  state.live.changed(connection)
}

/** A caller gives a session back. */
export function release(state: State, connectionView: ConnectionView, sessionView: SessionView): void {
  const session = sessionView as Session
  session.leased = false
  session.releasedAt = state.now()
  state.live.countLease(-1)
  tidy(state, connectionView, session)
}

/** A session is cut off with its connection. */
export function revoke(state: State, connectionView: ConnectionView, sessionView: SessionView): void {
  ;(connectionView as Connection).revoked++
  release(state, connectionView, sessionView)
}

/** A session that nobody wants is given back. */
export function drop(state: State, connectionView: ConnectionView, sessionView: SessionView): void {
  const session = sessionView as Session
  session.releasedAt = state.now()
  tidy(state, connectionView, session)
}

/** The server has closed a session's channel. */
export function channelClosed(state: State, connectionView: ConnectionView, sessionView: SessionView): void {
  const session = sessionView as Session
  session.channelClosed = true
  tidy(state, connectionView, session)
}

/** A session is over when the server has closed the channel *and* nobody holds its lease. */
function tidy(state: State, view: ConnectionView, session: Session): void {
  const connection = view as Connection
  if (connection.state === 'closed') return
  if (!session.leased && session.channelClosed) connection.sessions.delete(session)
  state.live.changed(connection)
}

/** What a waiter was told last: that a dial is under way for it, or that none is any more. */
export function tell(view: WaiterView, connecting: boolean): void {
  const waiter = view as Waiter
  waiter.connecting = connecting
  if (connecting) (waiter.queue as Queue).announced = true
}

/** Whether somebody who waits in a queue was told of a dial. */
export function setAnnounced(view: QueueView, announced: boolean): void {
  ;(view as Queue).announced = announced
}

/** A dial that a waiter waited for has ended. */
export function addAttempt(view: WaiterView, attempt: Attempt): void {
  ;(view as Waiter).attempts.push(attempt)
}
