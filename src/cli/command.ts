/** What the command line knows of each command before it runs. The commands themselves are loaded when they are called. */
import type { Io } from './io.js'
import type { OptionName, OptionValues } from './options.js'

export interface CommandSpec {
  /** `run`, `pool stats`. */
  readonly name: string
  /** What follows the name in its usage line. */
  readonly usage: string
  readonly summary: string
  readonly options: readonly OptionName[]
  /** How many operands come before the command; with Infinity options may also stand behind them. */
  readonly operands: number
  /** Whether a remote command follows. */
  readonly words: boolean
  readonly examples: readonly (readonly [line: string, what: string])[]
  readonly load: () => Promise<CommandRunner>
}

export interface Invocation {
  readonly options: OptionValues
  /** Those of them that came from variables. */
  readonly fromEnv: ReadonlySet<OptionName>
  readonly operands: readonly string[]
  /** The remote command's words, verbatim. */
  readonly words: readonly string[]
}

/** Runs a command to its exit status. What it throws is an error that ended it; main prints it and chooses the status. */
export type CommandRunner = (io: Io, invocation: Invocation) => Promise<number>
