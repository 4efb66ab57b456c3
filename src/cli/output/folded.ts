/** Outputs when a run is over: equal ones once, or as differences from the most common one. Pure. */
import type { Result } from '../../adapter/types.js'
import { foldOutputs, type OutputGroup } from '../../run/fold.js'
import type { Art } from './art.js'
import type { Patch } from './diff.js'
import type { Paint } from './paint.js'
import { nameHosts } from './run-summary.js'
import { sanitizeFinished } from './sanitize.js'
import { displayWidth } from './width.js'

export interface FoldedOptions {
  readonly paint: Paint
  readonly art: Art
  readonly columns: number
  /** Lines of ours that follow the outputs, unpainted. */
  readonly closing: readonly string[]
  /** Compare without host names, addresses and times. Default false. */
  readonly similar?: boolean | undefined
  /** Shows every group but the first by how it differs from the first; default: in full. */
  readonly patch?: Patch | undefined
}

/**
 * Outputs for a terminal, identical ones once, the largest group first; sanitised. Yields text group by group.
 * Hosts that failed without a word are left to the failures. A remote line that looks like one of ours is indented.
 */
export function* foldedOutputs(results: readonly Result[], options: FoldedOptions): Generator<string> {
  const { paint, art, columns, similar, patch } = options
  const ours = new Set(options.closing)
  const shown = (bytes: Buffer): string => endLine(apart(sanitizeFinished(bytes), ours))
  let first: OutputGroup | undefined
  for (const group of foldOutputs(results, { similar })) {
    const silent = group.stdout.length === 0 && group.stderr.length === 0
    if (silent && group.outcome !== 'ok') continue
    const end = ending(group)
    const title = `── ${nameHosts(group.hosts)}${end === '' ? '' : ` · ${end}`}${silent ? ' · no output' : ''}`
    // Nothing behind a title that is as wide as the terminal: a space would take a line of its own.
    const room = Math.min(columns, 80) - displayWidth(title) - 1
    const rule = room > 0 ? ` ${paint.faint(art('─'.repeat(room)))}` : ''
    yield `${group.outcome === 'ok' ? paint.strong(art(title)) : paint.bad(art(title))}${rule}\n`
    yield* first && patch ? differences(first, group, { patch, paint, shown }) : wholeOutput(group, { paint, shown })
    if (group.truncated) yield `${paint.faint('[xec: this is not all there was, see below]')}\n`
    first ??= group
  }
}

interface Look {
  readonly paint: Paint
  /** A stream as it is shown. */
  readonly shown: (bytes: Buffer) => string
}

function* wholeOutput({ stdout, stderr }: OutputGroup, { paint, shown }: Look): Generator<string> {
  if (stdout.length > 0) yield shown(stdout)
  if (stderr.length === 0) return
  yield `${paint.faint('stderr:')}\n`
  yield shown(stderr)
}

/** How a group's streams differ from the first group's; in full where that would take too long to find out. */
function* differences(
  first: OutputGroup,
  group: OutputGroup,
  { patch, paint, shown }: Look & { readonly patch: Patch },
): Generator<string> {
  for (const stream of ['stdout', 'stderr'] as const) {
    // A line that begins so would look like a heading of the diff once its sign stands before it.
    const [before, after] = [first, group].map((each) => shown(each[stream]).replace(/^(?=(?:--|\+\+) )/gm, '  '))
    if (before === undefined || after === undefined || before === after) continue
    if (stream === 'stderr') yield `${paint.faint('stderr:')}\n`
    const lines = patch(before, after, nameHosts(first.hosts), nameHosts(group.hosts))
    if (lines === undefined) yield `${paint.faint('[xec: too different for a diff]')}\n${after}`
    else for (const line of lines) yield `${colorOfChange(line, paint)}\n`
  }
}

function colorOfChange(line: string, paint: Paint): string {
  if (line.startsWith('@@') || line.startsWith('--- ') || line.startsWith('+++ ')) return paint.faint(line)
  return line.startsWith('+') ? paint.good(line) : line.startsWith('-') ? paint.bad(line) : line
}

/** How every line of ours begins, in either line art; failures begin with a host's name and are compared as a whole. */
const LIKE_OURS = /^(?:──|-- |stderr:|\[xec: |xec: |pool {2}|\d+ hosts? [·|] )/

/** Remote text in which no line is the same as one of ours. */
function apart(text: string, ours: ReadonlySet<string>): string {
  return text
    .split('\n')
    .map((line) => (LIKE_OURS.test(line) || (line !== '' && ours.has(line)) ? `  ${line}` : line))
    .join('\n')
}

function ending({ outcome, exitCode, signal }: OutputGroup): string {
  if (outcome === 'ok') return ''
  if (outcome === 'signal') return `signal ${signal ?? 'unknown'}`
  if (outcome === 'failed') return exitCode === null ? 'no exit status' : `exit ${exitCode}`
  return outcome
}

function endLine(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}
