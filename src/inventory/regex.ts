/** A person's regular expression over names, in bounded time: some take longer than the universe has (`(a+)+$`). */
import { runInNewContext } from 'node:vm'
import { XecError } from '../errors.js'

/** A million names take a fifth of it. */
const MOST_MS = 3_000

/**
 * The names that an expression matches.
 * @param limitMs how long it may take; default 3 s
 * @throws XecError XEC_CONFIG when it takes longer, or turns out to be too large to run
 */
export function matching(pattern: RegExp, names: readonly string[], limitMs = MOST_MS): string[] {
  try {
    // The time limit of a script holds inside the expression too; nothing else in Node can stop one.
    return runInNewContext(
      'names.filter((name) => pattern.test(name))',
      { pattern, names },
      { timeout: limitMs },
    ) as string[]
  } catch (error) {
    const slow = (error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
    throw new XecError(
      'XEC_CONFIG',
      slow
        ? `the regular expression ~${shorten(String(pattern))} took longer than ${limitMs / 1_000} s; a repetition inside a repetition, as in (a+)+, is the usual reason: write it without`
        : `the regular expression ~${shorten(String(pattern))} cannot be used: ${shorten(error instanceof Error ? error.message : String(error))}`,
      { phase: 'select', cause: error },
    )
  }
}

const LONGEST_SHOWN = 80

function shorten(text: string): string {
  return text.length <= LONGEST_SHOWN ? text : `${text.slice(0, LONGEST_SHOWN)}…`
}
