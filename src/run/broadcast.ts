/**
 * One input for many hosts. Every host gets every byte, also one that starts late: what a host that has not started
 * will still need is kept, in memory up to a bound and then in a nameless 0600 file. The source is read no further
 * ahead than a window beyond the slowest host that is running; a host that has ended no longer counts.
 */
import { Readable } from 'node:stream'
import { SpillFile } from '../adapter/spill.js'

/** How far the source may be read beyond the slowest running consumer. */
const WINDOW_BYTES = 4 * 1024 * 1024
const MEMORY_BYTES = 16 * 1024 * 1024

interface Piece {
  readonly start: number
  readonly length: number
  /** In memory, or where in the file. */
  readonly held: Buffer | { readonly at: number }
}

export class Broadcast {
  readonly #consumers = new Set<Consumer>()
  #pieces: Piece[] = []
  #head = 0
  #inMemory = 0
  #spill: SpillFile | null = null
  #ended = false
  #problem: Error | null = null
  #reading = false

  constructor(
    private readonly source: Readable,
    private readonly limits: { readonly windowBytes?: number; readonly memoryBytes?: number } = {},
  ) {}

  /** A stream of everything from the first byte. Make all of them before the first is read. */
  consumer(): Readable & { leave(): void } {
    const consumer = new Consumer(this)
    this.#consumers.add(consumer)
    return consumer
  }

  /** Bytes that a consumer has not had yet: the next piece, null at the end, undefined when it has to wait. */
  next(consumer: Consumer): Buffer | null | undefined {
    if (!this.#reading) this.#begin()
    // Pieces are dropped from the front only, and a consumer always stands at the start of one.
    const piece = this.#pieces[lowerBound(this.#pieces, consumer.position)]
    if (piece) {
      consumer.position = piece.start + piece.length
      const bytes = Buffer.isBuffer(piece.held) ? piece.held : this.#spilled(piece.held.at, piece.length)
      this.#trim()
      this.#steer()
      return bytes
    }
    if (this.#problem) throw this.#problem
    return this.#ended ? null : undefined
  }

  leave(consumer: Consumer): void {
    if (!this.#consumers.delete(consumer)) return
    this.#trim()
    this.#steer()
  }

  #begin(): void {
    this.#reading = true
    const { source } = this
    const over = (problem: Error | null): void => {
      if (this.#ended || this.#problem) return
      if (problem) this.#problem = problem
      else this.#ended = true
      this.#wake()
    }
    if (source.readableEnded) return over(null)
    if (source.errored || source.destroyed) return over(source.errored ?? new Error('the stream is closed'))
    source.on('data', (chunk: Buffer | string) => this.#take(Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk)))
    source.on('end', () => over(null))
    source.on('error', over)
    source.on('close', () =>
      over(source.readableEnded ? null : (source.errored ?? new Error('the stream closed before its end'))),
    )
    source.resume()
  }

  #take(bytes: Buffer): void {
    if (bytes.length === 0 || this.#problem) return
    const inMemory = this.#inMemory + bytes.length <= (this.limits.memoryBytes ?? MEMORY_BYTES)
    try {
      const held = inMemory ? bytes : { at: (this.#spill ??= new SpillFile()).append(bytes) }
      this.#pieces.push({ start: this.#head, length: bytes.length, held })
    } catch (error) {
      this.#problem = new Error(`input for hosts that wait their turn could not be kept: ${(error as Error).message}`, {
        cause: error,
      })
    }
    this.#head += bytes.length
    if (inMemory) this.#inMemory += bytes.length
    this.#wake()
    this.#trim()
    this.#steer()
  }

  /** Drops what everybody, started or not, has had. */
  #trim(): void {
    let needed = this.#head
    for (const { position } of this.#consumers) needed = Math.min(needed, position)
    const keep = lowerBound(this.#pieces, needed)
    if (keep === 0) return
    for (const { held } of this.#pieces.splice(0, keep)) if (Buffer.isBuffer(held)) this.#inMemory -= held.length
  }

  #spilled(at: number, length: number): Buffer {
    if (!this.#spill) throw new Error('bug: nothing was spilled')
    return this.#spill.read(at, length)
  }

  #steer(): void {
    if (!this.#reading || this.#ended || this.#problem) return
    let slowest = Infinity
    for (const { started, position } of this.#consumers) if (started) slowest = Math.min(slowest, position)
    // Nobody running: whoever starts next begins with what is kept, or wakes the source again.
    if (this.#head - slowest < (this.limits.windowBytes ?? WINDOW_BYTES) && slowest !== Infinity) this.source.resume()
    else this.source.pause()
  }

  #wake(): void {
    for (const consumer of this.#consumers) consumer.serve()
  }
}

class Consumer extends Readable {
  position = 0
  started = false
  #wanting = false

  constructor(private readonly broadcast: Broadcast) {
    super({ highWaterMark: 64 * 1024 })
  }

  override _read(): void {
    this.started = true
    this.#wanting = true
    this.serve()
  }

  serve(): void {
    while (this.#wanting && !this.destroyed) {
      let bytes: Buffer | null | undefined
      try {
        bytes = this.broadcast.next(this)
      } catch (error) {
        this.destroy(error as Error)
        return
      }
      if (bytes === undefined) return
      this.#wanting = bytes !== null && this.push(bytes)
      if (bytes === null) this.push(null)
    }
  }

  leave(): void {
    this.broadcast.leave(this)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.leave()
    done(error)
  }
}

/** The first piece that starts at or after a position. */
function lowerBound(pieces: readonly Piece[], position: number): number {
  let low = 0
  let high = pieces.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((pieces[middle]?.start ?? 0) < position) low = middle + 1
    else high = middle
  }
  return low
}
