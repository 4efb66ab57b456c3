/** The tunnels of a context: ports forwarded to and from its host. */
import type { PoolTarget } from '../pool/types.js'
import type { ReverseTunnelOptions } from '../tunnel/reverse.js'
import type { Tunnel, TunnelOptions } from '../tunnel/tunnel.js'
import { checkTunnel } from './options.js'
import { eitherOf, type Settings } from './settings.js'

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

export function contextTunnels(adapter: () => Partial<Tunnels>, target: PoolTarget, { signal }: Settings): ContextTunnels {
  const tunnels = (): Tunnels => {
    const own = adapter()
    if (!own.tunnel || !own.reverseTunnel) throw new TypeError('this adapter opens no tunnels')
    return own as Tunnels
  }
  return {
    tunnel: async (options) => tunnels().tunnel(target, { ...checkTunnel(options), signal: eitherOf(signal, options.signal) }),
    reverseTunnel: async (options) => tunnels().reverseTunnel(target, { ...checkTunnel(options), signal: eitherOf(signal, options.signal) }),
  }
}
