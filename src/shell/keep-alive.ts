/** Keep-alive by a command or a function of the user's, in place of the protocol's ping. */
import type { PoolTarget } from '../pool/types.js'
import { keyOf } from '../pool/identity.js'
import { isXecError } from '../errors.js'
import type { Clock, Timer } from '../runtime/clock.js'

export interface KeepAlivePorts {
  readonly clock: Clock
  readonly intervalMs: number
  /** A target that was not used for this long is left to the pool, which closes its connections. */
  readonly idleTimeoutMs: number
  /** How many connections of a target have nothing on them. One that is busy shows its life by itself. */
  readonly idle: (target: PoolTarget) => number
  /** Rejects when there is no life, or when there was no channel to look for it. */
  readonly ping: (target: PoolTarget, ping: Ping) => Promise<unknown>
  /** Retires the connections of a target whose ping failed, or was not answered within an interval. */
  readonly retire: (target: PoolTarget) => void
}

/** One under way. */
export class Ping {
  readonly #abort = new AbortController()
  #waiting = 0

  constructor(
    private readonly clock: Clock,
    private since: number = clock.now(),
  ) {}

  /** Aborts when nobody wants to know any more. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** A command of it waits for a channel, until what is returned is called. How long it does is no news of any connection. */
  waits(): () => void {
    this.#waiting++
    let waits = true
    return () => {
      if (!waits) return
      waits = false
      this.#waiting--
      this.since = this.clock.now()
    }
  }

  overdue(intervalMs: number): boolean {
    return this.#waiting === 0 && this.clock.now() - this.since >= intervalMs
  }

  cancel(): void {
    this.#abort.abort(new Error('the keep-alive has no more use for it'))
  }
}

interface Kept {
  readonly target: PoolTarget
  usedAt: number
  /** Under way; what becomes of one that was taken out is no news. */
  readonly pings: Set<Ping>
}

/**
 * One timer for all targets, unref'd; none while there is nothing to keep alive. A ping occupies a channel and counts as a
 * command. A target gets as many at once as it has idle connections, over which the pool spreads them, and none while
 * those before are under way.
 */
export class KeepAlive {
  readonly #kept = new Map<string, Kept>()
  #timer: Timer | null = null
  #stopped = false

  constructor(private readonly ports: KeepAlivePorts) {}

  /** A target is in use: it is kept alive from now. */
  used(target: PoolTarget): void {
    if (this.#stopped) return
    const key = keyOf(target)
    const usedAt = this.ports.clock.now()
    const kept = this.#kept.get(key)
    if (kept) kept.usedAt = usedAt
    else this.#kept.set(key, { target, usedAt, pings: new Set() })
    this.#arm()
  }

  /** For good: commands that still run may end after it. */
  stop(): void {
    this.#stopped = true
    for (const kept of this.#kept.values()) drop(kept)
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
    const { clock, intervalMs, idleTimeoutMs, idle } = this.ports
    for (const [key, kept] of this.#kept) {
      const { target, usedAt, pings } = kept
      if (clock.now() - usedAt >= idleTimeoutMs) {
        drop(kept)
        this.#kept.delete(key)
      } else if ([...pings].some((ping) => ping.overdue(intervalMs))) this.#retire(kept)
      else if (pings.size === 0) for (let i = idle(target); i > 0; i--) this.#ping(kept)
    }
  }

  #ping(kept: Kept): void {
    const ping = new Ping(this.ports.clock)
    kept.pings.add(ping)
    this.ports.ping(kept.target, ping).then(
      () => void kept.pings.delete(ping),
      (error: unknown) => {
        // What was never sent says nothing of a connection.
        if (kept.pings.delete(ping) && !(isXecError(error) && error.executed === 'no')) this.#retire(kept)
      },
    )
  }

  #retire(kept: Kept): void {
    drop(kept)
    this.ports.retire(kept.target)
  }
}

function drop({ pings }: Kept): void {
  const dropped = [...pings]
  pings.clear()
  for (const ping of dropped) ping.cancel()
}
