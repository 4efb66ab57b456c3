/** What the output options of a run come to together: a format, and how it is to look. */
import type { OptionValues } from '../options.js'
import { usage } from '../values.js'
import { askedFormat, format, type FormatName } from './formats.js'
import { onlyFailures } from './only-failures.js'
import type { RunRenderer, RunRendererOptions } from './renderer.js'

export interface OutputChoice {
  readonly name: FormatName
  /** Whether stdout is a document of its own. */
  readonly document: boolean
  /** Whether it writes while the run goes. */
  readonly streams: boolean
  /** Whether results must hold the output. */
  readonly captures: boolean
  /** Loads the renderer's code. */
  load(): Promise<(options: RunRendererOptions) => RunRenderer>
}

type Asked = Pick<OptionValues, 'json' | 'output' | 'diff' | 'foldSimilar' | 'stream' | 'onlyFailures'>

/**
 * @param live whether stdout is a terminal that a live view can be drawn on
 * @throws XecError XEC_CONFIG for options that contradict each other
 */
export function chooseOutput(options: Asked, live: boolean): OutputChoice {
  const grouped = options.diff ? '--diff' : options.foldSimilar ? '--fold-similar' : undefined
  const name = nameOf(options, grouped, live)
  const shown = format(name)
  const failures = options.onlyFailures === true
  return {
    name,
    document: shown.document,
    streams: shown.streams,
    captures: shown.captures || failures,
    async load() {
      const create = await shown.load()
      const grouping = { diff: options.diff === true, similar: options.foldSimilar === true }
      return (look) => {
        const renderer = create({ ...look, grouping })
        return failures ? onlyFailures(renderer, shown.streams) : renderer
      }
    },
  }
}

function nameOf(options: Asked, grouped: string | undefined, live: boolean): FormatName {
  const asked = askedFormat(options)
  if (grouped !== undefined && options.stream)
    throw usage(`${grouped} and --stream contradict each other: equal outputs are known at the end only`)
  if (grouped !== undefined && asked !== undefined && asked !== 'grouped')
    throw usage(`${grouped} needs --output grouped, not ${asked}`)
  if (options.stream && asked !== undefined && asked !== 'lines' && asked !== 'ndjson')
    throw usage(`--stream needs --output lines or ndjson: ${asked} is written at the end`)
  if (asked !== undefined) return asked
  if (grouped !== undefined) return 'grouped'
  return live && !options.stream ? 'grouped' : 'lines'
}
