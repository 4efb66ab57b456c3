/**
 * How the wrapper around a command says that it could not enter the directory: by a line of its stderr, which is taken
 * out of the output. The line has a random word, so that no output is taken for it by chance, and begins with a byte
 * that output rarely has: only behind that byte is anything held back until more comes. Pure.
 */

/** The byte that the line begins with (SOH), which `printf` writes as \001. */
const FIRST = 0x01
const NEWLINE = 0x0a

/** What /bin/sh does in place of the command. @param where the directory, as it is written for `cd` */
export function tellNoDirectory(where: string, nonce: string): string {
  return `{ [ -d ${where} ];printf '\\001%s %s\\n' xec-cd-${nonce} $? >&2;exit 1;}`
}

export class DirectoryNews {
  /** `missing`: there is no such directory. `closed`: there is, and it could not be entered. */
  found: 'missing' | 'closed' | null = null
  readonly #mark: Buffer
  #held: Buffer = Buffer.alloc(0)

  constructor(nonce: string) {
    this.#mark = Buffer.from(`\x01xec-cd-${nonce} `)
  }

  /** The chunk without the line; what may be the beginning of it is held until more comes. */
  pass(chunk: Buffer): Buffer {
    if (this.found !== null || (this.#held.length === 0 && !chunk.includes(FIRST))) return chunk
    const all = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = Buffer.alloc(0)
    const at = all.indexOf(this.#mark)
    if (at === -1) return this.#keepFrom(all, this.#beginning(all))
    const end = all.indexOf(NEWLINE, at)
    if (end === -1) return this.#keepFrom(all, at)
    this.found = all[at + this.#mark.length] === 0x30 ? 'closed' : 'missing'
    return Buffer.concat([all.subarray(0, at), all.subarray(end + 1)])
  }

  /** What is still held when the stream ends. */
  end(): Buffer {
    const rest = this.#held
    this.#held = Buffer.alloc(0)
    return rest
  }

  /** Where the line may begin at the end of the bytes; their length when it does not. */
  #beginning(all: Buffer): number {
    for (let at = Math.max(0, all.length - this.#mark.length); at < all.length; at += 1)
      if (all[at] === FIRST && this.#mark.subarray(0, all.length - at).equals(all.subarray(at))) return at
    return all.length
  }

  #keepFrom(all: Buffer, at: number): Buffer {
    // A copy: a few bytes must not keep the whole packet they came in.
    this.#held = Buffer.from(all.subarray(at))
    return all.subarray(0, at)
  }
}
