/** The way to a target, up to the first word from there: a TCP connection, a carrier that a jump host lends, or a program. */
import { closeSync, openSync } from 'node:fs'
import { isIP } from 'node:net'
import { PEEK_BYTES } from './banner.js'
import { bindFailure, originOf, type Origin } from './bind.js'
import { Carrier } from './carrier.js'
import type { Clock } from '../runtime/clock.js'
import type { Deadline } from './deadline.js'
import {
  abortedDial,
  carrierFailed,
  connectFailed,
  hopLost,
  localFailure,
  proxyNotStarted,
  timedOutDial,
  type DialPhase,
} from './dial-error.js'
import { IDENT } from './internals.js'
import { Ssh2Link } from './link.js'
import { ProxyPath, startProxy, type ProxyProcess } from './proxy.js'
import { openSocket, type Path } from './socket.js'
import type { DialError, Link, ProxyCommand, Target } from './transport.js'

/** A TCP connection. Rejects with a DialError, once the socket is shut. */
export async function connectPath(target: Target, signal: AbortSignal, deadline: Deadline): Promise<Path> {
  const found = originOf(target)
  const origin = found instanceof Promise ? await found : found
  if (signal.aborted) throw abortedDial(target, 'tcp')
  return connectFrom(origin, target, signal, deadline)
}

function connectFrom(origin: Origin | null, target: Target, signal: AbortSignal, deadline: Deadline): Promise<Path> {
  return new Promise((resolve, reject) => {
    let phase: DialPhase = isIP(target.address) ? 'tcp' : 'dns'
    const socket = openSocket(target.address, target.port, origin)
    let failure: DialError | null = null
    const fail = (error: DialError): void => {
      failure ??= error
      socket.destroy()
    }
    const aborted = (): void => fail(abortedDial(target, phase))
    const broke = (error: Error): void =>
      fail(
        bindFailure(target, error) ??
          (phase === 'dns' ? localFailure(target, descriptorShortage()) : undefined) ??
          connectFailed(target, error),
      )
    const closed = (): void => settle(() => reject(failure ?? connectFailed(target, new Error('the socket closed'))))
    const settle = (done: () => void): void => {
      deadline.stop()
      signal.removeEventListener('abort', aborted)
      socket.off('error', broke).off('close', closed)
      done()
    }
    socket
      .once('lookup', () => (phase = 'tcp'))
      .on('error', broke)
      .once('close', closed)
    socket.once('connect', () => settle(() => resolve(socket)))
    signal.addEventListener('abort', aborted, { once: true })
    deadline.start(() => fail(timedOutDial(target, phase, deadline.totalMs)))
  })
}

/** The resolver of the C library does not say why it failed: it may have had no descriptor for its question. */
function descriptorShortage(): unknown {
  try {
    closeSync(openSync('/dev/null', 'r'))
    return undefined
  } catch (error) {
    return error
  }
}

/** The same through a hop's link. */
export function borrowPath(target: Target, via: Link, signal: AbortSignal, deadline: Deadline): Promise<Path> {
  return new Promise((resolve, reject) => {
    if (!(via instanceof Ssh2Link)) throw new TypeError('bug: the hop is a link of another transport')
    let done = false
    const settle = (end: () => void): void => {
      if (done) return
      done = true
      deadline.stop()
      signal.removeEventListener('abort', aborted)
      end()
    }
    const aborted = (): void => settle(() => reject(abortedDial(target, 'tcp')))
    signal.addEventListener('abort', aborted, { once: true })
    deadline.start(() => settle(() => reject(timedOutDial(target, 'tcp', deadline.totalMs))))
    via.openCarrier(target.address, target.port).then(
      // A confirmation that comes too late is shut again.
      (channel) => (done ? void channel.resume().close() : settle(() => resolve(new Carrier(channel, via)))),
      (error: Error) =>
        settle(() => reject(via.alive ? carrierFailed(target, error) : hopLost(target, 'tcp', via.gone, error))),
    )
  })
}

/**
 * The same by a program. It counts as connected once it runs, as it does to ssh: what it then does nobody can see.
 * @param hear called with each line of its stderr, fit for a terminal
 */
export function proxyPath(
  target: Target,
  proxy: ProxyCommand,
  signal: AbortSignal,
  clock: Clock,
  hear: (line: string) => void,
): Promise<Path> {
  return new Promise((resolve, reject) => {
    let child: ProxyProcess
    try {
      child = startProxy(proxy)
    } catch (error) {
      return reject(proxyNotStarted(target, proxy, error as Error))
    }
    child.once('error', (error) => reject(proxyNotStarted(target, proxy, error)))
    child.once('spawn', () => {
      const path = new ProxyPath(child, clock, hear)
      if (!signal.aborted) return resolve(path)
      path.once('close', () => reject(abortedDial(target, 'tcp'))).destroy()
    })
  })
}

/**
 * Says who we are, and waits until the server says something, or hangs up. A host that takes connections and then says
 * nothing must not hold a permit that others could use. Rejects with a DialError, once the socket is shut.
 * @returns what it said first, which is still to be read; empty when it hung up without a word
 */
export function heardFrom(path: Path, target: Target, signal: AbortSignal, deadline: Deadline): Promise<string> {
  return new Promise((resolve, reject) => {
    let failure: DialError | null = null
    const fail = (error: DialError): void => {
      failure ??= error
      path.destroy()
    }
    const aborted = (): void => fail(abortedDial(target, 'banner'))
    // Readable at its end, too: what an end means here is the handshake's to say.
    const settle = (): void => {
      deadline.stop()
      signal.removeEventListener('abort', aborted)
      path.off('readable', settle).off('close', settle)
      if (failure) return reject(failure)
      const first = path.read() as Buffer | null
      if (first) path.unshift(first)
      resolve(first?.toString('utf8', 0, PEEK_BYTES) ?? '')
    }
    path.once('readable', settle).once('close', settle)
    // Between the connection and here nobody listened.
    if (signal.aborted) return aborted()
    signal.addEventListener('abort', aborted, { once: true })
    deadline.start(() => fail(timedOutDial(target, 'banner', deadline.totalMs, saidBy(path))))
    path.write(`SSH-2.0-${IDENT}\r\n`)
  })
}

/** What the program on the way has said, if there is one. */
function saidBy(path: Path): string {
  return path instanceof ProxyPath ? path.said : ''
}
