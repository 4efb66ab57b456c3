/** What is left to read when a run is over: folded outputs, failures with their reason, one line of counts. Pure. */
import { OUTCOMES, type Outcome, type Result } from '../../adapter/types.js'
import { foldNames } from '../../inventory/fold-names.js'
import { foldNotes, foldOutputs, foldReasons, type OutputGroup, type ReasonGroup } from '../../run/fold.js'
import type { Report } from '../../run/events.js'
import { formatDuration } from '../../runtime/duration.js'
import type { Art } from './art.js'
import type { Paint } from './paint.js'
import { sanitizeFinished, sanitizeLine, sanitizeMessage } from './sanitize.js'
import { displayWidth, padEnd } from './width.js'

/** `web[01-19] (19)`; one host is its name alone. */
function nameHosts(hosts: readonly string[]): string {
  const folded = sanitizeLine(foldNames(hosts))
  return hosts.length === 1 ? folded : `${folded} (${hosts.length})`
}

export interface FoldedOptions {
  readonly paint: Paint
  readonly art: Art
  readonly columns: number
  /** Lines of ours that follow the outputs, unpainted. */
  readonly closing: readonly string[]
}

/**
 * Outputs for a terminal, identical ones once, the largest group first; sanitised. Yields text group by group.
 * Hosts that failed without a word are left to the failures. A remote line that looks like one of ours is indented.
 */
export function* foldedOutputs(
  results: readonly Result[],
  { paint, art, columns, closing }: FoldedOptions,
): Generator<string> {
  const ours = new Set(closing)
  const shown = (bytes: Buffer): string => endLine(apart(sanitizeFinished(bytes), ours))
  for (const group of foldOutputs(results)) {
    const silent = group.stdout.length === 0 && group.stderr.length === 0
    if (silent && group.outcome !== 'ok') continue
    const end = ending(group)
    const title = `── ${nameHosts(group.hosts)}${end === '' ? '' : ` · ${end}`}${silent ? ' · no output' : ''}`
    // Nothing behind a title that is as wide as the terminal: a space would take a line of its own.
    const room = Math.min(columns, 80) - displayWidth(title) - 1
    const rule = room > 0 ? ` ${paint.faint(art('─'.repeat(room)))}` : ''
    yield `${group.outcome === 'ok' ? paint.strong(art(title)) : paint.bad(art(title))}${rule}\n`
    if (group.stdout.length > 0) yield shown(group.stdout)
    if (group.stderr.length > 0) {
      yield `${paint.faint('stderr:')}\n`
      yield shown(group.stderr)
    }
    if (group.truncated) yield `${paint.faint('[xec: this is not all there was, see below]')}\n`
  }
}

/** How every line of ours begins, in either line art; failures begin with a host's name and are compared as a whole. */
const LIKE_OURS = /^(?:──|-- |stderr:|\[xec: |xec: |pool {2}|\d+ hosts? [·|] )/

/** Remote text in which no line is the same as one of ours. */
function apart(text: string, ours: ReadonlySet<string>): string {
  return text
    .split('\n')
    .map((line) => (LIKE_OURS.test(line) || (line !== '' && ours.has(line)) ? `  ${line}` : line))
    .join('\n')
}

function ending({ outcome, exitCode, signal }: OutputGroup): string {
  if (outcome === 'ok') return ''
  if (outcome === 'signal') return `signal ${signal ?? 'unknown'}`
  if (outcome === 'failed') return exitCode === null ? 'no exit status' : `exit ${exitCode}`
  return outcome
}

function endLine(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}

/** One line for each reason not to be ok, the most frequent first. */
export function failureLines(results: readonly Result[], paint: Paint): string[] {
  return reasonLines(foldReasons(results), paint)
}

/** One line for each thing to know of outputs that are not all there was. */
export function noteLines(results: readonly Result[], paint: Paint): string[] {
  return reasonLines(foldNotes(results), paint)
}

function reasonLines(groups: readonly ReasonGroup[], paint: Paint): string[] {
  const rows = groups.map(({ hosts, outcome, reason }) => ({
    name: nameHosts(hosts),
    outcome,
    reason: sanitizeMessage(reason),
  }))
  const nameWidth = Math.min(40, Math.max(0, ...rows.map(({ name }) => displayWidth(name))))
  const outcomeWidth = Math.max(0, ...rows.map(({ outcome }) => outcome.length))
  return rows.map(
    ({ name, outcome, reason }) =>
      `${padEnd(name, nameWidth)}  ${colored(outcome, padEnd(outcome, outcomeWidth), paint)}  ${reason}`,
  )
}

/** `200 hosts · 195 ok · 3 failed · 2 unreachable · 4.2s` */
export function summaryLine(report: Report, paint: Paint): string {
  const { counts } = report
  const parts = OUTCOMES.flatMap((outcome) =>
    counts[outcome] === 0 ? [] : [colored(outcome, `${counts[outcome]} ${outcome}`, paint)],
  )
  return [
    paint.strong(`${counts.total} host${counts.total === 1 ? '' : 's'}`),
    ...parts,
    formatDuration(report.durationMs),
  ].join(' · ')
}

function colored(outcome: Outcome, text: string, paint: Paint): string {
  if (outcome === 'ok') return paint.good(text)
  return outcome === 'skipped' || outcome === 'cancelled' ? paint.faint(text) : paint.bad(text)
}
