/** What the rooms that act on connections may ask of the pool. */
import type { XecError } from '../../errors.js'
import type { EventDetails } from '../metrics/events.js'
import type { Queue } from '../state/queue.js'

export interface Effects {
  emit(queue: Queue, event: EventDetails): void
  /** Rejects everybody who waits in a queue; who is behind it may still be carried. */
  failWaiters(queue: Queue, error: XecError): void
  /** Rejects everybody who waits in a queue, and everybody behind it. */
  failQueue(queue: Queue, error: XecError): void
  /** Takes in a piece of news as a whole, whoever is told of it meanwhile and asks for something; then decides again. */
  update(news: () => void): void
}
