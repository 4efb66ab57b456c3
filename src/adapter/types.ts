/** A command, and what became of it on one target. */
import type { Readable } from 'node:stream'
import { OUTCOMES, type Executed, type Outcome, type XecError } from '../errors.js'
import type { Attempt, PoolTarget } from '../pool/types.js'
import type { Secret } from '../runtime/secret.js'
import type { PtyRequest, SignalName } from '../transport/transport.js'
import type { CaptureStore } from './capture.js'

export interface Command {
  /** The remote command line, verbatim; empty when there is a `script`. */
  readonly line: string
  /** A local script's content, run by its shebang's interpreter with `args`; leaves nothing on the host. */
  readonly script?: { readonly name: string; readonly content: Buffer; readonly args: readonly string[] } | undefined
  /** Set for the command; a Secret travels on stdin ahead of the data, never on a command line. */
  readonly env?: Readonly<Record<string, string | Secret>> | undefined
  /** The directory it runs in; where that cannot be entered, it does not run. */
  readonly cwd?: string | undefined
  readonly pty?: PtyRequest | undefined
}

export { OUTCOMES, type Outcome }

/** What is known of the remote process after a timeout, a cancel or a loss. */
export type RemoteProcess = 'exited' | 'signalled' | 'maybe-running'

export interface CommandAttempt {
  readonly phase: Attempt['phase'] | 'run'
  readonly outcome: Attempt['outcome'] | Outcome
  readonly ms: number
  readonly message?: string | undefined
}

/** Receives output as it arrives; a returned promise holds the stream back until it settles. */
export type OutputSink = (chunk: Buffer) => void | Promise<void>

export interface ExecuteOptions {
  /** Cancels: leaves the queue, or walks the kill ladder (TERM, KILL after 5 s, channel close). */
  readonly signal?: AbortSignal | undefined
  /** From the moment the command is sent, in ms. */
  readonly timeoutMs?: number | undefined
  readonly queueTimeoutMs?: number | undefined
  /** Re-sending of commands whose outcome is unknown; default 0. */
  readonly retryCommands?: number | undefined
  /** Sent to the command's stdin; absent: stdin is closed at once. */
  readonly stdin?: Readable | Uint8Array | string | undefined
  readonly onStdout?: OutputSink | undefined
  readonly onStderr?: OutputSink | undefined
  /** Bytes kept per stream for the result; 0 keeps none. Default 10 MiB. */
  readonly captureBytes?: number | undefined
  /** Where they are kept, when several commands share one bound; default: one of the command's own. */
  readonly store?: CaptureStore | undefined
  /** Hears each change of state: queued, connecting, running. */
  readonly onState?: ((state: 'queued' | 'connecting' | 'running') => void) | undefined
  /**
   * Called with the channel open, right before each exec request, which waits for what it returns. What it throws keeps
   * the command from being sent.
   */
  readonly onSend?: (() => void | Promise<void>) | undefined
  /** Hands out control of the running command (signals, window size), once for each time it is sent. One that was given a signal is not sent again. */
  readonly onStarted?:
    | ((control: {
        /** False when it has ended. */ signal(name: SignalName): boolean
        resize(rows: number, cols: number): void
      }) => void)
    | undefined
}

/** Carries a command out on a target. An adapter over a pool is one. */
export interface Executor {
  /** Never rejects for anything that happened to the command: the Result says it. */
  execute(target: PoolTarget, command: Command, options: ExecuteOptions): Promise<Result>
}

/** One command on one target. Errors and results share this shape. */
export interface Result {
  readonly host: string
  /** `address:port`. */
  readonly address: string
  readonly outcome: Outcome
  readonly ok: boolean
  readonly exitCode: number | null
  readonly signal: string | null
  readonly executed: Executed
  /** null when the command ran to its end in the ordinary way, or never started. */
  readonly remoteProcess: RemoteProcess | null
  readonly stdout: Buffer
  readonly stderr: Buffer
  /** Captured output is not all there was. */
  readonly truncated: boolean
  /** From the exec request to the settled result, in ms; 0 when it never started. */
  readonly durationMs: number
  readonly waitMs: number
  readonly connectMs: number
  readonly reused: boolean
  readonly connection: number | null
  readonly attempts: readonly CommandAttempt[]
  /** Everything but `ok` has one. */
  readonly error: XecError | null
}
