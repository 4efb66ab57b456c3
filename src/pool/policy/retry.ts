/** What a failure, a refusal or a loss means: dialled again and when, believed, given up, retired. Pure. */
import type { ConnectionView, DialVerdict, EndpointView, ErrorCode, PoolOptions, QueueView, Random } from './view.js'

/** How long an authentication or host-key failure is believed. */
export const STICKY_MS = 60_000
/** How long a series may go on because the server throttles. */
export const THROTTLE_LIMIT_MS = 60_000

export interface Failure {
  readonly code: ErrorCode
  readonly verdict: DialVerdict
}

/** An endpoint's series of dials, as a failure leaves it. */
export interface SeriesFacts {
  readonly failures: number
  readonly throttledSince: number | null
  readonly dialLimit: number
  /** No dial before this; null: as it was. */
  readonly notBefore: number | null
}

export type AfterFailure =
  /** It says nothing of the endpoint: the callers of this key hear of it. */
  | { readonly do: 'tell' }
  /** The same would happen again: the callers of this key hear of it, and those who come until then. */
  | { readonly do: 'stick'; readonly until: number }
  | { readonly do: 'retry'; readonly inMs: number; readonly series: SeriesFacts }
  /** The series is over: everybody hears who has no open connection to hope for. */
  | { readonly do: 'giveUp'; readonly series: SeriesFacts }

/**
 * A dial failed.
 * @param attempt which dial of its series it was, from 1
 */
export function afterFailure(
  endpoint: Pick<EndpointView, 'failures' | 'throttledSince' | 'dialLimit' | 'opening'>,
  { code, verdict, attempt }: Failure & { readonly attempt: number },
  options: Pick<PoolOptions, 'autoReconnect' | 'maxReconnectAttempts' | 'reconnectDelay' | 'maxReconnectDelay'>,
  now: number,
  random: Random,
): AfterFailure {
  // What is wrong with one user's configuration says nothing of the endpoint.
  if (code === 'XEC_CONFIG') return { do: 'tell' }
  if (verdict === 'sticky') return { do: 'stick', until: now + STICKY_MS }
  let { failures, throttledSince, dialLimit } = endpoint
  let again: boolean
  if (verdict === 'throttled') {
    // A server that asks for fewer handshakes is no failed attempt: the dials at once are halved, and go on for a while.
    throttledSince ??= now
    dialLimit = Math.max(1, Math.floor(Math.min(dialLimit, endpoint.opening + 1) / 2))
    again = options.autoReconnect && now - throttledSince < THROTTLE_LIMIT_MS
  } else {
    // Dials side by side that fail are one attempt.
    if (attempt > failures) failures++
    again = verdict === 'transient' && options.autoReconnect && failures <= options.maxReconnectAttempts
  }
  const inMs = backoff(Math.max(1, failures), options.reconnectDelay, options.maxReconnectDelay, random)
  // The next series, too, does not start before its time.
  const passing = verdict === 'transient' || verdict === 'throttled'
  const notBefore = passing ? now + inMs : null
  if (again) return { do: 'retry', inMs, series: { failures, throttledSince, dialLimit, notBefore } }
  return { do: 'giveUp', series: { failures: 0, throttledSince: null, dialLimit, notBefore } }
}

/** The queues that a failure concerns once it is not dialled again: the key's own, or all of the endpoint. */
export function concerned(queue: QueueView, { code, verdict }: Failure): readonly QueueView[] {
  return verdict === 'sticky' || verdict === 'local' || code === 'XEC_CONFIG' ? [queue] : [...queue.endpoint.queues]
}

/** Whether the callers in a queue hear of a series that is over. With an open connection they wait for that instead. */
export function hasNoHope({ connections }: QueueView): boolean {
  for (const { state } of connections) if (state === 'open') return false
  return true
}

/** The dials at once that an endpoint may have after one succeeded; Infinity: as many as the pool may. */
export function raisedDialLimit({ dialLimit }: Pick<EndpointView, 'dialLimit'>, maxConcurrentDials: number): number {
  return dialLimit >= maxConcurrentDials ? Infinity : dialLimit + 1
}

export interface AfterRefusal {
  /** The sessions that the server allows on one connection; null: it did not say. */
  readonly capacity: number | null
  /** It refused the only session that it was asked for. */
  readonly alone: boolean
  /** `fail`: who waits in the queue hears of it; `pause`: the next dial waits; null: nothing of the kind. */
  readonly callers: 'fail' | 'pause' | null
  /** Whether the connection takes no more work. */
  readonly retire: boolean
}

/** A server refused a session on a connection. The ones that it did confirm say how many it allows. */
export function afterRefusal(connection: ConnectionView): AfterRefusal {
  const { sessions, asked, state, grants, queue } = connection
  const confirmed = sessions.size
  if (confirmed > 0 || asked > 0 || state !== 'open')
    return { capacity: confirmed > 0 ? confirmed : null, alone: false, callers: null, retire: false }
  // One that has served is worn out. One that never served speaks for the server, of sessions alone: what it carries, or
  // is to carry, needs it still; who asks for a session later is refused anew.
  if (grants > 0) return { capacity: null, alone: true, callers: null, retire: true }
  const carries = carriesOthers(connection)
  // A server may allow so many sessions in all: those on another connection of ours are what there is to wait for.
  const callers = !carries && servesElsewhere(queue) ? 'pause' : 'fail'
  return { capacity: null, alone: true, callers, retire: !carries }
}

/** Whether the loss of a connection is a failed dial: let in, and hung up on before anything came of it. */
export function isFailedDial(connection: ConnectionView, now: number): boolean {
  const { queue, carriedTotal } = connection
  return connection.turnedAway(now) && (queue.waiting > 0 || (carriedTotal === 0 && queue.wanted))
}

/** Whether some connection of a queue has given channels, and may again. */
function servesElsewhere({ connections }: QueueView): boolean {
  for (const { state, grants } of connections) if (state === 'open' && grants > 0) return true
  return false
}

/** Whether a connection is a jump host's that is in use, or about to be. */
function carriesOthers({ carried, queue }: ConnectionView): boolean {
  if (carried.size > 0) return true
  for (const dependant of queue.dependants) if (dependant.wanted) return true
  return false
}

/**
 * Exponential backoff with full jitter: uniform in [0, min(cap, base · 2^(failures − 1))].
 * Full jitter spreads a herd best for the same total delay (Brooker, "Exponential Backoff and Jitter").
 * @param failures dials that failed in this series, from 1
 */
export function backoff(failures: number, base: number, cap: number, random: Random): number {
  return random.next() * Math.min(cap, base * 2 ** Math.min(failures - 1, 30))
}

/** The longest wait after a dial for which this machine lacked something: others may give it back in between. */
const SHORT_DELAY_MS = 100

/**
 * When to dial again after this machine had no descriptor, port or buffer left: a delay in ms; null to give up. Given up
 * when nothing of the pool is open whose end could make room, or when the time for two dials has passed.
 * @param slots connections of the pool, the failed one not among them
 * @param sinceMs how long dials to the endpoint have failed for this reason
 */
export function afterShortage(slots: number, sinceMs: number, connectTimeoutMs: number, random: Random): number | null {
  if (slots === 0 || sinceMs >= 2 * connectTimeoutMs) return null
  return backoff(1, SHORT_DELAY_MS, SHORT_DELAY_MS, random)
}
