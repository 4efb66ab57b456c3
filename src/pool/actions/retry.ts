/** The series of dials to an endpoint that fail: which failure is worth another dial, when, and who hears that there will be none. */
import type { XecError } from '../../errors.js'
import { DialError, type DialVerdict } from '../../transport/transport.js'
import { afterShortage, backoff } from '../policy/retry.js'
import type { Effects } from './effects.js'
import type { State } from '../state/state.js'
import { stillOut } from '../messages.js'
import type { Queue } from '../state/queue.js'
import { notifySafely } from '../../runtime/notify.js'
import type { Attempt } from '../types.js'

/** How long an authentication or host-key failure is believed. */
const STICKY_MS = 60_000
/** How long a series may go on because the server throttles. */
const THROTTLE_LIMIT_MS = 60_000

export class Retry {
  constructor(
    private readonly state: State,
    private readonly effects: Pick<Effects, 'failQueue' | 'emit'>,
  ) {}

  /** Books the failure of a dial; the delay until the next one, or null when that was the last. Then `giveUp` follows. */
  failed(queue: Queue, error: XecError, attempt: number, verdict: DialVerdict = verdictOf(error)): number | null {
    const { state } = this
    const { endpoint, options } = queue
    const now = state.now()
    // What is wrong with one user's key says nothing of the place.
    if (error.code === 'XEC_CONFIG') return null
    if (verdict === 'local') return this.#short(queue, error)
    this.#observe(queue, error, verdict)
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
      again = options.autoReconnect && now - endpoint.throttledSince < THROTTLE_LIMIT_MS
    } else {
      // Dials side by side that fail are one attempt.
      if (attempt > endpoint.failures) endpoint.failures++
      again = verdict === 'transient' && options.autoReconnect && endpoint.failures <= options.maxReconnectAttempts
    }
    const delay = backoff(
      Math.max(1, endpoint.failures),
      options.reconnectDelay,
      options.maxReconnectDelay,
      state.random,
    )
    // The next series, too, does not start before its time.
    if (again || verdict === 'transient' || verdict === 'throttled') endpoint.notBefore = now + delay
    if (again) return delay
    endpoint.endSeries()
    return null
  }

  /** This machine has no room for another connection. Not an attempt of the host's: the pool goes on with what there is. */
  #short(queue: Queue, error: XecError): number | null {
    const { state } = this
    const { endpoint } = queue
    const { host, connectTimeoutMs } = queue.target
    const now = state.now()
    if (state.learnMost())
      this.effects.emit(queue, {
        type: 'localLimit',
        host,
        connections: state.maxConnections,
        message: error.message,
      })
    const since = (endpoint.shortSince ??= now)
    const delay = afterShortage(state.slots, now - since, connectTimeoutMs, state.random)
    if (delay === null) endpoint.shortSince = null
    else endpoint.notBefore = Math.max(endpoint.notBefore, now + delay)
    return delay
  }

  /** A series is over: who has no open connection to hope for hears of it. */
  giveUp(queue: Queue, error: XecError): void {
    const queues =
      ['sticky', 'local'].includes(verdictOf(error)) || error.code === 'XEC_CONFIG'
        ? [queue]
        : [...queue.endpoint.queues]
    for (const other of queues) {
      if ([...other.connections].some((connection) => connection.state === 'open')) {
        queue.endpoint.notBefore = Math.max(queue.endpoint.notBefore, this.state.now() + queue.options.reconnectDelay)
        continue
      }
      this.effects.failQueue(other, error)
    }
  }

  /** A connection was lost. */
  lost(queue: Queue): void {
    if (!queue.jump) this.#failedNear(queue, null)
  }

  /** A dial starts. */
  dialled(queue: Queue): void {
    if (queue.jump) return
    this.#lapse(queue)
    this.state.breaker.dialled(this.state.now())
  }

  /** Somebody knows better than what was learned of an endpoint: if an outage has hit it, the next dials are as free as the first ones. */
  reset(queue: Queue): void {
    const { state } = this
    if (!state.breaker.concerns(queue.endpoint)) return
    if (state.breaker.size(state.now()) > 0) this.#over(queue, false)
    state.breaker.forget()
  }

  /** A dial succeeded, or was refused by the host: the network up to there works. */
  heard(queue: Queue): void {
    const { state } = this
    this.#lapse(queue)
    if (!queue.jump && state.breaker.opened(queue.endpoint, state.heldWaitlist.size, state.now())) {
      this.#over(queue, true)
    }
  }

  #lapse(queue: Queue): void {
    if (this.state.breaker.lapsed(this.state.now())) this.#over(queue, false)
  }

  #over(queue: Queue, connected: boolean): void {
    this.effects.emit(queue, { type: 'outageOver', host: queue.target.host, connected })
  }

  /** What a failed dial says of the network here. What goes through a jump host says nothing: that one tells. */
  #observe(queue: Queue, error: XecError, verdict: DialVerdict): void {
    const { state } = this
    if (queue.jump) return
    // A refusal, of connections, of more of them or of credentials, is an answer.
    if (error instanceof DialError && error.answered) this.heard(queue)
    else if (state.breaker.size(state.now()) > 0 || (verdict === 'transient' && error instanceof DialError))
      this.#failedNear(queue, error)
  }

  #failedNear(queue: Queue, error: XecError | null): void {
    const { state } = this
    const now = state.now()
    this.#lapse(queue)
    const begins = state.breaker.failed(queue.endpoint, error, now, state.connections.size + state.slotWaitlists.size)
    if (begins) this.effects.emit(queue, { type: 'outage', host: queue.target.host, hosts: state.breaker.size(now) })
  }

  /** Gives up those whom an outage has hit and no probe has reached; who was not dialled yet still will be. */
  giveUpOutage(last: Queue, error: XecError): void {
    const { state } = this
    const given = state.breaker.exhausted(state.now())
    if (!given) return
    this.#over(last, false)
    for (const [endpoint, own] of given) {
      endpoint.endSeries()
      for (const queue of endpoint.queues) {
        if (queue.wanted) this.giveUp(queue, own.error ?? stillOut(queue.target.host, given.size, error))
      }
      state.markEndpointDirty(endpoint)
    }
  }

  /** Tells everybody who waits for this queue's dials how one ended. */
  attempted(queue: Queue, attempt: Attempt): void {
    for (const waiter of queue.waiters) {
      // Whoever heard of it first may have made the next one leave.
      if (waiter.settled) continue
      waiter.attempts.push(attempt)
      notifySafely(() => waiter.options.onAttempt?.(attempt))
    }
  }
}

function verdictOf(error: XecError): DialVerdict {
  return error instanceof DialError ? error.verdict : 'final'
}
