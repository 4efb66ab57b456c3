/** What the actions may ask of the pool. */
import type { XecError } from '../../errors.js'
import type { EventDetails } from '../metrics/events.js'
import type { QueueView } from '../policy/view.js'

export interface Effects {
  emit(queue: QueueView, event: EventDetails): void
  /** Rejects everybody who waits in a queue; those behind it may still be carried. */
  failWaiters(queue: QueueView, error: XecError): void
  /** Rejects everybody who waits in a queue, and everybody behind it. */
  failQueue(queue: QueueView, error: XecError): void
  /** Takes in a piece of news as a whole, whoever is told of it meanwhile and asks for something; then decides again. */
  update(news: () => void): void
}
