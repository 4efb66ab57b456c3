/** What can go wrong in a transfer, and the one error that it becomes. */
import { isXecError, messageOf, XecError, type Executed } from '../errors.js'
import { formatDuration } from '../runtime/duration.js'
import { printable } from '../transport/words.js'
import { STATUS } from './packet.js'
import { Refusal, SessionOver } from './sftp.js'

/** Something that is wrong with a file, in words that need no more than the host and the transfer ahead of them. */
export class Trouble extends Error {}

/** Why a transfer is stopped from outside. */
export class Halt extends Error {
  constructor(
    readonly why: 'abort' | 'timeout' | 'progress',
    options?: ErrorOptions,
  ) {
    super(why, options)
  }
}

/** What is known of a transfer that failed. */
export interface Circumstances {
  readonly host: string
  /** `upload of a to b`. */
  readonly doing: string
  readonly executed: Executed
  /** How many files are in place. */
  readonly files: number
  /** Temporary files that could not be taken away, with where they are. */
  readonly left: readonly string[]
  /** Files that were written in place and are not whole. */
  readonly unfinished: readonly string[]
  readonly timeoutMs: number | undefined
}

/**
 * The error of a transfer. `executed` is about what is under its final name on the host: `no` means that nothing there
 * has changed, so that a repetition starts from where this one did.
 */
export function conclude(
  error: unknown,
  { host, doing, executed, files, left, unfinished, timeoutMs }: Circumstances,
): XecError {
  if (isXecError(error)) return error
  const make = (code: XecError['code'], text: string): XecError => {
    const placed = files > 0 ? `; ${files} file${files === 1 ? ' is' : 's are'} in place` : ''
    const remains = left.length > 0 ? `; a temporary file may be left: ${left.join(', ')}` : ''
    const broken = unfinished.length > 0 ? `; written in place and not whole: ${unfinished.join(', ')}` : ''
    return new XecError(code, `${host}: ${text}${placed}${broken}${remains}`, {
      host,
      phase: 'run',
      executed,
      cause: error,
    })
  }
  if (error instanceof Halt) {
    if (error.why === 'timeout')
      return make('XEC_TIMEOUT', `${doing}: not finished within ${formatDuration(timeoutMs ?? 0)}`)
    return make(
      'XEC_ABORTED',
      error.why === 'abort' ? `${doing}: cancelled` : `${doing}: ended by onProgress: ${messageOf(error.cause)}`,
    )
  }
  if (error instanceof SessionOver) {
    if (error.exit?.kind === 'lost')
      return make('XEC_CONNECTION_LOST', `Connection closed during the ${doing} (${error.message})`)
    return make('XEC_EXIT', `${doing}: ${error.message}`)
  }
  if (error instanceof Refusal)
    return make('XEC_FILE', `${doing}: ${printable(error.path.toString())}: ${wordsOf(error)}`)
  return make('XEC_FILE', `${doing}: ${printable(messageOf(error))}`)
}

/** What a status means, and what to look at. OpenSSH says `Failure` for all that version 3 has no code for. */
export function wordsOf({ status, message }: Refusal): string {
  switch (status) {
    case STATUS.noSuchFile:
      return 'no such file or directory on the host'
    case STATUS.permissionDenied:
      return 'permission denied by the host'
    case STATUS.unsupported:
      return 'the server does not support this'
    case STATUS.failure:
      return `the host could not do it${message && message !== 'Failure' ? ` ("${message}")` : ''}; version 3 of SFTP does not say why: a full disk or quota, a size limit, or something else of that name may be there`
    default:
      return `the host refused it ("${message || `status ${status}`}")`
  }
}
