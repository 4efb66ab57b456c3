/** A command's output on its way to a sink, held back while the sink asks for it. */
import type { Readable } from 'node:stream'
import type { Capture } from './capture.js'
import type { DirectoryNews } from './directory.js'
import type { OutputSink } from './types.js'

export class Intake {
  /** The stream has ended, by itself or with its channel. */
  over = false
  /** A sink has been given something. */
  delivered = false
  #sink: OutputSink | undefined
  #busy = false
  #ended = false

  /**
   * @param changed called after every change of what can be asked here
   * @param onError hears, once, that the sink failed; the stream is read on without it, so that the command can end
   * @param news takes its line out of the stream
   */
  constructor(
    private readonly stream: Readable,
    private readonly capture: Capture,
    sink: OutputSink | undefined,
    private readonly changed: (received: boolean) => void,
    private readonly onError: (error: unknown) => void,
    news: DirectoryNews | null = null,
  ) {
    this.#sink = sink
    const over = (): void => {
      if (this.over) return
      const held = news?.end()
      if (held && held.length > 0) this.#take(held)
      this.over = true
      this.changed(false)
    }
    stream.on('data', (chunk: Buffer) => {
      const passed = news ? news.pass(chunk) : chunk
      if (passed.length > 0) this.#take(passed)
      else this.changed(true)
    })
    stream.on('end', over).on('close', over).on('error', over)
  }

  /** A sink's promise is open. */
  get delivering(): boolean {
    return this.#busy
  }

  /** Not all that is here has been taken. */
  get behind(): boolean {
    return this.#busy || this.stream.readableLength > 0
  }

  /** Takes and gives nothing more; what still comes is read and dropped, or the channel could not close. */
  end(): void {
    this.#ended = true
    this.#sink = undefined
    this.stream.resume()
  }

  #take(chunk: Buffer): void {
    if (this.#ended) return
    this.capture.push(chunk)
    this.changed(true)
    if (!this.#sink) return
    this.delivered = true
    try {
      const held: unknown = this.#sink(chunk)
      if (!isThenable(held)) return
      this.stream.pause()
      this.#busy = true
      Promise.resolve(held)
        .then(undefined, (error: unknown) => this.#failed(error))
        .then(
          () => {
            this.#busy = false
            this.stream.resume()
            // What waited behind it comes now, so the quiet begins now.
            this.changed(true)
            this.changed(false)
          },
          () => {},
        )
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    if (!this.#sink) return
    this.#sink = undefined
    this.onError(error)
  }
}

/** Callers without types give back anything, as `stream.write` its boolean. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as Partial<PromiseLike<unknown>> | null | undefined)?.then === 'function'
}
