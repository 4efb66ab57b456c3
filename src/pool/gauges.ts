/** The snapshot: one synchronous pass over the live set, and the totals. */
import type { Facts } from './facts.js'
import type { HostFigures, PoolSnapshot } from './snapshot.js'
import type { Endpoint } from './endpoint.js'

export function takeSnapshot(facts: Facts): PoolSnapshot {
  const now = facts.now()
  const { maxConnections, maxConnectionsPerHost, maxChannelsPerConnection, maxConcurrentDials } = facts.options
  const hosts = [...facts.registry.endpoints.values()].map((endpoint) => rowOf(endpoint, now))
  return Object.freeze({
    ...facts.figures.figures(
      facts.connections,
      facts.waiting,
      hosts.reduce((oldest, { oldestWaitMs }) => Math.max(oldest, oldestWaitMs), 0),
    ),
    commands: Object.freeze({}),
    limits: Object.freeze({ maxConnections, maxConnectionsPerHost, maxChannelsPerConnection, maxConcurrentDials }),
    hosts: Object.freeze(hosts),
  })
}

function rowOf(endpoint: Endpoint, now: number): HostFigures {
  let waiting = 0
  let oldestWaitMs = 0
  for (const queue of endpoint.queues) {
    waiting += queue.waiting
    // The first in is the oldest.
    oldestWaitMs = Math.max(oldestWaitMs, now - (queue.waiters.first?.since ?? now))
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
