/** The last line a host wrote, kept cheaply: a few bytes however much comes, sanitised only when it is shown. */
import { sanitizeLine } from './sanitize.js'

const NEWLINE = 0x0a
const RETURN = 0x0d
/** More than any terminal is wide. */
const KEPT = 1_024

export class LastLine {
  /** The line being written, and the last one with something on it. */
  #open: Buffer = Buffer.alloc(0)
  #shown: Buffer = Buffer.alloc(0)

  push(chunk: Buffer): void {
    // A progress bar ends its state with a carriage return; its last full state is what there is to see.
    let end = chunk.length
    let start = lastBreak(chunk, end) + 1
    const open = chunk.subarray(start, end)
    if (start > 0) {
      // Look back for the last line that is not empty; the oldest piece belongs to the line that was open before.
      while (start > 0) {
        end = start - 1
        start = lastBreak(chunk, end) + 1
        const line = chunk.subarray(start, end)
        if (start === 0 && this.#open.length > 0) this.#shown = head(this.#open, line)
        else if (line.length > 0) this.#shown = head(line)
        else continue
        break
      }
      this.#open = head(open)
    } else {
      this.#open = head(this.#open, open)
    }
  }

  /** For one line of a terminal. */
  toString(): string {
    const open = sanitizeLine(this.#open)
    return open === '' ? sanitizeLine(this.#shown) : open
  }
}

/** Index of the last line break before `before`, or -1. Walks back byte by byte, so that each byte is seen once. */
function lastBreak(chunk: Buffer, before: number): number {
  let at = before - 1
  while (at >= 0 && chunk[at] !== NEWLINE && chunk[at] !== RETURN) at--
  return at
}

function head(...parts: Buffer[]): Buffer {
  // Copies: a few bytes must not keep the whole packet they came in.
  return Buffer.concat(parts.map((part) => part.subarray(0, KEPT))).subarray(0, KEPT)
}
