/**
 * A picture at the bottom of the terminal that is drawn over again and again. It keeps the cursor visible, below
 * the picture: then there is nothing to give back on any way out, be it a kill, a crash or Ctrl-Z.
 */
import type { OutputStream } from './output-stream.js'
import type { Outlet } from './outlet.js'
import { displayWidth } from './width.js'

const CSI = '\x1b['
const ERASE_LINE = `${CSI}K`
const ERASE_BELOW = `${CSI}J`
const COLOR = /\x1b\[\d+m/g

export class Screen {
  readonly #outlet: Outlet
  readonly #stream: OutputStream
  /** Widths of the lines that stand on the terminal now. */
  #drawn: number[] = []
  #text = ''

  constructor(outlet: Outlet, stream: OutputStream) {
    this.#outlet = outlet
    this.#stream = stream
  }

  get size(): { readonly columns: number; readonly rows: number } {
    // A terminal that does not know its size says 0.
    return { columns: this.#stream.columns || 80, rows: this.#stream.rows || 24 }
  }

  /** Replaces what was drawn. In one write, so that no half picture is seen; nothing when nothing changed. */
  draw(lines: readonly string[]): void {
    const text = lines.map((line) => `${line}${ERASE_LINE}\n`).join('')
    if (text === this.#text) return
    void this.#outlet.write(`${this.#home()}${text}${ERASE_BELOW}`)
    this.#text = text
    this.#drawn = lines.map((line) => displayWidth(line.replaceAll(COLOR, '')))
  }

  /** Takes the picture away; what is written next stands where it began. */
  clear(): void {
    const up = this.#occupied()
    if (up === 0) return
    // Line by line: tmux keeps a screen that is erased at once, from its top, in the scrollback.
    void this.#outlet.write(`${this.#home()}${`${ERASE_LINE}\n`.repeat(up)}${ERASE_LINE}${CSI}${up}A`)
    this.#drawn = []
    this.#text = ''
  }

  /** The terminal was somebody else's: what is drawn next stands below whatever is there now. */
  forget(): void {
    this.#drawn = []
    this.#text = ''
  }

  /** Forgets the size of the picture's lines: after the terminal changed its own, the next draw is a full one. */
  resized(): void {
    this.#text = ''
  }

  #home(): string {
    const up = this.#occupied()
    return up > 0 ? `\r${CSI}${up}A` : '\r'
  }

  /** Rows above the cursor: after a resize the old lines may take more than they did, and scrolled ones are gone. */
  #occupied(): number {
    const { columns, rows } = this.size
    return Math.min(
      this.#drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0),
      rows - 1,
    )
  }
}
