/**
 * The selection algebra as a value: names, globs, ranges, `@group`, `all`, `~/regex/`, combined from left to right by
 * union `,` (or blanks, or newlines), intersection `&` and exclusion `!`; slices `@web[0:3]`; lists `^FILE` and `-`. A selector is parsed once and asked of an inventory; it does no IO:
 * the hosts of a recorded run (`@last:failed`) are looked up before.
 */
import { OUTCOMES, type Outcome } from '../adapter/types.js'
import { isXecError, messageOf, XecError } from '../errors.js'
import { hasWildcard, matchPattern } from '../openssh/pattern.js'
import { nearest } from '../runtime/nearest.js'
import type { Inventory } from './inventory.js'
import { expandWithin, hasRange, MOST_NAMES } from './names.js'
import type { ListedWord } from './name-list.js'
import { matching } from './regex.js'
import { splitSlice, takeSlice, type Slice } from './slice.js'

type Term =
  | { readonly kind: 'all' }
  | { readonly kind: 'group'; readonly name: string }
  /** `outright`: it may also mean names that ssh_config has without a wildcard. */
  | { readonly kind: 'match'; readonly outright: boolean; matching(names: readonly string[]): readonly string[] }
  | { readonly kind: 'run'; readonly text: string; readonly run: RunReference }
  /** `name`: a path, or `-` for standard input. */
  | { readonly kind: 'list'; readonly name: string }
  | { readonly kind: 'slice'; readonly text: string; readonly base: Term; readonly slice: Slice }
  | { readonly kind: 'names'; readonly names: readonly string[] }

/** `@last`, `@run(ID):ok`: the hosts of a recorded run. */
export interface RunReference {
  /** As it was written: an id, the beginning of one, or `last`. */
  readonly id: string
  /** Only those that ended so; null for all. */
  readonly outcome: Outcome | null
}

export type Operator = ',' | '&' | '!'

export interface Selector {
  readonly text: string
  readonly steps: readonly { readonly operator: Operator; readonly term: Term }[]
}

/** The names that ranges may still stand for, over all expressions of one selection. */
interface Room {
  left: number
}

const BLANK = /[ \t\r\n]/

/** @throws XecError XEC_CONFIG with the column of what is not understood */
export function parseSelector(text: string, room: Room = { left: MOST_NAMES }): Selector {
  const steps: { operator: Operator; term: Term }[] = []
  let operator: Operator | null = null
  let at = 0
  const fail = (column: number, problem: string): never => {
    throw new XecError('XEC_CONFIG', `the selection ${JSON.stringify(text)}, column ${column + 1}: ${problem}`, {
      phase: 'select',
    })
  }
  for (;;) {
    while (BLANK.test(text[at] ?? '')) at++
    const mark = text[at]
    if (mark === undefined) break
    if (mark === ',' || mark === '&' || mark === '!') {
      // `a,!b` is how many write `a!b`: the comma says nothing that the exclusion does not.
      if (operator !== null && !(operator === ',' && mark === '!'))
        fail(at, `${mark} follows ${operator}; a name belongs between them`)
      if (steps.length === 0 && operator === null && mark !== '!') fail(at, `nothing stands before ${mark}`)
      operator = mark
      at++
      continue
    }
    const [word, end] = readWord(text, at, fail)
    // A selector that begins with an exclusion excludes from everything.
    if (steps.length === 0 && operator === '!') steps.push({ operator: ',', term: { kind: 'all' } })
    steps.push({ operator: operator ?? ',', term: termOf(word, room, (problem) => fail(at, problem)) })
    operator = null
    at = end
  }
  if (steps.length === 0) fail(0, 'it is empty; say names, web*, web[01-20], @group or all')
  if (operator !== null) fail(text.length, `nothing follows ${operator}`)
  return Object.freeze({ text, steps: Object.freeze(steps) })
}

function readWord(text: string, start: number, fail: (column: number, problem: string) => never): [string, number] {
  if (text.startsWith('~/', start)) {
    for (let i = start + 2; i < text.length; i++) {
      if (text[i] === '\\') i++
      else if (text[i] === '/') return [text.slice(start, i + 1), i + 1]
    }
    return fail(start, 'the regular expression has no closing /')
  }
  let end = start
  for (let depth = 0; end < text.length; end++) {
    const mark = text[end] ?? ''
    if (mark === '[') depth++
    else if (mark === ']') depth--
    else if (BLANK.test(mark) || (depth === 0 && ',&!'.includes(mark))) break
  }
  return [text.slice(start, end), end]
}

function termOf(word: string, room: Room, fail: (problem: string) => never): Term {
  if (word === 'all') return { kind: 'all' }
  if (word === '-') return { kind: 'list', name: '-' }
  if (word.startsWith('^'))
    return word === '^' ? fail('^ needs the path of a list of hosts') : { kind: 'list', name: word.slice(1) }
  const sliced = splitSlice(word)
  if (sliced) return { kind: 'slice', text: word, base: termOf(sliced.base, room, fail), slice: sliced.slice }
  if (word.startsWith('@'))
    return word === '@'
      ? fail('@ needs the name of a group')
      : (runTerm(word, fail) ?? { kind: 'group', name: word.slice(1) })
  if (word.startsWith('~/')) {
    try {
      const pattern = new RegExp(word.slice(2, -1), 'u')
      return { kind: 'match', outright: false, matching: (names) => matching(pattern, names) }
    } catch (error) {
      return fail(error instanceof Error ? error.message : 'not a regular expression')
    }
  }
  // `*` alone means the inventory: nobody means every Host of ~/.ssh/config, code hosts and all, by it.
  if (hasWildcard(word))
    return {
      kind: 'match',
      outright: /[^*?]/.test(word),
      matching: (names) => names.filter((name) => matchPattern(name, word)),
    }
  if (!hasRange(word) || word.startsWith('ssh://') || /\[[^\]]*:/.test(word)) return { kind: 'names', names: [word] }
  const names = expandWithin(word, room.left)
  room.left -= names.length
  return { kind: 'names', names }
}

/** `@last`, `@last:failed`, `@run(ID)`, `@run(ID):ok`; undefined for a group. */
function runTerm(word: string, fail: (problem: string) => never): Term | undefined {
  const [, last, id = last, outcome] = /^@(?:(last)|run\(([^()]*)\))(?::(.*))?$/.exec(word) ?? []
  if (id === undefined) {
    return word.startsWith('@run(') ? fail(`${word}: a run is said as @run(ID), or @run(ID):failed`) : undefined
  }
  if (id === '') return fail(`${word}: a run is said by its id, as in @run(20260131-); xec runs lists them`)
  if (outcome === undefined) return { kind: 'run', text: word, run: { id, outcome: null } }
  const known = OUTCOMES.find((each) => each === outcome)
  if (known) return { kind: 'run', text: word, run: { id, outcome: known } }
  const near = nearest(outcome, OUTCOMES)
  return fail(
    `${word}: ${near === undefined ? `an outcome is one of ${OUTCOMES.join(', ')}` : `did you mean ${word.slice(0, -outcome.length)}${near}?`}`,
  )
}

/** The runs that selectors ask for, to be looked up before they are evaluated. A group named `last` wins over `@last`. */
export function runsIn(inventory: Inventory, texts: readonly string[]): readonly RunReference[] {
  const room = { left: MOST_NAMES }
  return texts.flatMap((text) =>
    parseSelector(text, room).steps.flatMap(({ term }) =>
      runsOf(term).flatMap(({ text: word, run }) => (isGroup(word, inventory) ? [] : [run])),
    ),
  )
}

/** A run may stand behind a slice. */
function runsOf(term: Term): readonly Extract<Term, { kind: 'run' }>[] {
  return term.kind === 'run' ? [term] : term.kind === 'slice' ? runsOf(term.base) : []
}

/** Whether `@last` is a group here. */
const isGroup = (word: string, inventory: Inventory): boolean => inventory.groups.has(word.slice(1))

/** What is known of recorded runs. */
export interface RunLookup {
  /** The hosts of a run that was asked for by `runsIn`. */
  hostsOf(run: RunReference): readonly string[]
  /** Hears that a group wins over a word for a run. */
  warn(message: string): void
}

/** The lists that selectors name, to be read before they are evaluated: paths, and `-`. */
export function listsIn(texts: readonly string[]): readonly string[] {
  const room = { left: MOST_NAMES }
  return texts.flatMap((text) =>
    parseSelector(text, room).steps.flatMap(({ term }) => (term.kind === 'list' ? [term.name] : [])),
  )
}

/** The words of lists. */
export interface ListLookup {
  /** Of a list that was asked for by `listsIn`. */
  wordsOf(name: string): readonly ListedWord[]
}

/** Text stands for a list of one. */
export interface SelectionRequest {
  readonly groups?: string | readonly string[] | undefined
  /** Selectors; more than one are united. */
  readonly hosts?: string | readonly string[] | undefined
  /** Selectors to leave out, after all else. */
  readonly exclude?: string | readonly string[] | undefined
  /** Every host of the inventory. */
  readonly all?: boolean | undefined
}

/** What a selection may know besides. */
export interface SelectionSources {
  /** Without it, a selector that names a run is an error. */
  readonly runs?: RunLookup | undefined
  /** Without it, a selector that names a list is an error. */
  readonly lists?: ListLookup | undefined
  /** Hosts of a run that are meant in any case, as names and no selectors. */
  readonly names?: readonly string[] | undefined
}

/**
 * The names that a request stands for: inventory hosts in the order of the inventory, each once, then names outside it
 * in the order of mention. Every host only by `all`: a list that came out empty does not stand for it.
 * @param outside whether a name that is no inventory name may be dialled all the same (an address, an ssh_config host);
 *   throws for one that may not
 * @param outright names outside the inventory that a glob with a literal part may mean, too: those of ssh_config's Host lines
 * @throws XecError XEC_CONFIG, XEC_UNKNOWN_HOST; also when nothing is selected
 */
export function select(
  inventory: Inventory,
  { groups = [], hosts = [], exclude = [], all = false }: SelectionRequest,
  outside: (name: string) => void,
  outright: readonly string[] = [],
  { runs, lists, names = [] }: SelectionSources = {},
): readonly string[] {
  const said: Said = { groups: [groups].flat(), hosts: [hosts].flat(), exclude: [exclude].flat() }
  if (!all && said.groups.length === 0 && said.hosts.length === 0 && names.length === 0)
    throw new XecError('XEC_CONFIG', 'the selection names no groups and no hosts; every host is all: true', {
      phase: 'select',
    })
  const chosen = new Set<string>()
  if (all) for (const name of inventory.hosts.keys()) chosen.add(name)
  for (const name of said.groups) for (const host of groupMembers(inventory, name)) chosen.add(host)
  const room = { left: MOST_NAMES }
  const remembered = new Set(names)
  const world: World = { inventory, outside, outright, runs, lists, room, remembered }
  for (const text of said.hosts) for (const name of evaluateIn(parseSelector(text, room), world)) chosen.add(name)
  for (const name of names) chosen.add(name)
  // Whoever is chosen may be left out, also a host that is not there any more.
  const known: World = { ...world, outside: (name) => void (chosen.has(name) || outside(name)) }
  for (const text of said.exclude) for (const name of evaluateIn(parseSelector(text, room), known)) chosen.delete(name)
  if (chosen.size === 0) throw nothingSelected(inventory, said)
  checkRemembered(
    [...chosen].filter((name) => remembered.has(name) && !inventory.hosts.has(name)),
    outside,
  )
  const inside = inOrder(inventory, chosen)
  return Object.freeze([...inside, ...[...chosen].filter((name) => !inventory.hosts.has(name))])
}

/** Hosts that a message names. */
const MOST_GONE = 5

/** Hosts of a run, each an inventory name then. @throws XecError XEC_UNKNOWN_HOST for those that are no host any more */
function checkRemembered(names: readonly string[], outside: (name: string) => void): void {
  const gone = names.filter((name) => {
    try {
      outside(name)
      return false
    } catch (error) {
      if (isXecError(error) && error.code === 'XEC_UNKNOWN_HOST') return true
      throw error
    }
  })
  const [first] = gone
  if (first === undefined) return
  const shown = gone.slice(0, MOST_GONE).join(', ')
  const more = gone.length > MOST_GONE ? ` and ${gone.length - MOST_GONE} more` : ''
  throw new XecError(
    'XEC_UNKNOWN_HOST',
    `${shown}${more}: in the run, but not in the inventory any more; leave ${gone.length === 1 ? 'it' : 'them'} out with -x ${gone.length > MOST_GONE ? `${first},…` : gone.join(',')}`,
    { host: first },
  )
}

type Said = Readonly<Record<'groups' | 'hosts' | 'exclude', readonly string[]>>

function inOrder(inventory: Inventory, chosen: ReadonlySet<string>): string[] {
  const names: string[] = []
  for (const name of inventory.hosts.keys()) if (chosen.has(name)) names.push(name)
  return names
}

/** What a selector is asked of. */
interface World {
  readonly inventory: Inventory
  readonly outside: (name: string) => void
  /** Names that ssh_config has without a wildcard. */
  readonly outright: readonly string[]
  readonly runs: RunLookup | undefined
  readonly lists: ListLookup | undefined
  readonly room: Room
  /** Collects the names that came from runs: they are looked at once all is chosen. */
  readonly remembered: Set<string>
}

/** What a selector stands for in an inventory. */
export function evaluate(
  selector: Selector,
  inventory: Inventory,
  outside: (name: string) => void,
  outright: readonly string[] = [],
): Set<string> {
  return evaluateIn(selector, {
    inventory,
    outside,
    outright,
    runs: undefined,
    lists: undefined,
    room: { left: MOST_NAMES },
    remembered: new Set(),
  })
}

/** Each step costs no more than the number of hosts. */
function evaluateIn(selector: Selector, world: World): Set<string> {
  let chosen = new Set<string>()
  for (const { operator, term } of selector.steps) {
    if (operator === ',') for (const name of namesOf(term, world)) chosen.add(name)
    else if (operator === '!') for (const name of namesOf(term, world, chosen)) chosen.delete(name)
    else chosen = new Set([...namesOf(term, world, chosen)].filter((name) => chosen.has(name)))
  }
  return chosen
}

/** @param among what a pattern is matched against, and who needs no second look; default the inventory */
function namesOf(term: Term, world: World, among?: ReadonlySet<string>): Iterable<string> {
  const { inventory, outside } = world
  switch (term.kind) {
    case 'all':
      return among ?? inventory.hosts.keys()
    case 'group':
      return groupMembers(inventory, term.name)
    case 'run':
      return namesOfRun(term, world)
    case 'list':
      return namesOfList(term.name, world, among)
    case 'slice':
      return sliceOf(term, world)
    case 'match': {
      const more = term.outright && !among ? world.outright.filter((name) => !inventory.hosts.has(name)) : []
      return term.matching([...(among ?? inventory.hosts.keys()), ...more])
    }
    case 'names':
      for (const name of term.names) if (!inventory.hosts.has(name) && !among?.has(name)) outside(name)
      return term.names
  }
}

/** A list holds names and ranges; what else an expression may hold is a mistake in it. */
function namesOfList(name: string, world: World, among?: ReadonlySet<string>): string[] {
  const { lists, room } = world
  const shown = name === '-' ? '-' : `^${name}`
  if (!lists)
    throw new XecError('XEC_CONFIG', `${shown}: lists are read by the command line, and only it can select by them`, {
      phase: 'select',
    })
  return lists.wordsOf(name).flatMap(({ word, line }) => {
    const fail = (problem: string): never => {
      throw new XecError('XEC_CONFIG', `${shown}, line ${line}: ${problem}`, { phase: 'select' })
    }
    try {
      const term = termOf(word, room, fail)
      return term.kind === 'names'
        ? [...namesOf(term, world, among)]
        : fail(`${word} is no name; a list holds names and ranges`)
    } catch (error) {
      if (!isXecError(error) || error.message.startsWith(`${shown}, line`)) throw error
      throw new XecError(error.code, `${shown}, line ${line}: ${error.message}`, { phase: 'select', cause: error })
    }
  })
}

/** Of the hosts in the order of the inventory, then those outside it. */
function sliceOf({ text, base, slice }: Extract<Term, { kind: 'slice' }>, world: World): readonly string[] {
  const chosen = new Set(namesOf(base, world))
  const { hosts } = world.inventory
  try {
    return takeSlice([...inOrder(world.inventory, chosen), ...[...chosen].filter((name) => !hosts.has(name))], slice)
  } catch (error) {
    throw new XecError('XEC_CONFIG', `${text}: ${messageOf(error)}`, { phase: 'select' })
  }
}

function namesOfRun(
  { text, run }: Extract<Term, { kind: 'run' }>,
  { inventory, runs, remembered }: World,
): Iterable<string> {
  if (isGroup(text, inventory)) {
    runs?.warn(`${text} is the group of that name here; the hosts of the last run are @run(last)`)
    return groupMembers(inventory, text.slice(1))
  }
  if (!runs)
    throw new XecError('XEC_CONFIG', `${text}: runs are recorded by the command line, and only it can select by them`, {
      phase: 'select',
    })
  const names = runs.hostsOf(run)
  for (const name of names) remembered.add(name)
  return names
}

function groupMembers(inventory: Inventory, name: string): ReadonlySet<string> {
  const members = inventory.membersOf(name)
  if (members) return members
  const meant = nearest(name, inventory.groups.keys())
  const known = [...inventory.groups.keys()]
  const hint = meant
    ? `did you mean ${meant}?`
    : known.length === 0
      ? 'the inventory has no groups'
      : `groups are ${known.slice(0, 10).join(', ')}${known.length > 10 ? ', …' : ''}`
  throw new XecError('XEC_CONFIG', `no group ${name}; ${hint}`, { phase: 'select' })
}

function nothingSelected(inventory: Inventory, { groups, hosts, exclude }: Said): XecError {
  if (inventory.hosts.size === 0 && hosts.length === 0) {
    return new XecError('XEC_CONFIG', 'no hosts: the inventory is empty', { phase: 'select' })
  }
  const said = [...groups.map((name) => `-g ${name}`), ...hosts.map((text) => `-w ${text}`)]
  const what = said.length > 0 ? said.join(' ') : 'all'
  const less = exclude.length > 0 ? ` without ${exclude.join(' and ')}` : ''
  return new XecError(
    'XEC_CONFIG',
    `nothing is selected: ${what}${less} stands for none of the ${inventory.hosts.size} hosts of the inventory`,
    { phase: 'select' },
  )
}
