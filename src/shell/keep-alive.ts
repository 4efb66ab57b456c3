/** Keep-alive by a command or a function of the user's, in place of the protocol's ping. */
import type { PoolTarget } from '../pool/types.js'
import { keyOf } from '../pool/identity.js'
import type { Clock, Timer } from '../runtime/clock.js'

export interface KeepAlivePorts {
  readonly clock: Clock
  readonly intervalMs: number
  /** A target that was not used for this long is left to the pool, which closes its connections. */
  readonly idleTimeoutMs: number
  /** How many connections a target has. */
  readonly connections: (target: PoolTarget) => number
  /** Rejects when there is no life. */
  readonly ping: (target: PoolTarget) => Promise<unknown>
  /** Retires the connections of a target whose ping failed, or was not answered within an interval. */
  readonly retire: (target: PoolTarget) => void
}

interface Kept {
  readonly target: PoolTarget
  usedAt: number
  /** Under way. */
  pings: number
  /** Counts the times its connections were retired: what becomes of a ping on one of those is no news of the present ones. */
  era: number
}

/**
 * One timer for all targets, unref'd; none while there is nothing to keep alive. A ping occupies a channel and counts as a
 * command. Several connections of one target get as many pings at once, which the pool spreads over them.
 */
export class KeepAlive {
  readonly #kept = new Map<string, Kept>()
  #timer: Timer | null = null

  constructor(private readonly ports: KeepAlivePorts) {}

  /** A target is in use: it is kept alive from now. */
  used(target: PoolTarget): void {
    const key = keyOf(target)
    const usedAt = this.ports.clock.now()
    const kept = this.#kept.get(key)
    if (kept) kept.usedAt = usedAt
    else this.#kept.set(key, { target, usedAt, pings: 0, era: 0 })
    this.#arm()
  }

  stop(): void {
    this.#kept.clear()
    this.#timer?.clear()
    this.#timer = null
  }

  #arm(): void {
    if (this.#timer || this.#kept.size === 0) return
    this.#timer = this.ports.clock.timer(this.ports.intervalMs, () => {
      this.#timer = null
      this.#beat()
      this.#arm()
    })
    this.#timer.unref()
  }

  #beat(): void {
    const { clock, idleTimeoutMs, connections } = this.ports
    for (const [key, kept] of this.#kept) {
      const { target } = kept
      if (clock.now() - kept.usedAt >= idleTimeoutMs) this.#kept.delete(key)
      // Since the last beat nothing came back.
      else if (kept.pings > 0) this.#retire(kept)
      else for (let i = connections(target); i > 0; i--) this.#ping(kept)
    }
  }

  #ping(kept: Kept): void {
    const { era } = kept
    kept.pings++
    this.ports.ping(kept.target).then(
      () => {
        if (kept.era === era) kept.pings--
      },
      () => {
        if (kept.era === era) this.#retire(kept)
      },
    )
  }

  #retire(kept: Kept): void {
    kept.era++
    kept.pings = 0
    this.ports.retire(kept.target)
  }
}
