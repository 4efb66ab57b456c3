/** Our own socket, so that delays, addresses, first bytes and death are ours to decide (ssh2 leaves Nagle on). */
import { connect, type Socket } from 'node:net'
import type { Duplex, Writable } from 'node:stream'
import type { Origin } from './bind.js'

/** What a dial runs over: a TCP socket, a carrier that a jump host lends, or a program. */
export interface Path extends Duplex {
  ref(): unknown
  unref(): unknown
}

/** Two and a half seconds for an address before the next: Node's 250 ms breaks far hosts with two addresses (nodejs#54359). */
const ADDRESS_ATTEMPT_MS = 2_500
/** TCP's own keepalive finds hosts that vanished, when nothing else asks. */
const TCP_KEEPALIVE_MS = 60_000

/**
 * Starts connecting. The socket never emits an unheard error.
 * @param origin from where, and by which family of addresses; null: whatever works
 */
export function openSocket(address: string, port: number, origin: Origin | null = null): Socket {
  const socket = connect({
    host: address,
    port,
    ...(origin ?? {}),
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEPALIVE_MS,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS,
  })
  socket.on('error', () => {})
  return socket
}

/**
 * Sends everything written in one turn of the event loop together: ssh2 writes a packet in up to three pieces,
 * and several packets in a row, each of which would otherwise be a segment and a system call of its own.
 */
export function corkWrites(stream: Writable): void {
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean
  let corked = false
  const release = (): void => {
    corked = false
    stream.uncork()
  }
  stream.write = ((...args: unknown[]): boolean => {
    if (!corked) {
      corked = true
      stream.cork()
      process.nextTick(release)
    }
    return write(...args)
  }) as typeof stream.write
}
