/** One ssh_config file as its blocks: text in, checked statements out. Nothing is asked of any host yet. */
import { XecError } from '../errors.js'
import { splitArguments, splitConfigLine } from './config-line.js'
import type { Place } from './host-options.js'
import { readKeyword, type Said } from './keywords.js'
import { parseMatch, type Criteria } from './match.js'

/** The lines between one Host or Match line and the next; the first block of a file has neither and always applies. */
export interface Block {
  readonly applies:
    | { readonly kind: 'always' }
    | { readonly kind: 'host'; readonly patterns: readonly string[] }
    | { readonly kind: 'match'; readonly criteria: Criteria }
  readonly place: Place
  /** Why a program that its Match line names is not run: others may write to the file. Null when it is. */
  readonly distrust: string | null
  readonly statements: Statement[]
}

export type Statement =
  | { readonly kind: 'said'; readonly said: Said; readonly written: string; readonly place: Place }
  /** `files` is filled in by whoever can read: an included file is its blocks. */
  | { readonly kind: 'include'; readonly patterns: readonly string[]; readonly files: Block[][]; readonly place: Place }

export function configError(place: Place, problem: string, cause?: unknown): XecError {
  return new XecError('XEC_CONFIG', `${place.file}:${place.line}: ${problem}`, { cause })
}

/**
 * Takes one file apart. Values are checked in every block, whether or not it will ever apply, as ssh does.
 * @param distrust why no program that the file names may be run; null when it may
 * @throws XecError XEC_CONFIG with file:line.
 */
export function parseSshConfig(text: string, file: string, distrust: string | null = null): Block[] {
  let block: Block = { applies: { kind: 'always' }, place: { file, line: 1 }, distrust, statements: [] }
  const blocks = [block]
  text
    .replace(/^\ufeff/, '')
    .split('\n')
    .forEach((line, index) => {
      const place = { file, line: index + 1 }
      const config = attempt(place, '', () => splitConfigLine(line))
      if (!config) return
      const { keyword, written, rest } = config
      const begin = (applies: Block['applies']): void =>
        void blocks.push((block = { applies, place, distrust, statements: [] }))
      attempt(place, `${written} `, () => {
        if (keyword === 'host') begin({ kind: 'host', patterns: splitArguments(rest) })
        else if (keyword === 'match') begin({ kind: 'match', criteria: parseMatch(rest) })
        else if (keyword === 'include')
          block.statements.push({ kind: 'include', patterns: splitArguments(rest), files: [], place })
        else {
          const said = readKeyword(keyword, rest)
          if (said.kind !== 'ignored') block.statements.push({ kind: 'said', said, written, place })
        }
      })
    })
  return blocks
}

function attempt<T>(place: Place, prefix: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw configError(place, prefix + (error as Error).message, error)
  }
}
