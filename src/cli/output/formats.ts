/**
 * The output formats of a run, once: choices, help and documents are made from this table. A renderer is loaded when
 * its format is asked for.
 */
import type { RunRenderer, RunRendererOptions } from './renderer.js'

interface Format {
  readonly doc: string
  /** Whether the result must hold the output; a format that passes every byte on as it comes needs none kept. */
  readonly captures: boolean
  /** Whether it writes a host's output while the host is at work, and not from the results at the end. */
  readonly streams: boolean
  /** Whether stdout is a document of its own, for programs. */
  readonly document: boolean
  readonly load: () => Promise<(options: RunRendererOptions) => RunRenderer>
}

export const FORMATS = {
  grouped: {
    doc: 'a live view on a terminal, then equal outputs once',
    captures: true,
    streams: false,
    document: false,
    load: async () => (await import('./grouped.js')).groupedRenderer,
  },
  lines: {
    doc: 'each line behind its host, as it comes',
    captures: false,
    streams: true,
    document: false,
    load: async () => (await import('./prefixed.js')).prefixedRenderer,
  },
  json: {
    doc: 'one JSON document at the end',
    captures: true,
    streams: false,
    document: true,
    load: async () => (await import('./json.js')).jsonRenderer,
  },
  ndjson: {
    doc: 'a JSON object a line, as things happen',
    captures: true,
    streams: true,
    document: true,
    load: async () => (await import('./ndjson.js')).ndjsonRenderer,
  },
  csv: {
    doc: 'a row a host',
    captures: true,
    streams: false,
    document: true,
    load: async () => (await import('./csv.js')).csvRenderer,
  },
  junit: {
    doc: 'a JUnit XML report, one testcase a host',
    captures: true,
    streams: false,
    document: true,
    load: async () => (await import('./junit.js')).junitRenderer,
  },
} as const satisfies Record<string, Format>

export type FormatName = keyof typeof FORMATS

/** `text` chooses by where stdout goes. */
export const OUTPUT_CHOICES = ['text', ...(Object.keys(FORMATS) as FormatName[])] as const

export const format = (name: FormatName): Format => FORMATS[name]

/**
 * What the options ask for; undefined when they leave the choice to the command (`text`, or nothing).
 * `--json` is short for `--output json`.
 */
export function askedFormat(options: { readonly json?: true; readonly output?: string }): FormatName | undefined {
  if (options.json) return 'json'
  const { output = 'text' } = options
  return Object.hasOwn(FORMATS, output) ? (output as FormatName) : undefined
}
