/** The pool's errors, in words: which host, which limit, what to try. */
import { XecError } from '../errors.js'
import { formatDuration } from '../runtime/duration.js'
import type { PoolView, QueueView, WaiterView } from './policy/view.js'

/** `web-3: no channel within 5.0s (connections 1/1, channels 8/8, 4 waiting; last dial ok 12.0s ago)` */
export function queueTimeout(waiter: WaiterView, state: PoolView, now: number): XecError {
  const { queue, host } = waiter
  const { endpoint } = queue
  let used = 0
  let established = 0
  for (const connection of queue.connections) {
    if (!connection.established) continue
    established++
    used += connection.used
  }
  const found = [
    `connections ${endpoint.connections.size}/${endpoint.maxConnections}`,
    `channels ${used}/${established * queue.capacity(now)}`,
    `${queue.waiting} waiting`,
  ]
  if (state.slots >= state.maxConnections) found.push(`pool full ${state.slots}/${state.maxConnections}`)
  const dial =
    endpoint.lastError !== null && endpoint.failing
      ? `last dial failed: ${endpoint.lastError}`
      : endpoint.lastOpenedAt === null
        ? 'no dial finished yet'
        : `last dial ok ${formatDuration(now - endpoint.lastOpenedAt)} ago`
  const limit = formatDuration(waiter.options.queueTimeoutMs ?? 0)
  return new XecError('XEC_QUEUE_TIMEOUT', `${host}: no channel within ${limit} (${found.join(', ')}; ${dial})`, {
    host,
  })
}

/** @param cause the reason of the signal that aborted */
export function aborted(host: string, cause: unknown): XecError {
  return new XecError('XEC_ABORTED', `${host}: cancelled while waiting for a channel; the command was not sent`, {
    host,
    phase: 'queue',
    cause,
  })
}

export function poolClosed(host: string): XecError {
  return new XecError(
    'XEC_POOL_CLOSED',
    `${host}: the connection pool is closed and takes no new commands; the command was not sent`,
    { host },
  )
}

export function chainTooLong(host: string, hops: number, maxConnections: number): XecError {
  return new XecError(
    'XEC_CONFIG',
    `${host}: needs ${hops + 1} connections at once (itself and ${hops} jump host${hops === 1 ? '' : 's'}), but maxConnections is ${maxConnections}`,
    { host },
  )
}

/** A dial that succeeded, and a connection that ended before it gave anyone a channel. @param carried whether it was in use as a jump host */
export function neverServed(queue: QueueView, carried: boolean, detail: string): XecError {
  const { host } = queue.target
  if (carried)
    return new XecError(
      'XEC_CONNECT',
      `${host}: the connection to ${queue.endpoint.id} was lost before a command could be sent on it (${detail})`,
      { host, phase: 'channel' },
    )
  return new XecError(
    'XEC_CONNECT',
    `${host}: ${queue.endpoint.id} accepted the login and closed the connection before any command could be sent (${detail}); is the account allowed to log in?`,
    { host, phase: 'channel' },
  )
}

/** A host that was lost with many others, and that nobody got through to since. */
export function stillOut(host: string, hosts: number, last: XecError): XecError {
  return new XecError(
    'XEC_CONNECT',
    `${host}: lost together with ${hosts - 1} other hosts, and none was reached since; is the network here up? (last try: ${last.message})`,
    { host, phase: 'tcp', cause: last },
  )
}

/** The same failure, said of another name of the same place; or of a target behind a jump host that failed. */
export function forHost(error: XecError, host: string, behind?: string): XecError {
  if (behind === undefined && error.host === host) return error
  const { message } = error
  // Messages begin with their host: `web1: …`, or `web1 (10.0.0.1:22): …`.
  const named = error.host !== undefined && [': ', ' ('].some((next) => message.startsWith(`${error.host}${next}`))
  const rest = named ? message.slice(error.host?.length) : `: ${message}`
  return new XecError(error.code, behind === undefined ? host + rest : `${host}: jump host ${behind}${rest}`, {
    host,
    phase: error.phase,
    cause: error.cause ?? error,
  })
}
