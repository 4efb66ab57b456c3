/** How the answer of hosts changed from one run to another, for people. Pure. */
import type { Result } from '../../adapter/types.js'
import { foldNames } from '../../inventory/fold-names.js'
import type { Changed } from '../../records/records.js'
import type { Paint } from './paint.js'
import { sanitizeLine, sanitizeText } from './sanitize.js'
import { displayWidth } from './width.js'

/** How a command ended, in a word or two: `ok`, `exit 3`, `signal TERM`, `unreachable`. */
export function endingWord({ outcome, exitCode, signal }: Pick<Result, 'outcome' | 'exitCode' | 'signal'>): string {
  if (outcome === 'signal') return `signal ${signal ?? 'unknown'}`
  if (outcome === 'failed') return exitCode === null ? 'no exit status' : `exit ${exitCode}`
  return outcome
}

/** One change of some hosts: a heading with both endings, then the lines that differ. */
export function changeLines(
  { hosts, before, after }: Pick<Changed, 'before' | 'after'> & { readonly hosts: readonly string[] },
  paint: Paint,
  columns: number,
): string[] {
  const [was, is] = [endingWord(before), endingWord(after)]
  const names = hosts.length === 1 ? (hosts[0] ?? '') : `${foldNames(hosts)} (${hosts.length})`
  const title = `── ${sanitizeLine(names)} · ${was === is ? was : `${was}, now ${is}`} `
  const rule = '─'.repeat(Math.max(0, Math.min(columns, 80) - displayWidth(title)))
  return [
    `${after.outcome === 'ok' ? paint.strong(title) : paint.bad(title)}${paint.faint(rule)}`,
    ...streamLines('', before.stdout, after.stdout, paint),
    ...streamLines('stderr:', before.stderr, after.stderr, paint),
  ]
}

function streamLines(heading: string, before: Buffer, after: Buffer, paint: Paint): string[] {
  if (before.equals(after)) return []
  const changed = changedLines(linesOf(before), linesOf(after))
  return [
    ...(heading === '' ? [] : [paint.faint(heading)]),
    ...(changed.before > 0
      ? [paint.faint(`  ${changed.before} equal ${changed.before === 1 ? 'line' : 'lines'}`)]
      : []),
    ...changed.gone.map((line) => paint.bad(`- ${line}`)),
    ...changed.come.map((line) => paint.good(`+ ${line}`)),
    ...(changed.behind > 0
      ? [paint.faint(`  ${changed.behind} equal ${changed.behind === 1 ? 'line' : 'lines'}`)]
      : []),
  ]
}

function linesOf(bytes: Buffer): string[] {
  const lines = sanitizeText(bytes).split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

interface ChangedLines {
  /** Equal lines before the first change and behind the last. */
  readonly before: number
  readonly behind: number
  readonly gone: readonly string[]
  readonly come: readonly string[]
}

/** What stands between the equal lines at both ends. */
function changedLines(was: readonly string[], is: readonly string[]): ChangedLines {
  const shorter = Math.min(was.length, is.length)
  let before = 0
  while (before < shorter && was[before] === is[before]) before++
  let behind = 0
  while (behind < shorter - before && was.at(-1 - behind) === is.at(-1 - behind)) behind++
  return { before, behind, gone: was.slice(before, was.length - behind), come: is.slice(before, is.length - behind) }
}
