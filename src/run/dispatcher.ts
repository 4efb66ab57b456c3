/** Who turns one host's part of a run into a Result: this process, or whatever else can. */
import type { ExecuteOptions, Result } from '../adapter/types.js'

/**
 * One host's part of a run, as a value that may be written down or sent elsewhere: it names the host and holds no
 * credentials. What the host's name stands for is the dispatcher's to know.
 */
export interface RunItem {
  /** From 1, in the order of the run; unique in it. Events and results carry it. */
  readonly id: number
  readonly host: string
  /** `address:port`, for people. */
  readonly address: string
}

/** What a run asks of one dispatch. */
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
