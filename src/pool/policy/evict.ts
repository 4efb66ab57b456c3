/** Which connections may be closed for somebody who lacks room. */
import type { ConnectionView, QueueView } from './view.js'

/**
 * Idle, of another key, and nobody waits for a channel on it. A jump host that others wait for is kept until it has
 * carried one of them: two users of it that closed each other's connection before that would do so for ever. If those who
 * wait for it have a connection each, and want more, it goes for one who has none.
 * @param asker who lacks room; null: somebody whom the pool does not know
 */
export function isEvictable({ idle, queue, carriedTotal }: ConnectionView, asker: QueueView | null): boolean {
  if (!idle || queue === asker || queue.waiting > 0) return false
  if (queue.waitingDependants.size === 0 || carriedTotal > 0) return true
  if (asker?.served) return false
  for (const dependant of queue.waitingDependants) if (!dependant.served) return false
  return true
}

/**
 * What is to be closed next so that a connection's room becomes free: itself; or one of those that a jump host carries, if
 * all of them may go likewise, and it follows when nothing is left on it. Null where it has to stay, or goes already.
 */
export function firstToGo(connection: ConnectionView, asker: QueueView | null): ConnectionView | null {
  if (isEvictable(connection, asker)) return connection
  const { state, used, carried, queue } = connection
  if (used > 0 || (state === 'open' && (queue === asker || queue.waiting > 0))) return null
  let first: ConnectionView | null = null
  for (const other of carried) {
    if (other.freeing) continue
    const next = firstToGo(other, asker)
    if (!next) return null
    first ??= next
  }
  return first
}
