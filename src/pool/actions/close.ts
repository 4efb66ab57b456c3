/** The ends of a connection: drained, closed, cut off, lost. */
import type { LinkEnd } from '../../transport/transport.js'
import type { Connection } from '../state/connection.js'
import type { Effects } from './effects.js'
import type { CloseReason, DrainReason } from '../metrics/events.js'
import type { State } from '../state/state.js'
import { neverServed } from '../messages.js'
import type { Retry } from './retry.js'

/** How long a polite close may take before the socket is destroyed. */
const CLOSE_TIMEOUT_MS = 800

export class Closing {
  constructor(
    private readonly state: State,
    private readonly retry: Retry,
    private readonly effects: Effects,
  ) {}

  drain(connection: Connection, reason: DrainReason): void {
    connection.drainReason = reason
    if (reason === 'evicted' || reason === 'fairness') connection.queue.endpoint.madeRoom++
    connection.to('draining')
    this.effects.emit(connection.queue, {
      type: 'draining',
      host: connection.queue.target.host,
      connection: connection.id,
      reason,
    })
  }

  close(connection: Connection): void {
    this.hurry(connection)
    connection.to('closing')
    connection.link?.end()
  }

  /** From now on it has so long to be gone, in whatever state. */
  hurry(connection: Connection): void {
    connection.closeBy = Math.min(connection.closeBy, this.state.now() + CLOSE_TIMEOUT_MS)
  }

  /** Cuts off the leases of a connection, and with them the connection. */
  revoke(connection: Connection): void {
    if (connection.state === 'open') this.drain(connection, 'closing')
    this.#revokeLeases(connection)
    connection.link?.destroy()
  }

  #revokeLeases(connection: Connection): void {
    for (const session of connection.sessions) {
      if (!session.leased) continue
      session.leased = false
      session.releasedAt = this.state.now()
      this.state.leases--
      connection.revoked++
      this.effects.emit(connection.queue, {
        type: 'revoked',
        host: connection.queue.target.host,
        connection: connection.id,
      })
    }
  }

  /** News of the transport: the socket is shut. */
  ended(connection: Connection, end: LinkEnd): void {
    this.effects.update(() => {
      const { state } = this
      const { queue } = connection
      const turnedAway = connection.turnedAway(state.now())
      const byUs = connection.state === 'closing' || end.reason === 'closed'
      const reason: CloseReason = byUs
        ? (connection.drainReason ?? 'closing')
        : end.reason === 'keepalive'
          ? 'keepalive'
          : 'lost'
      this.#revokeLeases(connection)
      connection.sessions.clear()
      connection.to('closed')
      state.remove(connection)
      this.effects.emit(queue, {
        type: 'closed',
        host: queue.target.host,
        connection: connection.id,
        reason,
        inFlight: connection.revoked,
      })
      if (!byUs) {
        queue.endpoint.lastError = `${queue.target.host}: Connection closed (${end.detail})`
        this.retry.lost(queue)
      }
      if (!byUs && turnedAway && (queue.waiting > 0 || (connection.carriedTotal === 0 && queue.wanted))) {
        // It let us in and hung up: without a series this would be dialled for ever.
        const error = neverServed(queue, connection.carriedTotal > 0, end.detail)
        if (this.retry.failed(queue, error, connection.attempt, 'transient') === null) this.retry.giveUp(queue, error)
      }
    })
  }
}
