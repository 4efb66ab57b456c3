/** Arithmetic for pool options. Pure. */

/**
 * How many commands are in flight at once, with half as many in reserve, and never more than you want.
 * It is Little's law: what is in the system on average = arrivals a second × seconds that each stays. It holds for
 * averages over a time in which as many commands end as begin; it knows nothing of bursts, which the reserve is for, and
 * counts commands: a connection carries `maxChannelsPerConnection` of them, so for connections divide by that.
 * @param commandsPerSecond on average
 * @param commandMs how long one takes, on average
 * @param atMost upper bound of the result
 * @throws RangeError for anything negative or not a number
 */
export function calculateOptimalPoolSize(commandsPerSecond: number, commandMs: number, atMost: number): number {
  check({ commandsPerSecond, commandMs, atMost })
  const inFlight = Math.ceil(commandsPerSecond * (commandMs / 1000))
  return Math.min(Math.ceil(inFlight * 1.5), atMost)
}

export interface KeepAliveOptions {
  readonly keepAlive: true
  readonly keepAliveInterval: number
  readonly idleTimeout: number
}

/**
 * Pool options for a network and a server that drops what is quiet for too long: a ping every 15 s (every ten round
 * trips where those are longer than that), but at least twice within the server's patience, and idle connections closed
 * by us at 80 % of it, before the server closes them.
 * @param latencyMs a round trip
 * @param serverTimeoutMs after how much silence the server, or a NAT on the way, drops a connection
 * @throws RangeError for anything negative or not a number
 */
export function optimizeKeepAlive(latencyMs: number, serverTimeoutMs: number): KeepAliveOptions {
  check({ latencyMs, serverTimeoutMs })
  return {
    keepAlive: true,
    keepAliveInterval: Math.min(serverTimeoutMs * 0.5, Math.max(15_000, latencyMs * 10)),
    idleTimeout: serverTimeoutMs * 0.8,
  }
}

function check(values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== 'number' || Number.isNaN(value) || value < 0)
      throw new RangeError(`${name} must be a number that is not negative, not ${String(value)}`)
  }
}
