/** Failures of dials: books each, carries out what policy/retry.ts said, and tells those concerned. */
import type { XecError } from '../../errors.js'
import { notifySafely } from '../../runtime/notify.js'
import { DialError, type DialVerdict } from '../../transport/transport.js'
import { stillOut } from '../messages.js'
import { afterFailure, afterShortage, concerned, hasNoHope } from '../policy/retry.js'
import type { QueueView } from '../policy/view.js'
import { endSeries, keepSeries, pause, setShortSince, stick } from '../state/dials.js'
import { addAttempt } from '../state/sessions.js'
import type { State } from '../state/state.js'
import type { Attempt } from '../types.js'
import type { Effects } from './effects.js'

export class Retry {
  constructor(
    private readonly state: State,
    private readonly effects: Pick<Effects, 'failQueue' | 'emit'>,
  ) {}

  /**
   * Books the failure of a dial.
   * @param told hears the delay until the next dial, or null when that was the last, before anybody is given up
   */
  failed(
    queue: QueueView,
    error: XecError,
    attempt: number,
    verdict: DialVerdict = verdictOf(error),
    told: (retryInMs: number | null) => void = () => {},
  ): void {
    const { state } = this
    if (verdict === 'local') {
      const inMs = this.#short(queue, error)
      told(inMs)
      if (inMs === null) this.#giveUp(queue, error)
      return
    }
    if (error.code !== 'XEC_CONFIG') this.#observe(queue, error, verdict)
    const failure = { code: error.code, verdict, attempt }
    const next = afterFailure(queue.endpoint, failure, retryOptions(queue), state.now(), state.random)
    if (next.do === 'stick') stick(state, queue, error, next.until)
    if (next.do === 'retry' || next.do === 'giveUp') keepSeries(state, queue, next.series)
    told(next.do === 'retry' ? next.inMs : null)
    if (next.do !== 'retry') this.#giveUp(queue, error)
  }

  /** This machine has no room for another connection. The host did not fail: the pool goes on with what there is. */
  #short(queue: QueueView, error: XecError): number | null {
    const { state } = this
    const { host, connectTimeoutMs } = queue.target
    const now = state.now()
    if (state.learnMost())
      this.effects.emit(queue, { type: 'localLimit', host, connections: state.maxConnections, message: error.message })
    const since = queue.endpoint.shortSince ?? now
    const inMs = afterShortage(state.slots, now - since, connectTimeoutMs, state.random)
    setShortSince(state, queue, inMs === null ? null : since)
    if (inMs !== null) pause(state, queue, now + inMs)
    return inMs
  }

  /** No further dial: those who have no open connection to hope for hear of it, the others wait a while. */
  #giveUp(queue: QueueView, error: XecError): void {
    const { state } = this
    for (const other of concerned(queue, { code: error.code, verdict: verdictOf(error) })) {
      if (hasNoHope(other)) this.effects.failQueue(other, error)
      else pause(state, queue, state.now() + queue.options.reconnectDelay)
    }
  }

  /** A connection was lost. */
  lost(queue: QueueView): void {
    if (!queue.jump) this.#failedNear(queue, null)
  }

  /** A dial starts. */
  dialled(queue: QueueView): void {
    if (queue.jump) return
    this.#lapse(queue)
    this.state.breaker.dialled(this.state.now())
  }

  /** Somebody knows better than what was learned of an endpoint: if an outage has hit it, the next dials are as free as the first ones. */
  reset(queue: QueueView): void {
    const { state } = this
    if (!state.breaker.concerns(queue.endpoint)) return
    if (state.breaker.size(state.now()) > 0) this.#over(queue, false)
    state.breaker.forget()
  }

  /** A dial succeeded, or was refused by the host: the network up to there works. */
  heard(queue: QueueView): void {
    const { state } = this
    this.#lapse(queue)
    if (!queue.jump && state.breaker.opened(queue.endpoint, state.heldWaitlist.size, state.now())) {
      this.#over(queue, true)
    }
  }

  #lapse(queue: QueueView): void {
    if (this.state.breaker.lapsed(this.state.now())) this.#over(queue, false)
  }

  #over(queue: QueueView, connected: boolean): void {
    this.effects.emit(queue, { type: 'outageOver', host: queue.target.host, connected })
  }

  /** What a failed dial says of the network here. What goes through a jump host says nothing: that one tells. */
  #observe(queue: QueueView, error: XecError, verdict: DialVerdict): void {
    const { state } = this
    if (queue.jump) return
    // A refusal, of connections, of more of them or of credentials, is an answer.
    if (error instanceof DialError && error.answered) this.heard(queue)
    else if (state.breaker.size(state.now()) > 0 || (verdict === 'transient' && error instanceof DialError))
      this.#failedNear(queue, error)
  }

  #failedNear(queue: QueueView, error: XecError | null): void {
    const { state } = this
    const now = state.now()
    this.#lapse(queue)
    const begins = state.breaker.failed(queue.endpoint, error, now, state.connections.size + state.slotWaitlists.size)
    if (begins) this.effects.emit(queue, { type: 'outage', host: queue.target.host, hosts: state.breaker.size(now) })
  }

  /** Gives up those whom an outage has hit and no probe has reached; who was not dialled yet still will be. */
  giveUpOutage(last: QueueView, error: XecError): void {
    const { state } = this
    const given = state.breaker.exhausted(state.now())
    if (!given) return
    this.#over(last, false)
    for (const [endpoint, own] of given) {
      for (const queue of endpoint.queues) {
        endSeries(state, queue)
        if (queue.wanted) this.#giveUp(queue, own.error ?? stillOut(queue.target.host, given.size, error))
      }
    }
  }

  /** Tells everybody who waits for this queue's dials how one ended. */
  attempted(queue: QueueView, attempt: Attempt): void {
    for (const waiter of queue.waiters) {
      // Whoever heard of it first may have made the next one leave.
      if (waiter.settled) continue
      addAttempt(waiter, attempt)
      notifySafely(() => waiter.options.onAttempt?.(attempt))
    }
  }
}

function verdictOf(error: XecError): DialVerdict {
  return error instanceof DialError ? error.verdict : 'final'
}

/** A host's own number of further dials, in place of the pool's. */
function retryOptions({ options, met, target }: QueueView): QueueView['options'] {
  const { maxReconnectAttempts = options.maxReconnectAttempts } = (met ?? target).pool ?? {}
  return { ...options, maxReconnectAttempts }
}
