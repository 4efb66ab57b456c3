/** The bytes of one host, as they come and nothing else: what `xec run` shows. */
import { flush, outletsOf, release, type RunRenderer, type RunRendererOptions } from './renderer.js'

export function bytesRenderer(options: RunRendererOptions): RunRenderer {
  const outlets = outletsOf(options)
  return {
    onEvent: (event) => (event.type === 'output' ? outlets[event.stream].write(event.chunk) : undefined),
    finish: () => flush(outlets),
    abandon: () => release(outlets),
    pause: () => () => {},
  }
}
