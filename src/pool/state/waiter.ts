/** A queued acquire. Settles exactly once: whoever settles first wins, and everything after is a no-op. */
import type { XecError } from '../../errors.js'
import type { HeapEntry } from '../../runtime/deadline-heap.js'
import type { LinkedNode } from '../../runtime/linked-list.js'
import type { QueueView } from '../policy/view.js'
import type { AcquireOptions, Attempt, Lease } from '../types.js'

export class Waiter implements LinkedNode<Waiter> {
  previous: Waiter | null = null
  next: Waiter | null = null
  /** Its place among the deadlines. */
  heapEntry: HeapEntry | null = null
  readonly attempts: Attempt[] = []
  /** Whether the last that it was told is that a dial is under way. */
  connecting = false
  #settled = false

  constructor(
    readonly queue: QueueView,
    readonly host: string,
    readonly since: number,
    /** When the queue timeout strikes; Infinity for never. */
    readonly deadline: number,
    readonly options: AcquireOptions,
    readonly resolve: (lease: Lease) => void,
    readonly reject: (error: XecError) => void,
    /** Called when the pool may forget the caller's signal. */
    readonly onSettled: () => void,
  ) {}

  get settled(): boolean {
    return this.#settled
  }

  /** Marks the waiter settled; false when it was already. */
  settle(): boolean {
    if (this.#settled) return false
    this.#settled = true
    this.onSettled()
    return true
  }
}
