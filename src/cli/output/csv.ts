/** A header and one row a host, at the end: for spreadsheets and awk. Quoting as in RFC 4180, lines end with a newline. */
import type { Result } from '../../adapter/types.js'
import { flush, outletsOf, release, type RunRenderer, type RunRendererOptions } from './renderer.js'

const COLUMNS = {
  host: ({ host }) => host,
  address: ({ address }) => address,
  outcome: ({ outcome }) => outcome,
  exitCode: ({ exitCode }) => String(exitCode ?? ''),
  durationMs: ({ durationMs }) => String(Math.round(durationMs)),
  stdout: ({ stdout }) => stdout.toString('utf8'),
  stderr: ({ stderr }) => stderr.toString('utf8'),
} as const satisfies Record<string, (result: Result) => string>

export function csvRenderer(options: RunRendererOptions): RunRenderer {
  const outlets = outletsOf(options)
  return {
    onEvent: () => undefined,
    async finish({ results }) {
      await outlets.stdout.write(row(Object.keys(COLUMNS)))
      for (const result of results)
        await outlets.stdout.write(row(Object.values(COLUMNS).map((column) => column(result))))
      await flush(outlets)
    },
    abandon: () => release(outlets),
    pause: () => () => {},
  }
}

function row(cells: readonly string[]): string {
  return `${cells.map(cell).join(',')}\n`
}

function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
