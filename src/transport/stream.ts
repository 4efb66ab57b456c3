/** The three streams of a channel, with manners that ssh2's own lack when the channel or the link ends. */
import { Readable, Writable } from 'node:stream'

/** Where stdin's bytes go. */
export interface Sink {
  /** False once nothing more can be sent; then nothing else is called. */
  readonly open: boolean
  write(chunk: Buffer, done: () => void): void
  end(): void
}

/**
 * A writable that never hangs and never errors: what is written after the channel's end, or was still waiting
 * for the peer's window then, is dropped and its callback called (ssh2 keeps such callbacks for ever, #1508).
 */
export class Stdin extends Writable {
  #pending: (() => void) | null = null
  #over = false

  constructor(private readonly sink: Sink) {
    super({ highWaterMark: 64 * 1024, decodeStrings: true })
    this.on('error', () => {})
  }

  /** The channel has ended: drops what waits and whatever comes. */
  drop(): void {
    this.#over = true
    const pending = this.#pending
    this.#pending = null
    pending?.()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#over || !this.sink.open) return done()
    this.#pending = done
    this.sink.write(chunk, () => {
      if (this.#pending !== done) return
      this.#pending = null
      done()
    })
  }

  override _final(done: () => void): void {
    if (!this.#over && this.sink.open) this.sink.end()
    done()
  }

  /** Destroying it is EOF for the remote side; the channel lives on. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.writableFinished && !this.#over && this.sink.open) this.sink.end()
    this.drop()
    done(error)
  }
}

/**
 * A plain Readable over one of ssh2's: `pipeline` and `for await` may destroy it, and what comes then is discarded,
 * so that a reader who leaves never stalls the channel. Backpressure passes through to the SSH window.
 */
export class Output extends Readable {
  /** @param passedOn called after every chunk that has left the source */
  constructor(
    private readonly source: Readable,
    passedOn: () => void = () => {},
  ) {
    super({ highWaterMark: 64 * 1024 })
    source.on('data', (chunk: Buffer) => {
      if (!this.destroyed && !this.push(chunk)) source.pause()
      passedOn()
    })
    source.on('end', () => {
      if (!this.destroyed) this.push(null)
    })
  }

  override _read(): void {
    this.source.resume()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.source.resume()
    done(error)
  }
}
