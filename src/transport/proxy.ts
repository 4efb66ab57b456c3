/**
 * ssh_config's ProxyCommand: a program whose standard input and output are the connection, with a socket's manners.
 * The program leads a process group and a session of its own: Ctrl-C of the terminal does not reach it while remote
 * commands are still being stopped, and the whole group can be ended with the connection. When xec is killed, the
 * program reads the end of its input. docs/design/transport.md has the roads not taken.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Socket } from 'node:net'
import { Duplex, type Readable, type Writable } from 'node:stream'
import type { Clock, Timer } from '../runtime/clock.js'
import type { ProxyFate } from './proxy-fate.js'
import type { Path } from './socket.js'
import type { ProxyCommand } from './transport.js'
import { printable } from './words.js'

/** How long the exit status and the last words are waited for once the output has ended. */
const FATE_MS = 500
/** From SIGTERM to SIGKILL. */
const KILL_AFTER_MS = 1_000
/** What an error quotes of stderr, in lines; `printable` bounds each. */
const LAST_LINES = 3
/** A longer line of stderr is cut here, so that a program that never ends one costs no memory. */
const MOST_LINE_CHARACTERS = 4_096

export type ProxyProcess = ChildProcessByStdio<Writable, Readable, Readable>

/**
 * Starts the program as ssh does: by the user's shell, with `exec` in front.
 * @throws what `spawn` throws; it may also emit `error` in place of `spawn`
 */
export function startProxy({ command, shell }: ProxyCommand): ProxyProcess {
  // bash takes a socket on its standard input for a remote shell and reads ~/.bashrc, unless it is a shell in a shell.
  const env = { ...process.env, SHLVL: process.env['SHLVL'] ?? '1' }
  return spawn(shell, ['-c', `exec ${command}`], { stdio: ['pipe', 'pipe', 'pipe'], detached: true, env })
}

export class ProxyPath extends Duplex implements Path {
  #fate: Omit<ProxyFate, 'said'> | null = null
  #ended = false
  #closed = false
  #timer: Timer | null = null
  #pending: ((error?: Error | null) => void) | null = null
  #afterExit: (() => void) | null = null
  readonly #said: string[] = []

  /** @param hear called with each line of stderr, fit for a terminal */
  constructor(
    private readonly child: ProxyProcess,
    private readonly clock: Clock,
    private readonly hear: (line: string) => void,
  ) {
    super({ allowHalfOpen: false, emitClose: true })
    running.add(this)
    if (running.size === 1) process.on('exit', killAll)
    child.stdout.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout.pause()
    })
    child.stdout.on('end', () => this.#outputEnded())
    child.stdout.on('error', () => this.#outputEnded())
    // What it no longer reads, it will not read: its output, or its end, tells.
    child.stdin.on('error', () => {})
    child.stderr.on('error', () => {})
    this.#listen(child.stderr)
    child.on('exit', (code, signal) => {
      this.#fate = { code, signal }
      this.#afterExit?.()
    })
    child.on('close', () => {
      this.#closed = true
      if (this.#ended) this.#finish()
    })
    child.on('error', () => {})
    this.on('error', () => {})
    socketOf(child.stderr).unref()
  }

  /** Null while the program runs, or has ended and not been heard of yet. */
  get fate(): ProxyFate | null {
    return this.#fate && { ...this.#fate, said: this.said }
  }

  get said(): string {
    return this.#said.join(' / ')
  }

  override _read(): void {
    this.child.stdout.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.child.stdin.destroyed) return done()
    this.#pending = done
    this.child.stdin.write(chunk, () => {
      if (this.#pending !== done) return
      this.#pending = null
      done()
    })
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'binary', done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.child.stdin.end()
    done()
  }

  /** The path is closed when the program is gone; it gets a second to go by itself. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const { stdin, stdout } = this.child
    stdin.destroy()
    stdout.destroy()
    this.#timer?.clear()
    const pending = this.#pending
    this.#pending = null
    pending?.()
    this.signal('SIGTERM')
    const over = (): void => {
      this.#timer?.clear()
      running.delete(this)
      if (running.size === 0) process.off('exit', killAll)
      // What it started, and left behind in its group.
      this.signal('SIGKILL')
      done(error)
    }
    if (this.#fate) return over()
    this.#afterExit = over
    this.#timer = this.clock.timer(KILL_AFTER_MS, () => {
      this.signal('SIGKILL')
      // One that even this does not end (it waits for a dead disk) is not waited for.
      this.#timer = this.clock.timer(KILL_AFTER_MS, () => this.#afterExit?.())
      this.#timer.unref()
    })
    // Who exits meanwhile kills it then.
    this.#timer.unref()
  }

  /** To the program and whatever else is in its group. */
  signal(name: 'SIGTERM' | 'SIGKILL'): void {
    const { pid } = this.child
    if (pid === undefined) return
    try {
      process.kill(-pid, name)
    } catch {
      // Nobody is left in it.
    }
  }

  ref(): this {
    return this.#hold('ref')
  }

  unref(): this {
    return this.#hold('unref')
  }

  #hold(how: 'ref' | 'unref'): this {
    const { child } = this
    child[how]()
    for (const stream of [child.stdin, child.stdout]) socketOf(stream)[how]()
    return this
  }

  /** The end of the output is passed on with the exit status known, if that comes soon. */
  #outputEnded(): void {
    if (this.#ended || this.destroyed) return
    this.#ended = true
    if (this.#closed) return this.#finish()
    this.#timer = this.clock.timer(FATE_MS, () => this.#finish())
  }

  #finish(): void {
    this.#timer?.clear()
    if (!this.destroyed && !this.readableEnded) this.push(null)
  }

  #listen(stderr: Readable): void {
    let line = ''
    const tell = (text: string): void => {
      const told = printable(text)
      if (told === '') return
      this.#said.push(told)
      if (this.#said.length > LAST_LINES) this.#said.shift()
      this.hear(told)
    }
    stderr.setEncoding('utf8').on('data', (text: string) => {
      const [first = '', ...more] = text.split(/\r?\n|\r/)
      line = (line + first).slice(0, MOST_LINE_CHARACTERS)
      for (const next of more) {
        tell(line)
        line = next.slice(0, MOST_LINE_CHARACTERS)
      }
    })
    stderr.on('end', () => tell(line))
  }
}

/** Those whose programs may still run. */
const running = new Set<ProxyPath>()

/** On the way out nobody is waited for. */
function killAll(): void {
  for (const path of running) path.signal('SIGKILL')
}

/** Node's pipes to a child are sockets, which its types do not say. */
function socketOf(stream: Readable | Writable): Socket {
  return stream as Socket
}
