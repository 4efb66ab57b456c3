/** Session channels: asked for, confirmed or refused, granted, given back. */
import { isXecError, type XecError } from '../../errors.js'
import type { Channel } from '../../transport/transport.js'
import { afterRefusal } from '../policy/retry.js'
import type { ConnectionView, QueueView, SessionView, WaiterView } from '../policy/view.js'
import { pause } from '../state/dials.js'
import * as sessions from '../state/sessions.js'
import type { State } from '../state/state.js'
import type { Lease } from '../types.js'
import type { Closing } from './close.js'
import type { Effects } from './effects.js'

export class Sessions {
  constructor(
    private readonly state: State,
    private readonly closing: Closing,
    private readonly effects: Effects,
  ) {}

  /** Asks for one; not for a particular waiter: whoever is first when it is confirmed gets it (law 5). */
  ask(connection: ConnectionView): void {
    const { link } = connection
    if (!link) throw new Error(`bug: connection ${connection.id} has no link to open a channel on`)
    sessions.ask(this.state, connection)
    link.openSession().then(
      (channel) => this.effects.update(() => this.#confirmed(connection, channel)),
      (error: unknown) => this.effects.update(() => this.#failed(connection, error)),
    )
  }

  #confirmed(connection: ConnectionView, channel: Channel): void {
    const { state } = this
    sessions.hear(state, connection)
    if (connection.state !== 'open' && connection.state !== 'draining') {
      channel.close()
      return
    }
    const session = sessions.confirm(state, connection, channel)
    void channel.closed.then(() => this.effects.update(() => sessions.channelClosed(state, connection, session)))
    if (connection.state === 'draining') this.dropSpare(connection)
  }

  #failed(connection: ConnectionView, thrown: unknown): void {
    sessions.hear(this.state, connection)
    if (connection.state === 'closed') return
    if (isXecError(thrown) && thrown.code === 'XEC_REFUSED') {
      this.#refused(connection, thrown)
      return
    }
    // The link is on its way out, which `Closing.ended` will hear; asked again before that, it would fail again, for ever.
    sessions.setRefusing(this.state, connection, true)
    if (connection.link?.alive) connection.link.destroy()
  }

  /** Carries out what policy/retry.ts says of a refusal. */
  #refused(connection: ConnectionView, error: XecError): void {
    const { state } = this
    const { queue, id } = connection
    const { capacity, alone, callers, retire } = afterRefusal(connection)
    if (capacity !== null) sessions.learn(state, queue, capacity)
    else sessions.setRefusing(state, connection, !alone || retire)
    this.effects.emit(queue, {
      type: 'refused',
      host: queue.target.host,
      connection: id,
      capacity: queue.capacity(state.now()),
    })
    if (callers === 'fail') this.effects.failWaiters(queue, error)
    else if (callers === 'pause') pause(state, queue, state.now() + queue.options.reconnectDelay)
    if (retire) this.closing.drain(connection, 'refused')
  }

  /** Gives the first in line a session that nobody has. */
  grant(queue: QueueView, connection: ConnectionView): void {
    const { state } = this
    const session = connection.spare
    const waiter = queue.waiters.first
    if (!session || !waiter) throw new Error(`bug: nothing to grant on connection ${connection.id}`)
    if (!state.settle(waiter)) throw new Error('bug: a settled waiter is still queued')
    sessions.grant(state, connection, session)
    const waitMs = state.now() - waiter.since
    const { id, grants } = connection
    this.effects.emit(queue, { type: 'granted', host: waiter.host, connection: id, waitMs, nth: grants })
    waiter.resolve(this.#lease(connection, session, waiter, waitMs))
  }

  #lease(connection: ConnectionView, session: SessionView, waiter: WaiterView, waitMs: number): Lease {
    const { link, id, grants, dialMs } = connection
    if (!link) throw new Error(`bug: connection ${id} has a lease and no link`)
    return {
      channel: session.channel,
      link,
      connection: id,
      reused: grants > 1,
      waitMs,
      connectMs: grants > 1 ? 0 : dialMs,
      attempts: waiter.attempts,
      gone: this.state.enabled ? undefined : closedWithJumps(connection),
      release: () => {
        if (session.leased) this.effects.update(() => this.#release(connection, session, waiter.host))
      },
    }
  }

  #release(connection: ConnectionView, session: SessionView, host: string): void {
    const { leasedAt } = session
    sessions.release(this.state, connection, session)
    const heldMs = session.releasedAt - leasedAt
    this.effects.emit(connection.queue, { type: 'released', host, connection: connection.id, heldMs })
    session.channel.close()
  }

  /** Closes a session that nobody wants. */
  dropSpare(connection: ConnectionView): void {
    const session = connection.spare
    if (!session) return
    sessions.drop(this.state, connection, session)
    session.channel.close()
  }
}

/** The closing of a connection, and after it of each that carried nothing else. */
async function closedWithJumps(connection: ConnectionView): Promise<void> {
  await connection.link?.ended
  const { jump } = connection
  if (jump && jump.carried.size === 0 && jump.used === 0) await closedWithJumps(jump)
}
