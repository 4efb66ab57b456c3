/** What xec itself has to say, on stderr: one line each, `xec: …`; sanitised and bounded whoever reads it. */
import { isXecError, messageOf } from '../errors.js'
import type { Io } from './io.js'
import type { OptionValues } from './options.js'
import { sanitizeMessage } from './output/sanitize.js'

export interface Notices {
  /** What ended a command, or a host's part of it. With -vv the stack too. */
  error(error: unknown): void
  /** Kept back by -q. */
  warning(text: string): void
  /** Told with -v. */
  progress(text: string): void
  /** Something to know now, told unless -q. */
  note(text: string): void
}

/** @param pause takes a live picture off the terminal for the time of a line; returns the way to put it back */
export function createNotices(
  io: Pick<Io, 'stderr'>,
  { quiet, verbose = 0 }: Pick<OptionValues, 'quiet' | 'verbose'>,
  pause?: () => () => void,
): Notices {
  const say = (text: string): void => {
    const resume = pause?.()
    io.stderr.write(`xec: ${sanitizeMessage(text)}\n`)
    resume?.()
  }
  return {
    error(error) {
      say(isXecError(error) ? error.message : `unexpected: ${messageOf(error)}`)
      if (verbose >= 2 && error instanceof Error) for (const line of stackOf(error)) say(line)
    },
    warning(text) {
      if (!quiet) say(`warning: ${text}`)
    },
    progress(text) {
      if (verbose >= 1) say(text)
    },
    note(text) {
      if (!quiet) say(text)
    },
  }
}

function stackOf(error: Error): string[] {
  const own = (error.stack ?? '')
    .split('\n')
    .slice(1)
    .map((line) => `  ${line.trim()}`)
  return error.cause instanceof Error ? [...own, `  caused by ${messageOf(error.cause)}`, ...stackOf(error.cause)] : own
}
