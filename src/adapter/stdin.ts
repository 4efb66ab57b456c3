/** A command's input: a preamble, then the caller's bytes, as fast as the remote side takes them. */
import { Readable, type Writable } from 'node:stream'

export type StdinSource = Readable | Uint8Array | string | undefined

/**
 * Holds the source from the start, so that an error of it is heard while the command still waits for a channel.
 * The source is never destroyed: it belongs to the caller (it may be the process's own stdin).
 */
export class Feed {
  /** False once bytes of a stream have been taken: they cannot be sent a second time. */
  replayable = true
  #detach: () => void = () => {}

  constructor(private readonly source: StdinSource) {
    // Stays for good: an error after our interest has ended must not bring the process down.
    if (source instanceof Readable && !source.listeners('error').includes(ignore)) source.on('error', ignore)
  }

  /**
   * Sends the preamble, the source and EOF.
   * @param onError hears, once, that the source broke off: what was sent is not all of it, and no EOF follows
   */
  connect(stdin: Writable, preamble: Buffer, onError: (error: Error) => void): void {
    if (preamble.length > 0) stdin.write(preamble)
    const { source } = this
    if (!(source instanceof Readable)) {
      if (source === undefined) stdin.end()
      else stdin.end(source)
      return
    }
    if (source.readableEnded) {
      stdin.end()
      return
    }
    let attached = true
    // A microtask later, so that the news of the channel's end, where writes are dropped and so never hold back, comes first.
    const resume = (): void => queueMicrotask(() => {
      if (attached) source.resume()
    })
    const data = (chunk: Buffer | string): void => {
      this.replayable = false
      if (stdin.write(chunk)) return
      source.pause()
      stdin.once('drain', resume)
    }
    const end = (): void => {
      this.stop()
      stdin.end()
    }
    const error = (problem: Error): void => {
      this.stop()
      onError(problem)
    }
    const close = (): void => error(source.errored ?? new Error('the stream closed before its end'))
    this.#detach = () => {
      attached = false
      source.off('data', data).off('end', end).off('error', error).off('close', close)
      stdin.off('drain', resume)
      if (!source.readableEnded) source.pause()
    }
    if (source.errored || source.destroyed) return close()
    source.on('end', end).on('error', error).on('close', close).on('data', data)
    source.resume()
  }

  /** Takes no more from the source. Idempotent. */
  stop(): void {
    this.#detach()
    this.#detach = () => {}
  }
}

function ignore(): void {}
