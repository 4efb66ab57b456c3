/** What callers hear while they wait: that a dial for them is under way, and that none is any more. */
import type { QueueView, WaiterView } from '../policy/view.js'
import { setAnnounced, tell } from '../state/sessions.js'
import { notifySafely } from '../../runtime/notify.js'

/** A dial has begun: everybody hears of it who waits for it, in the queue or behind it. */
export function announceDial(queue: QueueView): void {
  for (const waiter of queue.waiters) announceTo(waiter)
  for (const dependant of queue.waitingDependants) announceDial(dependant)
}

/** Who comes while a dial is under way waits for it, too. */
export function announceTo(waiter: WaiterView): void {
  // Whoever heard of something before may have made this one leave.
  if (waiter.settled) return
  tell(waiter, true)
  notifySafely(() => waiter.options.onDialling?.())
}

/**
 * Whoever was told of a dial, when none is under way any more, hears that it waits in the line again; except those at its
 * head whose channels are being opened. Those who were told are always at the head, so that this looks at nobody twice.
 */
export function takeBack(queue: QueueView): void {
  if (isDialled(queue)) return
  let served = 0
  for (const { state, asked } of queue.connections) if (state === 'open') served += asked
  let waiter = queue.waiters.first
  setAnnounced(queue, served > 0 && waiter?.connecting === true)
  for (; waiter?.connecting; waiter = waiter.next) {
    if (waiter.settled || served-- > 0) continue
    tell(waiter, false)
    const { onQueued } = waiter.options
    notifySafely(() => onQueued?.())
  }
}

/** Whether a dial is under way for those who wait in a queue: its own, or that of the jump host which it waits for. */
export function isDialled(queue: QueueView): boolean {
  for (const { state } of queue.connections) if (state === 'opening') return true
  return queue.jump?.waitingDependants.has(queue) === true && isDialled(queue.jump)
}
