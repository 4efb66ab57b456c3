/** How a run is shown: on a terminal, in a pipe, or as one JSON document. */
import type { Writable } from 'node:stream'
import type { PoolSnapshot } from '../../pool/snapshot.js'
import type { Report, RunEvent } from '../../run/events.js'
import { jsonText } from '../../run/report.js'
import type { Clock } from '../../runtime/clock.js'
import { LinePrefixer } from './lines.js'
import { LiveView } from './live.js'
import { metricsLines } from './metrics.js'
import { Outlet } from './outlet.js'
import { createPaint } from './paint.js'
import { failureLines, foldedOutputs, noteLines, summaryLine } from './run-summary.js'
import { Sanitizer, sanitizeLine } from './sanitize.js'

/** Where output goes. `isTTY`, `columns` and `rows` are those of a terminal and absent elsewhere. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number }

export interface RunRendererOptions {
  /** `live` needs a terminal on stdout; the caller decides (not in CI, not with TERM=dumb). */
  readonly mode: 'live' | 'pipe' | 'json'
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  /** For each of the streams by itself: one may be a file. */
  readonly color: { readonly stdout: boolean; readonly stderr: boolean }
  /** Remote output and failures only: no live view, summary or metrics. */
  readonly quiet: boolean
  /** Print the pool metrics when done. */
  readonly metrics: boolean
  readonly snapshot: () => PoolSnapshot
  /** The remote command line or script name, for the heading of the live view. */
  readonly command: string
  readonly clock: Clock
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
  /** Leaves the terminal to something else (a question, a notice) until what it returns is called. */
  pause(): () => void
}

/** The renderer of one run. Live mode needs the run's `started` event first; the others take events in any order. */
export function createRunRenderer(options: RunRendererOptions): RunRenderer {
  const outlets: Outlets = { stdout: new Outlet(options.stdout, options.onClosed), stderr: new Outlet(options.stderr) }
  switch (options.mode) {
    case 'live':
      return liveRenderer(options, outlets)
    case 'pipe':
      return pipeRenderer(options, outlets)
    case 'json':
      return jsonRenderer(outlets)
  }
}

interface Outlets {
  readonly stdout: Outlet
  readonly stderr: Outlet
}

function release({ stdout, stderr }: Outlets): void {
  stdout.release()
  stderr.release()
}

async function flush({ stdout, stderr }: Outlets): Promise<void> {
  await stdout.finish()
  await stderr.finish()
}

function liveRenderer(options: RunRendererOptions, outlets: Outlets): RunRenderer {
  const { stdout, stderr } = outlets
  const paint = createPaint(options.color.stdout)
  const view = options.quiet ? undefined : new LiveView({ ...options, outlet: stdout, stream: options.stdout, paint })
  return {
    onEvent: (event) => view?.onEvent(event),
    async finish(report, snapshot) {
      await view?.close()
      for (const text of foldedOutputs(report.results, paint, options.stdout.columns || 80)) await stdout.write(text)
      await stderr.write(closing(report, snapshot, options))
      await flush(outlets)
    },
    abandon() {
      view?.stop()
      release(outlets)
    },
    pause: () => view?.pause() ?? (() => {}),
  }
}

function pipeRenderer(options: RunRendererOptions, outlets: Outlets): RunRenderer {
  const writers = new Map<string, Record<'stdout' | 'stderr', LineStream>>()
  const ended = (host: string): void | Promise<void> => {
    const lines = writers.get(host)
    if (!lines) return undefined
    writers.delete(host)
    return both(outlets.stdout.write(lines.stdout.end()), outlets.stderr.write(lines.stderr.end()))
  }
  return {
    onEvent(event) {
      if (event.type === 'result') return ended(event.host)
      // What nobody reads is not worth its lines.
      if (event.type !== 'output' || !outlets[event.stream].open) return undefined
      let lines = writers.get(event.host)
      if (!lines) {
        lines = { stdout: lineStream(event.host, options.stdout), stderr: lineStream(event.host, options.stderr) }
        writers.set(event.host, lines)
      }
      return outlets[event.stream].write(lines[event.stream].push(event.chunk))
    },
    async finish(report, snapshot) {
      for (const host of [...writers.keys()]) await ended(host)
      await outlets.stderr.write(closing(report, snapshot, options))
      await flush(outlets)
    },
    abandon: () => release(outlets),
    pause: () => () => {},
  }
}

interface LineStream {
  push(chunk: Buffer): Buffer
  end(): Buffer
}

/** The bytes as they are; sanitised when this one of our streams is a terminal (`xec exec-all … | less` leaves stderr one). */
function lineStream(host: string, stream: OutputStream): LineStream {
  const lines = new LinePrefixer(sanitizeLine(host))
  if (!stream.isTTY) return lines
  const sanitizer = new Sanitizer()
  return {
    push: (chunk) => lines.push(Buffer.from(sanitizer.write(chunk))),
    end: () => Buffer.concat([lines.push(Buffer.from(sanitizer.end())), lines.end()]),
  }
}

function both(first: void | Promise<void>, second: void | Promise<void>): void | Promise<void> {
  return first && second ? Promise.all([first, second]).then(() => {}) : (first ?? second)
}

function jsonRenderer(outlets: Outlets): RunRenderer {
  return {
    onEvent: () => undefined,
    async finish(report, snapshot) {
      for (const text of jsonText(report, snapshot)) await outlets.stdout.write(text)
      await flush(outlets)
    },
    abandon: () => release(outlets),
    pause: () => () => {},
  }
}

/** Failures, summary, metrics: for people, on stderr, so that stdout is the hosts' alone. */
function closing(report: Report, snapshot: PoolSnapshot, { color, quiet, metrics }: RunRendererOptions): string {
  const paint = createPaint(color.stderr)
  const lines = [...noteLines(report.results, paint), ...failureLines(report.results, paint)]
  if (!quiet) lines.push(summaryLine(report, paint))
  if (metrics && !quiet) lines.push(...metricsLines(snapshot, paint))
  return lines.map((line) => `${line}\n`).join('')
}
