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
  let matched = false
  for (const pattern of patterns) {
    const negated = pattern.startsWith('!')
    if (!matchPattern(text, negated ? pattern.slice(1) : pattern)) continue
    if (negated) return 'vetoed'
    matched = true
  }
  return matched ? 'match' : 'none'
}

/** The patterns of a list written with commas or white space; empty items are dropped. */
export function splitPatterns(list: string): string[] {
  return list.split(/[,\s]+/).filter((item) => item !== '')
}
