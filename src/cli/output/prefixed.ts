/** Each complete line behind the name of its host, as it comes: for pipes. */
import { LinePrefixer } from './lines.js'
import { closing, flush, outletsOf, release, type RunRenderer, type RunRendererOptions } from './renderer.js'
import type { OutputStream } from './output-stream.js'
import { Sanitizer, sanitizeLine } from './sanitize.js'

export function prefixedRenderer(options: RunRendererOptions): RunRenderer {
  const outlets = outletsOf(options)
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
