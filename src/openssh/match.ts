/** The criteria of a Match line (ssh_config(5), OpenSSH 10). Pure: what needs a program is asked of the caller. */
import { BlockList, isIP } from 'node:net'
import { splitArguments } from './config-line.js'
import { matchPatterns } from './pattern.js'

interface Criterion {
  readonly name: string
  readonly negated: boolean
  /** As written; empty for `all`, `canonical` and `final`. */
  readonly value: string
  /** The value as a list. */
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
  /** What `Tag` says; empty when nothing does. */
  readonly tag: string
  /** The addresses of this machine's network interfaces. */
  readonly localAddresses: () => readonly string[]
  /** Whether a command of `exec` ends with status 0; undefined while nobody has run it. @throws Error with the problem alone */
  readonly exec: (command: string) => boolean | undefined
}

/**
 * `unsupported` when it depends on what nobody can know here. `unasked` when a command must be run first.
 */
export type Judgement = 'match' | 'none' | 'unsupported' | 'unasked'

const ALONE = new Set(['all', 'canonical', 'final'])
/** They may ask for the absence of what they are about: `tagged ""`. */
const MAY_BE_EMPTY = new Set(['tagged', 'command'])

/** @throws Error with the problem alone. */
export function parseMatch(rest: string): Criteria {
  const words = splitArguments(rest, true)
  const criteria: Criterion[] = []
  while (words.length > 0) {
    const [, not = '', word = '', given] = /^(!?)([^=]*)(?:=(.*))?$/s.exec(words.shift() ?? '') ?? []
    const name = word.toLowerCase()
    const value = ALONE.has(name) ? '' : valueOf(given, words)
    if (value === undefined || (value === '' && !ALONE.has(name) && !MAY_BE_EMPTY.has(name)))
      throw new Error(`${word} has no value`)
    const patterns = value === '' ? [] : value.split(',')
    if (name === 'localnetwork') networks(patterns)
    criteria.push({ name, negated: not === '!', value, patterns })
  }
  const all = criteria.findIndex(({ name }) => name === 'all')
  if (all !== -1 && all < criteria.length - 1) throw new Error('all has more behind it, and stands last')
  if (all > 1) throw new Error('all stands alone, or behind one other criterion')
  return criteria
}

/** `name value`, `name=value`, and with spaces around the sign. */
function valueOf(given: string | undefined, words: string[]): string | undefined {
  if (given !== undefined && given !== '') return given
  const next = words.shift()
  if (given !== undefined || next === undefined) return next ?? given
  return next === '=' ? words.shift() : next.startsWith('=') ? next.slice(1) : next
}

/** Whether a line asks for the second reading. */
export function wantsFinal(criteria: Criteria): boolean {
  return criteria.some(({ name }) => name === 'final')
}

/** Whether a line names a host by a pattern with a literal part, whatever else it asks. */
export function namesHost(criteria: Criteria, name: string): boolean {
  return criteria.some(
    (criterion) =>
      (criterion.name === 'host' || criterion.name === 'originalhost') &&
      !criterion.negated &&
      namesLiterally(
        name.toLowerCase(),
        criterion.patterns.map((pattern) => pattern.toLowerCase()),
      ),
  )
}

/** Whether a list of patterns matches a name, by one that is more than `*` and `?`. */
export function namesLiterally(name: string, patterns: readonly string[]): boolean {
  return (
    matchPatterns(name, patterns) === 'match' &&
    patterns.some((pattern) => /[^*?]/.test(pattern) && matchPatterns(name, [pattern]) === 'match')
  )
}

/** From left to right, as ssh does: a command is run only when everything before it is met. */
export function judgeMatch(criteria: Criteria, asked: Asked): Judgement {
  let unsupported = false
  for (const criterion of criteria) {
    if (criterion.name === 'exec') {
      // Whether ssh would get here cannot be known.
      if (unsupported) continue
      const met = asked.exec(criterion.value)
      if (met === undefined) return 'unasked'
      if (met === criterion.negated) return 'none'
      continue
    }
    const met = isMet(criterion, asked)
    if (met === undefined) unsupported = true
    else if (met === criterion.negated) return 'none'
  }
  return unsupported ? 'unsupported' : 'match'
}

function isMet({ name, patterns }: Criterion, asked: Asked): boolean | undefined {
  switch (name) {
    case 'all':
      return true
    case 'canonical':
    case 'final':
      return asked.final
    // Names of hosts are compared without regard to case, those of users are not.
    case 'host':
      return isHost(asked.host, patterns)
    case 'originalhost':
      return isHost(asked.originalHost, patterns)
    case 'user':
      return matchPatterns(asked.user, patterns) === 'match'
    case 'localuser':
      return matchPatterns(asked.localUser, patterns) === 'match'
    case 'tagged':
      return patterns.length === 0 ? asked.tag === '' : matchPatterns(asked.tag, patterns) === 'match'
    // Commands, and files, which share their connections: there is no interactive shell, and no connection without a session.
    case 'sessiontype':
      return matchPatterns('exec', patterns) === 'match'
    case 'localnetwork': {
      const list = networks(patterns)
      return asked.localAddresses().some((address) => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'))
    }
    // `command`: connections are shared by commands. `version`: of a program that this one is not.
    default:
      return undefined
  }
}

function isHost(name: string, patterns: readonly string[]): boolean {
  return (
    matchPatterns(
      name.toLowerCase(),
      patterns.map((pattern) => pattern.toLowerCase()),
    ) === 'match'
  )
}

/** @throws Error with the problem alone, for what is no network. */
function networks(list: readonly string[]): BlockList {
  const found = new BlockList()
  for (const item of list) {
    const [, address = '', length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(item) ?? []
    const version = isIP(address)
    const bits = version === 6 ? 128 : 32
    if (version === 0 || Number(length ?? bits) > bits)
      throw new Error(`localnetwork takes networks such as 192.0.2.0/24, not ${item}`)
    found.addSubnet(address, Number(length ?? bits), version === 6 ? 'ipv6' : 'ipv4')
  }
  return found
}
