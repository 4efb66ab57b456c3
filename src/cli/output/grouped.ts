/** A live view while the run goes, on a terminal; then equal outputs once. */
import { createArt } from './art.js'
import { unifiedDiff } from './diff.js'
import { LiveView } from './live.js'
import { createPaint } from './paint.js'
import {
  closing,
  closingLines,
  flush,
  outletsOf,
  release,
  type RunRenderer,
  type RunRendererOptions,
} from './renderer.js'
import { foldedOutputs } from './folded.js'

/** The live view needs the run's `started` event first. */
export function groupedRenderer(options: RunRendererOptions): RunRenderer {
  const outlets = outletsOf(options)
  const { stdout, stderr } = outlets
  const paint = createPaint(options.color.stdout)
  const view =
    options.quiet || !options.live
      ? undefined
      : new LiveView({ ...options, outlet: stdout, stream: options.stdout, paint })
  return {
    onEvent: (event) => view?.onEvent(event),
    async finish(report, snapshot) {
      await view?.close()
      const folded = {
        paint,
        art: createArt(options.unicode ?? true),
        columns: options.stdout.columns || 80,
        similar: options.grouping?.similar,
        patch: options.grouping?.diff ? await unifiedDiff() : undefined,
        closing: closingLines(report, snapshot, { ...options, color: { stdout: false, stderr: false } }),
      }
      for (const text of foldedOutputs(report.results, folded)) await stdout.write(text)
      await stderr.write(closing(report, snapshot, options))
      await flush(outlets)
    },
    abandon() {
      view?.stop()
      release(outlets)
    },
    pause: (question) => view?.pause(question) ?? (() => {}),
  }
}
