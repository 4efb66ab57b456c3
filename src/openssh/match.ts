/**
 * The criteria of a Match line (ssh_config(5)). Those that need no program and no network are evaluated; of the others
 * nobody can know here, and nothing is ever executed.
 */
import { splitArguments } from './config-line.js'
import { matchPatterns } from './pattern.js'

interface Criterion {
  readonly name: string
  readonly negated: boolean
  /** What it is compared with; empty for `all`, `canonical` and `final`. */
  readonly patterns: readonly string[]
}

export type Criteria = readonly Criterion[]

/** What a Match line asks about. */
export interface Asked {
  /** HostName, as far as it is known where the line stands; the original name before that. */
  readonly host: string
  readonly originalHost: string
  /** Who logs in, likewise. */
  readonly user: string
  readonly localUser: string
  /** ssh reads its files a second time when a `Match final` stands anywhere; there is no other second time here. */
  readonly final: boolean
}

const ALONE = new Set(['all', 'canonical', 'final'])

/** @throws Error with the problem alone. */
export function parseMatch(rest: string): Criteria {
  const words = splitArguments(rest)
  const criteria: Criterion[] = []
  while (words.length > 0) {
    const [, not = '', word = '', given] = /^(!?)([^=]*)(?:=(.*))?$/s.exec(words.shift() ?? '') ?? []
    const name = word.toLowerCase()
    const patterns = ALONE.has(name) ? '' : (given ?? words.shift())
    if (patterns === undefined) throw new Error(`${word} has no value`)
    criteria.push({ name, negated: not === '!', patterns: patterns === '' ? [] : patterns.split(',') })
  }
  const all = criteria.findIndex(({ name }) => name === 'all')
  if (all !== -1 && all < criteria.length - 1) throw new Error('all has more behind it, and stands last')
  return criteria
}

/** Whether a line asks for the second reading. */
export function wantsFinal(criteria: Criteria): boolean {
  return criteria.some(({ name }) => name === 'final')
}

/** `unknown` when it depends on what is not evaluated; one criterion that fails settles it all the same. */
export function judgeMatch(criteria: Criteria, asked: Asked): 'match' | 'none' | 'unknown' {
  let unknown = false
  for (const { name, negated, patterns } of criteria) {
    const met = isMet(name, patterns, asked)
    if (met === undefined) unknown = true
    else if (met === negated) return 'none'
  }
  return unknown ? 'unknown' : 'match'
}

function isMet(
  name: string,
  patterns: readonly string[],
  { host, originalHost, user, localUser, final }: Asked,
): boolean | undefined {
  switch (name) {
    case 'all':
      return true
    case 'canonical':
    case 'final':
      return final
    // Names of hosts are compared without regard to case, those of users are not.
    case 'host':
      return (
        matchPatterns(
          host.toLowerCase(),
          patterns.map((pattern) => pattern.toLowerCase()),
        ) === 'match'
      )
    case 'originalhost':
      return (
        matchPatterns(
          originalHost.toLowerCase(),
          patterns.map((pattern) => pattern.toLowerCase()),
        ) === 'match'
      )
    case 'user':
      return matchPatterns(user, patterns) === 'match'
    case 'localuser':
      return matchPatterns(localUser, patterns) === 'match'
    default:
      return undefined
  }
}
