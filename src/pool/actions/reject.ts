/** Waiters that will not be served. */
import type { XecError } from '../../errors.js'
import type { State } from '../state/state.js'
import type { EventLog } from '../metrics/report.js'
import { forHost } from '../messages.js'
import type { Queue } from '../state/queue.js'
import type { Waiter } from '../state/waiter.js'

export class Rejections {
  constructor(
    private readonly state: State,
    private readonly log: EventLog,
  ) {}

  /** A no-op for a waiter that has settled already. */
  reject(waiter: Waiter, error: XecError): void {
    if (!waiter.settle()) return
    this.state.forget(waiter)
    this.log.write(waiter.queue, { type: 'rejected', host: waiter.host, code: error.code })
    waiter.reject(error)
  }

  /** Everybody who waits in a queue. */
  rejectOwn(queue: Queue, error: XecError): void {
    for (const waiter of [...queue.waiters]) this.reject(waiter, forHost(error, waiter.host))
  }

  /** Everybody who waits in a queue, and everybody behind it. */
  rejectAll(queue: Queue, error: XecError): void {
    this.rejectOwn(queue, error)
    for (const dependant of [...queue.waitingDependants]) {
      this.rejectAll(dependant, forHost(error, dependant.target.host, queue.target.host))
      this.state.leaveJump(dependant)
    }
  }
}
