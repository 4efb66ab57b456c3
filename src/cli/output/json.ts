/** One JSON document on stdout at the end, also when everything failed. */
import { jsonText } from '../../run/report.js'
import { createPaint } from './paint.js'
import { flush, outletsOf, release, type RunRenderer, type RunRendererOptions } from './renderer.js'
import { noteLines } from './run-summary.js'

export function jsonRenderer(options: RunRendererOptions): RunRenderer {
  const outlets = outletsOf(options)
  return {
    onEvent: () => undefined,
    async finish(report, snapshot) {
      for (const text of jsonText(report, snapshot)) await outlets.stdout.write(text)
      // Also with -q: whoever reads the document may not look at `truncated`.
      const cut = noteLines(
        report.results.filter(({ truncated }) => truncated),
        createPaint(options.color.stderr),
      )
      await outlets.stderr.write(cut.map((line) => `${line}\n`).join(''))
      await flush(outlets)
    },
    abandon: () => release(outlets),
    pause: () => () => {},
  }
}
