/** The ends of a connection: drained, closed, cut off, lost. */
import type { LinkEnd } from '../../transport/transport.js'
import { neverServed } from '../messages.js'
import type { CloseReason, DrainReason } from '../metrics/events.js'
import { isFailedDial } from '../policy/retry.js'
import type { ConnectionView } from '../policy/view.js'
import { beginClosing, drain, end, hurry, noteError } from '../state/dials.js'
import { revoke } from '../state/sessions.js'
import type { State } from '../state/state.js'
import type { Effects } from './effects.js'
import type { Retry } from './retry.js'

/** How long a polite close may take before the socket is destroyed. */
const CLOSE_TIMEOUT_MS = 800

export class Closing {
  constructor(
    private readonly state: State,
    private readonly retry: Retry,
    private readonly effects: Effects,
  ) {}

  drain(connection: ConnectionView, reason: DrainReason): void {
    const { queue, id } = connection
    drain(this.state, connection, reason)
    this.effects.emit(queue, { type: 'draining', host: queue.target.host, connection: id, reason })
  }

  close(connection: ConnectionView): void {
    this.hurry(connection)
    beginClosing(this.state, connection)
    connection.link?.end()
  }

  /** From now on it has so long to be gone, in whatever state. */
  hurry(connection: ConnectionView): void {
    hurry(connection, this.state.now() + CLOSE_TIMEOUT_MS)
  }

  /** Cuts off the leases of a connection, and with them the connection. */
  revoke(connection: ConnectionView): void {
    if (connection.state === 'open') this.drain(connection, 'closing')
    this.#revokeLeases(connection)
    connection.link?.destroy()
  }

  #revokeLeases(connection: ConnectionView): void {
    const { queue, id } = connection
    for (const session of connection.sessions) {
      if (!session.leased) continue
      revoke(this.state, connection, session)
      this.effects.emit(queue, { type: 'revoked', host: queue.target.host, connection: id })
    }
  }

  /** News of the transport: the socket is shut. */
  ended(connection: ConnectionView, how: LinkEnd): void {
    this.effects.update(() => {
      const { queue, id } = connection
      const { host } = queue.target
      const byUs = connection.state === 'closing' || how.reason === 'closed'
      this.#revokeLeases(connection)
      end(this.state, connection)
      const reason = reasonOf(connection, byUs, how)
      this.effects.emit(queue, { type: 'closed', host, connection: id, reason, inFlight: connection.revoked })
      if (byUs) return
      noteError(queue, `${host}: Connection closed (${how.detail})`)
      this.retry.lost(queue)
      // It let us in and hung up: without a series this would be dialled for ever.
      if (isFailedDial(connection, this.state.now()))
        this.retry.failed(
          queue,
          neverServed(queue, connection.carriedTotal > 0, how.detail),
          connection.attempt,
          'transient',
        )
    })
  }
}

function reasonOf({ drainReason }: ConnectionView, byUs: boolean, how: LinkEnd): CloseReason {
  if (byUs) return drainReason ?? 'closing'
  return how.reason === 'keepalive' ? 'keepalive' : 'lost'
}
