/** One transfer from its lease to its result: an SFTP session on a channel of the pool, an end for every case, the lease back. */
import { setMaxListeners } from 'node:events'
import { giveBack } from '../adapter/execute.js'
import { isXecError, XecError, type Executed } from '../errors.js'
import type { Lease, Pool, PoolTarget } from '../pool/types.js'
import type { Clock } from '../runtime/clock.js'
import { formatDuration } from '../runtime/duration.js'
import { Room } from './flight.js'
import { SessionOver, Sftp } from './sftp.js'
import { conclude, Halt } from './trouble.js'
import type { TransferOptions, TransferResult } from './types.js'

/** Bytes asked for or sent that are not answered yet, for a whole transfer: as many as a channel's window lets through. */
const BYTES_AT_ONCE = 2 * 1024 * 1024
/** Files under way at once, so that small ones do not wait for each other's round trips. */
export const FILES_AT_ONCE = 16
/** How long a server may take to tidy up after a transfer that failed. */
const TIDY_MS = 5_000
/** A connection may end between its grant and the first request; that costs a new one, so often. */
const UNSENT_LIMIT = 3

/** What all steps of a transfer share. */
export interface Transfer {
  readonly host: string
  readonly username: string
  readonly sftp: Sftp
  readonly options: TransferOptions
  /** For data under way, in bytes. */
  readonly room: Room
  /** Aborted by the caller, by the time, or by the first failure: no step begins after it. */
  readonly signal: AbortSignal
  /** Temporary files that are there now, for the message if they stay. */
  readonly left: Set<string>
  /** Files that are being written in place, for the message if they stay so. */
  readonly unfinished: Set<string>
  /** Something failed, so that the rest stops; what tidies up is given a bounded time from now. Idempotent. */
  halt(error: unknown): void
  /** Runs what changes something under its final name on the host. */
  change<T>(work: () => Promise<T>): Promise<T>
  arrived(file: string, bytes: number): void
  /** Is in place. */
  placed(file: string): void
}

export interface TransferParts {
  readonly pool: Pool
  readonly target: PoolTarget
  readonly options: TransferOptions
  readonly clock: Clock
  /** `upload of a to b`. */
  readonly doing: string
}

/** What the steps find out, for the result. */
export interface Found {
  readonly skipped: readonly string[]
}

/**
 * @param work given the transfer and a way to say how many bytes there will be (null: unknown)
 * Rejects with an XecError; the lease is back before it settles.
 */
export async function transfer(
  { pool, target, options, clock, doing }: TransferParts,
  work: (transfer: Transfer, expect: (total: number | null) => void) => Promise<Found>,
): Promise<TransferResult> {
  const { host, username } = target
  const { signal, timeoutMs, onProgress } = options
  if (signal) setMaxListeners(0, signal) // one signal for many transfers is no leak
  const { lease, sftp } = await openSession(pool, target, options, clock)
  const startedAt = clock.now()
  const stop = new AbortController()
  setMaxListeners(0, stop.signal)
  const left = new Set<string>()
  const unfinished = new Set<string>()
  let total: number | null = null
  let bytes = 0
  let files = 0
  let changes = 0
  let changing = 0
  let tidy: ReturnType<Clock['timer']> | null = null
  const halt = (error: unknown): void => {
    if (stop.signal.aborted) return
    stop.abort(error)
    tidy = clock.timer(TIDY_MS, () => sftp.abandon(new SessionOver('the server did not answer any more', null)))
  }
  const tell = (file: string): void => {
    try {
      onProgress?.({ file, bytes, total: total === null ? null : Math.max(total, bytes), files })
    } catch (cause) {
      throw new Halt('progress', { cause })
    }
  }
  const aborted = (): void => halt(new Halt('abort', { cause: signal?.reason }))
  const late = timeoutMs === undefined ? null : clock.timer(timeoutMs, () => halt(new Halt('timeout')))
  signal?.addEventListener('abort', aborted, { once: true })
  if (signal?.aborted) aborted()
  // Also while nothing is asked of the server, as when a source has nothing to give.
  let over = false
  void sftp.over.then((error) => {
    if (!over) halt(error)
  })
  try {
    const { skipped } = await work(
      {
        host,
        username,
        sftp,
        options,
        left,
        unfinished,
        halt,
        room: new Room(BYTES_AT_ONCE),
        signal: stop.signal,
        async change(step) {
          changing++
          try {
            const done = await step()
            changes++
            changing--
            return done
          } catch (error) {
            // What nobody answered may have happened.
            if (!(error instanceof SessionOver)) changing--
            throw error
          }
        },
        arrived(file, count) {
          bytes += count
          tell(file)
        },
        placed(file) {
          files++
          tell(file)
        },
      },
      (expected) => (total = expected),
    )
    return Object.freeze({ files, bytes, durationMs: clock.now() - startedAt, skipped: Object.freeze([...skipped]) })
  } catch (error) {
    const executed: Executed = changes > 0 ? 'yes' : changing > 0 ? 'maybe' : 'no'
    throw conclude(stop.signal.aborted ? stop.signal.reason : error, {
      host,
      doing,
      executed,
      files,
      left: [...left],
      unfinished: [...unfinished],
      timeoutMs,
    })
  } finally {
    over = true
    signal?.removeEventListener('abort', aborted)
    late?.clear()
    ;(tidy as ReturnType<Clock['timer']> | null)?.clear()
    await giveBack(lease, clock)
  }
}

/** Until here nothing has been asked of the server's files, so a connection that ends may be replaced. */
async function openSession(
  pool: Pool,
  target: PoolTarget,
  options: TransferOptions,
  clock: Clock,
): Promise<{ readonly lease: Lease; readonly sftp: Sftp }> {
  const { host } = target
  const { signal, queueTimeoutMs, timeoutMs } = options
  const askedAt = clock.now()
  for (let unsent = 1; ; unsent++) {
    const lease = await pool.acquire(target, {
      signal,
      queueTimeoutMs: queueTimeoutMs === undefined ? undefined : Math.max(0, queueTimeoutMs - (clock.now() - askedAt)),
    })
    // A server that takes its time is left as soon as the caller gives up; `giveBack` waits a little for its goodbye.
    let leave = (): void => {}
    const left = new Promise<never>(
      (_, reject) => (leave = () => reject(new SessionOver('the server did not answer', null))),
    )
    let isLate = false
    const late =
      timeoutMs === undefined
        ? null
        : clock.timer(timeoutMs, () => {
            isLate = true
            leave()
          })
    signal?.addEventListener('abort', leave, { once: true })
    if (signal?.aborted) leave()
    try {
      return { lease, sftp: await Promise.race([Sftp.start(lease.channel, clock), left]) }
    } catch (error) {
      await giveBack(lease, clock)
      if (signal?.aborted)
        throw new XecError('XEC_ABORTED', `${host}: cancelled before the transfer began`, {
          host,
          phase: 'exec',
          cause: signal.reason,
        })
      if (isLate)
        throw new XecError(
          'XEC_TIMEOUT',
          `${host}: no SFTP session within ${formatDuration(timeoutMs ?? 0)}; nothing was transferred`,
          { host, phase: 'exec', cause: error },
        )
      const lost = isXecError(error)
        ? error.code === 'XEC_CONNECTION_LOST'
        : error instanceof SessionOver && error.exit?.kind === 'lost'
      if (!lost) throw noSession(host, error)
      if (unsent === UNSENT_LIMIT)
        throw new XecError(
          'XEC_CONNECT',
          `${host}: ${unsent} connections ended before an SFTP session could begin; nothing was transferred (see the server's log)`,
          { host, phase: 'exec', cause: error },
        )
    } finally {
      signal?.removeEventListener('abort', leave)
      late?.clear()
    }
  }
}

function noSession(host: string, error: unknown): XecError {
  const why = isXecError(error)
    ? 'the server refused the sftp subsystem'
    : error instanceof Error
      ? error.message
      : String(error)
  return new XecError(
    'XEC_REFUSED',
    `${host}: no files can be transferred: ${why}; look for "Subsystem sftp" in its sshd_config and for a ForceCommand or a restricted shell of the account`,
    { host, phase: 'exec', cause: error },
  )
}
