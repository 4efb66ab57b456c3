/** The event log, which counts every event once and tells it to listeners; and the snapshot, one synchronous pass over the live set. */
import { notifySafely } from '../../runtime/notify.js'
import type { PoolOptions } from '../options.js'
import type { EndpointView, QueueView } from '../policy/view.js'
import type { State } from '../state/state.js'
import type { EventDetails, PoolEvent, PoolListener } from './events.js'
import type { HostFigures, PoolSnapshot } from './snapshot.js'

export class EventLog {
  readonly #listeners = new Set<PoolListener>()

  constructor(private readonly state: State) {}

  write(queue: QueueView, details: EventDetails): void {
    const event = { at: this.state.now(), ...details } as PoolEvent
    this.state.figures.count(event)
    queue.endpoint.figures.count(event)
    for (const listener of this.#listeners) notifySafely(() => listener(event, queue.key))
  }

  subscribe(listener: PoolListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}

export function takeSnapshot(state: State): PoolSnapshot {
  const now = state.now()
  const { maxConnections, maxConnectionsPerHost, maxChannelsPerConnection, maxConcurrentDials } = state.options
  const hosts = [...state.registry.endpoints.values()].map((endpoint) => rowOf(endpoint, state.options, now))
  return Object.freeze({
    ...state.figures.figures(
      state.connections,
      state.waiting,
      hosts.reduce((oldest, { oldestWaitMs }) => Math.max(oldest, oldestWaitMs), 0),
    ),
    commands: Object.freeze({}),
    limits: Object.freeze({ maxConnections, maxConnectionsPerHost, maxChannelsPerConnection, maxConcurrentDials }),
    hosts: Object.freeze(hosts),
  })
}

function rowOf(endpoint: EndpointView, { enabled }: PoolOptions, now: number): HostFigures {
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
    limits: Object.freeze({
      maxConnectionsPerHost: endpoint.maxConnections,
      maxChannelsPerConnection: enabled ? endpoint.maxChannels : 1,
    }),
    lastError: endpoint.lastError,
    learnedCapacity: endpoint.learned(now),
  })
}
