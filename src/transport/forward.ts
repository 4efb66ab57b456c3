/** Ports forwarded over a link (RFC 4254 §7): connections that the server makes for us, and those it takes for us. */
import type { Duplex } from 'node:stream'
import type { AcceptConnection, Client, ClientChannel, TcpConnectionDetails } from 'ssh2'
import { XecError } from '../errors.js'
import { takesData } from './internals.js'
import type { RemoteListener, RemotePeer } from './transport.js'
import { saidOf } from './words.js'

/** What forwarding needs to know of its link. */
export interface Carrying {
  readonly host: string
  readonly alive: boolean
  /** How it ended, for people. */
  readonly gone: string
}

export class Forwarding {
  readonly #listeners = new Map<string, (connection: Duplex, from: RemotePeer) => void>()

  constructor(
    private readonly link: Carrying,
    private readonly client: Client,
  ) {}

  /** A direct-tcpip channel (§7.2). Rejects with ssh2's error, or a plain one when the link is gone. */
  open(address: string, port: number): Promise<ClientChannel> {
    return new Promise((resolve, reject) => {
      const { link } = this
      if (!link.alive) return reject(new Error(link.gone))
      this.client.forwardOut('127.0.0.1', 0, address, port, (error, channel) => {
        if (error) return reject(link.alive ? error : new Error(link.gone))
        if (takesData(channel)) return resolve(channel)
        channel.destroy()
        reject(new Error('it offers packets too small to carry anything'))
      })
    })
  }

  /** @see Link.forward */
  async forward(address: string, port: number): Promise<Duplex> {
    const { host } = this.link
    try {
      return quiet(await this.open(address, port))
    } catch (error) {
      if (!this.link.alive) throw this.#lost()
      const hint = (error as { reason?: unknown }).reason === 1 ? '; see AllowTcpForwarding and PermitOpen there' : ''
      throw new XecError(
        'XEC_REFUSED',
        `${host}: it did not connect to ${address}:${port} ("${saidOf(error)}")${hint}`,
        { host, phase: 'channel', cause: error },
      )
    }
  }

  /** @see Link.listen */
  listen(
    address: string,
    port: number,
    onConnection: (connection: Duplex, from: RemotePeer) => void,
  ): Promise<RemoteListener> {
    const { link, client } = this
    const { host } = link
    return new Promise((resolve, reject) => {
      if (!link.alive) return reject(this.#lost())
      client.forwardIn(address, port, (error, bound) => {
        if (!link.alive) return reject(this.#lost())
        if (error)
          return reject(
            new XecError(
              'XEC_REFUSED',
              `${host}: it does not listen on ${address}:${port} for us; the port may be taken, or see AllowTcpForwarding, GatewayPorts and PermitListen there`,
              { host, phase: 'channel', cause: error },
            ),
          )
        const place = `${address}:${bound}`
        if (this.#listeners.size === 0) client.on('tcp connection', this.#accept)
        this.#listeners.set(place, onConnection)
        resolve({ port: bound, close: () => this.#unlisten(place, address, bound) })
      })
    })
  }

  readonly #accept = (
    details: TcpConnectionDetails,
    accept: AcceptConnection<ClientChannel>,
    reject: () => void,
  ): void => {
    const listener = this.#listeners.get(`${details.destIP}:${details.destPort}`)
    if (!listener) return reject()
    const channel = quiet(accept())
    if (takesData(channel)) listener(channel, { address: details.srcIP, port: details.srcPort })
    else channel.destroy()
  }

  #unlisten(place: string, address: string, port: number): Promise<void> {
    if (!this.#listeners.delete(place)) return Promise.resolve()
    if (this.#listeners.size === 0) this.client.off('tcp connection', this.#accept)
    // A link that is gone listens nowhere, and what a live server answers changes nothing for us.
    return new Promise((resolve) =>
      this.link.alive ? this.client.unforwardIn(address, port, () => resolve()) : resolve(),
    )
  }

  #lost(): XecError {
    const { host, gone } = this.link
    return new XecError('XEC_CONNECTION_LOST', `${host}: Connection closed before the port was forwarded (${gone})`, {
      host,
      phase: 'channel',
    })
  }
}

/** What ssh2 complains of comes after the channel's end, which `close` tells. */
function quiet(channel: ClientChannel): ClientChannel {
  return channel.on('error', () => {})
}
