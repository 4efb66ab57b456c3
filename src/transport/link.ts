/** An authenticated connection on ssh2. Its life is decided here, by our own socket's events, before ssh2 hears of them. */
import type { Duplex } from 'node:stream'
import type { Client, ClientChannel } from 'ssh2'
import { XecError } from '../errors.js'
import type { Clock } from '../runtime/clock.js'
import type { Hop } from './carrier.js'
import { Forwarding, type Carrying } from './forward.js'
import { takesData, type RawChannel, type Wire } from './internals.js'
import { startPulse, type Pulse } from './keepalive.js'
import { Session, type Carriage } from './session.js'
import type { Variables } from './session-env.js'
import type { Path } from './socket.js'
import type { Channel, KeepAlive, Link, LinkEnd, RemoteListener, RemotePeer } from './transport.js'
import { saidOf } from './words.js'

/** How long a peer may take to shut its side after we said goodbye; a pool waits less long. */
const CLOSE_TIMEOUT_MS = 1_000

/**
 * How often a channel is asked for again when the refusal may be about a slot that was on its way back. sshd gives a
 * slot back at the end of a turn of its loop, so a close and the open behind it, read in one turn, meet a full table;
 * by the time its refusal is here, the slot is free.
 */
const OPEN_AGAIN = 3

/** Bytes that may wait for the network. A server's windows alone would let a command's whole input pile up here. */
const SEND_AHEAD = 1024 * 1024

export interface LinkParts {
  readonly host: string
  readonly client: Client
  readonly wire: Wire
  readonly socket: Path
  readonly clock: Clock
  readonly timing: Link['timing']
  readonly keepAlive: KeepAlive | null
  /** What carries it; null when it has a socket of its own. */
  readonly via: Pick<Ssh2Link, 'host' | 'alive' | 'gone'> | null
  /** Set for each session, as far as the server accepts them. */
  readonly env?: Variables
}

export class Ssh2Link implements Link, Hop, Carriage, Carrying {
  readonly host: string
  readonly wire: Wire
  readonly env: Variables
  readonly timing: Link['timing']
  readonly ended: Promise<LinkEnd>
  readonly #client: Client
  readonly #socket: Path
  readonly #clock: Clock
  readonly #via: LinkParts['via']
  readonly #sessions = new Set<Session>()
  readonly #pulse: Pulse | null
  readonly #countsPackets: boolean
  readonly #forwarding: Forwarding
  #ending: LinkEnd | null = null
  #settleEnded!: (end: LinkEnd) => void
  /** Slots given back to the server so far, and how many of them it had seen when it last answered an open. */
  #returned = 0
  #settled = 0
  #held = true
  #carriers = 0

  constructor({ host, client, wire, socket, clock, timing, keepAlive, via, env = [] }: LinkParts) {
    this.host = host
    this.wire = wire
    this.env = env
    this.timing = timing
    this.#client = client
    this.#forwarding = new Forwarding(this, client)
    this.#socket = socket
    this.#clock = clock
    this.#via = via
    this.ended = new Promise((resolve) => (this.#settleEnded = resolve))
    this.#pulse =
      keepAlive &&
      startPulse(
        clock,
        keepAlive,
        () => wire.ping(),
        () => {
          const seconds = Math.round((keepAlive.intervalMs * (keepAlive.countMax + 1)) / 100) / 10
          this.#down(
            'keepalive',
            `the server has been silent for ${seconds}s and left ${keepAlive.countMax} keepalive pings unanswered`,
          )
          socket.destroy()
        },
      )
    this.#countsPackets = wire.onPacket(() => this.#pulse?.heard())
    wire.onFlood(() => this.broke('the server sent more than it was allowed to'))
    socket.setMaxListeners(0) // each channel may wait for it to drain
  }

  get alive(): boolean {
    return this.#ending === null
  }

  get ending(): LinkEnd | null {
    return this.#ending
  }

  get gone(): string {
    return this.#ending?.detail ?? 'no reason known'
  }

  openSession(): Promise<Channel> {
    const { host } = this
    return new Promise((resolve, reject) => {
      const lost = (): void =>
        reject(
          new XecError('XEC_CONNECTION_LOST', `${host}: Connection closed before a channel was open (${this.gone})`, {
            host,
            phase: 'channel',
          }),
        )
      const ask = (more: number): void => {
        if (!this.alive) return lost()
        const returned = this.#returned
        const early = returned > this.#settled
        this.wire.openSession((error, raw) => {
          this.#settled = Math.max(this.#settled, returned)
          if (error && this.alive && early && more > 0) return ask(more - 1)
          if (raw && takesData(raw)) return resolve(this.#session(raw))
          raw?.close()
          error ??= new Error('it offers packets too small to carry anything')
          if (!this.alive) return lost()
          reject(
            new XecError(
              'XEC_REFUSED',
              `${host}: the server refused a session channel ("${saidOf(error ?? '')}"); it may be at its MaxSessions`,
              { host, phase: 'channel', cause: error },
            ),
          )
        })
      }
      ask(OPEN_AGAIN)
    })
  }

  flushed(done: () => void): void {
    if (this.#socket.writableLength <= SEND_AHEAD) done()
    else this.#socket.once('drain', done)
  }

  /** For a jump host's carriers. @see Forwarding.open */
  openCarrier(address: string, port: number): Promise<ClientChannel> {
    return this.#forwarding.open(address, port)
  }

  forward(address: string, port: number): Promise<Duplex> {
    return this.#forwarding.forward(address, port)
  }

  listen(
    address: string,
    port: number,
    onConnection: (connection: Duplex, from: RemotePeer) => void,
  ): Promise<RemoteListener> {
    return this.#forwarding.listen(address, port, onConnection)
  }

  end(): void {
    if (!this.alive) return
    this.#down('closed', 'closed by this side')
    // Whoever waits for `ended` must live to see it; the wait is bounded.
    this.#socket.ref()
    const timer = this.#clock.timer(CLOSE_TIMEOUT_MS, () => this.#socket.destroy())
    void this.ended.then(() => timer.clear())
    this.#client.end()
  }

  destroy(): void {
    this.#down('closed', 'closed by this side')
    this.#socket.destroy()
  }

  setRef(held: boolean): void {
    this.#held = held
    this.#applyRef()
  }

  holdForCarrier(change: 1 | -1): void {
    this.#carriers += change
    this.#applyRef()
  }

  /** Bytes came in. */
  heard(): void {
    if (this.#countsPackets) this.#pulse?.stirred()
    else this.#pulse?.heard()
  }

  /** The first sign of an end that we did not ask for. ssh2 shuts its streams after this. */
  broke(detail: string): void {
    this.#down('lost', detail)
    // A peer that has closed, or broken the protocol, gets no more time than ssh2 needs to hear of it.
    setImmediate(() => this.#socket.destroy())
  }

  /** The socket is shut, and ssh2 has ended its channels. */
  shut(): void {
    this.#down('lost', 'the connection was shut')
    for (const session of this.#sessions) session.lost()
    this.#sessions.clear()
    if (this.#ending) this.#settleEnded(this.#ending)
  }

  #session(raw: RawChannel): Session {
    const session = new Session(this, raw)
    this.#sessions.add(session)
    void session.closed.then(() => {
      this.#returned++
      this.#sessions.delete(session)
    })
    return session
  }

  #down(reason: LinkEnd['reason'], detail: string): void {
    if (this.#ending) return
    // What ends with its jump host has ended for that reason, whatever it heard first.
    const why =
      reason === 'lost' && this.#via && !this.#via.alive
        ? `the connection to ${this.#via.host} was lost: ${this.#via.gone}`
        : detail
    this.#ending = Object.freeze({ reason, detail: why })
    this.#pulse?.stop()
  }

  #applyRef(): void {
    if (!this.alive) return
    const held = this.#held || this.#carriers > 0
    if (held) this.#socket.ref()
    else this.#socket.unref()
    this.#pulse?.setRef(held)
  }
}
