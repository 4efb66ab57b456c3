/** The options that say how a run on many hosts is shown and where its output goes. */
import type { OptionName } from './options.js'

export const OUTPUT_OPTIONS = [
  'output',
  'json',
  'diff',
  'foldSimilar',
  'onlyFailures',
  'stream',
  'outputDir',
  'metrics',
] as const satisfies readonly OptionName[]
