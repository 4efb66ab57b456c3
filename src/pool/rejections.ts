/** Waiters that will not be served. */
import type { XecError } from '../errors.js'
import type { Facts } from './facts.js'
import type { Ledger } from './ledger.js'
import { forHost } from './messages.js'
import type { Queue } from './queue.js'
import type { Waiter } from './waiter.js'

export class Rejections {
  constructor(
    private readonly facts: Facts,
    private readonly ledger: Ledger,
  ) {}

  /** A no-op for a waiter that has settled already. */
  reject(waiter: Waiter, error: XecError): void {
    if (!waiter.settle()) return
    this.facts.forget(waiter)
    this.ledger.write(waiter.queue, { type: 'rejected', host: waiter.host, code: error.code })
    waiter.reject(error)
  }

  /** Everybody who waits in a queue. */
  rejectOwn(queue: Queue, error: XecError): void {
    for (const waiter of [...queue.waiters]) this.reject(waiter, forHost(error, waiter.host))
  }

  /** Everybody who waits in a queue, and everybody behind it. */
  rejectAll(queue: Queue, error: XecError): void {
    this.rejectOwn(queue, error)
    for (const child of [...queue.children]) {
      this.rejectAll(child, forHost(error, child.target.host, queue.target.host))
      this.facts.leaveHop(child)
    }
  }
}
