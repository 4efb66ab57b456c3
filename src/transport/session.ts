/** A session channel on ssh2: one command, its three streams, and a truthful account of its end. */
import type { Readable, Writable } from 'node:stream'
import { XecError } from '../errors.js'
import type { RawChannel, Wire } from './internals.js'
import type { Variables } from './session-env.js'
import { Output, Stdin } from './stream.js'
import type { Channel, Exit, LinkEnd, PtyRequest, SignalName } from './transport.js'

/** What a session needs to know of its link. */
export interface Carriage {
  readonly host: string
  readonly wire: Wire
  /** Asked of the server ahead of each command. */
  readonly env?: Variables
  readonly alive: boolean
  /** How it ended or is ending; null while it is alive. */
  readonly ending: LinkEnd | null
  /** The same in words. */
  readonly gone: string
  /** Calls back once the network has taken most of what was sent; not at all when the link ends first. */
  flushed(done: () => void): void
}

/** RFC 4254 §6.10: a name, without SIG, or `name@domain` for one of a system's own. */
const SIGNAL_NAME = /^[A-Za-z0-9@._-]{1,64}$/

export class Session implements Channel {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  readonly exit: Promise<Exit>
  readonly closed: Promise<void>
  readonly #stdin: Stdin
  #settleExit!: (exit: Exit) => void
  #settleClosed!: () => void
  #cut: boolean | null = null
  /** The answer to the latest request, whichever it is. */
  #asked: Promise<void> = Promise.resolve()

  constructor(
    private readonly link: Carriage,
    private readonly raw: RawChannel,
  ) {
    this.exit = new Promise((resolve) => (this.#settleExit = resolve))
    this.closed = new Promise((resolve) => (this.#settleClosed = resolve))
    const isOpen = (): boolean => link.alive && raw.outgoing.state === 'open'
    this.stdin = this.#stdin = new Stdin({
      get open() {
        return isOpen()
      },
      write: (chunk, done) => void raw.write(chunk, () => link.flushed(done)),
      end: () => void raw.end(),
    })
    const passedOn = (): void => link.wire.passedOn(raw)
    this.stdout = new Output(raw, passedOn)
    this.stderr = new Output(raw.stderr, passedOn)
    // Only Stdin writes to it, and only while it is open; what ssh2 may still complain of is told by `closed`.
    raw.on('error', () => {})
    raw.on('exit', (code: number | null, signal?: string, coreDumped?: unknown) => {
      if (typeof code === 'number') return this.#settleExit({ kind: 'code', code })
      const name = (signal ?? '').replace(/^SIG/, '')
      this.#settleExit({
        kind: 'signal',
        signal: SIGNAL_NAME.test(name) ? name : 'unknown',
        coreDumped: coreDumped === true,
      })
    })
    link.wire.onClosed(raw, () => this.#over())
  }

  get cut(): boolean {
    return this.#cut === true
  }

  /** The link is gone, and ssh2 has ended the streams. */
  lost(): void {
    this.#over()
  }

  exec(command: string | Buffer, pty?: PtyRequest, isWanted: () => boolean = () => true): Promise<void> {
    return this.#heardFirst(this.#exec(command, pty, isWanted))
  }

  subsystem(name: string): Promise<void> {
    const { wire } = this.link
    return this.#heardFirst(
      this.#request(`the ${name} subsystem`, (reply) => wire.subsystem(this.raw, name, reply), true),
    )
  }

  async #exec(command: string | Buffer, pty: PtyRequest | undefined, isWanted: () => boolean): Promise<void> {
    const { host, wire } = this.link
    if (pty) await this.#request('a terminal', (reply) => wire.pty(this.raw, pty, reply), false)
    if (!isWanted()) {
      this.close()
      throw new XecError('XEC_ABORTED', `${host}: given up before the command was sent`, { host, phase: 'exec' })
    }
    // As ssh: without waiting for an answer, behind the terminal, which has variables of its own.
    if (this.#sendable) for (const [name, value] of this.link.env ?? []) wire.env(this.raw, name, value)
    await this.#request('the command', (reply) => wire.exec(this.raw, command, reply), true)
  }

  signal(name: SignalName): void {
    if (this.#sendable) this.link.wire.signal(this.raw, name)
  }

  resize(rows: number, cols: number): void {
    if (this.#sendable) this.link.wire.resize(this.raw, rows, cols)
  }

  close(): void {
    if (this.#sendable) this.raw.close()
    this.#stdin.drop()
  }

  get #sendable(): boolean {
    return this.link.alive && (this.raw.outgoing.state === 'open' || this.raw.outgoing.state === 'eof')
  }

  /** Sends a request and waits for the reply; a refused one closes the channel, or it would keep its slot on the server. */
  #request(what: string, send: (reply: (refused: unknown) => void) => void, isCommand: boolean): Promise<void> {
    const { link } = this
    return new Promise((resolve, reject) => {
      if (!this.#sendable) return reject(this.#failed(what, false))
      send((refused) => {
        if (!refused) return resolve()
        const error = this.#failed(what, isCommand)
        if (link.alive) this.close()
        reject(error)
      })
    })
  }

  /** By our own knowledge of the link, never by ssh2's message, which is the same for a refusal and a loss. */
  #failed(what: string, sent: boolean): XecError {
    const { host, alive, gone } = this.link
    if (!alive) {
      const when = sent ? 'after the command was sent, before the server confirmed it' : 'before the command was sent'
      return new XecError('XEC_CONNECTION_LOST', `${host}: Connection closed ${when} (${gone})`, {
        host,
        phase: 'exec',
        executed: sent ? 'maybe' : 'no',
      })
    }
    if (this.raw.incoming.state === 'closed' || this.raw.outgoing.state !== 'open') {
      const when = sent ? 'without an answer to the command' : `before ${what} could be asked for`
      return new XecError('XEC_REFUSED', `${host}: the channel was closed ${when}`, {
        host,
        phase: 'exec',
        executed: sent ? 'maybe' : 'no',
      })
    }
    return new XecError(
      'XEC_REFUSED',
      `${host}: the server refused ${what}; the account may be restricted (ForceCommand, authorized_keys options, shell)`,
      { host, phase: 'exec' },
    )
  }

  /** The answer to a request and the end of its channel may come in one packet: whoever asked hears the answer first. */
  #heardFirst(asked: Promise<void>): Promise<void> {
    this.#asked = asked.then(
      () => {},
      () => {},
    )
    return asked
  }

  #over(): void {
    const { alive, ending } = this.link
    this.#cut ??= !alive
    this.#stdin.drop()
    const exit: Exit = alive || !ending ? { kind: 'none' } : { kind: 'lost', end: ending }
    // ssh2 has answered what was pending.
    void this.#asked.then(() => this.#settleExit(exit))
    this.#settleClosed()
  }
}
