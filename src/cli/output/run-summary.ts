/** What is left to read when a run is over: failures with their reason, one line of counts. Pure. */
import { OUTCOMES, type Outcome, type Result } from '../../adapter/types.js'
import { foldNames } from '../../inventory/fold-names.js'
import { foldNotes, foldReasons, type ReasonGroup } from '../../run/fold.js'
import type { Report } from '../../run/events.js'
import { formatDuration } from '../../runtime/duration.js'
import type { Paint } from './paint.js'
import { sanitizeLine, sanitizeMessage } from './sanitize.js'
import { displayWidth, padEnd } from './width.js'

/** `web[01-19] (19)`; one host is its name alone. */
export function nameHosts(hosts: readonly string[]): string {
  const folded = sanitizeLine(foldNames(hosts))
  return hosts.length === 1 ? folded : `${folded} (${hosts.length})`
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
