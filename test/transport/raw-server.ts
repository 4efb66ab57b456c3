/** A TCP server on loopback that says what the test tells it to: whatever is not an SSH server. */
import { createServer, type AddressInfo, type Socket } from 'node:net'

export interface RawServer {
  readonly port: number
  readonly accepted: number
  readonly sockets: ReadonlySet<Socket>
  stop(): Promise<void>
}

export async function startRawServer(greet: (socket: Socket) => void): Promise<RawServer> {
  const sockets = new Set<Socket>()
  let accepted = 0
  const server = createServer((socket) => {
    accepted++
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    socket.resume()
    greet(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    get accepted() {
      return accepted
    },
    sockets,
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}
