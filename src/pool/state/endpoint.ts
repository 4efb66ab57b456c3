/** Where targets are reached, whoever logs in: the holder of limits, backoff and learned capacity. */
import type { ConnectionView, QueueView } from '../policy/view.js'
import { Figures } from '../metrics/figures.js'

/** How long what was learned from refusals is believed: sshd's MaxSessions rarely changes. */
const MEMORY_MS = 600_000

export class Endpoint {
  readonly queues = new Set<QueueView>()
  /** Everything that holds a slot here. */
  readonly connections = new Set<ConnectionView>()
  /** Those of its queues that lack room here, in the order in which they asked. */
  readonly roomWaitlist = new Set<QueueView>()
  readonly figures = new Figures()
  readonly names = new Set<string>()
  /** Strictest of what its targets ask for. */
  maxConnections = Infinity
  maxChannels = Infinity
  /** Whether it is to be looked at again. */
  dirty = false
  /** Connections that were closed to make room for others, and have no successor yet. */
  madeRoom = 0
  /** Dials that failed since the last channel, or since somebody began to wait where nobody did: the series. */
  failures = 0
  /** No dial before this. */
  notBefore = 0
  /** Set by throttling: at most so many dials at once, raised one by one; Infinity otherwise. */
  dialLimit = Infinity
  /** When the server first asked for fewer handshakes in this series. */
  throttledSince: number | null = null
  /** When a dial first failed for want of something on this machine; null since one succeeded. */
  shortSince: number | null = null
  lastError: string | null = null
  /** When a dial last succeeded. */
  lastOpenedAt: number | null = null
  #learned: { readonly capacity: number; readonly until: number } | null = null

  constructor(
    readonly id: string,
    readonly host: string,
  ) {}

  /** Within a series: a dial failed, or was turned away, and none has led to a channel since. */
  get failing(): boolean {
    return this.failures > 0 || this.throttledSince !== null
  }

  get opening(): number {
    let n = 0
    for (const connection of this.connections) if (connection.state === 'opening') n++
    return n
  }

  /** Connections that are about to give their slot back. */
  get freeing(): number {
    let n = 0
    for (const connection of this.connections) if (connection.freeing) n++
    return n
  }

  /** Connections on their way out, with work on them, whose successors have not been dialled. */
  get retiring(): number {
    let n = 0
    for (const connection of this.connections) if (connection.retiring) n++
    return n
  }

  learn(capacity: number, now: number): void {
    this.#learned = { capacity: Math.max(1, capacity), until: now + MEMORY_MS }
  }

  learned(now: number): number | null {
    return this.#learned && this.#learned.until > now ? this.#learned.capacity : null
  }

  /** Until when what was learned is believed; Infinity when nothing was. */
  get learnedUntil(): number {
    return this.#learned?.until ?? Infinity
  }

  /** True while somebody waits for a connection to it. */
  get wanted(): boolean {
    for (const queue of this.queues) if (queue.wanted) return true
    return false
  }

  /** The next dial begins a new series; not before its time. */
  endSeries(): void {
    this.failures = 0
    this.throttledSince = null
  }

  /** True when a new one would be no different, but for its figures: nobody uses it, and nothing was learned of it lately. */
  forgettable(now: number): boolean {
    return (
      this.queues.size === 0 &&
      this.connections.size === 0 &&
      this.learned(now) === null &&
      (this.notBefore === 0 || now >= this.notBefore + MEMORY_MS)
    )
  }

  /** Forgets failures and what was learned. */
  forget(): void {
    this.endSeries()
    this.notBefore = 0
    this.dialLimit = Infinity
    this.#learned = null
  }
}
