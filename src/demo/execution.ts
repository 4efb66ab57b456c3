/** One command on one channel: the process here, its streams and its end there. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import type { Readable } from 'node:stream'
import type { ServerChannel } from 'ssh2'
import { messageOf } from '../errors.js'
import { isOpen, writeWhole } from './internals.js'
import { signalGroup, type Processes } from './processes.js'

export interface ExecutionOptions {
  readonly command: string
  readonly env: Readonly<Record<string, string>>
  /** Before the command starts. */
  readonly delayMs: number
  /** In place of running the command: this on stderr, and this status. */
  readonly instead: { readonly status: number; readonly says: string } | null
}

/** The signals of RFC 4254 §6.10; any other is not sent on. */
const SIGNALS = new Set([
  'ABRT',
  'ALRM',
  'FPE',
  'HUP',
  'ILL',
  'INT',
  'KILL',
  'PIPE',
  'QUIT',
  'SEGV',
  'TERM',
  'USR1',
  'USR2',
])

export class Execution {
  #timer: NodeJS.Timeout | undefined
  #child: ChildProcessWithoutNullStreams | undefined
  /** Nothing is sent any more. */
  #over = false
  #close = (): void => {}
  readonly #closed = new Promise<void>((resolve) => {
    this.#close = resolve
  })
  /** The write under way: there is one at a time, whichever stream it is of. */
  #turn: Promise<void> = Promise.resolve()

  constructor(
    private readonly channel: ServerChannel,
    private readonly processes: Processes,
    private readonly options: ExecutionOptions,
  ) {
    // A client that is gone is no error of ours: its connection says so.
    channel.on('error', () => {})
    channel.stderr.on('error', () => {})
    if (options.delayMs === 0) this.#start()
    else this.#timer = setTimeout(() => this.#start(), options.delayMs)
  }

  /** A name as on the wire, without SIG: for the whole process group, as sshd does it (session.c, session_signal_req). */
  signal(name: string): void {
    if (this.#over || !SIGNALS.has(name)) return
    if (this.#child) {
      signalGroup(this.#child.pid, `SIG${name}` as NodeJS.Signals)
      return
    }
    clearTimeout(this.#timer)
    void this.#end(() => this.channel.exit(name, false, ''))
  }

  /** The channel or its connection is closed: what still runs for it has nobody to talk to. Idempotent. */
  abandon(): void {
    if (this.#over) return
    this.#over = true
    this.#close()
    clearTimeout(this.#timer)
    const child = this.#child
    if (!child) return
    // The group is there at least as long as someone holds its output, so that the number is still its own.
    signalGroup(child.pid, 'SIGKILL')
    child.stdin.destroy()
    child.stdout.destroy()
    child.stderr.destroy()
  }

  #start(): void {
    const { channel, processes, options } = this
    const { instead } = options
    if (instead) {
      channel.resume()
      void this.#fail(instead.says, instead.status)
      return
    }
    const child = processes.start(options.command, options.env)
    this.#child = child
    child.once('error', (error) => {
      if (child.pid === undefined) void this.#fail(`cannot start /bin/sh: ${messageOf(error)}\n`, 126)
    })
    if (child.pid === undefined) return
    // A command that does not read its input ends the pipe; the rest is taken and dropped, as sshd does.
    child.stdin.on('error', () => channel.unpipe(child.stdin).resume())
    channel.pipe(child.stdin)
    const exited = new Promise<void>((resolve) =>
      child.once('exit', (code, signal) => {
        if (!this.#over && isOpen(channel)) {
          if (signal !== null && SIGNALS.has(signal.slice(3))) channel.exit(signal.slice(3), false, '')
          else channel.exit(code ?? 255)
        }
        resolve()
      }),
    )
    void Promise.all([exited, this.#pump(child.stdout, 'stdout'), this.#pump(child.stderr, 'stderr')]).then(() =>
      this.#end(() => {}),
    )
  }

  async #fail(text: string, status: number): Promise<void> {
    if (text !== '') await this.#write('stderr', Buffer.from(text))
    await this.#end(() => this.channel.exit(status))
  }

  async #pump(source: Readable, stream: 'stdout' | 'stderr'): Promise<void> {
    try {
      for await (const chunk of source) await this.#write(stream, chunk as Buffer)
    } catch (error) {
      // It also ends like this when the channel is given up.
      if (!this.#over)
        await this.#write('stderr', Buffer.from(`the rest of its ${stream} cannot be read: ${messageOf(error)}\n`))
    }
  }

  /** Resolves when the client has taken it, or takes nothing any more. */
  #write(stream: 'stdout' | 'stderr', chunk: Buffer): Promise<void> {
    this.#turn = this.#turn.then(() => {
      if (this.#over || !isOpen(this.channel)) return undefined
      return Promise.race([writeWhole(this.channel, stream, chunk), this.#closed])
    })
    return this.#turn
  }

  /** Says how it ended, then EOF and CLOSE. */
  async #end(say: () => void): Promise<void> {
    await this.#turn
    if (this.#over) return
    this.#over = true
    if (isOpen(this.channel)) say()
    this.channel.end()
    // What the client may still send is dropped, or its CLOSE would never be heard.
    this.channel.unpipe().resume()
  }
}
