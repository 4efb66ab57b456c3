/** A command's input: a preamble, then the caller's bytes, as fast as the remote side takes them. */
import { Readable, type Writable } from 'node:stream'
import { XecError } from '../errors.js'

export type StdinSource = Readable | Uint8Array | string | undefined

/** Pieces smaller than this are put together, up to as much, before they are sent: each costs a packet. */
const PIECE_BYTES = 16 * 1024

/**
 * Holds the source from the start, so that an error of it is heard while the command still waits for a channel.
 * The source is never destroyed: it belongs to the caller (it may be the process's own stdin).
 */
export class Feed {
  /** False once bytes of a stream have been taken: they cannot be sent a second time. */
  replayable = true
  #detach: () => void = () => {}

  /** @throws XecError XEC_CONFIG for a stream that has nothing more to give: its end would pass for an empty input */
  constructor(private readonly source: StdinSource) {
    if (!(source instanceof Readable)) return
    if (source.readableEnded)
      throw new XecError(
        'XEC_CONFIG',
        'stdin: the stream was read already; give each command a stream of its own, or the text or bytes themselves',
        { phase: 'exec' },
      )
    // Stays for good: an error after our interest has ended must not bring the process down.
    if (!source.listeners('error').includes(ignore)) source.on('error', ignore)
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
    // The attempt before this one has read it to its end, and it was empty.
    if (source.readableEnded) {
      stdin.end()
      return
    }
    let attached = true
    let pieces: Buffer[] = []
    let bytes = 0
    let due: NodeJS.Immediate | null = null
    const resume = (): void => {
      if (attached) source.resume()
    }
    // A microtask later, so that the news of the channel's end, where writes are dropped and so never hold back, comes first.
    const drained = (): void => queueMicrotask(resume)
    const flush = (): void => {
      if (due) clearImmediate(due)
      due = null
      const piece = pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces)
      pieces = []
      bytes = 0
      if (piece.length === 0 || stdin.write(piece)) return resume()
      source.pause()
      stdin.once('drain', drained)
    }
    const data = (chunk: unknown): void => {
      if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array))
        return error(new TypeError('the stream gives objects and not bytes'))
      this.replayable = false
      const piece =
        typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      pieces.push(piece)
      bytes += piece.length
      if (piece.length >= PIECE_BYTES) return flush()
      // A source that always has more would never let the event loop turn, which is what empties the channel.
      if (bytes >= PIECE_BYTES) source.pause()
      due ??= setImmediate(flush)
    }
    const end = (): void => {
      flush()
      this.stop()
      stdin.end()
    }
    const error = (problem: Error): void => {
      flush()
      this.stop()
      onError(problem)
    }
    const close = (): void => error(source.errored ?? new Error('the stream closed before its end'))
    this.#detach = () => {
      attached = false
      if (due) clearImmediate(due)
      source.off('data', data).off('end', end).off('error', error).off('close', close)
      stdin.off('drain', drained)
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
