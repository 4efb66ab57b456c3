/**
 * A JUnit XML report, one testcase a host: what CI systems show. A host whose command failed is a `failure`; one that
 * was not reached, or of which nobody knows how it ended, is an `error`.
 */
import type { Outcome, Result } from '../../adapter/types.js'
import type { Report } from '../../run/events.js'
import { reasonOf } from '../../run/fold.js'
import { flush, outletsOf, release, type RunRenderer, type RunRendererOptions } from './renderer.js'

type Verdict = 'passed' | 'failure' | 'error' | 'skipped'

const VERDICTS: Readonly<Record<Outcome, Verdict>> = {
  ok: 'passed',
  failed: 'failure',
  signal: 'failure',
  timeout: 'error',
  unreachable: 'error',
  auth: 'error',
  hostkey: 'error',
  refused: 'error',
  lost: 'error',
  cancelled: 'skipped',
  skipped: 'skipped',
}

export function junitRenderer(options: RunRendererOptions): RunRenderer {
  const outlets = outletsOf(options)
  return {
    onEvent: () => undefined,
    async finish(report) {
      for (const text of junitText(report)) await outlets.stdout.write(text)
      await flush(outlets)
    },
    abandon: () => release(outlets),
    pause: () => () => {},
  }
}

function* junitText({ command, startedAt, durationMs, results }: Report): Generator<string> {
  const count = (verdict: Verdict): number => results.filter(({ outcome }) => VERDICTS[outcome] === verdict).length
  const sums =
    `tests="${results.length}" failures="${count('failure')}" errors="${count('error')}" ` +
    `skipped="${count('skipped')}" time="${seconds(durationMs)}"`
  yield `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${sums}>\n`
  yield `  <testsuite name="${attribute(command)}" timestamp="${attribute(startedAt)}" ${sums}>\n`
  for (const result of results) yield testcase(result)
  yield '  </testsuite>\n</testsuites>\n'
}

function testcase(result: Result): string {
  const verdict = VERDICTS[result.outcome]
  const reason = attribute(reasonOf(result))
  const parts = [
    ...(verdict === 'failure' || verdict === 'error'
      ? [`<${verdict} type="${result.outcome}" message="${reason}"></${verdict}>`]
      : []),
    ...(verdict === 'skipped' ? [`<skipped message="${reason}"/>`] : []),
    ...(result.stdout.length > 0 ? [`<system-out>${content(result.stdout)}</system-out>`] : []),
    ...(result.stderr.length > 0 ? [`<system-err>${content(result.stderr)}</system-err>`] : []),
  ]
  const open = `    <testcase classname="xec" name="${attribute(result.host)}" time="${seconds(result.durationMs)}"`
  if (parts.length === 0) return `${open}/>\n`
  return `${open}>\n${parts.map((part) => `      ${part}\n`).join('')}    </testcase>\n`
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(3)
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function escaped(text: string): string {
  // XML 1.0 has no way to write these characters, not even as references (Char, §2.2).
  const allowed = text.replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
  return allowed.replace(/[&<>"]/g, (each) => ENTITIES[each] ?? each)
}

/** An attribute's blanks would be normalised to spaces. */
function attribute(text: string): string {
  return escaped(text).replace(/[\t\n\r]/g, (each) => `&#${each.charCodeAt(0)};`)
}

function content(bytes: Buffer): string {
  return escaped(bytes.toString('utf8')).replaceAll('\r', '&#13;')
}
