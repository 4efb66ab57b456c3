/** Writes a command line down so that it can be repeated, and makes the recorder of a run. */
import { isAbsolute, join } from 'node:path'
import type { Command } from '../adapter/types.js'
import { createRecorder, type Recorder, type RunRequest } from '../records/records.js'
import { streamText } from '../run/report.js'
import { systemClock } from '../runtime/clock.js'
import type { Xec } from '../xec.js'
import type { Invocation } from './command.js'
import type { Io } from './io.js'
import type { Notices } from './notices.js'
import type { OptionName, OptionValues } from './options.js'
import { OUTPUT_OPTIONS } from './output-options.js'

/** Options that say how a run is shown, or stand in the record elsewhere. The rest says what was run, and how. */
const NOT_STORED: readonly string[] = [
  ...OUTPUT_OPTIONS,
  'quiet',
  'verbose',
  'color',
  'dryRun',
  'history',
  'record',
  'script',
  'stdin',
  'noStdin',
  // Which hosts a rerun takes.
  'failed',
  'unreachable',
  'lost',
  'timedOut',
  'notStarted',
  'notOk',
] satisfies readonly OptionName[]

/** What a record shall say of a run. */
export interface Recording {
  readonly request: RunRequest
  /** The configuration's file. */
  readonly config: string | null
  readonly rerunOf?: string
  /** How many bytes of the input were read, asked when the run is over. */
  readonly stdinBytes?: () => number | undefined
}

/** @param name the xec command */
export function requestOf(
  io: Io,
  name: string,
  { options, fromEnv, words }: Pick<Invocation, 'options' | 'fromEnv' | 'words'>,
  { script }: Command,
  stdin: RunRequest['stdin'],
): RunRequest {
  const stored = Object.entries(options).filter(
    ([option, value]) => value !== undefined && !NOT_STORED.includes(option),
  )
  return {
    name,
    words,
    script: script ? { name: script.name, ...streamText(script.content) } : null,
    options: Object.fromEntries(
      stored.map(([option, value]) => [option, fromAnywhere(io, option as OptionName, value)]),
    ),
    fromEnv: [...fromEnv].filter((option) => !NOT_STORED.includes(option)),
    stdin,
  }
}

/** A file that was named from here, as it is named from any directory. */
function fromAnywhere(io: Io, option: OptionName, value: unknown): unknown {
  const whole = (path: string): string => (isAbsolute(path) || path.startsWith('~') ? path : join(io.cwd, path))
  if (option === 'identity' && Array.isArray(value)) return value.map((path) => whole(String(path)))
  if (option === 'config' || (option === 'sshConfig' && value !== 'none')) return whole(String(value))
  return value
}

/** @returns undefined when nothing is to be recorded */
export function recorderOf(io: Io, recording: Recording | undefined, xec: Xec, notices: Notices): Recorder | undefined {
  if (!recording) return undefined
  return createRecorder({
    ...recording,
    env: io.env,
    home: io.home,
    clock: systemClock,
    cwd: directoryOf(io),
    snapshot: () => xec.snapshot(),
    warn: (message) => notices.warning(message),
  })
}

/** It may have been removed, which is no reason not to run, nor to record. */
function directoryOf(io: Io): string {
  try {
    return io.cwd
  } catch {
    return '/'
  }
}

/** Whether a run over many hosts is recorded: the flag, then its variable, then the configuration. */
export function isRecorded(options: Pick<OptionValues, 'history'>, configured: boolean): boolean {
  return options.history ?? configured
}
