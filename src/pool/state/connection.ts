/**
 * One authenticated SSH transport, from the slot it takes before its first await to its socket's end.
 *
 *   opening ──▶ open ──▶ draining ──▶ closing ──▶ closed        (lost: straight to closed)
 *
 * States move only to the right, through `to`. Idle, busy and full are questions, never states; a reconnect is a
 * new Connection with a new id. A slot of maxConnections is held in every state but closed.
 */
import type { Channel, Link, Reached } from '../../transport/transport.js'
import type { HeapEntry } from '../../runtime/deadline-heap.js'
import type { DrainReason } from '../metrics/events.js'
import { LinkedList, type LinkedNode } from '../../runtime/linked-list.js'
import type { Endpoint } from './endpoint.js'
import type { Queue } from './queue.js'

/** A connection that lasted for so long without a command was not hung up on for coming in. */
const TURNED_AWAY_WITHIN_MS = 10_000

export const CONNECTION_STATES = ['opening', 'open', 'draining', 'closing', 'closed'] as const
export type ConnectionState = (typeof CONNECTION_STATES)[number]

/** Within `opening`: on the way, arrived and waiting for a handshake permit, or in the handshake. */
export type Stage = 'reaching' | 'reached' | 'authenticating'

/** One confirmed session channel: a server's session slot, until the channel is closed *and* its lease is back. */
export interface Session extends LinkedNode<Session> {
  readonly channel: Channel
  leased: boolean
  leasedAt: number
  /** When the lease came back, or the channel was dropped; Infinity before. */
  releasedAt: number
  channelClosed: boolean
}

export class Connection implements LinkedNode<Connection> {
  /** In the line of the idle ones. */
  previous: Connection | null = null
  next: Connection | null = null
  stage: Stage = 'reaching'
  reached: Reached | null = null
  link: Link | null = null
  readonly abort = new AbortController()
  readonly sessions = new LinkedList<Session>()
  /** Connections that this one carries. */
  readonly carried = new Set<Connection>()
  /** How many it was to carry so far. */
  carriedTotal = 0
  /** Session channels asked for and not yet answered. */
  asked = 0
  /** When the oldest unanswered one, or the last answer, was. */
  askedSince = 0
  /** It refused a channel while it had none. */
  refusing = false
  grants = 0
  /** Of these, how many were cut off. */
  revoked = 0
  /** What it waited for its handshake permit; not part of the dial. */
  permitMs = 0
  reachedAt = 0
  dialMs = 0
  openedAt = 0
  expiresAt = Infinity
  idleSince = 0
  /** When its socket is shut if it is not by itself. */
  closeBy = Infinity
  drainReason: DrainReason | null = null
  /** Whether another one of its queue was dialled since it began to drain. */
  succeeded = false
  /** Until when a starved target for whom it is given up waits for no other. */
  preemptedUntil = 0
  /** Its place among those that have had their time slice. */
  readonly preemptionEntry: { heapEntry: HeapEntry | null; readonly connection: Connection } = {
    heapEntry: null,
    connection: this,
  }
  /** Whether the pool has it among the idle ones, and among those to be decided. */
  listedIdle = false
  /** Its place among the deadlines. */
  heapEntry: HeapEntry | null = null
  #state: ConnectionState = 'opening'

  constructor(
    readonly id: number,
    readonly queue: Queue,
    /** The connection that carries this one. */
    readonly jump: Connection | null,
    readonly dialledAt: number,
    /** Which dial of its endpoint's series it is, from 1; dials side by side are the same one. */
    readonly attempt: number,
  ) {}

  get endpoint(): Endpoint {
    return this.queue.endpoint
  }

  get state(): ConnectionState {
    return this.#state
  }

  to(next: ConnectionState): void {
    if (CONNECTION_STATES.indexOf(next) <= CONNECTION_STATES.indexOf(this.#state))
      throw new Error(`bug: connection ${this.id} cannot go from ${this.#state} to ${next}`)
    this.#state = next
  }

  get leases(): number {
    let n = 0
    for (let session = this.sessions.first; session; session = session.next) if (session.leased) n++
    return n
  }

  /** When the oldest command that runs on it began; Infinity when none does. */
  get runningSince(): number {
    // Channels are granted in the order in which they were confirmed.
    for (let session = this.sessions.first; session; session = session.next) if (session.leased) return session.leasedAt
    return Infinity
  }

  /** A confirmed channel that nobody has yet. */
  get spare(): Session | undefined {
    for (let session = this.sessions.first; session; session = session.next)
      if (!session.leased && session.releasedAt === Infinity) return session
    return undefined
  }

  get unansweredSince(): number {
    let since = this.asked > 0 ? this.askedSince : Infinity
    for (let session = this.sessions.first; session; session = session.next)
      if (!session.channelClosed && session.releasedAt < since) since = session.releasedAt
    return since
  }

  /** What counts against capacity: asked for, spare, leased, or released and not yet closed by the server. */
  get used(): number {
    return this.asked + this.sessions.size
  }

  /** Open, with nothing on it. */
  get idle(): boolean {
    return this.#state === 'open' && this.used === 0 && this.carried.size === 0
  }

  /**
   * Somebody waits for what it does: a channel that is in use or asked for, or a dial over it. What it carries beyond that
   * holds the process by itself, while it has work.
   */
  get holding(): boolean {
    if (this.used > 0) return true
    for (const carried of this.carried) if (carried.state === 'opening') return true
    return false
  }

  /** On its way out with nothing left to wait for but its socket's end. */
  get freeing(): boolean {
    return this.#state === 'closing' || (this.#state === 'draining' && this.leases === 0 && this.carried.size === 0)
  }

  /** On its way out, with work on it, and nothing was dialled in its stead. */
  get retiring(): boolean {
    return this.#state === 'draining' && !this.succeeded
  }

  /** One that is not pooled carries one command, also while it carries others. */
  get takesCommands(): boolean {
    return !this.refusing && (this.grants === 0 || this.queue.options.enabled)
  }

  /** It takes work, or soon will: one that is on its way out serves nobody who waits. */
  get serves(): boolean {
    return this.#state === 'open' || this.#state === 'opening'
  }

  /** Something runs on it, or on what it carries, or is dialled over it. */
  get active(): boolean {
    if (this.leases > 0) return true
    for (const other of this.carried) if (other.state === 'opening' || other.active) return true
    return false
  }

  /** How long its dial took, or takes, without the wait for a permit. */
  dialledFor(now: number): number {
    return (this.stage === 'reached' ? this.reachedAt : now) - this.dialledAt - this.permitMs
  }

  /** Whether its end now would be its server's way of turning us away: let in, and hung up on before anything came of it. */
  turnedAway(now: number): boolean {
    return this.grants === 0 && now - this.openedAt < TURNED_AWAY_WITHIN_MS
  }

  /** Authenticated and not yet closed. */
  get established(): boolean {
    return this.#state === 'open' || this.#state === 'draining' || this.#state === 'closing'
  }
}
