/** The snapshot: one synchronous pass over the live set, and the totals. */
import type { Facts } from './facts.js'
import type { HostFigures, PoolSnapshot } from './snapshot.js'
import type { Endpoint } from './endpoint.js'
import type { Waiter } from './waiter.js'

export function takeSnapshot(facts: Facts): PoolSnapshot {
  const now = facts.now()
  const { maxConnections, maxConnectionsPerHost, maxChannelsPerConnection, maxConcurrentDials } = facts.options
  return Object.freeze({
    ...facts.figures.figures(facts.connections, facts.waiters.size, ageOfFirst(facts.waiters, now)),
    commands: Object.freeze({}),
    limits: Object.freeze({ maxConnections, maxConnectionsPerHost, maxChannelsPerConnection, maxConcurrentDials }),
    hosts: Object.freeze([...facts.endpoints.values()].map((endpoint) => rowOf(endpoint, now))),
  })
}

function rowOf(endpoint: Endpoint, now: number): HostFigures {
  let waiting = 0
  let oldestWaitMs = 0
  for (const queue of endpoint.queues) {
    waiting += queue.waiting
    oldestWaitMs = Math.max(oldestWaitMs, ageOfFirst(queue.waiters, now))
  }
  return Object.freeze({
    host: endpoint.host,
    address: endpoint.id,
    names: endpoint.names.size,
    ...endpoint.figures.figures(endpoint.connections, waiting, oldestWaitMs),
    lastError: endpoint.lastError,
    learnedCapacity: endpoint.learned(now),
  })
}

/** The first in is the oldest. */
function ageOfFirst(waiters: Iterable<Waiter>, now: number): number {
  for (const waiter of waiters) return now - waiter.since
  return 0
}
