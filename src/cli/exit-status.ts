/** What the process exits with. Pure; the table is in docs/cli.md. */
import type { Outcome, Result } from '../adapter/types.js'
import { isXecError, type ErrorCode } from '../errors.js'
import type { Report } from '../run/events.js'
import { signalNumber } from './io.js'

export const USAGE = 2
const TIMEOUT = 124
export const UNREACHED = 255
/** As of a program that SIGPIPE ended: what a shell shows for `yes | head -1`. */
export const BROKEN_PIPE = 141
const INTERRUPTED = 130

/** What the exit status depends on; a Result is one. */
export type Ended = Pick<Result, 'outcome' | 'exitCode' | 'signal' | 'executed'> & {
  readonly error?: { readonly code: ErrorCode } | null
}

/** `xec run`: the remote status; 128+n for a signal; 124 timeout; 255 when there is no status to pass on. */
export function runStatus({ outcome, exitCode, signal, error }: Ended): number {
  // A key that cannot be read, say: nothing was dialled, and the user can mend it.
  if (isUnusable({ error })) return USAGE
  switch (outcome) {
    case 'ok':
      return 0
    case 'failed':
      return exitCode === null ? UNREACHED : statusByte(exitCode)
    case 'signal':
      return 128 + (signalNumber(signal ?? '') ?? 127)
    case 'timeout':
      return TIMEOUT
    case 'cancelled':
      return INTERRUPTED
    case 'unreachable':
    case 'auth':
    case 'hostkey':
    case 'refused':
    case 'lost':
    case 'skipped':
      return UNREACHED
  }
}

/** An exit status is one byte; a remote one that is a multiple of 256 must not look like success. */
function statusByte(code: number): number {
  return code !== 0 && (code & 0xff) === 0 ? UNREACHED : code & 0xff
}

/** Whether a host's part is that it was not reached, or that nobody knows how its command ended. */
function isUnreached({ outcome, exitCode, executed }: Ended): boolean {
  const always: readonly Outcome[] = ['unreachable', 'auth', 'hostkey', 'refused', 'lost']
  return (
    always.includes(outcome) ||
    (outcome === 'failed' && exitCode === null) ||
    (outcome === 'timeout' && executed !== 'yes') ||
    (outcome === 'cancelled' && executed === 'maybe')
  )
}

/** `xec ping`: 0 all answer; 2 if none was dialled, for something the user can mend; else 255. */
export function pingStatus(pongs: readonly Pick<Ended, 'outcome' | 'error'>[]): number {
  if (pongs.every(({ outcome }) => outcome === 'ok')) return 0
  return pongs.every(isUnusable) ? USAGE : UNREACHED
}

/** Nothing was dialled, because of a key that cannot be used, say. */
function isUnusable({ error }: Pick<Ended, 'error'>): boolean {
  return error?.code === 'XEC_CONFIG'
}

/** `xec exec-all`: 0 every host ok; 2 if none was dialled, for something the user can mend; 255 if some host was not reached or its outcome is unknown; else 1. */
export function fleetStatus(report: Pick<Report, 'ok'> & { readonly results: readonly Ended[] }): number {
  if (report.ok) return 0
  if (report.results.every(isUnusable)) return USAGE
  return report.results.some(isUnreached) ? UNREACHED : 1
}

/** For an error that ended a command before it had a result: 2 when the user can mend it before anything is dialled. */
export function errorStatus(error: unknown): number {
  if (!isXecError(error)) return UNREACHED
  if (error.code === 'XEC_ABORTED') return INTERRUPTED
  if (error.code === 'XEC_TIMEOUT' || error.code === 'XEC_QUEUE_TIMEOUT') return TIMEOUT
  return error.code === 'XEC_CONFIG' || error.code === 'XEC_UNKNOWN_HOST' ? USAGE : UNREACHED
}
