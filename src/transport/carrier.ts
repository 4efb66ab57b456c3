/**
 * A direct-tcpip channel of a jump host, with a socket's manners: `destroy` shuts it at once whatever the hop does,
 * writes of one turn travel in one packet, and it holds the hop's socket open while it is held itself.
 */
import { Duplex } from 'node:stream'
import type { ClientChannel } from 'ssh2'
import type { Path } from './socket.js'

export interface Hop {
  /** Counts what holds the hop's socket open on behalf of its carriers. */
  holdForCarrier(change: 1 | -1): void
}

export class Carrier extends Duplex implements Path {
  #held = false
  #pending: ((error?: Error | null) => void) | null = null

  constructor(
    private readonly channel: ClientChannel,
    private readonly hop: Hop,
  ) {
    super({ allowHalfOpen: false, emitClose: true })
    channel.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) channel.pause()
    })
    channel.on('end', () => this.push(null))
    // What came before the end is still to be read.
    channel.on('close', () => (this.readableEnded ? this.destroy() : this.once('end', () => this.destroy())))
    channel.on('error', () => this.destroy())
    this.on('error', () => {})
    this.ref()
  }

  override _read(): void {
    this.channel.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#pending = done
    this.channel.write(chunk, () => {
      this.#pending = null
      done()
    })
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'binary', done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.channel.end()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.unref()
    this.channel.resume()
    this.channel.close()
    const pending = this.#pending
    this.#pending = null
    pending?.()
    done(error)
  }

  ref(): this {
    if (!this.#held && !this.destroyed) {
      this.#held = true
      this.hop.holdForCarrier(1)
    }
    return this
  }

  unref(): this {
    if (this.#held) {
      this.#held = false
      this.hop.holdForCarrier(-1)
    }
    return this
  }
}
