/** Who executes a run's commands: the adapter over a pool, or whatever else can turn a command into a Result. */
import type { Command, ExecuteOptions, Result } from '../adapter/types.js'
import type { PoolTarget } from '../pool/types.js'

export interface Dispatcher {
  /** Never rejects for anything that happened to the command: the Result says it. */
  execute(target: PoolTarget, command: Command, options: ExecuteOptions): Promise<Result>
}

/** One host's part of a run. */
export interface RunItem {
  readonly target: PoolTarget
  /** Each host's own, because its environment may be. */
  readonly command: Command
}
