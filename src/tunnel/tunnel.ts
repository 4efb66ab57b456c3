/** A local port that leads to an address as the remote host sees it, as `ssh -L` makes one. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { isXecError, messageOf, XecError } from '../errors.js'
import { notifySafely } from '../runtime/notify.js'
import type { AcquireOptions, Pool, PoolTarget } from '../pool/types.js'
import { HeldLink } from './held-link.js'
import { Connections } from './join.js'

export interface TunnelOptions {
  /** Where the remote host connects to, as it sees it. Default `127.0.0.1`: the host itself. */
  readonly remoteHost?: string | undefined
  readonly remotePort: number
  /** Where to listen here. Default `127.0.0.1`: nobody else's machine can connect. */
  readonly localHost?: string | undefined
  /** Default 0: a free one. */
  readonly localPort?: number | undefined
  /** Closes the tunnel; before it is open, gives it up. */
  readonly signal?: AbortSignal | undefined
  /** Hears of connections that could not be carried; the local side sees them reset. */
  readonly onError?: ((error: XecError) => void) | undefined
}

export interface Tunnel extends AsyncDisposable {
  readonly localHost: string
  readonly localPort: number
  readonly remoteHost: string
  readonly remotePort: number
  /** False once it is closed. */
  readonly open: boolean
  /** Connections through it now, also those that only the far side has not taken to the end. */
  readonly connections: number
  /** Resolves when it is closed: null, or the loss that closed it. Never rejects. */
  readonly closed: Promise<XecError | null>
  /** Takes no more connections and cuts those that are open. Idempotent. */
  close(): Promise<void>
}

/**
 * Opens a tunnel. It holds one channel of a pooled connection, which so does not idle out; when that connection is lost,
 * the connections through the tunnel are reset, and the next one dials again. Closing the pool closes it.
 * @throws XecError as the pool's acquire does; XEC_CONFIG when the local port cannot be had; XEC_ABORTED, XEC_POOL_CLOSED
 */
export async function openTunnel(pool: Pool, target: PoolTarget, options: TunnelOptions): Promise<Tunnel> {
  const { remoteHost = '127.0.0.1', remotePort, localHost = '127.0.0.1', localPort = 0, signal, onError } = options
  const acquire: AcquireOptions = { signal }
  checkPort(target.host, 'remotePort', remotePort, 1)
  checkPort(target.host, 'localPort', localPort, 0)
  const connections = new Connections()
  let open = true
  const held = new HeldLink(pool, target, acquire, (end) => {
    // What we closed ourselves, with the pool or by a reset, is not to come back by the next connection.
    if (end.reason === 'closed') void close()
  })
  const carry = async (socket: Socket): Promise<void> => {
    connections.add(socket)
    try {
      const link = await held.get()
      const remote = await link.forward(remoteHost, remotePort)
      if (socket.destroyed) remote.destroy()
      else connections.join(socket, remote, link)
    } catch (error) {
      socket.resetAndDestroy()
      // Of anything else somebody should hear, too: it is a mistake of ours.
      notifySafely(() => {
        if (!isXecError(error)) throw error
        onError?.(error)
      })
    }
  }
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: false }, (socket) => void carry(socket))
  let settle: (error: XecError | null) => void = () => {}
  const closed = new Promise<XecError | null>((resolve) => (settle = resolve))
  const close = async (): Promise<void> => {
    if (!open) return void (await closed)
    open = false
    signal?.removeEventListener('abort', abort)
    const ended = new Promise<void>((resolve) => server.close(() => resolve()))
    connections.cut()
    held.release()
    await ended
    settle(null)
  }
  const abort = (): void => void close()
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) abort()
  try {
    const opening = held.get().then(() => (open ? listen(server, localPort, localHost, target.host) : undefined))
    // A server that is closed while a name is looked up never says that it does not listen.
    await Promise.race([
      opening,
      closed.then(() => {
        throw notOpened(target.host, signal)
      }),
    ])
  } catch (error) {
    await close()
    throw error
  }
  // A connection that could not be accepted (no file descriptors, say); the next one may be.
  server.on('error', (cause) =>
    notifySafely(() =>
      onError?.(
        new XecError(
          'XEC_CONNECT',
          `${target.host}: the tunnel at ${localHost}:${localPort} could not take a connection here: ${messageOf(cause)}`,
          { host: target.host, cause },
        ),
      ),
    ),
  )
  return {
    localHost,
    remoteHost,
    remotePort,
    closed,
    close,
    localPort: (server.address() as AddressInfo).port,
    get open() {
      return open
    },
    get connections() {
      return connections.size
    },
    [Symbol.asyncDispose]: close,
  }
}

function listen(server: Server, port: number, address: string, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void =>
      reject(
        new XecError(
          'XEC_CONFIG',
          `${host}: the tunnel cannot listen on ${address}:${port} here: ${messageOf(cause)}`,
          { host, cause },
        ),
      )
    server.once('error', failed)
    server.listen({ port, host: address, exclusive: true }, () => {
      server.off('error', failed)
      resolve()
    })
  })
}

/** A tunnel was closed before it was open: by its signal, or with its connection. */
export function notOpened(host: string, signal: AbortSignal | undefined): XecError {
  return signal?.aborted
    ? new XecError('XEC_ABORTED', `${host}: cancelled before the tunnel was open`, {
        host,
        phase: 'channel',
        cause: signal.reason,
      })
    : new XecError('XEC_POOL_CLOSED', `${host}: the connection pool was closed before the tunnel was open`, { host })
}

/** @throws XecError XEC_CONFIG */
export function checkPort(host: string, name: string, port: number, least: number): void {
  if (!Number.isSafeInteger(port) || port < least || port > 65_535)
    throw new XecError(
      'XEC_CONFIG',
      `${host}: ${name} must be a whole number from ${least} to 65535, not ${String(port)}`,
      { host },
    )
}
