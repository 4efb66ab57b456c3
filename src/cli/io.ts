/** The world as a command sees it, as a port: argv, environment, streams, signals, and the way out. */
import { constants, homedir } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { XecError } from '../errors.js'

/** An input stream; the extras are those of a terminal and absent elsewhere. */
type Input = Readable & { readonly isTTY?: boolean; readonly fd?: number; unref?(): void }

/** An output stream; the extras are those of a terminal and absent elsewhere. */
export type Output = Writable & {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  getWindowSize?(): [columns: number, rows: number]
}

export interface Io {
  /** What follows `xec`. */
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** @throws XecError XEC_CONFIG when it has been removed */
  readonly cwd: string
  readonly home: string
  /** Opened when first asked for: a program that never reads stdin must not touch it. */
  readonly stdin: Input
  readonly stdout: Output
  readonly stderr: Output
  /** Hears a signal in place of its default action; returns the way to stop hearing it. */
  onSignal(name: NodeJS.Signals, listener: () => void): () => void
  /** Called on every way out of the process that still runs code; synchronous. Returns the way to take it back. */
  onExit(listener: () => void): () => void
  /** Leaves at once, output unwritten or not: for the second Ctrl-C only. */
  exit(status: number): void
}

export function processIo(argv: readonly string[]): Io {
  const env = process.env
  return {
    argv,
    env,
    get cwd() {
      return workingDirectory()
    },
    // As ssh and every shell do, HOME wins over the password database; homedir() says so too, but throws without either.
    home: env['HOME'] || homedir(),
    get stdin() {
      return process.stdin
    },
    get stdout() {
      return process.stdout
    },
    get stderr() {
      return process.stderr
    },
    onSignal(name, listener) {
      process.on(name, listener)
      return () => void process.off(name, listener)
    },
    onExit(listener) {
      process.on('exit', listener)
      return () => void process.off('exit', listener)
    },
    exit: (status) => process.exit(status),
  }
}

function workingDirectory(): string {
  try {
    return process.cwd()
  } catch (error) {
    throw new XecError(
      'XEC_CONFIG',
      'the working directory does not exist any more: cd to one that does, or name the configuration by its whole path: -c /path/to/FILE',
      { cause: error },
    )
  }
}

/** The number of a signal, `TERM` or `SIGTERM`; undefined for one that this system does not know. */
export function signalNumber(name: string): number | undefined {
  const full = name.startsWith('SIG') ? name : `SIG${name}`
  return Object.hasOwn(constants.signals, full) ? constants.signals[full as NodeJS.Signals] : undefined
}
