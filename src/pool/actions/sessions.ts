/** Session channels: asked for, confirmed or refused, granted, given back. */
import { isXecError } from '../../errors.js'
import type { Channel } from '../../transport/transport.js'
import type { Connection, Session } from '../state/connection.js'
import type { Effects } from './effects.js'
import type { Closing } from './close.js'
import type { State } from '../state/state.js'
import type { Queue } from '../state/queue.js'
import type { Lease } from '../types.js'
import type { Waiter } from '../state/waiter.js'

export class Sessions {
  constructor(
    private readonly state: State,
    private readonly closing: Closing,
    private readonly effects: Effects,
  ) {}

  /** Asks for one; not for a particular waiter: whoever is first when it is confirmed gets it. */
  ask(connection: Connection): void {
    const { state } = this
    const { link } = connection
    if (!link) throw new Error(`bug: connection ${connection.id} has no link to open a channel on`)
    if (connection.asked++ === 0) connection.askedSince = state.now()
    state.changed(connection)
    link.openSession().then(
      (channel) => this.effects.update(() => this.#confirmed(connection, channel)),
      (error: unknown) => this.effects.update(() => this.#refused(connection, error)),
    )
  }

  #confirmed(connection: Connection, channel: Channel): void {
    const { state } = this
    const { endpoint } = connection.queue
    connection.asked--
    connection.askedSince = state.now()
    if (connection.state !== 'open' && connection.state !== 'draining') {
      channel.close()
      return
    }
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
    void channel.closed.then(() =>
      this.effects.update(() => {
        session.channelClosed = true
        this.#freeSession(connection, session)
      }),
    )
    // Only a channel shows that a server is well again: some servers accept a login and hang up.
    if (endpoint.failing || endpoint.notBefore > 0) {
      endpoint.endSeries()
      endpoint.notBefore = 0
    }
    if (connection.state === 'draining') this.dropSpare(connection)
    state.changed(connection)
  }

  #refused(connection: Connection, thrown: unknown): void {
    const { state } = this
    const { queue } = connection
    connection.asked--
    if (connection.state === 'closed') return
    if (!isXecError(thrown) || thrown.code !== 'XEC_REFUSED') {
      // The link is on its way out, which `Ends.ended` will hear; asked again before that, it would fail again, for ever.
      connection.refusing = true
      if (connection.link?.alive) connection.link.destroy()
      state.changed(connection)
      return
    }
    const confirmed = connection.sessions.size
    if (confirmed > 0) queue.endpoint.learn(confirmed, state.now())
    else connection.refusing = true // nothing more is asked of it until everything it was asked is answered
    this.effects.emit(queue, {
      type: 'refused',
      host: queue.target.host,
      connection: connection.id,
      capacity: queue.capacity(state.now()),
    })
    if (confirmed === 0 && connection.asked === 0 && connection.state === 'open') {
      // Refused even when alone: one that has served is worn out; one that never served speaks for the server, of sessions
      // alone. What that one carries, or is to carry, needs it still; who asks for a session later is refused anew.
      const carries = connection.grants === 0 && carriesOthers(connection)
      if (connection.grants === 0) {
        // A server may allow so many sessions in all: those on another connection of ours are what there is to wait for.
        if (!carries && servesElsewhere(queue))
          queue.endpoint.notBefore = Math.max(queue.endpoint.notBefore, state.now() + queue.options.reconnectDelay)
        else this.effects.failWaiters(queue, thrown)
      }
      if (carries) connection.refusing = false
      else this.closing.drain(connection, 'refused')
    }
    state.changed(connection)
  }

  grant(queue: Queue, connection: Connection, now: number): void {
    const session = connection.spare
    const waiter = queue.waiters.first
    if (!session || !waiter) throw new Error(`bug: nothing to grant on connection ${connection.id}`)
    if (!waiter.settle()) throw new Error('bug: a settled waiter is still queued')
    this.state.forget(waiter)
    session.leased = true
    session.leasedAt = now
    connection.grants++
    this.state.leases++
    const waitMs = now - waiter.since
    this.effects.emit(queue, {
      type: 'granted',
      host: waiter.host,
      connection: connection.id,
      waitMs,
      nth: connection.grants,
    })
    waiter.resolve(this.#lease(connection, session, waiter, now, waitMs))
    this.state.changed(connection)
  }

  #lease(connection: Connection, session: Session, waiter: Waiter, grantedAt: number, waitMs: number): Lease {
    const { link } = connection
    if (!link) throw new Error(`bug: connection ${connection.id} has a lease and no link`)
    return {
      channel: session.channel,
      link,
      connection: connection.id,
      reused: connection.grants > 1,
      waitMs,
      connectMs: connection.grants > 1 ? 0 : connection.dialMs,
      attempts: waiter.attempts,
      release: () => {
        if (!session.leased) return
        this.effects.update(() => {
          session.leased = false
          session.releasedAt = this.state.now()
          this.state.leases--
          this.effects.emit(connection.queue, {
            type: 'released',
            host: waiter.host,
            connection: connection.id,
            heldMs: session.releasedAt - grantedAt,
          })
          this.#drop(connection, session)
        })
      },
    }
  }

  dropSpare(connection: Connection): void {
    const session = connection.spare
    if (!session) return
    session.releasedAt = this.state.now()
    this.#drop(connection, session)
  }

  #drop(connection: Connection, session: Session): void {
    session.channel.close()
    this.#freeSession(connection, session)
  }

  /** The slot is free when the server has closed the channel *and* nobody holds its lease. */
  #freeSession(connection: Connection, session: Session): void {
    if (connection.state !== 'closed') {
      if (!session.leased && session.channelClosed) connection.sessions.delete(session)
      this.state.changed(connection)
    }
  }
}

/** Whether some connection of a queue has given channels, and may again. */
function servesElsewhere({ connections }: Queue): boolean {
  for (const { state, grants } of connections) if (state === 'open' && grants > 0) return true
  return false
}

/** Whether a connection is a jump host's that is in use, or about to be. */
function carriesOthers({ carried, queue }: Connection): boolean {
  if (carried.size > 0) return true
  for (const behind of queue.dependants) if (behind.wanted) return true
  return false
}
