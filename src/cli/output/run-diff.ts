/** How the answer of hosts changed from one run to another, for people. Pure. */
import type { Result } from '../../adapter/types.js'
import { foldNames } from '../../inventory/fold-names.js'
import type { Changed } from '../../records/records.js'
import type { Patch } from './diff.js'
import type { Paint } from './paint.js'
import { sanitizeLine, sanitizeText } from './sanitize.js'
import { displayWidth } from './width.js'

/** How a command ended, in a word or two: `ok`, `exit 3`, `signal TERM`, `unreachable`. */
export function endingWord({ outcome, exitCode, signal }: Pick<Result, 'outcome' | 'exitCode' | 'signal'>): string {
  if (outcome === 'signal') return `signal ${signal ?? 'unknown'}`
  if (outcome === 'failed') return exitCode === null ? 'no exit status' : `exit ${exitCode}`
  return outcome
}

export interface ChangeOptions {
  readonly paint: Paint
  readonly columns: number
  readonly patch: Patch
}

/** One change of some hosts: a heading with both endings, then the lines that differ. */
export function changeLines(
  { hosts, before, after }: Pick<Changed, 'before' | 'after'> & { readonly hosts: readonly string[] },
  options: ChangeOptions,
): string[] {
  const { paint, columns } = options
  const [was, is] = [endingWord(before), endingWord(after)]
  const names = hosts.length === 1 ? (hosts[0] ?? '') : `${foldNames(hosts)} (${hosts.length})`
  const title = `── ${sanitizeLine(names)} · ${was === is ? was : `${was}, now ${is}`} `
  const rule = '─'.repeat(Math.max(0, Math.min(columns, 80) - displayWidth(title)))
  return [
    `${after.outcome === 'ok' ? paint.strong(title) : paint.bad(title)}${paint.faint(rule)}`,
    ...streamLines('', before.stdout, after.stdout, options),
    ...streamLines('stderr:', before.stderr, after.stderr, options),
  ]
}

function streamLines(
  heading: string,
  before: Buffer,
  after: Buffer,
  { paint, patch }: Pick<ChangeOptions, 'paint' | 'patch'>,
): string[] {
  if (before.equals(after)) return []
  const lines = patch(sanitizeText(before), sanitizeText(after), 'before', 'after')
  return [
    ...(heading === '' ? [] : [paint.faint(heading)]),
    ...(lines?.slice(2).map((line) => painted(line, paint)) ?? [
      'too different to be compared: xec runs show has both',
    ]),
  ]
}

function painted(line: string, paint: Paint): string {
  if (line.startsWith('-')) return paint.bad(line)
  if (line.startsWith('+')) return paint.good(line)
  return line.startsWith('@@') ? paint.faint(line) : line
}
