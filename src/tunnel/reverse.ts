/** A port on the remote host that leads to an address as this machine sees it, as `ssh -R` makes one. */
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { XecError } from '../errors.js'
import { notifySafely } from '../runtime/notify.js'
import type { Pool, PoolTarget } from '../pool/types.js'
import type { Link, LinkEnd, RemoteListener } from '../transport/transport.js'
import { HeldLink } from './held-link.js'
import { Connections } from './join.js'
import { checkPort, notOpened, type Tunnel } from './tunnel.js'

export interface ReverseTunnelOptions {
  /** Where connections go to from here. Default `127.0.0.1`. */
  readonly localHost?: string | undefined
  readonly localPort: number
  /** Where the remote host listens. Default `127.0.0.1`; others need GatewayPorts in its sshd_config. */
  readonly remoteHost?: string | undefined
  /** Default 0: one that the server chooses. */
  readonly remotePort?: number | undefined
  /** Closes the tunnel; before it is open, gives it up. */
  readonly signal?: AbortSignal | undefined
  /** Hears of connections that nobody took here; the remote side sees them closed. */
  readonly onError?: ((error: XecError) => void) | undefined
}

/**
 * Opens a reverse tunnel. It holds one channel of a pooled connection, which so does not idle out. The port goes with
 * that connection: when it is lost the tunnel is closed, and `closed` says so.
 * @throws XecError as the pool's acquire does; XEC_REFUSED when the server does not listen; XEC_ABORTED, XEC_POOL_CLOSED
 */
export async function openReverseTunnel(
  pool: Pool,
  target: PoolTarget,
  options: ReverseTunnelOptions,
): Promise<Tunnel> {
  const { host } = target
  const { localHost = '127.0.0.1', localPort, remoteHost = '127.0.0.1', remotePort = 0, signal, onError } = options
  checkPort(host, 'localPort', localPort, 1)
  checkPort(host, 'remotePort', remotePort, 0)
  const connections = new Connections()
  let open = true
  let settle: (error: XecError | null) => void = () => {}
  const closed = new Promise<XecError | null>((resolve) => (settle = resolve))
  const ended = (end: LinkEnd): void => {
    const lost =
      end.reason === 'closed'
        ? null
        : new XecError(
            'XEC_CONNECTION_LOST',
            `${host}: Connection closed under a reverse tunnel (${end.detail}); nobody listens there any more`,
            { host, phase: 'channel' },
          )
    finish(lost)
  }
  const held = new HeldLink(pool, target, { signal }, ended)
  const finish = (error: XecError | null): void => {
    if (!open) return
    open = false
    signal?.removeEventListener('abort', abort)
    connections.cut()
    held.release()
    settle(error)
  }
  const take = (link: Link, remote: Duplex): void => {
    const socket = connect({ host: localHost, port: localPort, allowHalfOpen: true })
    connections.add(socket)
    // Before it is made: one that is not must not leave the far side waiting.
    connections.join(socket, remote, link)
    const failed = (cause: Error): void => {
      notifySafely(() =>
        onError?.(
          new XecError(
            'XEC_CONNECT',
            `${host}: nobody takes the connections of the reverse tunnel at ${localHost}:${localPort} here: ${cause.message}`,
            { host, cause },
          ),
        ),
      )
    }
    socket.once('error', failed).once('connect', () => socket.off('error', failed))
  }
  let listener: RemoteListener | null = null
  const close = async (): Promise<void> => {
    if (open) {
      // The server stops listening before the channel is given back, so that nothing comes in without a taker.
      await listener?.close()
      finish(null)
    }
    await closed
  }
  const abort = (): void => void close()
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) abort()
  try {
    const opening = held.get().then((link) => {
      if (!open) throw notOpened(host, signal)
      return link.listen(remoteHost, remotePort, (remote) => take(link, remote))
    })
    // A server may take its time, and then listen although we gave up.
    opening.then(
      (late) => (open ? undefined : late.close()),
      () => {},
    )
    listener = await Promise.race([
      opening,
      closed.then((lost) => {
        throw lost ?? notOpened(host, signal)
      }),
    ])
  } catch (error) {
    finish(null)
    throw error
  }
  return {
    localHost,
    localPort,
    remoteHost,
    closed,
    close,
    remotePort: listener.port,
    get open() {
      return open
    },
    get connections() {
      return connections.size
    },
    [Symbol.asyncDispose]: close,
  }
}
