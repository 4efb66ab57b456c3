/** The connections through a tunnel: TCP sockets and forwarded connections, joined, each way to its own end; a loss is no end. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Link } from '../transport/transport.js'

export class Connections {
  /** For each connection its socket; once that is done, the other side as long as it has not taken all. */
  readonly #open = new Set<Duplex>()
  #areCut = false

  get size(): number {
    return this.#open.size
  }

  /** Counts from here on. The socket is this class's to shut. */
  add(socket: Socket): void {
    this.#open.add(socket)
    // A local reset ends the channel, and with it the connection on the other side.
    socket.on('error', () => {}).once('close', () => this.#open.delete(socket))
  }

  /** @param socket one that was added, connected or about to be; `remote` is now this class's to shut, too. @param link what carries it */
  join(socket: Socket, remote: Duplex, link: Link): void {
    let isGone = false
    remote.once('close', () => {
      isGone = true
      this.#open.delete(remote)
    })
    socket.setNoDelay(true)
    socket.once('close', () => {
      // After both its ends the socket is done, and what the far side has still to take goes on; else it was cut.
      const isDone = socket.readableEnded && socket.writableFinished
      if (!isDone || this.#areCut) remote.destroy()
      else if (!isGone) this.#open.add(remote)
      remote.resume() // what nobody reads would hold back its close
    })
    socket.pipe(remote)
    remote.pipe(socket, { end: false })
    // ssh2 ends its channels gracefully when the connection is lost; a half-read answer must not look whole.
    remote.once('end', () => (link.alive ? socket.end() : socket.resetAndDestroy()))
    // An answer that had come to its end is whole, however slowly it is taken. (Nor could a socket be reset while its end is
    // on the way: uv_tcp_close_reset refuses, and Node would leave it open.)
    remote.once('close', () => (link.alive || socket.writableEnded ? socket.destroySoon() : socket.resetAndDestroy()))
  }

  /** Cuts all of them, for good. */
  cut(): void {
    this.#areCut = true
    for (const connection of this.#open) connection.destroy()
  }
}
