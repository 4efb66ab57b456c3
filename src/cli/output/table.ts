/** Rows in columns, for people. */
import { sanitizeLine } from './sanitize.js'
import { displayWidth, padEnd, padStart, truncate } from './width.js'

export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string
  /** Default left. */
  readonly align?: 'left' | 'right'
  /** Colours the finished cell. */
  readonly paint?: (cell: string, row: Row) => string
}

export interface TableOptions {
  /** Lines are cut to this many columns; default: not at all. */
  readonly width?: number
  /** Colours the headings. */
  readonly heading?: (text: string) => string
  /** False: rows alone. Default true. */
  readonly withHeading?: boolean
}

/**
 * A table with headings, two spaces between columns, no spaces at the end of a line. Cells are sanitised here,
 * since names and addresses come from files and servers. No rows: just the headings.
 */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], options: TableOptions = {}): string {
  const cells = rows.map((row) => columns.map((column) => sanitizeLine(column.value(row))))
  const widths = columns.map((column, at) =>
    cells.reduce((widest, line) => Math.max(widest, displayWidth(line[at] ?? '')), displayWidth(column.title)),
  )
  const align = (text: string, at: number): string => {
    const width = widths[at] ?? 0
    if (columns[at]?.align === 'right') return padStart(text, width)
    return at === columns.length - 1 ? text : padEnd(text, width)
  }
  const line = (texts: readonly string[], paint: (cell: string, at: number) => string): string => {
    let room = options.width ?? Infinity
    const parts: string[] = []
    for (const [at, text] of texts.entries()) {
      const cell = truncate(align(text, at), room)
      parts.push(paint(cell, at))
      room -= displayWidth(cell) + 2
      if (room <= 0) break
    }
    return parts.join('  ').trimEnd()
  }
  const heading = options.heading ?? ((text: string) => text)
  const titles = line(
    columns.map((column) => column.title),
    (cell) => cell,
  )
  return [
    ...(options.withHeading === false ? [] : [heading(titles)]),
    ...rows.map((row, index) => line(cells[index] ?? [], (cell, at) => columns[at]?.paint?.(cell, row) ?? cell)),
  ]
    .map((text) => `${text}\n`)
    .join('')
}
