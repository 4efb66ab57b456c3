/** A dial from the slot it takes to an authenticated connection, or to the news that there is none. */
import { isXecError, messageOf, type XecError } from '../../errors.js'
import { DialError, type Link, type Reached, type Transport } from '../../transport/transport.js'
import { announceDial } from './announce.js'
import { Connection } from '../state/connection.js'
import type { Effects } from './effects.js'
import type { Closing } from './close.js'
import type { State } from '../state/state.js'
import type { Queue } from '../state/queue.js'
import type { Retry } from './retry.js'
import type { Attempt } from '../types.js'

/** A connection's lifetime is shortened by up to this share, so that a fleet's do not all end at once. */
const LIFETIME_JITTER = 0.025

export class Dials {
  #nextId = 1

  constructor(
    private readonly state: State,
    private readonly transport: Transport,
    private readonly retry: Retry,
    private readonly closing: Closing,
    private readonly effects: Effects,
  ) {}

  /** Takes a slot at once; the rest is awaited. */
  dial(queue: Queue, jump: Connection | null): void {
    const { state } = this
    const { endpoint } = queue
    const attempt = endpoint.failures + 1
    const again = endpoint.madeRoom > 0
    if (again) endpoint.madeRoom--
    const connection = new Connection(this.#nextId++, queue, jump, state.now(), attempt, (c) => state.moved(c))
    state.add(connection)
    state.leaveJump(queue)
    this.retry.dialled(queue)
    this.effects.emit(queue, { type: 'dialling', host: queue.target.host, connection: connection.id, attempt, again })
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
          connection.reached = reached
          connection.reachedAt = state.now()
          connection.stage = 'reached'
          if (connection.abort.signal.aborted) this.#abandon(connection, reached)
          else state.changed(connection)
        }),
      (error: unknown) => this.effects.update(() => this.#failed(connection, error)),
    )
  }

  /**
   * Gives up a dial that nobody may use any more. Its slot is held until the transport says that it has stopped; one that
   * waits for its permit is shut, and gives its slot back, at once.
   */
  abort(connection: Connection): void {
    connection.abort.abort()
    if (connection.stage === 'reached' && connection.reached) this.#abandon(connection, connection.reached)
  }

  #abandon(connection: Connection, reached: Reached): void {
    const { host } = connection.queue.target
    reached.abandon()
    this.#failed(
      connection,
      new DialError('XEC_ABORTED', `${host}: the dial was cancelled`, { host, phase: 'tcp', verdict: 'final' }),
    )
  }

  /** Spends a handshake permit. */
  authenticate(connection: Connection): void {
    const { state } = this
    const { reached } = connection
    if (!reached) throw new Error(`bug: connection ${connection.id} has nothing to authenticate on`)
    connection.permitMs = state.now() - connection.reachedAt
    connection.stage = 'authenticating'
    state.handshakes++
    reached.authenticate(connection.abort.signal).then(
      (link) =>
        this.effects.update(() => {
          state.handshakes--
          this.#opened(connection, link)
        }),
      (error: unknown) =>
        this.effects.update(() => {
          state.handshakes--
          this.#failed(connection, error)
        }),
    )
  }

  #opened(connection: Connection, link: Link): void {
    const { state } = this
    const { queue } = connection
    const { endpoint } = queue
    const now = state.now()
    connection.link = link
    connection.openedAt = now
    connection.dialMs = connection.dialledFor(now)
    connection.expiresAt = now + queue.options.maxLifetime * (1 - LIFETIME_JITTER * state.random.next())
    connection.idleSince = now
    queue.proven = true
    queue.sticky = null
    endpoint.lastOpenedAt = now
    endpoint.shortSince = null
    endpoint.dialLimit = endpoint.dialLimit >= state.maxConcurrentDials ? Infinity : endpoint.dialLimit + 1
    connection.to('open')
    this.effects.emit(queue, {
      type: 'opened',
      host: queue.target.host,
      connection: connection.id,
      dialMs: connection.dialMs,
      permitMs: connection.permitMs,
    })
    this.retry.attempted(queue, { phase: 'connect', outcome: 'ok', ms: connection.dialMs })
    this.retry.heard(queue)
    void link.ended.then((end) => this.closing.ended(connection, end))
    // A dial that was aborted and succeeded all the same goes the ordinary way out.
    if (connection.abort.signal.aborted && state.mode === 'running') this.closing.drain(connection, 'reset')
  }

  #failed(connection: Connection, thrown: unknown): void {
    const { state } = this
    const { queue } = connection
    const { host } = queue.target
    const error = isXecError(thrown)
      ? thrown
      : new DialError('XEC_CONNECT', `${host}: ${messageOf(thrown)}`, { host, verdict: 'final', cause: thrown })
    connection.to('closed')
    state.remove(connection)
    const ms = connection.dialledFor(state.now())
    if (connection.abort.signal.aborted) {
      this.effects.emit(queue, { type: 'dialCancelled', host, connection: connection.id, ms })
    } else {
      queue.endpoint.lastError = error.message
      const retryInMs = this.retry.failed(queue, error, connection.attempt)
      this.effects.emit(queue, {
        type: 'dialFailed',
        host,
        connection: connection.id,
        code: error.code,
        phase: error.phase,
        message: error.message,
        ...(retryInMs === null ? {} : { retryInMs }),
      })
      this.retry.attempted(queue, { phase: 'connect', outcome: outcomeOf(error), ms, message: error.message })
      if (retryInMs === null) this.retry.giveUp(queue, error)
      this.retry.giveUpOutage(queue, error)
    }
  }
}

function outcomeOf(error: XecError): Attempt['outcome'] {
  if (error.code === 'XEC_AUTH') return 'auth'
  if (error.code === 'XEC_LOCAL_LIMIT') return 'skipped'
  return error.code === 'XEC_HOST_KEY' ? 'hostkey' : 'unreachable'
}
