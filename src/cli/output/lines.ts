/**
 * Output in a pipe: complete lines, each behind the name of its host, the bytes as they came.
 * Lines of different hosts may come in any order, but no line is ever inside another.
 */

/** A line longer than this goes out in pieces, each marked, so that a host without newlines cannot fill our memory. */
export const LONGEST_LINE = 64 * 1024

/** Stands behind each piece but the last. */
export const CUT_MARK = ' [xec: line cut at 64 KiB, goes on]'

const NEWLINE = 0x0a
const AFTER_CUT = Buffer.from(`${CUT_MARK}\n`)
const AFTER_END = Buffer.from('\n')

/** One stream of one host: chunks in, whole lines out. */
export class LinePrefixer {
  readonly #prefix: Buffer
  #partial: Buffer[] = []
  #partialLength = 0

  constructor(host: string) {
    this.#prefix = Buffer.from(`${host}: `)
  }

  /** The lines that this chunk completes, ready to be written in one piece; empty when there are none. */
  push(chunk: Buffer): Buffer {
    const out: Buffer[] = []
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#take(chunk.subarray(start, end), out)
      this.#emit(out, AFTER_END)
      start = end + 1
    }
    // A copy: a few bytes of a line must not keep the whole packet they came in.
    this.#take(Buffer.from(chunk.subarray(start)), out)
    return Buffer.concat(out)
  }

  /** The last line, when it came without a newline: it gets one. */
  end(): Buffer {
    const out: Buffer[] = []
    if (this.#partialLength > 0) this.#emit(out, AFTER_END)
    return Buffer.concat(out)
  }

  #take(bytes: Buffer, out: Buffer[]): void {
    let rest = bytes
    while (this.#partialLength + rest.length > LONGEST_LINE) {
      const room = LONGEST_LINE - this.#partialLength
      this.#keep(rest.subarray(0, room))
      rest = rest.subarray(room)
      this.#emit(out, AFTER_CUT)
    }
    this.#keep(rest)
  }

  #keep(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#partial.push(bytes)
    this.#partialLength += bytes.length
  }

  #emit(out: Buffer[], after: Buffer): void {
    out.push(this.#prefix, ...this.#partial, after)
    this.#partial = []
    this.#partialLength = 0
  }
}
