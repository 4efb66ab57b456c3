/**
 * One picture of a run, bounded by the terminal: which hosts are worth a line, and one line of counts for the rest.
 * Pure: a board, a size and a moment in, lines out.
 */
import { OUTCOMES } from '../../adapter/types.js'
import type { PoolSnapshot } from '../../pool/metrics/snapshot.js'
import { formatDuration } from '../../runtime/duration.js'
import { isUnderWay, type Board, type Row, type RowState } from './board.js'
import { gaugeLine } from './metrics.js'
import type { Paint } from './paint.js'
import { sanitizeLine } from './sanitize.js'
import { padEnd, padStart, truncate, truncateMiddle, displayWidth } from './width.js'

export interface FrameOptions {
  readonly columns: number
  readonly rows: number
  /** Monotonic ms. */
  readonly now: number
  readonly startedAt: number
  readonly command: string
  readonly snapshot: PoolSnapshot
  readonly paint: Paint
  /** The spinner's present character, and the figures of the terminal (plain ones where it has no Unicode). */
  readonly spinner: string
  readonly figures: { readonly good: string; readonly bad: string; readonly skipped: string; readonly waiting: string }
}

const LONGEST_NAME = 32
/** How much of a name that is cut is its end, the first choice first. */
const END_SHARES = [1 / 2, 2 / 3, 1 / 3, 1, 0]
const STATE_WIDTH = 'unreachable'.length
const TIME_WIDTH = 6
const STATES: readonly RowState[] = [...OUTCOMES, 'running', 'connecting', 'queued']
/** Heading, counts, pool. */
const FIXED_LINES = 3

/** Lines without line breaks, none wider than `columns - 1`, at most `rows - 1`: the cursor rests below the last. */
export function frame(board: Board, options: FrameOptions): string[] {
  const height = Math.max(1, options.rows - 1)
  const width = Math.max(1, options.columns - 1)
  const footer = [countsLine(board, options), poolLine(options)]
  if (height <= FIXED_LINES) return footer.slice(0, height).map((line) => line(width))
  const room = height - FIXED_LINES
  const chosen = choose(board, room)
  const rows = chosen.flatMap((host) => board.row(host) ?? [])
  const nameWidth = Math.min(
    LONGEST_NAME,
    Math.floor(width / 3),
    rows.reduce((widest, row) => Math.max(widest, displayWidth(row.host)), 0),
  )
  const names = cutNames(
    rows.map(({ host }) => host),
    nameWidth,
  )
  const lines = rows.map((row, i) => rowLine(row, padEnd(names[i] ?? '', nameWidth), width, options))
  if (rows.length < board.total) lines.push(options.paint.faint(truncate(restLine(board, rows, options), width)))
  return [headingLine(board, options, width), ...lines, ...footer.map((line) => line(width))]
}

/** All hosts when they fit; else failures (at most half the room), then who takes longest, then who is done, then who waits. */
function choose(board: Board, room: number): string[] {
  const all = [...board.states()]
  if (all.length <= room) return all.map(({ host }) => host)
  const space = room - 1 // one line says what is not shown
  const failed = all
    .filter(({ state }) => !isUnderWay(state) && state !== 'ok' && state !== 'skipped')
    .sort((a, b) => b.since - a.since)
  const active = all
    .filter(({ state }) => state === 'running' || state === 'connecting')
    .sort((a, b) => a.since - b.since)
  const done = all.filter(({ state }) => state === 'ok').sort((a, b) => b.since - a.since)
  const waiting = all.filter(({ state }) => state === 'queued' || state === 'skipped')
  const shown = failed.slice(0, Math.max(Math.ceil(space / 2), space - active.length))
  shown.push(...active.slice(0, space - shown.length))
  shown.push(
    ...done.slice(0, space - shown.length),
    ...waiting.slice(0, Math.max(0, space - shown.length - done.length)),
  )
  return shown.map(({ host }) => host)
}

function headingLine(board: Board, { command, now, startedAt, paint }: FrameOptions, width: number): string {
  const done = OUTCOMES.reduce((sum, outcome) => sum + board.count(outcome), 0)
  const facts = ` · ${done}/${board.total} hosts done · ${formatDuration(now - startedAt)}`
  const room = width - displayWidth(facts)
  return room < 4 ? truncate(facts.slice(3), width) : paint.strong(truncate(sanitizeLine(command), room)) + facts
}

/** Names cut in the middle, where the cut leaves most of them apart: some fleets differ in the end, some before the domain. */
function cutNames(names: readonly string[], columns: number): string[] {
  let best: string[] = []
  for (const share of END_SHARES) {
    const cut = names.map((name) => truncateMiddle(name, columns, share))
    if (best.length === 0 || new Set(cut).size > new Set(best).size) best = cut
    if (new Set(best).size === new Set(names).size) break
  }
  return best
}

/** @param name cut and padded */
function rowLine(row: Row, name: string, width: number, options: FrameOptions): string {
  const { paint, figures } = options
  const underWay = isUnderWay(row.state)
  const [mark, color] =
    row.state === 'ok'
      ? ([figures.good, paint.good] as const)
      : row.state === 'queued'
        ? ([figures.waiting, paint.faint] as const)
        : underWay
          ? ([options.spinner, paint.busy] as const)
          : row.state === 'skipped' || row.state === 'cancelled'
            ? ([figures.skipped, paint.faint] as const)
            : ([figures.bad, paint.bad] as const)
  const time =
    row.state === 'queued' || row.state === 'skipped' ? '' : formatDuration(row.tookMs ?? options.now - row.since)
  const plain = [mark, name, padEnd(row.state, STATE_WIDTH), padStart(time, TIME_WIDTH), row.text]
  const whole = truncate(`${plain.slice(0, 2).join(' ')}  ${plain.slice(2).join('  ')}`.trimEnd(), width)
  // Colours go on after the cut, so that no cut is ever inside one.
  const start = `${mark} ${name}  `
  const state = padEnd(row.state, STATE_WIDTH)
  if (!whole.startsWith(start + state)) return whole
  const text = whole.slice(start.length + state.length)
  return `${color(mark)} ${name}  ${color(state)}${row.state === 'ok' ? paint.faint(text) : text}`
}

function restLine(board: Board, shown: readonly Row[], { snapshot }: FrameOptions): string {
  // Most of them wait for one of the few handshakes that are made at once; which ones is the pool's to know.
  const waits = board.count('connecting') > snapshot.connecting
  const parts = STATES.flatMap((state) => {
    const count = board.count(state) - shown.filter((row) => row.state === state).length
    return count > 0 ? [`${count} ${state === 'connecting' && waits ? 'not connected yet' : state}`] : []
  })
  return `  and ${board.total - shown.length} more: ${parts.join(', ')}`
}

function countsLine(board: Board, { paint, figures, snapshot }: FrameOptions): (width: number) => string {
  const parts: { readonly text: string; readonly color: (text: string) => string }[] = []
  for (const outcome of OUTCOMES) {
    const count = board.count(outcome)
    if (count === 0) continue
    if (outcome === 'ok') parts.push({ text: `${figures.good} ${count} ok`, color: paint.good })
    else if (outcome === 'skipped' || outcome === 'cancelled')
      parts.push({ text: `${figures.skipped} ${count} ${outcome}`, color: paint.faint })
    else parts.push({ text: `${figures.bad} ${count} ${outcome}`, color: paint.bad })
  }
  // A host counts as connecting from its request on; the pool knows how many handshakes that are, by its limit.
  const connecting = Math.min(board.count('connecting'), snapshot.connecting)
  for (const [count, name] of [
    [board.count('running'), 'running'],
    [connecting, 'connecting'],
    [board.count('connecting') - connecting, 'waiting to connect'],
    [board.count('queued'), 'queued'],
  ] as const) {
    if (count > 0) parts.push({ text: `${count} ${name}`, color: name === 'queued' ? paint.faint : paint.busy })
  }
  return (width) => {
    let left = width
    const shown: string[] = []
    for (const { text, color } of parts) {
      const cell = truncate(text, left)
      if (cell === '') break
      shown.push(color(cell))
      left -= displayWidth(cell) + 2
    }
    return shown.join('  ')
  }
}

function poolLine({ snapshot, paint }: FrameOptions): (width: number) => string {
  return (width) => {
    const text = truncate(`pool  ${gaugeLine(snapshot)}`, width)
    return text.startsWith('pool') ? paint.strong('pool') + text.slice(4) : text
  }
}
