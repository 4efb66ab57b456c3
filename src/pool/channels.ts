/** Session channels: asked for, confirmed or refused, granted, given back. */
import { isXecError } from '../errors.js'
import type { Channel } from '../transport/transport.js'
import type { Connection, Slot } from './connection.js'
import type { Effects } from './effects.js'
import type { Ends } from './ends.js'
import type { Facts } from './facts.js'
import type { Queue } from './queue.js'
import type { Lease } from './types.js'
import type { Waiter } from './waiter.js'

export class Channels {
  constructor(
    private readonly facts: Facts,
    private readonly ends: Ends,
    private readonly effects: Effects,
  ) {}

  /** Asks for one; not for a particular waiter: whoever is first when it is confirmed gets it. */
  ask(connection: Connection): void {
    const { facts } = this
    const { link } = connection
    if (!link) throw new Error(`bug: connection ${connection.id} has no link to open a channel on`)
    if (connection.opening++ === 0) connection.openingSince = facts.now()
    facts.changed(connection)
    link.openSession().then(
      (channel) => this.effects.pump(() => this.#confirmed(connection, channel)),
      (error: unknown) => this.effects.pump(() => this.#refused(connection, error)),
    )
  }

  #confirmed(connection: Connection, channel: Channel): void {
    const { facts } = this
    const { endpoint } = connection.queue
    connection.opening--
    connection.openingSince = facts.now()
    if (connection.state !== 'open' && connection.state !== 'draining') {
      channel.close()
      return
    }
    const slot: Slot = {
      channel,
      leased: false,
      leasedAt: Infinity,
      releasedAt: Infinity,
      channelClosed: false,
      ahead: null,
      behind: null,
    }
    connection.slots.add(slot)
    connection.refusing = false
    void channel.closed.then(() =>
      this.effects.pump(() => {
        slot.channelClosed = true
        this.#freeSlot(connection, slot)
      }),
    )
    // Only a channel shows that a server is well again: some servers accept a login and hang up.
    if (endpoint.failing || endpoint.notBefore > 0) {
      endpoint.endSeries()
      endpoint.notBefore = 0
    }
    if (connection.state === 'draining') this.dropSpare(connection)
    facts.changed(connection)
  }

  #refused(connection: Connection, thrown: unknown): void {
    const { facts } = this
    const { queue } = connection
    connection.opening--
    if (connection.state === 'closed') return
    if (!isXecError(thrown) || thrown.code !== 'XEC_REFUSED') {
      // The link is on its way out, which `Ends.ended` will hear; asked again before that, it would fail again, for ever.
      connection.refusing = true
      if (connection.link?.alive) connection.link.destroy()
      facts.changed(connection)
      return
    }
    const confirmed = connection.slots.size
    if (confirmed > 0) queue.endpoint.learn(confirmed, facts.now())
    else connection.refusing = true // nothing more is asked of it until everything it was asked is answered
    this.effects.emit(queue, {
      type: 'refused',
      host: queue.target.host,
      connection: connection.id,
      capacity: queue.capacity(facts.now()),
    })
    if (confirmed === 0 && connection.opening === 0 && connection.state === 'open') {
      // Refused even when alone: one that has served is worn out; one that never served speaks for the server, of sessions
      // alone. What that one carries, or is to carry, needs it still; who asks for a session later is refused anew.
      const carries = connection.grants === 0 && carriesOthers(connection)
      if (connection.grants === 0) {
        // A server may allow so many sessions in all: those on another connection of ours are what there is to wait for.
        if (!carries && servesElsewhere(queue))
          queue.endpoint.notBefore = Math.max(queue.endpoint.notBefore, facts.now() + queue.options.reconnectDelay)
        else this.effects.failWaiters(queue, thrown)
      }
      if (carries) connection.refusing = false
      else this.ends.drain(connection, 'refused')
    }
    facts.changed(connection)
  }

  grant(queue: Queue, connection: Connection, now: number): void {
    const slot = connection.spare
    const waiter = queue.waiters.first
    if (!slot || !waiter) throw new Error(`bug: nothing to grant on connection ${connection.id}`)
    if (!waiter.settle()) throw new Error('bug: a settled waiter is still queued')
    this.facts.forget(waiter)
    slot.leased = true
    slot.leasedAt = now
    connection.grants++
    this.facts.leases++
    const waitMs = now - waiter.since
    this.effects.emit(queue, {
      type: 'granted',
      host: waiter.host,
      connection: connection.id,
      waitMs,
      nth: connection.grants,
    })
    waiter.resolve(this.#lease(connection, slot, waiter, now, waitMs))
    this.facts.changed(connection)
  }

  #lease(connection: Connection, slot: Slot, waiter: Waiter, grantedAt: number, waitMs: number): Lease {
    const { link } = connection
    if (!link) throw new Error(`bug: connection ${connection.id} has a lease and no link`)
    return {
      channel: slot.channel,
      link,
      connection: connection.id,
      reused: connection.grants > 1,
      waitMs,
      connectMs: connection.grants > 1 ? 0 : connection.dialMs,
      attempts: waiter.attempts,
      release: () => {
        if (!slot.leased) return
        this.effects.pump(() => {
          slot.leased = false
          slot.releasedAt = this.facts.now()
          this.facts.leases--
          this.effects.emit(connection.queue, {
            type: 'released',
            host: waiter.host,
            connection: connection.id,
            heldMs: slot.releasedAt - grantedAt,
          })
          this.#drop(connection, slot)
        })
      },
    }
  }

  dropSpare(connection: Connection): void {
    const slot = connection.spare
    if (!slot) return
    slot.releasedAt = this.facts.now()
    this.#drop(connection, slot)
  }

  #drop(connection: Connection, slot: Slot): void {
    slot.channel.close()
    this.#freeSlot(connection, slot)
  }

  /** The slot is free when the server has closed the channel *and* nobody holds its lease. */
  #freeSlot(connection: Connection, slot: Slot): void {
    if (connection.state !== 'closed') {
      if (!slot.leased && slot.channelClosed) connection.slots.delete(slot)
      this.facts.changed(connection)
    }
  }
}

/** Whether some connection of a queue has given channels, and may again. */
function servesElsewhere({ connections }: Queue): boolean {
  for (const { state, grants } of connections) if (state === 'open' && grants > 0) return true
  return false
}

/** Whether a connection is a jump host's that is in use, or about to be. */
function carriesOthers({ passengers, queue }: Connection): boolean {
  if (passengers.size > 0) return true
  for (const behind of queue.behind) if (behind.wanted) return true
  return false
}
