/** A TCP socket and a forwarded connection, joined: each way to its own end, and a loss is no end. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Link } from '../transport/transport.js'

/** Both are this function's to shut. @param link what carries `remote` */
export function join(socket: Socket, remote: Duplex, link: Link): void {
  socket.setNoDelay(true)
  // A local reset ends the channel, and with it the connection on the other side.
  socket.on('error', () => {})
  socket.once('close', () => {
    remote.destroy()
    remote.resume() // what nobody reads would hold back its close
  })
  socket.pipe(remote)
  remote.pipe(socket, { end: false })
  // ssh2 ends its channels gracefully when the connection is lost; a half-read answer must not look whole.
  remote.once('end', () => (link.alive ? socket.end() : socket.resetAndDestroy()))
  remote.once('close', () => (link.alive ? socket.destroySoon() : socket.resetAndDestroy()))
}
