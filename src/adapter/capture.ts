/** Output that is kept for a result: the head of each stream, bounded, past a common bound in a file. */
import { SpillFile } from './spill.js'

export const DEFAULT_CAPTURE_BYTES = 10 * 1024 * 1024
const DEFAULT_MEMORY_BYTES = 256 * 1024 * 1024

/** Where the captures of one run keep their bytes: in memory up to `memoryBytes` together, then in one 0600 file. */
export class CaptureStore {
  #inMemory = 0
  readonly #spill: SpillFile

  constructor(
    readonly memoryBytes: number = DEFAULT_MEMORY_BYTES,
    spill: SpillFile = new SpillFile(),
  ) {
    this.#spill = spill
  }

  /** Keeps a chunk behind what it keeps in `last`, or in a new part. @throws what the file system says when it cannot. */
  keep(chunk: Buffer, last: Part | undefined): Part {
    const fits = this.#inMemory + chunk.length <= this.memoryBytes
    const kept =
      last && last.spilled !== fits && last.add(chunk) ? last : fits ? new Block(chunk) : new Extent(this.#spill, chunk)
    if (fits) this.#inMemory += chunk.length
    return kept
  }
}

/** What small chunks are gathered into: each by itself would cost a hundred times its size. */
const PART_BYTES = 64 * 1024

/** Bytes that came one behind the other. */
interface Part {
  readonly spilled: boolean
  /** False when there is no room for it. */
  add(chunk: Buffer): boolean
  read(): Buffer
}

/** In memory; no larger than what is in it needs, because there may be thousands. */
class Block implements Part {
  readonly spilled = false
  #bytes: Buffer
  #used: number

  constructor(chunk: Buffer) {
    // A slice of a pooled read buffer would hold all of that buffer.
    this.#bytes = chunk.length * 2 < chunk.buffer.byteLength ? Buffer.from(chunk) : chunk
    this.#used = chunk.length
  }

  add(chunk: Buffer): boolean {
    const needed = this.#used + chunk.length
    if (needed > PART_BYTES) return false
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(needed * 2, PART_BYTES))
      this.#bytes.copy(larger)
      this.#bytes = larger
    }
    chunk.copy(this.#bytes, this.#used)
    this.#used = needed
    return true
  }

  read(): Buffer {
    return this.#bytes.subarray(0, this.#used)
  }
}

/** In the file; room that is not used is a hole in it. */
class Extent implements Part {
  readonly spilled = true
  readonly #at: number
  readonly #size: number
  #used: number

  constructor(
    private readonly file: SpillFile,
    chunk: Buffer,
  ) {
    this.#used = chunk.length
    this.#size = Math.max(chunk.length, PART_BYTES)
    this.#at = file.reserve(this.#size)
    file.write(this.#at, chunk)
  }

  add(chunk: Buffer): boolean {
    if (this.#used + chunk.length > this.#size) return false
    this.file.write(this.#at + this.#used, chunk)
    this.#used += chunk.length
    return true
  }

  read(): Buffer {
    return this.file.read(this.#at, this.#used)
  }
}

/** One stream of one command. */
export class Capture {
  #parts: Part[] = []
  #length = 0
  #cut: string | null = null

  /** @param limit bytes to keep; 0: none, and nothing is said to be missing. */
  constructor(
    private readonly limit: number,
    private readonly store: CaptureStore,
  ) {}

  push(chunk: Buffer): void {
    const room = this.limit - this.#length
    if (this.limit === 0 || this.#cut !== null || chunk.length === 0) return
    const kept = chunk.length > room ? chunk.subarray(0, room) : chunk
    if (kept.length < chunk.length) this.#cut = `only the first ${this.limit} bytes of a stream are kept`
    if (kept.length === 0) return
    try {
      const last = this.#parts.at(-1)
      const part = this.store.keep(kept, last)
      if (part !== last) this.#parts.push(part)
      this.#length += kept.length
    } catch (error) {
      // A full disk costs the rest of this output, not the command.
      this.#cut = `the rest of the output could not be kept: ${(error as Error).message}`
    }
  }

  get length(): number {
    return this.#length
  }

  /** Why bytes are missing, or null when all are here. */
  get cut(): string | null {
    return this.#cut
  }

  /** What was kept. Spilled output is read at each call, so hold the value for as long as it is needed and no longer. */
  bytes(): Buffer {
    const [only, second] = this.#parts
    if (only && !second) return only.read()
    const all = Buffer.concat(this.#parts.map((part) => part.read()))
    if (only && !this.#parts.some(({ spilled }) => spilled)) this.#parts = [new Block(all)]
    return all
  }
}
