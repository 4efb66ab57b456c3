/**
 * The one error class of xec, and the one table of its codes.
 * A code is what programs match on; the message is for the person at 3 a.m.:
 * which host, which phase, which limit, what to try. No message carries a secret.
 */

/** Where in a command's life something went wrong. */
export type Phase =
  'config' | 'select' | 'queue' | 'dns' | 'tcp' | 'banner' | 'kex' | 'hostkey' | 'auth' | 'channel' | 'exec' | 'run'

/** Whether the remote side executed the command: the question a retry depends on. */
export type Executed = 'no' | 'maybe' | 'yes'

export const OUTCOMES = [
  'ok',
  'failed',
  'signal',
  'timeout',
  'unreachable',
  'auth',
  'hostkey',
  'refused',
  'lost',
  'cancelled',
  'skipped',
] as const
/** The outcome of a command; docs/semantics.md has the table. */
export type Outcome = (typeof OUTCOMES)[number]

/** Every code, the phase and the outcome it usually belongs to, and what it means (docs/errors.md has a heading for each). */
export const ERROR_CODES = {
  XEC_CONFIG: {
    phase: 'config',
    outcome: 'skipped',
    doc: 'The configuration, an option or a credential is not usable as given.',
  },
  XEC_UNKNOWN_HOST: {
    phase: 'select',
    outcome: 'skipped',
    doc: 'A name is neither in the inventory nor a host in any other accepted form.',
  },
  XEC_CONNECT: {
    phase: 'tcp',
    outcome: 'unreachable',
    doc: 'A host could not be reached: DNS, TCP, banner, key exchange or the time for one dial.',
  },
  XEC_AUTH: { phase: 'auth', outcome: 'auth', doc: 'The server refused every credential that was offered.' },
  XEC_HOST_KEY: {
    phase: 'hostkey',
    outcome: 'hostkey',
    doc: 'The host key is changed, revoked, or unknown under a strict policy.',
  },
  XEC_QUEUE_TIMEOUT: { phase: 'queue', outcome: 'timeout', doc: 'No channel became free within the queue timeout.' },
  XEC_POOL_CLOSED: {
    phase: 'queue',
    outcome: 'cancelled',
    doc: 'The pool is draining or closed and takes no new work.',
  },
  XEC_LOCAL_LIMIT: {
    phase: 'tcp',
    outcome: 'skipped',
    doc: 'This machine or process has no descriptor, port or buffer left for a connection; nothing was sent, and no host is at fault.',
  },
  XEC_REFUSED: {
    phase: 'channel',
    outcome: 'refused',
    doc: 'The server refused a channel, a pty or the command itself.',
  },
  XEC_CONNECTION_LOST: {
    phase: 'run',
    outcome: 'lost',
    doc: 'The connection died before the exit status of the command arrived.',
  },
  XEC_TIMEOUT: { phase: 'run', outcome: 'timeout', doc: 'The command did not finish within its timeout.' },
  XEC_ABORTED: { phase: 'run', outcome: 'cancelled', doc: 'The caller cancelled the command.' },
  XEC_EXIT: {
    phase: 'run',
    outcome: 'failed',
    doc: 'The command ended with a non-zero status, by a signal, or without any status.',
  },
  XEC_FILE: {
    phase: 'run',
    outcome: 'failed',
    doc: 'A file or directory could not be transferred: missing, no permission, no room, or not what it seemed.',
  },
  XEC_MAX_BUFFER: { phase: 'run', outcome: 'failed', doc: 'Captured output grew past its limit.' },
} as const satisfies Record<string, { phase: Phase; outcome: Outcome; doc: string }>

export type ErrorCode = keyof typeof ERROR_CODES

const brand = Symbol.for('xec.error.1')

export interface XecErrorOptions {
  /** The host as the user named it. */
  host?: string
  /** Default: the phase of the code's table entry. */
  phase?: Phase
  /** Default: the outcome of the code's table entry. */
  outcome?: Outcome
  /** Default `'no'`. */
  executed?: Executed
  cause?: unknown
}

export class XecError extends Error {
  override readonly name: string = 'XecError'
  readonly code: ErrorCode
  readonly host: string | undefined
  readonly phase: Phase
  /** What became of the command, as in a result. */
  readonly outcome: Outcome
  readonly executed: Executed

  constructor(code: ErrorCode, message: string, options: XecErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.host = options.host
    this.phase = options.phase ?? ERROR_CODES[code].phase
    this.outcome = options.outcome ?? ERROR_CODES[code].outcome
    this.executed = options.executed ?? 'no'
    Object.defineProperty(this, brand, { value: true })
  }

  /** True when nothing of the command reached the server, so that sending it (again) cannot run it twice. */
  get safeToRetry(): boolean {
    return this.executed === 'no'
  }
}

/** Recognises an XecError across copies of this package, where `instanceof` fails. */
export function isXecError(value: unknown): value is XecError {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[brand] === true
}

/** The message of anything that was thrown; unwraps the empty AggregateError of a failed multi-address connect. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && !error.message) return error.errors.map(messageOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}
