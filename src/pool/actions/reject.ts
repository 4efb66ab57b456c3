/** Waiters that will not be served: each hears of it once (law 7). */
import type { XecError } from '../../errors.js'
import { forHost } from '../messages.js'
import type { EventLog } from '../metrics/report.js'
import type { QueueView, WaiterView } from '../policy/view.js'
import type { State } from '../state/state.js'

export class Rejections {
  constructor(
    private readonly state: State,
    private readonly log: EventLog,
  ) {}

  /** A no-op for a waiter that has settled already. */
  reject(waiter: WaiterView, error: XecError): void {
    if (!this.state.settle(waiter)) return
    this.log.write(waiter.queue, { type: 'rejected', host: waiter.host, code: error.code })
    waiter.reject(error)
  }

  /** Everybody who waits in a queue. */
  rejectOwn(queue: QueueView, error: XecError): void {
    for (const waiter of [...queue.waiters]) this.reject(waiter, forHost(error, waiter.host))
  }

  /** Everybody who waits in a queue, and everybody behind it. */
  rejectAll(queue: QueueView, error: XecError): void {
    this.rejectOwn(queue, error)
    for (const dependant of [...queue.waitingDependants]) {
      this.rejectAll(dependant, forHost(error, dependant.target.host, queue.target.host))
      this.state.leaveJump(dependant)
    }
  }
}
