/** The dials of one outage: which failure is worth another dial, when, and who hears that there will be none. */
import type { XecError } from '../errors.js'
import { DialError, type DialVerdict } from '../transport/transport.js'
import { backoff } from './backoff.js'
import type { Effects } from './effects.js'
import type { Facts } from './facts.js'
import type { Queue } from './queue.js'
import type { Attempt } from './types.js'

/** How long an authentication or host-key failure is believed. */
const STICKY_MS = 60_000
/** How long a series may go on because the server throttles. */
const THROTTLE_LIMIT_MS = 60_000

export class Series {
  constructor(
    private readonly facts: Facts,
    private readonly effects: Pick<Effects, 'failQueue'>,
  ) {}

  /** Books a failure; the delay until the next dial, or null when that was the last. Then `giveUp` follows. */
  failed(queue: Queue, error: XecError, verdict: DialVerdict = verdictOf(error)): number | null {
    const { facts } = this
    const { endpoint, options } = queue
    const now = facts.now()
    if (verdict === 'sticky') {
      queue.proven = false
      queue.sticky = { error, until: now + STICKY_MS }
      return null
    }
    let again: boolean
    if (verdict === 'throttled') {
      // Being asked to slow down is not an attempt that failed: halve, and go on until the deadline.
      endpoint.throttledSince ??= now
      endpoint.dialLimit = Math.max(1, Math.floor(Math.min(endpoint.dialLimit, endpoint.opening + 1) / 2))
      again = now - endpoint.throttledSince < THROTTLE_LIMIT_MS
      if (endpoint.failures === 0) endpoint.failures = 1
    } else {
      endpoint.failures++
      again = verdict === 'transient' && options.autoReconnect && endpoint.failures <= options.maxReconnectAttempts
    }
    const delay = backoff(Math.max(1, endpoint.failures), options.reconnectDelay, options.maxReconnectDelay, facts.random)
    // The next series, too, does not start before its time.
    if (again || verdict === 'transient' || verdict === 'throttled') endpoint.notBefore = now + delay
    if (again) return delay
    endpoint.failures = 0
    endpoint.throttledSince = null
    return null
  }

  /** A series is over: who has no open connection to hope for hears of it. */
  giveUp(queue: Queue, error: XecError): void {
    const queues = verdictOf(error) === 'sticky' ? [queue] : [...queue.endpoint.queues]
    for (const other of queues) {
      if ([...other.connections].some((connection) => connection.state === 'open')) {
        queue.endpoint.notBefore = Math.max(queue.endpoint.notBefore, this.facts.now() + queue.options.reconnectDelay)
        continue
      }
      this.effects.failQueue(other, error)
    }
  }

  /** Tells everybody who waits for this queue's dials how one ended. */
  attempted(queue: Queue, attempt: Attempt): void {
    for (const waiter of queue.waiters) {
      waiter.attempts.push(attempt)
      waiter.options.onAttempt?.(attempt)
    }
  }
}

function verdictOf(error: XecError): DialVerdict {
  return error instanceof DialError ? error.verdict : 'final'
}
