/** The events of an adapter, as values made from those of its pool. */
import type { CloseReason, FullLimit, PoolListener } from '../pool/metrics/events.js'

/** Event names and what their listeners get. There is no `error`: what fails is told by results. */
export interface AdapterEvents {
  /** A connection is authenticated and open. */
  connect: [{ readonly host: string; readonly connection: number; readonly connectMs: number }]
  /** A connection is closed; `inFlight` commands were cut off by it. */
  disconnect: [
    { readonly host: string; readonly connection: number; readonly reason: CloseReason; readonly inFlight: number },
  ]
  /**
   * Comes after `connect` when the connection replaces one that was lost, or follows dials that failed:
   * so many of them, since the host was last connected.
   */
  reconnect: [
    {
      readonly host: string
      readonly connection: number
      readonly failedDials: number
      readonly after: CloseReason | null
    },
  ]
  /** A command has to wait, because everything that a limit allows is in use. `inHand`: channels that the host has in use, and what waits for one, with this one. */
  queue: [{ readonly host: string; readonly limit: FullLimit; readonly inHand: number }]
  /** So many hosts failed within two seconds that the network here is suspected: one dial at a time probes until one succeeds. */
  outage: [{ readonly hosts: number }]
  /** A probe got through; or (`connected: false`) none did, and whoever waited for those hosts has heard of it. */
  'outage-over': [{ readonly connected: boolean }]
}

export type AdapterEventName = keyof AdapterEvents

type Tell = <K extends AdapterEventName>(name: K, ...payload: AdapterEvents[K]) => void

interface Gap {
  failedDials: number
  after: CloseReason | null
}

/** Listens to a pool and tells connects, disconnects and reconnects. Keeps a line for each target that is not connected: another user of the same host is another. */
export function occasions(tell: Tell): PoolListener {
  const gaps = new Map<string, Gap>()
  const gapOf = (key: string): Gap => {
    let gap = gaps.get(key)
    if (!gap) gaps.set(key, (gap = { failedDials: 0, after: null }))
    return gap
  }
  return (event, key) => {
    const { host, connection = 0 } = event
    switch (event.type) {
      case 'opened': {
        tell('connect', { host, connection, connectMs: Math.round(event.dialMs) })
        const gap = gaps.get(key)
        gaps.delete(key)
        if (gap) tell('reconnect', { host, connection, ...gap })
        break
      }
      case 'dialFailed':
        gapOf(key).failedDials++
        break
      case 'closed':
        if (event.reason === 'lost' || event.reason === 'keepalive') gapOf(key).after = event.reason
        tell('disconnect', { host, connection, reason: event.reason, inFlight: event.inFlight })
        break
      case 'outage':
        tell('outage', { hosts: event.hosts })
        break
      case 'outageOver':
        tell('outage-over', { connected: event.connected })
        break
      case 'queued':
        tell('queue', { host, limit: event.limit, inHand: event.inHand })
        break
      case 'requested':
      case 'granted':
      case 'rejected':
      case 'released':
      case 'revoked':
      case 'refused':
      case 'dialling':
      case 'dialCancelled':
      case 'draining':
      case 'localLimit':
        break
    }
  }
}
