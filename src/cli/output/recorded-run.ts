/** A recorded run for people. Pure. */
import type { RunRecord } from '../../records/records.js'
import { formatDuration } from '../../runtime/duration.js'
import type { Paint } from './paint.js'
import { sanitizeLine } from './sanitize.js'

/** `2026-01-31 14:03:55`, where the reader is. */
export function localTime(iso: string): string {
  const at = new Date(iso)
  const two = (n: number): string => String(n).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

/** What was run, by whom, when, and how it went on; one line each. */
export function headLines({ head, state, report, open, items }: RunRecord, paint: Paint): string[] {
  const { request } = head
  const sent = open.filter((each) => each.sent).length
  const rows: (readonly [string, string])[] = [
    ['run', head.id],
    [request.script ? 'script' : 'command', head.command],
    ['started', `${localTime(head.startedAt)} by ${head.user} on ${head.machine}, in ${head.cwd}`],
    ['hosts', `${items.length}${saidAs(request.options)}`],
    ...(head.config === null ? [] : [['inventory', head.config] as const]),
    ...(head.rerunOf === null ? [] : [['repeats', head.rerunOf] as const]),
    [
      'state',
      state === 'ended'
        ? `ended after ${formatDuration(report.durationMs)}`
        : state === 'running'
          ? `running: ${sent} at work, ${open.length - sent} to come`
          : 'interrupted: xec was gone before the end',
    ],
  ]
  return rows.map(([name, value]) => `${paint.faint(name.padEnd(9))}  ${sanitizeLine(value)}`)
}

/** The selection, as it was said on the command line. */
function saidAs({ group, hosts, exclude, all }: Readonly<Record<string, unknown>>): string {
  const each = (flag: string, values: unknown): string[] =>
    Array.isArray(values) ? values.map((value) => `${flag} ${String(value)}`) : []
  const said = [...(all === true ? ['--all'] : []), ...each('-g', group), ...each('-w', hosts), ...each('-x', exclude)]
  return said.length === 0 ? '' : `, by ${said.join(' ')}`
}
