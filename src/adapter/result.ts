/** What became of a command, from the facts: the outcome table of docs/semantics.md. Pure. */
import { messageOf, XecError, type ErrorCode, type Executed } from '../errors.js'
import { formatDuration } from '../runtime/duration.js'
import type { Exit, SignalName } from '../transport/transport.js'
import type { Outcome, RemoteProcess } from './types.js'

/** Why a running command was stopped: its time was over, the caller cancelled, or its input or output broke. */
export interface Stop {
  readonly why: 'timeout' | 'abort' | 'stdin' | 'output'
  readonly cause?: unknown
}

/** What is known when there is nothing left to wait for. */
export interface Ran {
  /** The server accepted the exec request. */
  readonly accepted: boolean
  /** Why it did not. */
  readonly failure: XecError | null
  /** null: none was heard before we gave up. */
  readonly exit: Exit | null
  readonly stop: Stop | null
  /** What the ladder sent. */
  readonly signals: readonly SignalName[]
  /** Both streams ended by themselves. */
  readonly complete: boolean
  /** The output was still open some time after the exit, so we closed it: our own side had not taken all, or a process keeps it. */
  readonly open: 'untaken' | 'lingering' | null
  /** Its caller has sent it a signal. */
  readonly handled: boolean
  /** The directory that it was to run in, when that could not be entered. */
  readonly noDirectory?: { readonly path: string; readonly why: 'missing' | 'closed' } | null
  /** A sink has received output. */
  readonly delivered: boolean
  readonly durationMs: number
}

export interface Verdict {
  readonly outcome: Outcome
  readonly executed: Executed
  readonly exitCode: number | null
  readonly signal: string | null
  readonly remoteProcess: RemoteProcess | null
  readonly error: XecError | null
}

/** What `Ran.open` means for a command that was not stopped. */
export const STILL_OPEN = {
  untaken: 'the command has ended, but its output was not taken to the end here within its time',
  lingering:
    'the command has ended, but a process that it left behind keeps the output open; what that writes later is not shown',
} as const

const NOTHING = { exitCode: null, signal: null, remoteProcess: null } as const

/** A command that never left: no channel, or a host that could not be reached. */
export function judgeUnsent(host: string, error: unknown): Verdict {
  const told =
    error instanceof XecError
      ? error
      : new XecError('XEC_CONNECT', `${host}: ${messageOf(error)}`, { host, cause: error })
  return { ...NOTHING, outcome: UNSENT[told.code] ?? 'unreachable', executed: 'no', error: told }
}

const UNSENT: Partial<Record<ErrorCode, Outcome>> = {
  XEC_AUTH: 'auth',
  // A key that cannot be read, say: the host was reached, or would have been.
  XEC_CONFIG: 'auth',
  XEC_HOST_KEY: 'hostkey',
  XEC_REFUSED: 'refused',
  XEC_LOCAL_LIMIT: 'skipped',
  XEC_QUEUE_TIMEOUT: 'timeout',
  XEC_ABORTED: 'cancelled',
  XEC_POOL_CLOSED: 'cancelled',
}

/** The connection went away under a command that had not left yet, and again under its repetitions. Not a loss: nothing is unknown. */
export function connectionsKeepEnding(host: string, times: number, cause: XecError): XecError {
  return new XecError(
    'XEC_CONNECT',
    `${host}: ${times} connections ended before the command could be sent; it did not run (see the server's log; a limit or a restricted account may end them)`,
    { host, phase: 'exec', cause },
  )
}

/** A command that was sent, or was about to be. */
export function judge(host: string, ran: Ran, timeoutMs: number | undefined): Verdict {
  const { accepted, failure, exit, stop } = ran
  // A quick command's exit may be heard before the reply to its request, when both come in one packet.
  const ended = exit?.kind === 'code' || exit?.kind === 'signal'
  const executed: Executed = accepted ? 'yes' : failure ? failure.executed : ended ? 'yes' : 'maybe'
  if (stop) {
    const remoteProcess = executed === 'no' ? null : remoteAfter(ran)
    return {
      ...NOTHING,
      outcome: stop.why === 'timeout' ? 'timeout' : 'cancelled',
      executed,
      remoteProcess,
      error: stopError(host, stop, ran, executed, remoteProcess, timeoutMs),
    }
  }
  if (failure) {
    if (failure.code === 'XEC_CONNECTION_LOST')
      return {
        ...NOTHING,
        outcome: 'lost',
        executed,
        remoteProcess: executed === 'no' ? null : 'maybe-running',
        error: failure,
      }
    // A channel that was closed instead of answered: the server may have begun.
    return { ...NOTHING, outcome: executed === 'no' ? 'refused' : 'failed', executed, error: failure }
  }
  if (ran.noDirectory && exit?.kind === 'code') return withoutDirectory(host, ran.noDirectory, exit.code)
  const error = (code: ErrorCode, message: string, outcome?: Outcome): XecError =>
    new XecError(code, `${host}: ${message}`, { host, executed, ...(outcome ? { outcome } : {}) })
  switch (exit?.kind) {
    case 'code':
      if (exit.code === 0) return { ...NOTHING, outcome: 'ok', executed, exitCode: 0, error: null }
      return {
        ...NOTHING,
        outcome: 'failed',
        executed,
        exitCode: exit.code,
        error: error('XEC_EXIT', `exit status ${exit.code}`),
      }
    case 'signal':
      return {
        ...NOTHING,
        outcome: 'signal',
        executed,
        signal: exit.signal,
        error: error('XEC_EXIT', `killed by signal ${exit.signal}${exit.coreDumped ? ' (core dumped)' : ''}`, 'signal'),
      }
    case 'lost': {
      const sent =
        executed === 'yes'
          ? 'while the command was running'
          : 'after the command was sent, before the server confirmed it'
      return {
        ...NOTHING,
        outcome: 'lost',
        executed,
        remoteProcess: 'maybe-running',
        error: error(
          'XEC_CONNECTION_LOST',
          `Connection closed ${sent}, so its exit status is unknown (${exit.end.detail}); it may still be running`,
        ),
      }
    }
    case 'none':
    case undefined:
      return {
        ...NOTHING,
        outcome: 'failed',
        executed,
        error: error('XEC_EXIT', 'the server ended the command without an exit status'),
      }
  }
}

/** The shell ran, and the command did not. */
function withoutDirectory(host: string, { path, why }: NonNullable<Ran['noDirectory']>, exitCode: number): Verdict {
  const shown = JSON.stringify(path.length > 200 ? `${path.slice(0, 199)}…` : path)
  const told = why === 'missing' ? `there is no directory ${shown}` : `the directory ${shown} cannot be entered`
  const error = new XecError('XEC_EXIT', `${host}: ${told}, so the command did not run`, {
    host,
    phase: 'exec',
    executed: 'no',
  })
  return { ...NOTHING, outcome: 'failed', executed: 'no', exitCode, error }
}

/** A command that was sent again after a loss: what became of the later sending does not undo what the earlier one may have done. */
export function afterLoss(host: string, lost: Verdict, later: Verdict): Verdict {
  const { executed } = lost
  if (later.executed === 'yes' || later.executed === executed) return later
  if (later.executed === 'maybe')
    return {
      ...later,
      executed,
      error:
        later.error &&
        new XecError(later.error.code, later.error.message, {
          host,
          phase: later.error.phase,
          executed,
          cause: later.error.cause,
        }),
    }
  const [outcome, error] =
    later.outcome === 'cancelled'
      ? ([
          'cancelled',
          new XecError(
            'XEC_ABORTED',
            `${host}: cancelled before it was sent again; its connection had been lost, so it may be running`,
            { host, executed, cause: later.error?.cause },
          ),
        ] as const)
      : ([
          'lost',
          new XecError(
            'XEC_CONNECTION_LOST',
            `${lost.error?.message ?? ''}; it could not be sent again: ${later.error?.message ?? later.outcome}`,
            { host, executed, cause: later.error },
          ),
        ] as const)
  return { ...NOTHING, outcome, executed, remoteProcess: 'maybe-running', error }
}

function remoteAfter({ accepted, exit, signals, open }: Ran): RemoteProcess {
  // Output that a process keeps open after the exit: one that ignores TERM under a shell that does not, say.
  if (exit?.kind === 'code' || exit?.kind === 'signal') return open === 'lingering' ? 'maybe-running' : 'exited'
  return accepted && signals.length > 0 && exit?.kind !== 'lost' ? 'signalled' : 'maybe-running'
}

function stopError(
  host: string,
  stop: Stop,
  { signals, open }: Ran,
  executed: Executed,
  remote: RemoteProcess | null,
  timeoutMs = 0,
): XecError {
  const what: Record<Stop['why'], string> = {
    timeout: `not finished within ${formatDuration(timeoutMs)}`,
    abort: 'cancelled',
    stdin: `cancelled, because its input could not be read to the end: ${messageOf(stop.cause)}`,
    output: `cancelled, because its output could not be delivered: ${messageOf(stop.cause)}`,
  }
  const then: Record<RemoteProcess, string> = {
    exited:
      open === 'untaken'
        ? 'the remote process has ended, but its output was not taken to the end here'
        : 'the remote process has ended',
    signalled: `${signals.join(' and ')} ${signals.length === 1 ? 'was' : 'were'} sent, but the server did not confirm that the remote process has ended (before OpenSSH 10, sshd signals no process of root)`,
    'maybe-running':
      open === 'lingering'
        ? 'the remote shell has ended, but a process of the command keeps the output open and may still be running'
        : 'the remote process could not be signalled and may still be running',
  }
  const code = stop.why === 'timeout' ? 'XEC_TIMEOUT' : 'XEC_ABORTED'
  return new XecError(code, `${host}: ${what[stop.why]}; ${remote === null ? 'it did not run' : then[remote]}`, {
    host,
    phase: executed === 'no' ? 'exec' : 'run',
    executed,
    cause: stop.cause,
  })
}
