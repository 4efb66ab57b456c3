/**
 * One JSON object a line, as things happen: `start`, `line`, `result`, `summary`. For programs that follow a run; the
 * fields are in docs/output.md, and xec keeps them for a schemaVersion.
 */
import type { RunEvent } from '../../run/events.js'
import { hostDocument, streamText } from '../../run/report.js'
import { LineSplitter } from '../../run/line-splitter.js'
import { flush, outletsOf, release, type RunRenderer, type RunRendererOptions } from './renderer.js'

type OutputEvent = Extract<RunEvent, { type: 'output' }>

export function ndjsonRenderer(options: RunRendererOptions): RunRenderer {
  const outlets = outletsOf(options)
  const write = (objects: readonly object[]): void | Promise<void> =>
    outlets.stdout.write(objects.map((object) => `${JSON.stringify(object)}\n`).join(''))
  const splitters = new Map<number, Record<'stdout' | 'stderr', LineSplitter>>()

  const lines = ({ run, item, host, stream, chunk }: OutputEvent): object[] => {
    let found = splitters.get(item)
    if (!found) splitters.set(item, (found = { stdout: new LineSplitter(), stderr: new LineSplitter() }))
    return found[stream].push(chunk).map((bytes) => lineObject({ run, item, host, stream }, bytes))
  }
  const rest = ({ run, item, host }: Pick<OutputEvent, 'run' | 'item' | 'host'>): object[] => {
    const found = splitters.get(item)
    splitters.delete(item)
    return (['stdout', 'stderr'] as const).flatMap((stream) =>
      (found?.[stream].end() ?? []).map((bytes) => lineObject({ run, item, host, stream }, bytes)),
    )
  }

  return {
    onEvent(event) {
      switch (event.type) {
        case 'started': {
          const { run, command, startedAt, items } = event
          return write([{ type: 'start', schemaVersion: 1, run, command, startedAt, hosts: items }])
        }
        case 'output':
          return outlets.stdout.open ? write(lines(event)) : undefined
        case 'result': {
          const { run, item, result } = event
          return write([...rest(event), { type: 'result', run, item, ...hostDocument(result) }])
        }
        case 'state':
        case 'sending':
        case 'finished':
          return undefined
      }
    },
    async finish({ id, durationMs, ok, counts }, pool) {
      await write([{ type: 'summary', run: id, durationMs: Math.round(durationMs), ok, counts, pool }])
      await flush(outlets)
    },
    abandon: () => release(outlets),
    pause: () => () => {},
  }
}

/** A line without its newline: text when its bytes are UTF-8, else base64, as in the JSON document. */
function lineObject(of: Pick<OutputEvent, 'run' | 'item' | 'host' | 'stream'>, bytes: Buffer): object {
  const { text, encoding } = streamText(bytes)
  return { type: 'line', ...of, text, encoding }
}
