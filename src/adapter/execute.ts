/** A Command on a Target becomes a Result: a lease, the command on it, the lease back, and the verdict. */
import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { notifySafely } from '../runtime/notify.js'
import type { PoolTarget, Lease, Pool } from '../pool/types.js'
import { XecError } from '../errors.js'
import { addressOf } from '../runtime/address.js'
import type { Clock } from '../runtime/clock.js'
import { Capture, CaptureStore, DEFAULT_CAPTURE_BYTES } from './capture.js'
import { encodeCommand } from './command.js'
import { runOn } from './exec.js'
import { afterLoss, connectionsKeepEnding, judge, judgeUnsent, STILL_OPEN, type Ran, type Verdict } from './result.js'
import { CLOSE_WAIT_MS } from './settle.js'
import { Feed } from './stdin.js'
import type { Command, CommandAttempt, ExecuteOptions, Outcome, Result } from './types.js'

/** One try at a command: as far as it got, and what it left. */
interface Try {
  readonly verdict: Verdict
  readonly lease: Lease | null
  readonly ran: Ran | null
  readonly stdout: Capture
  readonly stderr: Capture
}

/** A connection may end between its grant and the exec request; that costs a new one, so often. */
const UNSENT_LIMIT = 3

/**
 * Runs a command on a target over the pool. Whatever happens to the command is in the Result.
 * At most once: it is sent again by itself only while it provably never left; a command whose outcome is `lost` is
 * re-sent only by `retryCommands`, and not when a sink has its output or a stream its input was taken from.
 * The lease is back before the promise settles.
 * @throws XecError XEC_CONFIG, before anything is dialled, for a command that cannot be sent as asked (see encodeCommand)
 */
export async function execute(
  pool: Pool,
  target: PoolTarget,
  command: Command,
  options: ExecuteOptions = {},
  ports: { clock: Clock },
): Promise<Result> {
  const encoded = encodeCommand(command, command.cwd === undefined ? '' : randomBytes(12).toString('hex'))
  const { clock } = ports
  const { host } = target
  const {
    signal,
    queueTimeoutMs,
    retryCommands = 0,
    captureBytes = DEFAULT_CAPTURE_BYTES,
    store = new CaptureStore(),
  } = options
  if (signal) setMaxListeners(0, signal) // one signal for many commands is no leak
  const feed = new Feed(options.stdin)
  const attempts: CommandAttempt[] = []
  let waitMs = 0
  let unsent = 0
  let resent = 0
  /** The last that was sent and lost, when it was to be sent again. */
  let lost: Try | null = null

  for (;;) {
    notifySafely(() => options.onState?.('queued'))
    const stdout = new Capture(captureBytes, store)
    const stderr = new Capture(captureBytes, store)
    let lease: Lease
    const askedAt = clock.now()
    try {
      lease = await pool.acquire(target, {
        signal,
        queueTimeoutMs: queueTimeoutMs === undefined ? undefined : Math.max(0, queueTimeoutMs - waitMs),
        onDialling: () => options.onState?.('connecting'),
        onQueued: () => options.onState?.('queued'),
        onAttempt: (attempt) => attempts.push(attempt),
      })
    } catch (error) {
      waitMs += clock.now() - askedAt
      return result({ verdict: judgeUnsent(host, error), lease: null, ran: null, stdout, stderr })
    }
    waitMs += lease.waitMs
    if (signal?.aborted) {
      await giveBack(lease, clock)
      const error = new XecError('XEC_ABORTED', `${host}: cancelled before the command was sent; it did not run`, {
        host,
        phase: 'queue',
        cause: signal.reason,
      })
      return result({ verdict: judgeUnsent(host, error), lease, ran: null, stdout, stderr })
    }
    const ran = await runOn(lease.channel, { host, encoded, pty: command.pty, feed, stdout, stderr, options }, clock)
    await giveBack(lease, clock)

    if (ran.failure?.code === 'XEC_CONNECTION_LOST' && ran.failure.executed === 'no' && !ran.stop) {
      attempts.push({ phase: 'connect', outcome: 'lost', ms: ran.durationMs, message: ran.failure.message })
      if (++unsent < UNSENT_LIMIT) continue
      return result({
        verdict: judgeUnsent(host, connectionsKeepEnding(host, unsent, ran.failure)),
        lease,
        ran: null,
        stdout,
        stderr,
      })
    }
    const verdict = judge(host, ran, options.timeoutMs)
    const last: Try = { verdict, lease, ran, stdout, stderr }
    if (
      verdict.outcome === 'lost' &&
      resent < retryCommands &&
      !signal?.aborted &&
      !ran.delivered &&
      !ran.handled &&
      feed.replayable
    ) {
      resent++
      attempts.push({
        phase: 'run',
        outcome: 'lost',
        ms: ran.durationMs,
        message: `${verdict.error?.message ?? ''}; sent again`,
      })
      lost = lost ? { ...last, verdict: afterLoss(host, lost.verdict, verdict) } : last
      continue
    }
    return result(last)
  }

  function result(last: Try): Result {
    list(last)
    const verdict = lost ? afterLoss(host, lost.verdict, last.verdict) : last.verdict
    // One that did not get as far as the server has nothing to show.
    const { lease, ran, stdout, stderr } = lost && last.verdict.executed === 'no' ? lost : last
    return Object.freeze({
      host,
      address: addressOf(target),
      outcome: verdict.outcome,
      ok: verdict.outcome === 'ok',
      exitCode: verdict.exitCode,
      signal: verdict.signal,
      executed: verdict.executed,
      remoteProcess: verdict.remoteProcess,
      // Getters, because output that was spilled is read when it is asked for.
      get stdout() {
        return stdout.bytes()
      },
      get stderr() {
        return stderr.bytes()
      },
      truncated:
        stdout.cut !== null ||
        stderr.cut !== null ||
        (ran !== null &&
          verdict.executed === 'yes' &&
          (!ran.complete || verdict.outcome === 'lost' || lease?.channel.cut === true)),
      durationMs: ran?.durationMs ?? 0,
      waitMs,
      connectMs: lease?.connectMs ?? 0,
      reused: lease?.reused ?? false,
      connection: lease?.connection ?? null,
      attempts: Object.freeze(attempts),
      error: verdict.error,
    })
  }

  /** Among the attempts, where there is more than the result itself says. */
  function list({ verdict, lease, ran, stdout, stderr }: Try): void {
    const notes =
      ran === null
        ? []
        : [
            ...(ran.open && !ran.stop ? [STILL_OPEN[ran.open]] : []),
            ...(lease?.channel.cut && verdict.exitCode !== null
              ? ['the connection was lost after the exit status, so the end of the output may be missing']
              : []),
            ...[stdout.cut, stderr.cut].flatMap((cut, index, all) =>
              cut === null || all.indexOf(cut) < index ? [] : [cut],
            ),
          ]
    if (ran && (resent > 0 || notes.length > 0)) {
      attempts.push({
        phase: 'run',
        outcome: verdict.outcome,
        ms: ran.durationMs,
        ...(notes.length > 0 ? { message: notes.join('; ') } : {}),
      })
    }
  }
}

/** The Result of a command that never got as far as the pool. */
export function neverSent(
  { host, address }: Pick<Result, 'host' | 'address'>,
  outcome: Outcome,
  error: XecError,
): Result {
  const empty = Buffer.alloc(0)
  return Object.freeze({
    host,
    address,
    outcome,
    ok: false,
    exitCode: null,
    signal: null,
    executed: 'no',
    remoteProcess: null,
    stdout: empty,
    stderr: empty,
    truncated: false,
    durationMs: 0,
    waitMs: 0,
    connectMs: 0,
    reused: false,
    connection: null,
    attempts: [],
    error,
  })
}

/**
 * Once the server has closed the channel its session slot is free; one that does not answer is not waited for. With
 * `enabled: false` the connection is closed by then, too, or on its way for as long as its goodbye may take.
 */
export async function giveBack(lease: Lease, clock: Clock): Promise<void> {
  const { channel } = lease
  channel.close()
  await waitFor(channel.closed, clock)
  lease.release()
  if (lease.gone) await waitFor(lease.gone, clock)
}

async function waitFor(what: Promise<void>, clock: Clock): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = clock.timer(CLOSE_WAIT_MS, resolve)
    void what.then(() => {
      timer.clear()
      resolve()
    })
  })
}
