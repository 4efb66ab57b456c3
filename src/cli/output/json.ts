/** One JSON document on stdout at the end, also when everything failed. */
import { jsonText } from '../../run/report.js'
import { flush, outletsOf, release, type RunRenderer, type RunRendererOptions } from './renderer.js'

export function jsonRenderer(options: RunRendererOptions): RunRenderer {
  const outlets = outletsOf(options)
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
