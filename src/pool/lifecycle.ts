/** What is done to connections and their channels, and what is made of the news that comes back from them. */
import type { XecError } from '../errors.js';
import { isXecError, messageOf } from '../errors.js'
import { DialError, type Channel, type DialVerdict, type Link, type LinkEnd, type Reached, type Transport } from '../transport/transport.js'
import { backoff } from './backoff.js'
import { Connection, type Slot } from './connection.js'
import type { CloseReason, DrainReason, EventDetails } from './events.js'
import type { Facts } from './facts.js'
import { neverServed } from './messages.js'
import type { Queue } from './queue.js'
import type { Attempt, Lease } from './types.js'
import type { Waiter } from './waiter.js'

/** How long a polite close may take before the socket is destroyed. */
const CLOSE_TIMEOUT_MS = 800
/** How long an authentication or host-key failure is believed. */
const STICKY_MS = 60_000
/** How long a series may go on because the server throttles. */
const THROTTLE_LIMIT_MS = 60_000
/** A connection's lifetime is shortened by up to this share, so that a fleet's do not all end at once. */
const LIFETIME_JITTER = 0.025

export interface LifecyclePorts {
  readonly emit: (queue: Queue, event: EventDetails) => void
  readonly failQueue: (queue: Queue, error: XecError) => void
  readonly pump: () => void
}

export class Lifecycle {
  #nextId = 1

  constructor(
    private readonly facts: Facts,
    private readonly transport: Transport,
    private readonly ports: LifecyclePorts,
  ) {}

  // — dialling —

  /** Takes a slot at once; the rest is awaited. */
  dial(queue: Queue, hop: Connection | null): void {
    const { facts } = this
    const connection = new Connection(this.#nextId++, queue, hop, facts.now(), (c) => facts.moved(c))
    facts.add(connection)
    facts.leaveHop(queue)
    this.ports.emit(queue, { type: 'dialling', host: queue.target.host, connection: connection.id, attempt: queue.endpoint.failures + 1 })
    tellDialling(queue)
    const options = { signal: connection.abort.signal, keepAlive: queue.keepAlive, ...(hop?.link ? { via: hop.link } : {}) }
    this.transport.reach(queue.target, options).then(
      (reached) => {
        connection.reached = reached
        connection.stage = 'reached'
        if (connection.abort.signal.aborted) {
          this.#abandon(connection, reached)
          return
        }
        facts.changed(connection)
        this.ports.pump()
      },
      (error: unknown) => this.#failed(connection, error),
    )
  }

  /** Gives up a dial that nobody may use any more. Its slot is held until the transport says the socket is shut. */
  abortDial(connection: Connection): void {
    connection.abort.abort()
    if (connection.stage === 'reached' && connection.reached) this.#abandon(connection, connection.reached)
  }

  #abandon(connection: Connection, reached: Reached): void {
    const { host } = connection.queue.target
    reached.abandon()
    this.#failed(connection, new DialError('XEC_ABORTED', `${host}: the dial was cancelled`, { host, phase: 'tcp', verdict: 'final' }))
  }

  /** Spends a handshake permit. */
  authenticate(connection: Connection): void {
    const { facts } = this
    const { reached } = connection
    if (!reached) throw new Error(`bug: connection ${connection.id} has nothing to authenticate on`)
    connection.stage = 'authenticating'
    facts.handshakes++
    reached.authenticate(connection.abort.signal).then(
      (link) => {
        facts.handshakes--
        this.#opened(connection, link)
      },
      (error: unknown) => {
        facts.handshakes--
        this.#failed(connection, error)
      },
    )
  }

  #opened(connection: Connection, link: Link): void {
    const { facts } = this
    const { queue } = connection
    const { endpoint } = queue
    const now = facts.now()
    connection.link = link
    connection.openedAt = now
    connection.dialMs = now - connection.dialledAt
    connection.expiresAt = now + queue.options.maxLifetime * (1 - LIFETIME_JITTER * facts.random.next())
    connection.idleSince = now
    queue.proven = true
    queue.sticky = null
    endpoint.lastOpenedAt = now
    endpoint.dialLimit = endpoint.dialLimit >= facts.maxConcurrentDials ? Infinity : endpoint.dialLimit + 1
    connection.to('open')
    this.ports.emit(queue, { type: 'opened', host: queue.target.host, connection: connection.id, dialMs: connection.dialMs })
    this.#attempted(queue, { phase: 'connect', outcome: 'ok', ms: connection.dialMs })
    void link.ended.then((end) => this.#ended(connection, end))
    facts.touchEndpoint(endpoint)
    // A dial that was aborted and succeeded all the same goes the ordinary way out.
    if (connection.abort.signal.aborted && facts.mode === 'running') this.drain(connection, 'reset')
    this.ports.pump()
  }

  #failed(connection: Connection, thrown: unknown): void {
    const { facts } = this
    const { queue } = connection
    const { host } = queue.target
    const error = isXecError(thrown) ? thrown : new DialError('XEC_CONNECT', `${host}: ${messageOf(thrown)}`, { host, verdict: 'final', cause: thrown })
    connection.to('closed')
    facts.remove(connection)
    const ms = facts.now() - connection.dialledAt
    if (connection.abort.signal.aborted) {
      this.ports.emit(queue, { type: 'dialFailed', host, connection: connection.id, code: error.code, phase: error.phase, message: error.message })
    } else {
      queue.endpoint.lastError = error.message
      const retryInMs = this.#series(queue, error, verdictOf(error))
      this.ports.emit(queue, { type: 'dialFailed', host, connection: connection.id, code: error.code, phase: error.phase, message: error.message, ...(retryInMs === null ? {} : { retryInMs }) })
      this.#attempted(queue, { phase: 'connect', outcome: outcomeOf(error), ms, message: error.message })
      if (retryInMs === null) this.#giveUp(queue, error)
      facts.touchEndpoint(queue.endpoint)
    }
    this.ports.pump()
  }

  /** Books a failure on the series; the delay until the next dial, or null when there will be none. */
  #series(queue: Queue, error: XecError, verdict: DialVerdict): number | null {
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
  #giveUp(queue: Queue, error: XecError): void {
    const queues = verdictOf(error) === 'sticky' ? [queue] : [...queue.endpoint.queues]
    for (const other of queues) {
      if ([...other.connections].some((connection) => connection.state === 'open')) {
        queue.endpoint.notBefore = Math.max(queue.endpoint.notBefore, this.facts.now() + queue.options.reconnectDelay)
        continue
      }
      this.ports.failQueue(other, error)
    }
  }

  #attempted(queue: Queue, attempt: Attempt): void {
    for (const waiter of queue.waiters) {
      waiter.attempts.push(attempt)
      waiter.options.onAttempt?.(attempt)
    }
  }

  // — channels —

  openChannel(connection: Connection): void {
    const { facts } = this
    const { link } = connection
    if (!link) throw new Error(`bug: connection ${connection.id} has no link to open a channel on`)
    if (connection.opening++ === 0) connection.openingSince = facts.now()
    facts.changed(connection)
    link.openSession().then(
      (channel) => this.#confirmed(connection, channel),
      (error: unknown) => this.#refused(connection, error),
    )
  }

  #confirmed(connection: Connection, channel: Channel): void {
    const { facts } = this
    const { endpoint } = connection.queue
    connection.opening--
    connection.openingSince = facts.now()
    if (connection.state !== 'open' && connection.state !== 'draining') {
      channel.close()
      return
    }
    const slot: Slot = { channel, leased: false, released: false, channelClosed: false }
    connection.slots.add(slot)
    connection.refusing = false
    void channel.closed.then(() => {
      slot.channelClosed = true
      this.#freeSlot(connection, slot)
    })
    // Only a channel shows that the outage is over: some servers accept a login and hang up.
    if (endpoint.failures > 0 || endpoint.notBefore > 0) {
      endpoint.failures = 0
      endpoint.throttledSince = null
      endpoint.notBefore = 0
      facts.touchEndpoint(endpoint)
    }
    if (connection.state === 'draining') this.dropSpare(connection)
    facts.changed(connection)
    this.ports.pump()
  }

  #refused(connection: Connection, thrown: unknown): void {
    const { facts } = this
    const { queue } = connection
    connection.opening--
    if (!isXecError(thrown) || thrown.code !== 'XEC_REFUSED' || connection.state === 'closed') {
      // The link is ending; `#ended` will say so.
      if (connection.state !== 'closed') facts.changed(connection)
      this.ports.pump()
      return
    }
    const confirmed = connection.slots.size
    if (confirmed > 0) queue.endpoint.learn(confirmed, facts.now())
    else connection.refusing = true // nothing more is asked of it until everything it was asked is answered
    this.ports.emit(queue, { type: 'refused', host: queue.target.host, connection: connection.id, capacity: queue.capacity(facts.now()) })
    if (confirmed === 0 && connection.opening === 0 && connection.state === 'open') {
      // Refused even when alone: one that has served is worn out; one that never served speaks for the server.
      if (connection.grants === 0) this.ports.failQueue(queue, thrown)
      this.drain(connection, 'refused')
    }
    facts.changed(connection)
    this.ports.pump()
  }

  grant(queue: Queue, connection: Connection, now: number): void {
    const slot = connection.spare
    const [waiter] = queue.waiters
    if (!slot || !waiter) throw new Error(`bug: nothing to grant on connection ${connection.id}`)
    if (!waiter.settle()) throw new Error('bug: a settled waiter is still queued')
    this.forget(waiter)
    slot.leased = true
    connection.grants++
    this.facts.leases++
    const waitMs = now - waiter.since
    this.ports.emit(queue, { type: 'granted', host: waiter.host, connection: connection.id, waitMs, nth: connection.grants })
    waiter.resolve(this.#lease(connection, slot, waiter, now, waitMs))
    this.facts.changed(connection)
  }

  #lease(connection: Connection, slot: Slot, waiter: Waiter, grantedAt: number, waitMs: number): Lease {
    return {
      channel: slot.channel,
      connection: connection.id,
      reused: connection.grants > 1,
      waitMs,
      connectMs: connection.grants > 1 ? 0 : connection.dialMs,
      attempts: waiter.attempts,
      release: () => {
        if (!slot.leased) return
        slot.leased = false
        this.facts.leases--
        this.ports.emit(connection.queue, { type: 'released', host: waiter.host, connection: connection.id, heldMs: this.facts.now() - grantedAt })
        this.#drop(connection, slot)
        this.ports.pump()
      },
    }
  }

  dropSpare(connection: Connection): void {
    const slot = connection.spare
    if (slot) this.#drop(connection, slot)
  }

  #drop(connection: Connection, slot: Slot): void {
    slot.released = true
    slot.channel.close()
    this.#freeSlot(connection, slot)
  }

  /** The slot is free when the server has closed the channel *and* nobody holds its lease. */
  #freeSlot(connection: Connection, slot: Slot): void {
    if (!slot.leased && slot.channelClosed) connection.slots.delete(slot)
    if (connection.state !== 'closed') this.facts.changed(connection)
    this.ports.pump()
  }

  // — ends —

  drain(connection: Connection, reason: DrainReason): void {
    connection.drainReason = reason
    connection.to('draining')
    this.ports.emit(connection.queue, { type: 'draining', host: connection.queue.target.host, connection: connection.id, reason })
  }

  close(connection: Connection): void {
    connection.closeBy = this.facts.now() + CLOSE_TIMEOUT_MS
    connection.to('closing')
    connection.link?.end()
  }

  /** Cuts off the leases of a connection, and with them the connection. */
  revoke(connection: Connection): void {
    if (connection.state === 'open') this.drain(connection, 'closing')
    this.#revokeLeases(connection)
    connection.link?.destroy()
  }

  #revokeLeases(connection: Connection): number {
    let n = 0
    for (const slot of connection.slots) {
      if (!slot.leased) continue
      slot.leased = false
      slot.released = true
      this.facts.leases--
      n++
      this.ports.emit(connection.queue, { type: 'revoked', host: connection.queue.target.host, connection: connection.id })
    }
    return n
  }

  #ended(connection: Connection, end: LinkEnd): void {
    const { facts } = this
    const { queue } = connection
    const byUs = connection.state === 'closing' || end.reason === 'closed'
    const reason: CloseReason = byUs ? (connection.drainReason ?? 'closing') : end.reason === 'keepalive' ? 'keepalive' : 'lost'
    const inFlight = this.#revokeLeases(connection)
    connection.slots.clear()
    connection.to('closed')
    facts.remove(connection)
    this.ports.emit(queue, { type: 'closed', host: queue.target.host, connection: connection.id, reason, inFlight })
    if (!byUs) queue.endpoint.lastError = `${queue.target.host}: Connection closed (${end.detail})`
    if (!byUs && connection.grants === 0 && queue.waiting > 0) {
      // It let us in and hung up: without a series this would be dialled for ever.
      const error = neverServed(queue, end.detail)
      if (this.#series(queue, error, 'transient') === null) this.#giveUp(queue, error)
      facts.touchEndpoint(queue.endpoint)
    }
    this.ports.pump()
  }

  /** A waiter has settled: it leaves its queue. */
  forget(waiter: Waiter): void {
    const { facts } = this
    facts.waiters.delete(waiter)
    facts.deadlines.clear(waiter)
    facts.dirty.delete(waiter)
    waiter.queue.waiters.delete(waiter)
    facts.touch(waiter.queue)
    for (const connection of waiter.queue.connections) facts.touch(connection)
    if (!waiter.queue.wanted) facts.leaveHop(waiter.queue)
  }
}

/** Whoever waits for a dial, in the queue or behind it. */
function tellDialling(queue: Queue): void {
  for (const waiter of queue.waiters) waiter.options.onDialling?.()
  for (const child of queue.children) tellDialling(child)
}

function verdictOf(error: XecError): DialVerdict {
  return error instanceof DialError ? error.verdict : 'final'
}

function outcomeOf(error: XecError): Attempt['outcome'] {
  if (error.code === 'XEC_AUTH') return 'auth'
  return error.code === 'XEC_HOST_KEY' ? 'hostkey' : 'unreachable'
}
