/** One stream of one host as lines: chunks in, whole lines out, without their newlines. Pure. */
import { LONGEST_LINE } from './lines.js'

const NEWLINE = 0x0a

export class LineSplitter {
  #partial: Buffer[] = []
  #length = 0

  /** The lines that this chunk completes. A line longer than LONGEST_LINE comes in pieces of that size. */
  push(chunk: Buffer): Buffer[] {
    const lines: Buffer[] = []
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#take(chunk.subarray(start, end), lines)
      lines.push(this.#whole())
      start = end + 1
    }
    // A copy: a few bytes of a line must not keep the whole packet they came in.
    this.#take(Buffer.from(chunk.subarray(start)), lines)
    return lines
  }

  /** The last line, when it came without a newline. */
  end(): Buffer[] {
    return this.#length > 0 ? [this.#whole()] : []
  }

  #take(bytes: Buffer, lines: Buffer[]): void {
    let rest = bytes
    while (this.#length + rest.length > LONGEST_LINE) {
      const room = LONGEST_LINE - this.#length
      this.#keep(rest.subarray(0, room))
      lines.push(this.#whole())
      rest = rest.subarray(room)
    }
    this.#keep(rest)
  }

  #keep(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#partial.push(bytes)
    this.#length += bytes.length
  }

  #whole(): Buffer {
    const line = Buffer.concat(this.#partial)
    this.#partial = []
    this.#length = 0
    return line
  }
}
