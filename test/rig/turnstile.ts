/** A TCP proxy on loopback that counts trips instead of delaying them: the same figure on a machine that is busy. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface Turnstile {
  readonly port: number
  /** Trips so far, over all connections: two to a round trip. */
  readonly trips: number
  stop(): Promise<void>
}

/** What both sides have said is passed on together, once neither has said more for so long. */
const QUIET_MS = 60

export async function startTurnstile(port: number): Promise<Turnstile> {
  const sockets = new Set<Socket>()
  let trips = 0
  const listener = createServer({ noDelay: true }, (client) => {
    const server = connect({ port, host: '127.0.0.1', noDelay: true })
    const held = new Map<Socket, Buffer[]>([
      [client, []],
      [server, []],
    ])
    let quiet: NodeJS.Timeout | undefined
    const pass = (): void => {
      trips++
      for (const [to, chunks] of held) for (const chunk of chunks.splice(0)) to.write(chunk)
    }
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (chunk) => {
        held.get(to)?.push(chunk)
        clearTimeout(quiet)
        quiet = setTimeout(pass, QUIET_MS)
      })
      from.on('error', () => to.destroy())
      from.on('close', () => {
        clearTimeout(quiet)
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  return {
    port: (listener.address() as AddressInfo).port,
    get trips() {
      return trips
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => {
        listener.close(() => resolve())
      })
    },
  }
}
