/** Connects to a target and authenticates; runs nothing. */
import type { Pool, PoolTarget } from '../pool/types.js'
import { addressOf } from '../runtime/address.js'
import type { Clock } from '../runtime/clock.js'
import { judgeUnsent } from './result.js'
import type { CommandAttempt, ExecuteOptions, Result } from './types.js'

/**
 * A lease is a session channel that the server has confirmed: given back unused, nothing has run.
 * `waitMs` is the time from asking to the channel. Never rejects.
 */
export async function ping(
  pool: Pool,
  target: PoolTarget,
  options: Pick<ExecuteOptions, 'signal' | 'queueTimeoutMs' | 'onState'>,
  { clock }: { readonly clock: Clock },
): Promise<Result> {
  const attempts: CommandAttempt[] = []
  const askedAt = clock.now()
  const result = (had: Partial<Result>): Result =>
    Object.freeze({
      host: target.host,
      address: addressOf(target),
      outcome: 'ok',
      ok: false,
      exitCode: null,
      signal: null,
      executed: 'no',
      remoteProcess: null,
      stdout: Buffer.alloc(0),
      stderr: Buffer.alloc(0),
      truncated: false,
      durationMs: 0,
      waitMs: clock.now() - askedAt,
      connectMs: 0,
      reused: false,
      connection: null,
      attempts: Object.freeze(attempts),
      error: null,
      ...had,
    })
  try {
    const lease = await pool.acquire(target, {
      signal: options.signal,
      queueTimeoutMs: options.queueTimeoutMs,
      onDialling: () => options.onState?.('connecting'),
      onAttempt: (attempt) => attempts.push(attempt),
    })
    lease.release()
    const { connectMs, reused, connection } = lease
    return result({ ok: true, connectMs, reused, connection })
  } catch (error) {
    const { outcome, error: reason } = judgeUnsent(target.host, error)
    return result({ outcome, error: reason })
  }
}
