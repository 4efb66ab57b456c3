/** The tunnels of a context: ports forwarded to and from its host. */
import type { PoolTarget } from '../pool/types.js'
import type { ReverseTunnelOptions } from '../tunnel/reverse.js'
import type { Tunnel, TunnelOptions } from '../tunnel/tunnel.js'
import { checkTunnel } from './options.js'
import type { Settings } from './settings.js'
import { whicheverFirst } from './signals.js'

/** Who opens tunnels: an adapter over a pool. */
export interface Tunnels {
  /** @see openTunnel */
  tunnel(target: PoolTarget, options: TunnelOptions): Promise<Tunnel>
  /** @see openReverseTunnel */
  reverseTunnel(target: PoolTarget, options: ReverseTunnelOptions): Promise<Tunnel>
}

export interface ContextTunnels {
  /**
   * Opens a local port that leads to an address as the host sees it, as `ssh -L`. It holds a channel of a pooled
   * connection; when that is lost, what goes through it is reset and the next connection dials again.
   * Rejects as a command does; with XEC_CONFIG for ports that cannot be had here
   */
  tunnel(options: TunnelOptions): Promise<Tunnel>
  /**
   * Opens a port on the host that leads to an address as this machine sees it, as `ssh -R`. It goes with its connection:
   * when that is lost the tunnel is closed, and `closed` says so.
   * Rejects as a command does; with XEC_REFUSED when the host does not listen
   */
  reverseTunnel(options: ReverseTunnelOptions): Promise<Tunnel>
}

export function contextTunnels(
  adapter: () => Partial<Tunnels>,
  target: PoolTarget,
  { signal, signals = [] }: Settings,
): ContextTunnels {
  const tunnels = (): Tunnels => {
    const own = adapter()
    if (!own.tunnel || !own.reverseTunnel) throw new TypeError('this adapter opens no tunnels')
    return own as Tunnels
  }
  /** A signal may close a tunnel for as long as it is open. */
  const held = async <T extends TunnelOptions | ReverseTunnelOptions>(
    options: T,
    open: (options: T) => Promise<Tunnel>,
  ): Promise<Tunnel> => {
    const either = whicheverFirst([signal, ...signals, options.signal])
    try {
      const tunnel = await open({ ...options, signal: either.signal })
      tunnel.closed.then(either.release, either.release)
      return tunnel
    } catch (error) {
      either.release()
      throw error
    }
  }
  return {
    tunnel: async (options) => held(checkTunnel(options), (either) => tunnels().tunnel(target, either)),
    reverseTunnel: async (options) => held(checkTunnel(options), (either) => tunnels().reverseTunnel(target, either)),
  }
}
