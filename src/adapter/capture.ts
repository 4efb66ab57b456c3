/** Output that is kept for a result: the head of each stream, bounded, past a common bound in a file. */
import { SpillFile } from './spill.js'

export const DEFAULT_CAPTURE_BYTES = 10 * 1024 * 1024
const DEFAULT_MEMORY_BYTES = 256 * 1024 * 1024

/** Where the captures of one run keep their bytes: in memory up to `memoryBytes` together, then in one 0600 file. */
export class CaptureStore {
  #inMemory = 0
  readonly #spill: SpillFile

  constructor(readonly memoryBytes: number = DEFAULT_MEMORY_BYTES, spill: SpillFile = new SpillFile()) {
    this.#spill = spill
  }

  /** Keeps a chunk; returns the way to get it back. @throws what the file system says when it cannot. */
  keep(chunk: Buffer): { readonly read: () => Buffer; readonly spilled: boolean } {
    if (this.#inMemory + chunk.length <= this.memoryBytes) {
      this.#inMemory += chunk.length
      // A slice of a pooled read buffer would hold all of that buffer.
      const own = chunk.length * 2 < chunk.buffer.byteLength ? Buffer.from(chunk) : chunk
      return { read: () => own, spilled: false }
    }
    const at = this.#spill.append(chunk)
    return { read: () => this.#spill.read(at, chunk.length), spilled: true }
  }
}

/** One stream of one command. */
export class Capture {
  readonly #parts: (() => Buffer)[] = []
  #length = 0
  #spilled = false
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
      const { read, spilled } = this.store.keep(kept)
      this.#parts.push(read)
      this.#spilled ||= spilled
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
    if (this.#parts.length === 1 && this.#parts[0]) return this.#parts[0]()
    const all = Buffer.concat(this.#parts.map((part) => part()))
    if (!this.#spilled) this.#parts.splice(0, Infinity, () => all)
    return all
  }
}
