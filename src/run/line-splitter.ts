/** One stream of one host as lines: chunks in, whole lines out, without their newlines. Pure. */

/** A longer line comes in pieces, so that a host without newlines cannot fill our memory. */
export const LONGEST_LINE = 64 * 1024

const NEWLINE = 0x0a

export class LineSplitter {
  #partial: Buffer[] = []
  #length = 0

  /** @param longest bytes of the longest line; a longer one comes in pieces of about that size */
  constructor(private readonly longest: number = LONGEST_LINE) {}

  /** The lines that this chunk completes. No piece ends inside of a UTF-8 character, so that each can be decoded alone. */
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
    while (this.#length + rest.length > this.longest) {
      const room = this.longest - this.#length
      this.#keep(rest.subarray(0, room))
      rest = rest.subarray(room)
      const piece = this.#whole()
      const end = endOfCharacters(piece)
      lines.push(piece.subarray(0, end))
      this.#keep(piece.subarray(end))
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

/** The bytes before a UTF-8 character that is not whole (RFC 3629 §3); all of them where the end is no such character. */
function endOfCharacters(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back < bytes.length; back += 1) {
    const byte = bytes[bytes.length - back] ?? 0
    if ((byte & 0xc0) === 0x80) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return length > back ? bytes.length - back : bytes.length
  }
  return bytes.length
}
