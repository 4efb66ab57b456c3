/**
 * Two sources, both already true: gauges are scans of the live set, totals are counts of events.
 * `Figures.count` is the only writer of totals, and the totals are keyed by event type, so that a new
 * event cannot be forgotten.
 */
import type { CloseReason, PoolEvent, PoolEventType } from './events.js'
import { Histogram } from './histogram.js'
import type { PoolFigures } from './snapshot.js'

type Totals = Record<PoolEventType, number>

const NO_TOTALS: Readonly<Totals> = {
  requested: 0,
  queued: 0,
  granted: 0,
  rejected: 0,
  released: 0,
  revoked: 0,
  refused: 0,
  dialling: 0,
  opened: 0,
  dialFailed: 0,
  dialCancelled: 0,
  draining: 0,
  closed: 0,
  outage: 0,
  localLimit: 0,
  outageOver: 0,
}

/** Of one connection: what the gauges need to know. */
export interface Gauged {
  readonly state: string
  readonly established: boolean
  readonly active: boolean
}

export class Figures {
  readonly totals: Totals = { ...NO_TOTALS }
  reused = 0
  reopened = 0
  queueTimeouts = 0
  readonly #wait = new Histogram()
  readonly #connect = new Histogram()
  readonly #handshakeWait = new Histogram()
  readonly #held = new Histogram()
  readonly #failuresByPhase: Record<string, number> = {}
  readonly #closedByReason: Partial<Record<CloseReason, number>> = {}

  count(event: PoolEvent): void {
    this.totals[event.type]++
    switch (event.type) {
      case 'granted':
        this.#wait.record(event.waitMs)
        if (event.nth > 1) this.reused++
        break
      case 'released':
        this.#held.record(event.heldMs)
        break
      case 'opened':
        this.#connect.record(event.dialMs)
        this.#handshakeWait.record(event.permitMs)
        break
      case 'dialFailed':
        this.#failuresByPhase[event.phase] = (this.#failuresByPhase[event.phase] ?? 0) + 1
        break
      case 'closed':
        this.#closedByReason[event.reason] = (this.#closedByReason[event.reason] ?? 0) + 1
        break
      case 'rejected':
        if (event.code === 'XEC_QUEUE_TIMEOUT') this.queueTimeouts++
        break
      case 'dialling':
        if (event.again) this.reopened++
        break
      case 'requested':
      case 'queued':
      case 'revoked':
      case 'refused':
      case 'dialCancelled':
      case 'draining':
      case 'outage':
      case 'localLimit':
      case 'outageOver':
        break
    }
  }

  /** The seed's names and ours, from these totals and a scan of `connections`. */
  figures(connections: Iterable<Gauged>, waiting: number, oldestWaitMs: number): PoolFigures {
    let total = 0
    let active = 0
    let connecting = 0
    for (const connection of connections) {
      if (connection.state === 'opening') connecting++
      if (!connection.established) continue
      total++
      if (connection.active) active++
    }
    const { totals } = this
    return {
      totalConnections: total,
      activeConnections: active,
      idleConnections: total - active,
      connecting,
      connectionsCreated: totals.opened,
      connectionsDestroyed: totals.closed,
      connectionsFailed: totals.dialFailed,
      reopened: this.reopened,
      reuseCount: this.reused,
      acquired: totals.granted,
      reuseRatio: totals.granted === 0 ? null : Math.round((this.reused / totals.granted) * 10_000) / 10_000,
      waiting,
      oldestWaitMs: Math.round(oldestWaitMs),
      queueTimeouts: this.queueTimeouts,
      waitMs: this.#wait.summary(),
      connectMs: this.#connect.summary(),
      handshakeWaitMs: this.#handshakeWait.summary(),
      commandMs: this.#held.summary(),
      failuresByPhase: Object.freeze({ ...this.#failuresByPhase }),
      closedByReason: Object.freeze({ ...this.#closedByReason }),
    }
  }
}
