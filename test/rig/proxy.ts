/** A TCP proxy on loopback that breaks one thing: what a network does to a connection, on command. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { reset } from './reset.js'

export interface ProxyOptions {
  readonly port: number
  readonly host?: string
  /** Where it listens; default 127.0.0.1. On 0.0.0.0 every loopback address is a host of its own. */
  readonly listen?: string
  /** Each way, in ms: a round trip costs twice this. */
  readonly delayMs?: number
  /** Shuts the connection (FIN both ways) once so many bytes have passed towards the client, or the server. */
  readonly cutAt?: { readonly toClient?: number; readonly toServer?: number }
  /** How to cut: `fin` (default), `rst`, `half` (FIN to the client only, its bytes are still taken), `hole` (silence). */
  readonly cutBy?: 'fin' | 'rst' | 'half' | 'hole'
  /** Passes bytes to the client one by one, so many ms apart. */
  readonly dripMs?: number
}

export interface Proxy {
  readonly port: number
  /** TCP connections accepted so far, and open now. */
  readonly accepted: number
  readonly open: number
  /** The most connections that were at once between their accept and the client's end of it. */
  readonly most: number
  /** Bytes passed on, over all connections. */
  readonly bytes: { readonly toClient: number; readonly toServer: number }
  /** From now on every byte is swallowed, both ways, on open and new connections; nothing is shut. */
  blackHole(): void
  /** RST to the clients of all open connections. */
  reset(): void
  /** FIN to the clients; what they still send is taken and dropped. */
  halfClose(): void
  /** Shuts all connections and the listener. */
  stop(): Promise<void>
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
}

export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const pairs = new Set<Pair>()
  const bytes = { toClient: 0, toServer: 0 }
  let accepted = 0
  let clients = 0
  let most = 0
  let hole = false

  const cut = (pair: Pair, how: NonNullable<ProxyOptions['cutBy']>): void => {
    if (how === 'hole') hole = true
    else if (how === 'rst') {
      reset(pair.client)
      pair.server.destroy()
    } else if (how === 'half') {
      pair.client.end()
      pair.server.destroy()
    } else {
      pair.client.end()
      pair.server.end()
    }
  }

  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    accepted++
    most = Math.max(most, ++clients)
    let left = false
    const leave = (): void => {
      if (!left) clients--
      left = true
    }
    client.once('end', leave).once('close', leave)
    const server = connect({
      port: options.port,
      host: options.host ?? '127.0.0.1',
      noDelay: true,
      allowHalfOpen: true,
    })
    const pair = { client, server }
    pairs.add(pair)
    for (const [from, to, way] of [
      [client, server, 'toServer'],
      [server, client, 'toClient'],
    ] as const) {
      let passed = 0
      let done = false
      const limit = options.cutAt?.[way] ?? Infinity
      let order = Promise.resolve()
      const pass = (chunk: Buffer): void => {
        if (hole || done || to.destroyed || to.writableEnded) return
        const part = chunk.subarray(0, limit - passed)
        passed += part.length
        bytes[way] += part.length
        if (!to.write(part) && !from.destroyed) {
          from.pause()
          to.once('drain', () => from.resume())
        }
        if (passed >= limit) {
          done = true
          cut(pair, options.cutBy ?? 'fin')
        }
      }
      from.on('data', (chunk: Buffer) => {
        if (options.dripMs !== undefined && way === 'toClient') {
          for (const byte of chunk) {
            order = order.then(() => pause(options.dripMs ?? 0)).then(() => pass(Buffer.from([byte])))
          }
        } else if (options.delayMs) setTimeout(pass, options.delayMs, chunk)
        else pass(chunk)
      })
      from.on('end', () => {
        if (!hole) setTimeout(() => to.end(), options.delayMs ?? 0)
      })
      // A broken side breaks the other: that is what a proxy is for.
      from.on('error', () => {
        if (!hole && way === 'toClient') reset(to)
        else if (!hole) to.destroy()
      })
      from.on('close', () => {
        if (client.destroyed && server.destroyed) pairs.delete(pair)
      })
    }
  })
  await new Promise<void>((resolve) => listener.listen(0, options.listen ?? '127.0.0.1', resolve))

  return {
    port: (listener.address() as AddressInfo).port,
    get accepted() {
      return accepted
    },
    get open() {
      return pairs.size
    },
    get most() {
      return most
    },
    bytes,
    blackHole: () => {
      hole = true
    },
    reset: () => {
      for (const pair of pairs) cut(pair, 'rst')
    },
    halfClose: () => {
      for (const pair of pairs) cut(pair, 'half')
    },
    async stop() {
      for (const pair of pairs) {
        pair.client.destroy()
        pair.server.destroy()
      }
      await new Promise<void>((resolve) => {
        listener.close(() => resolve())
      })
    },
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
