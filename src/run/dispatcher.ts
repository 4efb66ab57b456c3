/** The port between a run and the place where its items are carried out. */
import type { ExecuteOptions, Result } from '../adapter/types.js'

/**
 * One host's part of a run, as a value that may be written down or sent elsewhere: it names the host and holds no
 * credentials. The dispatcher knows what the host's name stands for.
 */
export interface RunItem {
  /** From 1, in the order of the run; unique in it. Events and results carry it. */
  readonly id: number
  readonly host: string
  /** `address:port`, for people. */
  readonly address: string
}

/** The options that a run gives with each item. */
export type DispatchOptions = Omit<ExecuteOptions, 'onStarted'>

export interface Dispatcher<R extends Result = Result> {
  /**
   * Asked for every item before the first is dispatched.
   * @throws XecError XEC_CONFIG when the item cannot be sent as asked
   */
  check?(item: RunItem): void
  /** Never rejects for anything that happened to the item: the Result says it. */
  dispatch(item: RunItem, options: DispatchOptions): Promise<R>
}
