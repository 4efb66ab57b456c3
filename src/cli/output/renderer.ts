/** What every renderer of a run has in common; the renderers themselves are in the table of formats.ts. */
import type { PoolSnapshot } from '../../pool/metrics/snapshot.js'
import type { Report, RunEvent } from '../../run/events.js'
import type { Clock } from '../../runtime/clock.js'
import { createArt } from './art.js'
import type { Console } from './console.js'
import { metricsText, type MetricsForm } from './metrics.js'
import { Outlet } from './outlet.js'
import type { OutputStream } from './output-stream.js'
import { createPaint } from './paint.js'
import { failureLines, noteLines, summaryLine } from './run-summary.js'

export interface Grouping {
  /** Compare without host names, addresses and times. */
  readonly similar: boolean
  /** The largest group in full, the others as a unified diff against it. */
  readonly diff: boolean
}

export interface RunRendererOptions {
  /** Whether a live picture may be drawn on stdout: it is a terminal, not in CI, not with TERM=dumb. */
  readonly live: boolean
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  /** For each of the streams by itself: one may be a file. */
  readonly color: { readonly stdout: boolean; readonly stderr: boolean }
  /** Whether the terminal shows UTF-8; default true. */
  readonly unicode?: boolean | undefined
  /** The terminal below a picture; without it nothing is done about its echo and Ctrl-Z. */
  readonly console?: Console | undefined
  /** Remote output and failures only: no live view, summary or metrics. */
  readonly quiet: boolean
  /** How the pool metrics are printed when done. */
  readonly metrics: MetricsForm
  readonly snapshot: () => PoolSnapshot
  /** The remote command line or script name, for the heading of the live view. */
  readonly command: string
  readonly clock: Clock
  /** How equal outputs are told apart and shown; for the grouped format. */
  readonly grouping?: Grouping
  /** Hears once when nobody reads stdout any more (`| head`), so that the run can be cancelled. */
  readonly onClosed?: () => void
}

export interface RunRenderer {
  /** Shows one event. A promise is backpressure: the reader of our output is slower than the hosts. Never rejects. */
  onEvent(event: RunEvent): void | Promise<void>
  /** Shows the result and gives the terminal back. Resolves when everything is written. */
  finish(report: Report, snapshot: PoolSnapshot): Promise<void>
  /** Gives the terminal back at once, without a result: for every way out that is not `finish`. Idempotent, synchronous. */
  abandon(): void
  /**
   * Leaves the terminal to something else (a question, a notice) until what it returns is called.
   * @param question whether a person is to answer, and sees what is typed
   */
  pause(question?: boolean): () => void
}

/** Our two streams, as a renderer writes to them. */
export interface Outlets {
  readonly stdout: Outlet
  readonly stderr: Outlet
}

export function outletsOf({ stdout, stderr, onClosed }: RunRendererOptions): Outlets {
  return { stdout: new Outlet(stdout, onClosed), stderr: new Outlet(stderr) }
}

export function release({ stdout, stderr }: Outlets): void {
  stdout.release()
  stderr.release()
}

export async function flush({ stdout, stderr }: Outlets): Promise<void> {
  await stdout.finish()
  await stderr.finish()
}

/** Failures, summary, metrics: for people, on stderr, so that stdout is the hosts' alone. */
export function closing(report: Report, snapshot: PoolSnapshot, options: RunRendererOptions): string {
  return closingLines(report, snapshot, options)
    .map((line) => `${line}\n`)
    .join('')
}

/** The same, line by line. */
export function closingLines(
  report: Report,
  snapshot: PoolSnapshot,
  { color, quiet, metrics, unicode = true }: Pick<RunRendererOptions, 'color' | 'quiet' | 'metrics' | 'unicode'>,
): string[] {
  const paint = createPaint(color.stderr)
  const lines = [...noteLines(report.results, paint), ...failureLines(report.results, paint)]
  if (!quiet) lines.push(summaryLine(report, paint))
  if (!quiet) lines.push(...metricsText(metrics, snapshot, paint))
  return lines.map(createArt(unicode))
}
