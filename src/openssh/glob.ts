/** Paths by pattern, as an Include line of ssh_config writes them (glob(7)). */
import { opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Directory entries that one pattern may look at: a pattern over all of `/proc` has millions. */
const MOST_ENTRIES = 100_000

/**
 * The paths that match an absolute pattern: `*` `?` `[…]` within one segment, no leading dot unless written, sorted.
 * @param most paths to find at the most
 * @throws Error with the problem alone, when the pattern matches or looks at more than its bounds
 */
export async function glob(pattern: string, most: number): Promise<string[]> {
  const segments = pattern.split('/').filter((part) => part !== '')
  const list = lister()
  let paths = ['/']
  for (const [i, segment] of segments.entries()) {
    if (!isPattern(segment)) {
      paths = paths.map((path) => join(path, segment))
      continue
    }
    const test = segmentTest(segment)
    const next: string[] = []
    for (const path of paths) for (const name of await list(path, test)) next.push(join(path, name))
    if (i === segments.length - 1 && next.length > most) throw new Error(`it matches more than ${most} files`)
    paths = next
  }
  if (!isPattern(pattern)) return paths
  const there: string[] = []
  for (const path of paths) if (await exists(path)) there.push(path)
  return there
}

function isPattern(text: string): boolean {
  return /[*?[]/.test(text)
}

/** Lists directories; all of its calls together look at no more than the bound. */
function lister(): (path: string, test: (name: string) => boolean) => Promise<string[]> {
  let entries = 0
  return async (path, test) => {
    const names: string[] = []
    // As glob(3) without GLOB_ERR: a directory that cannot be listed matches nothing.
    const directory = await opendir(path, { bufferSize: 1_000 }).catch(() => undefined)
    if (!directory) {
      // What is no directory costs a look as well.
      if (++entries > MOST_ENTRIES) throw tooMany()
      return names
    }
    try {
      for (let entry = await directory.read(); entry !== null; entry = await directory.read()) {
        if (++entries > MOST_ENTRIES) throw tooMany()
        if (test(entry.name)) names.push(entry.name)
      }
    } catch (error) {
      if (!(error as NodeJS.ErrnoException).code) throw error
    } finally {
      await directory.close()
    }
    return names.sort()
  }
}

function tooMany(): Error {
  return new Error(`it looks at more than ${MOST_ENTRIES} files; name a smaller directory`)
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

type Token = '*' | ((character: string) => boolean)

/** Whether a name matches one segment. At most name × segment steps: no regular expression, whose stars could backtrack. */
export function segmentTest(segment: string): (name: string) => boolean {
  const tokens = [...segment.matchAll(/\[([!^]?)(\]?[^\]]*)\]|[\s\S]/g)].map(tokenOf)
  return (name) => (segment.startsWith('.') || !name.startsWith('.')) && matches(name, tokens)
}

function tokenOf([part, not, set]: RegExpMatchArray): Token {
  if (set !== undefined) return setTest(set, not !== '')
  if (part === '*') return '*'
  return part === '?' ? () => true : (character) => character === part
}

function setTest(set: string, negated: boolean): (character: string) => boolean {
  try {
    const expression = new RegExp(`^[${negated ? '^' : ''}${set.replace(/[\\\]^[]/g, '\\$&')}]$`, 's')
    return (character) => expression.test(character)
  } catch {
    // A range that runs backwards, which glob(7) leaves open: nothing is in it.
    return () => false
  }
}

/** As matchPattern of pattern.ts: only the last star is ever widened. */
function matches(name: string, tokens: readonly Token[]): boolean {
  let at = 0
  let t = 0
  let star = -1
  let retry = 0
  while (at < name.length) {
    const token = tokens[t]
    if (token === '*') {
      star = t++
      retry = at
    } else if (token?.(name.charAt(at))) {
      at++
      t++
    } else if (star >= 0) {
      t = star + 1
      at = ++retry
    } else return false
  }
  while (tokens[t] === '*') t++
  return t === tokens.length
}
