/**
 * OpenSSH's patterns (ssh_config(5), PATTERNS): `*` any run of characters, `?` exactly one.
 * There are no character classes, and nothing is special about a dot or a slash.
 */

/** Whether the whole of `text` matches one pattern; case counts. At most text × pattern steps, whatever the pattern. */
export function matchPattern(text: string, pattern: string): boolean {
  let at = 0
  let p = 0
  let star = -1
  let retry = 0
  while (at < text.length) {
    if (p < pattern.length && pattern[p] === '*') {
      star = p++
      retry = at
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[at])) {
      at++
      p++
    } else if (star >= 0) {
      // Only the last star is ever widened: what an earlier one could take, this one can take too.
      p = star + 1
      at = ++retry
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

/** True when the pattern matches more than itself. */
export function hasWildcard(pattern: string): boolean {
  return pattern.includes('*') || pattern.includes('?')
}

/**
 * What a list of patterns says about `text`: a `!pattern` that matches vetoes the list, wherever it stands;
 * negations alone never match anything.
 */
export function matchPatterns(text: string, patterns: readonly string[]): 'match' | 'vetoed' | 'none' {
  const { positive, negative } = patterns.length < FEW ? sortOut(patterns) : known(patterns)
  if (isIn(text, negative)) return 'vetoed'
  return isIn(text, positive) ? 'match' : 'none'
}

/** Patterns of one sign: names to look up, and patterns to try in turn. */
interface Side {
  readonly names: Set<string>
  readonly wild: string[]
}

interface Sorted {
  readonly positive: Side
  readonly negative: Side
}

/** A list of at least this many patterns is sorted out once. */
const FEW = 16
const sorted = new WeakMap<readonly string[], Sorted>()

function known(patterns: readonly string[]): Sorted {
  let found = sorted.get(patterns)
  if (!found) sorted.set(patterns, (found = sortOut(patterns)))
  return found
}

function sortOut(patterns: readonly string[]): Sorted {
  const positive: Side = { names: new Set(), wild: [] }
  const negative: Side = { names: new Set(), wild: [] }
  for (const written of patterns) {
    const negated = written.startsWith('!')
    const pattern = negated ? written.slice(1) : written
    const side = negated ? negative : positive
    if (hasWildcard(pattern)) side.wild.push(pattern)
    else side.names.add(pattern)
  }
  return { positive, negative }
}

function isIn(text: string, { names, wild }: Side): boolean {
  return names.has(text) || wild.some((pattern) => matchPattern(text, pattern))
}

/** The patterns of a list written with commas or white space; empty items are dropped. */
export function splitPatterns(list: string): string[] {
  return list.split(/[,\s]+/).filter((item) => item !== '')
}
