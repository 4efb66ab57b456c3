/** The `-o KEY=VALUE` of a command line. */
import { XecError } from '../errors.js'
import { splitConfigLine } from './config-line.js'
import type { SshHostOptions } from './host-options.js'
import { didYouMean, readKeyword, type Said } from './keywords.js'

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
 * pass the options to `resolve` as `given.options`, which expands them for the host. A keyword that is known and has no
 * effect gives no options.
 * @throws XecError XEC_CONFIG naming the keyword: a bad value; one that cannot be honoured; an unknown one, with the nearest.
 */
export function parseSshOption(assignment: string): SshHostOptions {
  const { said, written } = splitAssignment(assignment)
  switch (said.kind) {
    case 'option':
      return said.value === undefined || (said.option === 'connectTimeoutMs' && said.value === 0)
        ? {}
        : { [said.option]: said.value }
    case 'unsupported':
    case 'ignored':
    case 'ignoreUnknown':
      return {}
    case 'unknown':
      if (['host', 'match', 'include'].includes(written.toLowerCase()))
        throw new XecError('XEC_CONFIG', `-o ${written}: it stands in a file only; name the file with -F FILE`)
      throw new XecError(
        'XEC_CONFIG',
        `-o ${written}: ssh_config has no such keyword${didYouMean(written) || '; docs/ssh-config.md lists them all'}`,
      )
  }
}

/** What a user should know about an -o that is accepted but not taken literally (`StrictHostKeyChecking=no`). */
export function sshOptionWarning(assignment: string): string | undefined {
  const { said, written } = splitAssignment(assignment)
  if (said.kind === 'option' && said.note) return `-o ${written} ${said.note}`
  return said.kind === 'unsupported' && said.set ? `-o ${said.keyword} ${said.why}` : undefined
}
