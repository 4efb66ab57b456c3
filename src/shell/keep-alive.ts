/** Keep-alive by a command or a function of the user's, in place of the protocol's ping. */
import { DeadlineHeap, type HeapEntry } from '../runtime/deadline-heap.js'
import type { PoolTarget } from '../pool/types.js'
import { keyOf } from '../pool/identity.js'
import { isXecError } from '../errors.js'
import type { Clock, Timer } from '../runtime/clock.js'

export interface KeepAlivePorts {
  readonly clock: Clock
  /** Between the pings of a target; Infinity where it is not to be kept alive. */
  readonly intervalMs: (target: PoolTarget) => number
  /** A target that was not used for this long is left to the pool, which closes its connections. */
  readonly idleTimeoutMs: (target: PoolTarget) => number
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
    private since: number,
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
  readonly key: string
  /** As used last: its interval is the one that counts, as in the pool. */
  target: PoolTarget
  usedAt: number
  /** Strictest of what its names ask for, as in the pool. */
  idleTimeoutMs: number
  /** Its place among those to be pinged. */
  heapEntry: HeapEntry | null
  /** Under way; what becomes of one that was taken out is no news. */
  readonly pings: Set<Ping>
}

/**
 * One timer for all targets, unref'd; none while there is nothing to keep alive. Each target has its own interval, from its
 * first use. A ping occupies a channel and counts as a command. A target gets as many at once as it has idle connections, over which the pool spreads them, and none while
 * those before are under way.
 */
export class KeepAlive {
  readonly #kept = new Map<string, Kept>()
  readonly #due = new DeadlineHeap<Kept>()
  #timer: { readonly at: number; readonly handle: Timer } | null = null
  #stopped = false

  constructor(private readonly ports: KeepAlivePorts) {}

  /** A target is in use: it is kept alive from now. */
  used(target: PoolTarget): void {
    if (this.#stopped) return
    const { clock, intervalMs, idleTimeoutMs } = this.ports
    const key = keyOf(target)
    const usedAt = clock.now()
    let kept = this.#kept.get(key)
    if (intervalMs(target) === Infinity) {
      if (kept) this.#leave(kept)
    } else {
      if (!kept)
        this.#kept.set(
          key,
          (kept = { key, target, usedAt, idleTimeoutMs: Infinity, heapEntry: null, pings: new Set() }),
        )
      kept.target = target
      kept.usedAt = usedAt
      kept.idleTimeoutMs = Math.min(kept.idleTimeoutMs, idleTimeoutMs(target))
      // Use does not postpone a ping: it may have been on another connection.
      this.#due.set(kept, Math.min(this.#due.at(kept), usedAt + intervalMs(target)))
    }
    this.#arm()
  }

  /** For good: commands that still run may end after it. */
  stop(): void {
    this.#stopped = true
    for (const kept of this.#kept.values()) this.#leave(kept)
    this.#arm()
  }

  #leave(kept: Kept): void {
    this.#kept.delete(kept.key)
    this.#due.clear(kept)
    drop(kept)
  }

  #arm(): void {
    const at = this.#due.lookAt
    if (this.#timer && (this.#timer.at > at || at === Infinity)) {
      this.#timer.handle.clear()
      this.#timer = null
    }
    if (at === Infinity || this.#timer) return
    // Rounded up: one that fires a fraction too early would find nothing due.
    const handle = this.ports.clock.timer(Math.ceil(at - this.ports.clock.now()), () => {
      this.#timer = null
      this.#beat()
      this.#arm()
    })
    handle.unref()
    this.#timer = { at, handle }
  }

  #beat(): void {
    const now = this.ports.clock.now()
    for (let kept = this.#due.takeDue(now); kept; kept = this.#due.takeDue(now)) this.#look(kept, now)
  }

  #look(kept: Kept, now: number): void {
    const { target, usedAt, idleTimeoutMs, pings } = kept
    if (now - usedAt >= idleTimeoutMs) return this.#leave(kept)
    const intervalMs = this.ports.intervalMs(target)
    this.#due.set(kept, now + intervalMs)
    if ([...pings].some((ping) => ping.overdue(intervalMs))) this.#retire(kept)
    else if (pings.size === 0) for (let i = this.ports.idle(target); i > 0; i--) this.#ping(kept, now)
  }

  #ping(kept: Kept, now: number): void {
    const ping = new Ping(this.ports.clock, now)
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
