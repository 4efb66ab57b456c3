/** The `-o KEY=VALUE` of a command line. */
import { XecError } from '../errors.js'
import { splitConfigLine } from './config-line.js'
import type { SshHostOptions } from './host-options.js'
import { didYouMean, readKeyword, SUPPORTED_KEYWORDS, type Said } from './keywords.js'

function splitAssignment(assignment: string): { said: Said; written: string } {
  const place = `-o ${assignment}`
  try {
    const line = splitConfigLine(assignment)
    if (!line) throw new Error('expected KEY=VALUE')
    return { said: readKeyword(line.keyword, line.rest), written: line.written }
  } catch (error) {
    throw new XecError('XEC_CONFIG', `${place}: ${(error as Error).message}`, { cause: error })
  }
}

/**
 * Reads the `KEY=VALUE` of one -o flag (`KEY VALUE` is accepted, as in ssh). `~`, variables and tokens stay as written:
 * pass the options to `resolve` as `given.options`, which expands them for the host.
 * @throws XecError XEC_CONFIG naming the keyword, with the nearest supported one.
 */
export function parseSshOption(assignment: string): SshHostOptions {
  const { said, written } = splitAssignment(assignment)
  if (said.kind === 'option')
    return said.value === undefined || (said.option === 'connectTimeoutMs' && said.value === 0)
      ? {}
      : { [said.option]: said.value }
  throw new XecError(
    'XEC_CONFIG',
    `-o ${written} is not supported${didYouMean(written) || `; supported are ${SUPPORTED_KEYWORDS.join(', ')}`}`,
  )
}

/** What a user should know about an -o that is accepted but not taken literally (`StrictHostKeyChecking=no`). */
export function sshOptionWarning(assignment: string): string | undefined {
  const { said, written } = splitAssignment(assignment)
  return said.kind === 'option' && said.note ? `-o ${written} no ${said.note}` : undefined
}
