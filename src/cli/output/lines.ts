/**
 * Output in a pipe: complete lines, each behind the name of its host, the bytes as they came.
 * Lines of different hosts may come in any order, but no line is ever inside another.
 */
import { LONGEST_LINE } from '../../run/line-splitter.js'

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
    const out = new Piece(chunk.length * 2)
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      if (this.#partialLength === 0 && end - start <= LONGEST_LINE) {
        out.add(this.#prefix)
        out.add(chunk, start, end + 1)
      } else {
        this.#take(chunk.subarray(start, end), out)
        this.#emit(out, AFTER_END)
      }
      start = end + 1
    }
    // A copy: a few bytes of a line must not keep the whole packet they came in.
    this.#take(Buffer.from(chunk.subarray(start)), out)
    return out.bytes
  }

  /** The last line, when it came without a newline: it gets one. */
  end(): Buffer {
    const out = new Piece(this.#partialLength)
    if (this.#partialLength > 0) this.#emit(out, AFTER_END)
    return out.bytes
  }

  #take(bytes: Buffer, out: Piece): void {
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

  #emit(out: Piece, after: Buffer): void {
    out.add(this.#prefix)
    for (const bytes of this.#partial) out.add(bytes)
    out.add(after)
    this.#partial = []
    this.#partialLength = 0
  }
}

/** Below this a loop copies faster than a call: most lines are short, and a Buffer for each costs more than all else. */
const FEW_BYTES = 32

/** Bytes put one behind the other. */
class Piece {
  #all: Buffer
  #used = 0

  constructor(expected: number) {
    this.#all = Buffer.allocUnsafe(expected)
  }

  get bytes(): Buffer {
    return this.#all.subarray(0, this.#used)
  }

  add(from: Buffer, start = 0, end = from.length): void {
    const used = this.#used + end - start
    if (used > this.#all.length) {
      const larger = Buffer.allocUnsafe(used * 2)
      this.#all.copy(larger, 0, 0, this.#used)
      this.#all = larger
    }
    if (end - start < FEW_BYTES) for (let at = this.#used, i = start; i < end; at++, i++) this.#all[at] = from[i] ?? 0
    else from.copy(this.#all, this.#used, start, end)
    this.#used = used
  }
}
