/** A dial from the slot it takes to an authenticated connection, or to the news that there is none. */
import { isXecError, messageOf, type XecError } from '../../errors.js'
import { DialError, type Link, type Reached, type Transport } from '../../transport/transport.js'
import type { ConnectionView, QueueView } from '../policy/view.js'
import { beginDial, beginHandshake, end, endHandshake, noteError, open, reach } from '../state/dials.js'
import type { State } from '../state/state.js'
import type { Attempt } from '../types.js'
import { announceDial } from './announce.js'
import type { Closing } from './close.js'
import type { Effects } from './effects.js'
import type { Retry } from './retry.js'

export class Dials {
  constructor(
    private readonly state: State,
    private readonly transport: Transport,
    private readonly retry: Retry,
    private readonly closing: Closing,
    private readonly effects: Effects,
  ) {}

  /** Takes a slot at once; the rest is awaited (law 1). */
  dial(queue: QueueView, jump: ConnectionView | null): void {
    const { connection, again } = beginDial(this.state, queue, jump)
    const { id, attempt } = connection
    this.retry.dialled(queue)
    this.effects.emit(queue, { type: 'dialling', host: queue.target.host, connection: id, attempt, again })
    announceDial(queue)
    const options = {
      signal: connection.abort.signal,
      keepAlive: queue.keepAlive,
      ...(jump?.link ? { via: jump.link } : {}),
    }
    // What is not part of the key, as time for a dial, is as whoever came last wants it.
    this.transport.reach(queue.met ?? queue.target, options).then(
      (reached) =>
        this.effects.update(() => {
          reach(this.state, connection, reached)
          if (connection.abort.signal.aborted) this.#abandon(connection, reached)
        }),
      (error: unknown) => this.effects.update(() => this.#failed(connection, error)),
    )
  }

  /**
   * Gives up a dial that nobody may use any more. Its slot is held until the transport says that it has stopped; one that
   * waits for its permit is shut, and gives its slot back, at once.
   */
  abort(connection: ConnectionView): void {
    connection.abort.abort()
    if (connection.stage === 'reached' && connection.reached) this.#abandon(connection, connection.reached)
  }

  #abandon(connection: ConnectionView, reached: Reached): void {
    const { host } = connection.queue.target
    reached.abandon()
    this.#failed(
      connection,
      new DialError('XEC_ABORTED', `${host}: the dial was cancelled`, { host, phase: 'tcp', verdict: 'final' }),
    )
  }

  /** Spends a handshake permit. */
  authenticate(connection: ConnectionView): void {
    const { state } = this
    const { reached } = connection
    if (!reached) throw new Error(`bug: connection ${connection.id} has nothing to authenticate on`)
    beginHandshake(state, connection)
    const over = (news: () => void): void =>
      this.effects.update(() => {
        endHandshake(state)
        news()
      })
    reached.authenticate(connection.abort.signal).then(
      (link) => over(() => this.#opened(connection, link)),
      (error: unknown) => over(() => this.#failed(connection, error)),
    )
  }

  #opened(connection: ConnectionView, link: Link): void {
    const { state } = this
    const { queue, id } = connection
    open(state, connection, link)
    const { dialMs, permitMs } = connection
    this.effects.emit(queue, { type: 'opened', host: queue.target.host, connection: id, dialMs, permitMs })
    this.retry.attempted(queue, { phase: 'connect', outcome: 'ok', ms: dialMs })
    this.retry.heard(queue)
    void link.ended.then((how) => this.closing.ended(connection, how))
    // A dial that was aborted and succeeded all the same goes the ordinary way out.
    if (connection.abort.signal.aborted && state.mode === 'running') this.closing.drain(connection, 'reset')
  }

  #failed(connection: ConnectionView, thrown: unknown): void {
    const { queue, id, abort, attempt } = connection
    const { host } = queue.target
    const ms = connection.dialledFor(this.state.now())
    end(this.state, connection)
    if (abort.signal.aborted) {
      this.effects.emit(queue, { type: 'dialCancelled', host, connection: id, ms })
      return
    }
    const error = isXecError(thrown)
      ? thrown
      : new DialError('XEC_CONNECT', `${host}: ${messageOf(thrown)}`, { host, verdict: 'final', cause: thrown })
    const { code, phase, message } = error
    noteError(queue, message)
    this.retry.failed(queue, error, attempt, undefined, (retryInMs) => {
      const more = retryInMs === null ? {} : { retryInMs }
      this.effects.emit(queue, { type: 'dialFailed', host, connection: id, code, phase, message, ...more })
      this.retry.attempted(queue, { phase: 'connect', outcome: outcomeOf(error), ms, message })
    })
    this.retry.giveUpOutage(queue, error)
  }
}

function outcomeOf(error: XecError): Attempt['outcome'] {
  if (error.code === 'XEC_AUTH') return 'auth'
  if (error.code === 'XEC_LOCAL_LIMIT') return 'skipped'
  return error.code === 'XEC_HOST_KEY' ? 'hostkey' : 'unreachable'
}
