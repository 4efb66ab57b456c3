/**
 * What is looked at again. An endpoint is looked at as a whole: its few connections and the queues of its users. This is
 * the only list of whom a change concerns; a change that is forgotten here is a lost wake-up (law 4).
 */
import type { EndpointView, QueueView } from '../policy/view.js'
import type { Connection } from './connection.js'
import type { Endpoint } from './endpoint.js'

export class Dirty {
  /** Connections that are past their lifetime, and in use where the pool has no room for a successor. */
  readonly overdue = new Set<Connection>()
  readonly #endpoints: Endpoint[] = []
  #taken = 0

  /** How many are still to be looked at. */
  get size(): number {
    return this.#endpoints.length - this.#taken
  }

  mark(view: EndpointView): void {
    const endpoint = view as Endpoint
    if (endpoint.dirty) return
    endpoint.dirty = true
    this.#endpoints.push(endpoint)
  }

  /**
   * Something changed in a queue or on one of its connections. It concerns the other users of the endpoint, and the jump
   * hosts on the way: what they carry may go for others, and whether they count as served depends on who waits for them.
   */
  changed(queue: QueueView): void {
    for (let each: QueueView | null = queue; each; each = each.jump) this.mark(each.endpoint)
  }

  /** A connection began, ended or changed its state: it concerns those whom it may carry, too. */
  moved(queue: QueueView): void {
    this.changed(queue)
    this.carrierChanged(queue)
  }

  /** A jump host may carry somebody now, or is the new carrier of nobody any more. */
  carrierChanged(queue: QueueView): void {
    for (const dependant of queue.dependants) if (dependant.wanted) this.mark(dependant.endpoint)
  }

  /** A slot is free, or will be: a connection that is too old may have a successor. */
  roomChanged(): void {
    for (const { endpoint } of this.overdue) this.mark(endpoint)
  }

  /** The next one to look at. Whoever is marked meanwhile comes to the end. */
  take(): EndpointView | undefined {
    const endpoint = this.#endpoints[this.#taken]
    if (!endpoint) {
      this.#endpoints.length = 0
      this.#taken = 0
      return undefined
    }
    this.#taken++
    endpoint.dirty = false
    return endpoint
  }
}
