/**
 * A TCP proxy for many connections at once, each with a plan of its own: the plan is found by the loopback address that the
 * client dialled (every 127.x.y.z is a host). It knows SSH's framing, so it can tell which packets it passed whole.
 */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { reset } from '../rig/reset.js'

export type Way = 'toClient' | 'toServer'

/**
 * `fin`: both ends see an orderly end. `rst`: both see a reset. `half`: only the end that was being sent to sees a FIN, and
 * what it still says is passed on. `hole`: nothing more passes, either way, and nobody is told.
 */
export type Cut = 'fin' | 'rst' | 'half' | 'hole'

export interface Plan {
  readonly way: Way
  /** After so many bytes that way. */
  readonly at: number
  /** A cut, or what becomes of the byte at `at` and those behind it in its chunk. */
  readonly by: Cut | ((tail: Buffer) => Buffer)
}

export interface Passed {
  readonly bytes: { readonly [W in Way]: number }
  /** Whole packets that went towards the server, the identification line not counted. */
  readonly packets: number
  /** When the plan was carried out (performance.now()), or null if the bytes never came. */
  readonly cutAt: number | null
}

export interface Tap {
  readonly port: number
  /** Connections of this address so far, the first first; the plan is for the first alone. */
  passed(address: string): readonly Passed[]
  plan(address: string, plan: Plan | null): void
  /** Sockets that are open, on both sides. */
  readonly open: number
  /** RST on both sides of one open connection, chosen by the caller among `keys()`. */
  reset(key: number): void
  keys(): number[]
  stop(): Promise<void>
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
}

export async function startTap(port: number): Promise<Tap> {
  const plans = new Map<string, Plan | null>()
  const seen = new Map<string, Passed[]>()
  const pairs = new Map<number, Pair>()
  let next = 1

  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const address = client.localAddress ?? ''
    const earlier = seen.get(address) ?? []
    seen.set(address, earlier)
    const plan = earlier.length === 0 ? (plans.get(address) ?? null) : null
    const frames = new Frames()
    const state = {
      bytes: { toClient: 0, toServer: 0 },
      get packets() {
        return frames.whole
      },
      cutAt: null as number | null,
    }
    earlier.push(state)
    const server = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    const key = next++
    const pair = { client, server }
    pairs.set(key, pair)
    const sockets: Record<Way, Socket> = { toClient: client, toServer: server }
    let silent = false

    const cut = (way: Way, by: Cut): void => {
      state.cutAt = performance.now()
      if (by === 'hole') silent = true
      else if (by === 'rst') {
        reset(client)
        reset(server)
      } else if (by === 'half') sockets[way].end()
      else {
        client.end()
        server.end()
      }
    }
    const pass = (way: Way, chunk: Buffer): void => {
      const to = sockets[way]
      const from = sockets[way === 'toClient' ? 'toServer' : 'toClient']
      const left = plan?.way === way && state.cutAt === null ? plan.at - state.bytes[way] : Infinity
      const cuts = plan !== null && left <= chunk.length && typeof plan.by === 'string'
      let part = cuts ? chunk.subarray(0, left) : chunk
      if (plan && typeof plan.by === 'function' && left < chunk.length) {
        part = Buffer.concat([chunk.subarray(0, left), plan.by(chunk.subarray(left))])
        state.cutAt = performance.now()
      }
      if (part.length > 0 && !silent && !to.destroyed && !to.writableEnded) {
        state.bytes[way] += part.length
        if (way === 'toServer') frames.take(part)
        if (!to.write(part)) {
          from.pause()
          to.once('drain', () => from.resume())
        }
      }
      if (cuts && typeof plan.by === 'string') cut(way, plan.by)
    }
    for (const way of ['toServer', 'toClient'] as const) {
      const to = sockets[way]
      const from = sockets[way === 'toClient' ? 'toServer' : 'toClient']
      from.on('data', (chunk: Buffer) => pass(way, chunk))
      // Whoever leaves a black hole takes the other side with it: it would hang there for ever.
      from.on('end', () => {
        if (silent) {
          client.destroy()
          server.destroy()
        } else to.end()
      })
      // A broken side breaks the other: that is what a proxy is for.
      from.on('error', () => reset(to))
      from.on('close', () => {
        if (client.destroyed && server.destroyed) pairs.delete(key)
      })
    }
    if (plan?.at === 0 && typeof plan.by === 'string') cut(plan.way, plan.by)
  })
  await new Promise<void>((resolve) => listener.listen(0, '0.0.0.0', 4_096, resolve))

  return {
    port: (listener.address() as AddressInfo).port,
    passed: (address) => seen.get(address) ?? [],
    plan: (address, plan) => {
      plans.set(address, plan)
      seen.delete(address)
    },
    get open() {
      return [...pairs.values()].reduce(
        (sum, { client, server }) => sum + Number(!client.destroyed) + Number(!server.destroyed),
        0,
      )
    },
    reset(key) {
      const pair = pairs.get(key)
      if (!pair) return
      reset(pair.client)
      reset(pair.server)
    },
    keys: () => [...pairs.keys()],
    async stop() {
      for (const { client, server } of pairs.values()) {
        client.destroy()
        server.destroy()
      }
      await new Promise<void>((resolve) => {
        listener.close(() => resolve())
      })
    },
  }
}

const NEWKEYS = 21
const GCM_TAG = 16

/** Counts whole packets (RFC 4253 §6; with AES-GCM the length stays in the clear, RFC 5647 §7.3). */
export class Frames {
  whole = 0
  #ident = true
  #sealed = false
  #rest = Buffer.alloc(0)

  take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk])
    if (this.#ident) {
      const end = this.#rest.indexOf('\n')
      if (end < 0) return
      this.#ident = false
      this.#rest = this.#rest.subarray(end + 1)
    }
    while (this.#rest.length >= 6) {
      const size = 4 + this.#rest.readUInt32BE(0) + (this.#sealed ? GCM_TAG : 0)
      if (this.#rest.length < size) return
      if (!this.#sealed && this.#rest[5] === NEWKEYS) this.#sealed = true
      this.whole++
      this.#rest = this.#rest.subarray(size)
    }
  }

  /** Nothing of a packet that began is missing. */
  get even(): boolean {
    return this.#rest.length === 0
  }
}
