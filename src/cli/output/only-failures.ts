/** Shows the hosts that are not ok, and of the others only their number. */
import type { RunEvent } from '../../run/events.js'
import type { RunRenderer } from './renderer.js'

/**
 * @param streams whether the renderer writes output as it comes: it is then held until its host has failed, and taken
 *   from the result, which must hold it
 */
export function onlyFailures(renderer: RunRenderer, streams: boolean): RunRenderer {
  const failed = async (event: Extract<RunEvent, { type: 'result' }>): Promise<void> => {
    const { run, item, host, result } = event
    for (const stream of ['stdout', 'stderr'] as const)
      await renderer.onEvent({ type: 'output', run, item, host, stream, chunk: result[stream] })
    await renderer.onEvent(event)
  }
  return {
    ...renderer,
    onEvent(event) {
      if (!streams) return renderer.onEvent(event)
      if (event.type === 'output') return undefined
      if (event.type !== 'result') return renderer.onEvent(event)
      return event.result.ok ? undefined : failed(event)
    },
    finish: (report, snapshot) =>
      renderer.finish({ ...report, results: report.results.filter(({ ok }) => !ok) }, snapshot),
  }
}
