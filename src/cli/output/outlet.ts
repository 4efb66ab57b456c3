/** One of our output streams: writes, backpressure as a promise, and a reader that goes away. */
import type { Writable } from 'node:stream'

export class Outlet {
  readonly #stream: Writable
  readonly #onClosed: () => void
  readonly #onError = (): void => this.#close()
  readonly #onDrain = (): void => this.#release()
  #closed = false
  #drained: { readonly promise: Promise<void>; readonly release: () => void } | undefined

  /** `onClosed` hears once that nobody reads any more (EPIPE, or any other error of the stream). */
  constructor(stream: Writable, onClosed: () => void = () => {}) {
    this.#stream = stream
    this.#onClosed = onClosed
    stream.on('error', this.#onError)
    stream.on('close', this.#onError)
    stream.on('drain', this.#onDrain)
  }

  /** False once writing has no reader; writes are then dropped. */
  get open(): boolean {
    return !this.#closed
  }

  /** A promise when the stream is full: it settles when there is room again, or nobody to write to. Never rejects. */
  write(data: string | Uint8Array): void | Promise<void> {
    if (this.#closed || data.length === 0) return undefined
    if (this.#stream.write(data)) return undefined
    if (this.#closed) return undefined
    this.#drained ??= deferred()
    return this.#drained.promise
  }

  /** Resolves when everything written so far has left this process, or cannot; then lets go of the stream. */
  async finish(): Promise<void> {
    if (!this.#closed) {
      await new Promise<void>((resolve) => {
        this.#stream.once('close', resolve)
        this.#stream.write('', () => {
          this.#stream.off('close', resolve)
          resolve()
        })
      })
    }
    this.release()
  }

  /** Lets go of the stream. Idempotent. */
  release(): void {
    this.#stream.off('error', this.#onError)
    this.#stream.off('close', this.#onError)
    this.#stream.off('drain', this.#onDrain)
    this.#release()
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#release()
    this.#onClosed()
  }

  #release(): void {
    this.#drained?.release()
    this.#drained = undefined
  }
}

function deferred(): { promise: Promise<void>; release: () => void } {
  let release = (): void => {}
  const promise = new Promise<void>((resolve) => {
    release = resolve
  })
  return { promise, release }
}
