/** One host of the embedded fleet: an SSH server on a port of 127.0.0.1. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Connection, Server as SshServer, Session } from 'ssh2'
import type { Ssh2 } from '../transport/library.js'
import { Execution } from './execution.js'
import { answerClose, keepListeningAfterEof } from './internals.js'
import type { EphemeralKey } from './keys.js'
import type { HostKnobs } from './knobs.js'
import type { Doorkeeper } from './login.js'
import type { Processes } from './processes.js'

export const LOOPBACK = '127.0.0.1'

/** What a host has seen: gauges of now, counts since its start. */
export interface Seen {
  /** Sockets open now, authenticated or not. */
  readonly open: number
  /** TCP connections accepted. */
  readonly connections: number
  /** Connections that logged in. */
  readonly logins: number
  /** Session channels open now. */
  readonly sessions: number
  /** The most session channels that were open at once on one connection. */
  readonly mostSessions: number
  /** Session channels refused because of `maxSessions`. */
  readonly refused: number
  /** Commands taken. */
  readonly commands: number
}

interface Parts {
  readonly ssh2: Ssh2
  readonly name: string
  readonly key: EphemeralKey
  readonly knobs: HostKnobs
  readonly doorkeeper: Doorkeeper
  readonly processes: Processes
}

/** Counts of one host; `Seen` is a copy. */
type Counts = { -readonly [K in keyof Seen]: Seen[K] }

export class HostServer {
  port = 0
  readonly #listener: Server
  readonly #ssh: SshServer
  readonly #sockets = new Set<Socket>()
  readonly #waiting = new Map<Socket, NodeJS.Timeout>()
  readonly #counts: Counts = {
    open: 0,
    connections: 0,
    logins: 0,
    sessions: 0,
    mostSessions: 0,
    refused: 0,
    commands: 0,
  }

  constructor(private readonly parts: Parts) {
    const { ssh2, key } = parts
    this.#ssh = new ssh2.Server({ hostKeys: [key.privateKey.reveal()] }, (connection) => this.#welcome(connection))
    // A listener of our own in front of ssh2's: it knows every socket from its first moment, and may keep it waiting.
    this.#listener = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => this.#accept(socket))
  }

  async listen(): Promise<void> {
    this.#listener.listen(0, LOOPBACK)
    await once(this.#listener, 'listening')
    this.port = (this.#listener.address() as AddressInfo).port
    if (this.parts.knobs.down) await this.stop()
  }

  seen(): Seen {
    return { ...this.#counts }
  }

  /** Shuts the port and every socket; resolves when they are shut. Idempotent. */
  async stop(): Promise<void> {
    for (const timer of this.#waiting.values()) clearTimeout(timer)
    this.#waiting.clear()
    const closed = this.#listener.listening ? once(this.#listener, 'close') : undefined
    if (closed) this.#listener.close()
    // Heard last, after ssh2 and the counts.
    const shut = [...this.#sockets].map((socket) => once(socket, 'close'))
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all([closed, ...shut])
  }

  #accept(socket: Socket): void {
    const { handshakeDelayMs = 0 } = this.parts.knobs
    this.#counts.connections++
    this.#counts.open++
    this.#sockets.add(socket)
    socket.on('error', () => {}) // its close follows
    socket.once('close', () => {
      this.#counts.open--
      this.#sockets.delete(socket)
      clearTimeout(this.#waiting.get(socket))
      this.#waiting.delete(socket)
    })
    if (handshakeDelayMs === 0) {
      this.#ssh.injectSocket(socket)
      return
    }
    this.#waiting.set(
      socket,
      setTimeout(() => {
        this.#waiting.delete(socket)
        this.#ssh.injectSocket(socket)
      }, handshakeDelayMs),
    )
  }

  #welcome(connection: Connection): void {
    const { doorkeeper, knobs } = this.parts
    const { maxSessions = Infinity } = knobs
    const counts = this.#counts
    /** The sessions of this connection, each with what runs on it. */
    const sessions = new Map<Session, Execution | null>()
    const leave = (session: Session): void => {
      if (!sessions.has(session)) return
      sessions.get(session)?.abandon()
      sessions.delete(session)
      counts.sessions--
    }
    connection.on('error', () => {}) // its close follows
    connection.on('close', () => {
      for (const session of [...sessions.keys()]) leave(session)
    })
    connection.on('authentication', doorkeeper)
    connection.on('ready', () => {
      counts.logins++
    })
    connection.on('session', (accept, refuse) => {
      if (sessions.size >= maxSessions) {
        counts.refused++
        refuse()
        return
      }
      const session = accept()
      sessions.set(session, null)
      counts.sessions++
      counts.mostSessions = Math.max(counts.mostSessions, sessions.size)
      keepListeningAfterEof(session)
      session.on('exec', (take, _refuse, { command }) => {
        counts.commands++
        sessions.set(session, this.#run(take(), command))
      })
      session.on('signal', (_accept, _refuse, { name }) => sessions.get(session)?.signal(name))
      session.on('close', () => {
        leave(session)
        answerClose(connection, session)
      })
    })
  }

  #run(channel: ConstructorParameters<typeof Execution>[0], command: string): Execution {
    const { name, knobs, processes } = this.parts
    const { delayMs = 0, failing, says = '' } = knobs
    return new Execution(channel, processes, {
      command,
      delayMs,
      env: { ...knobs.env, XEC_DEMO_HOST: name },
      instead:
        failing === undefined
          ? null
          : { status: failing, says: says === '' || says.endsWith('\n') ? says : `${says}\n` },
    })
  }
}
