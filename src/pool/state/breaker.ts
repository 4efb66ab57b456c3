/**
 * Many hosts that fail at once have one cause, and it is most likely near: a VPN, a cable, a name server. Dialling them
 * all again and again helps nobody; so one dial at a time probes until one succeeds, and then the rest follow by twos.
 */
import type { XecError } from '../../errors.js'
import type { EndpointView } from '../policy/view.js'

/** Failures that are this close together count as one event. */
const WINDOW_MS = 2_000
/** Fewer hosts than this are no sign of anything. */
const FEWEST = 8
/** Between two probes at most. */
const MAX_SPACING_MS = 5_000
/** How long hosts that had been connected are probed for; others get the dials of one series. */
const PATIENCE_MS = 30_000
/** What each success lets follow. */
const FOLLOWERS = 2

export interface BreakerOptions {
  readonly reconnectDelay: number
  readonly maxReconnectDelay: number
  readonly maxReconnectAttempts: number
  readonly maxConcurrentDials: number
}

interface Trip {
  readonly since: number
  /** Whether one of those that failed had been connected. */
  readonly wasConnected: boolean
  probes: number
  /** The next probe, whatever became of the last one. */
  nextAt: number
  /** Dials that may follow a success. */
  followers: number
  lastFailureAt: number
}

export class CircuitBreaker {
  /** Who failed, when last, and with what: within the window, or since the outage began. A lost connection has no error. */
  readonly #failed = new Map<
    EndpointView,
    { readonly at: number; readonly connected: boolean; readonly error: XecError | null }
  >()
  /** How many connections there are to them. */
  #ofFailed = 0
  #state: Trip | null = null

  constructor(private readonly options: BreakerOptions) {}

  /** How many endpoints failed, while dials are held back; 0 otherwise. */
  size(now: number): number {
    return this.#current(now) ? this.#failed.size : 0
  }

  /** Whether an endpoint is one of those that failed. */
  concerns(endpoint: EndpointView): boolean {
    return this.#failed.has(endpoint)
  }

  /** The time from which the next dial may start; past when none is held back. */
  heldUntil(now: number): number {
    const state = this.#current(now)
    if (!state || state.followers > 0) return 0
    return Math.min(state.nextAt, state.lastFailureAt + PATIENCE_MS)
  }

  /** An endpoint got so many connections more. */
  took(endpoint: EndpointView, connections: number): void {
    if (this.#failed.has(endpoint)) this.#ofFailed += connections
  }

  /** A dial starts. */
  dialled(now: number): void {
    const state = this.#current(now)
    if (!state) return
    if (state.followers > 0) {
      state.followers--
      return
    }
    const { reconnectDelay, maxReconnectDelay } = this.options
    state.nextAt = now + Math.min(MAX_SPACING_MS, maxReconnectDelay, reconnectDelay * 2 ** Math.min(state.probes, 30))
    state.probes++
  }

  /**
   * An endpoint failed: a connection to it was lost (`error` is null), or a dial for a passing reason.
   * @param all how many connections there are, or wait for a slot
   * @returns true when this begins an outage
   */
  failed(endpoint: EndpointView, error: XecError | null, now: number, all: number): boolean {
    const before = this.#failed.get(endpoint)
    // In order of time, so that the oldest are the first.
    this.#forget(endpoint)
    this.#ofFailed += endpoint.connections.size
    this.#failed.set(endpoint, {
      at: now,
      connected: error === null || (before?.connected ?? false),
      error: error ?? before?.error ?? null,
    })
    const state = this.#current(now)
    if (state) {
      state.lastFailureAt = now
      return false
    }
    for (const [old, { at }] of this.#failed) {
      if (now - at < WINDOW_MS) break
      this.#forget(old)
    }
    if (this.#failed.size < FEWEST || this.#failed.size < all - this.#ofFailed) return false
    const wasConnected = [...this.#failed.values()].some((failure) => failure.connected)
    this.#state = { since: now, wasConnected, probes: 0, nextAt: now, followers: 0, lastFailureAt: now }
    return true
  }

  /** An endpoint was heard from. @param held how many wait for an outage to end. @returns true when that ends one */
  opened(endpoint: EndpointView, held: number, now: number): boolean {
    this.#forget(endpoint)
    const state = this.#current(now)
    if (!state) return false
    state.followers += FOLLOWERS
    if (held > 0 && state.followers < this.options.maxConcurrentDials) return false
    this.forget()
    return true
  }

  /** Those that have failed and been probed for long enough; null before that. The outage is over then. */
  exhausted(now: number): ReadonlyMap<EndpointView, { readonly error: XecError | null }> | null {
    const state = this.#current(now)
    if (!state || state.followers > 0 || state.probes <= this.options.maxReconnectAttempts) return null
    if (state.wasConnected && now - state.since < PATIENCE_MS) return null
    const failed = new Map(this.#failed)
    this.forget()
    return failed
  }

  /** True once for an outage that ended because nothing failed, and nothing was tried, for so long. */
  lapsed(now: number): boolean {
    if (!this.#state || this.#current(now)) return false
    this.forget()
    return true
  }

  forget(): void {
    this.#state = null
    this.#failed.clear()
    this.#ofFailed = 0
  }

  #forget(endpoint: EndpointView): void {
    if (this.#failed.delete(endpoint)) this.#ofFailed -= endpoint.connections.size
  }

  /** What has not failed for so long is no news any more. */
  #current(now: number): Trip | null {
    return this.#state && now - this.#state.lastFailureAt < PATIENCE_MS ? this.#state : null
  }
}
