/** `xec ping`: connect and authenticate, run nothing, and show how long each part took. */
import { setMaxListeners } from 'node:events'
import { addressOf } from '../../runtime/address.js'
import { judgeUnsent } from '../../adapter/result.js'
import type { Outcome } from '../../adapter/types.js'
import type { XecError } from '../../errors.js'
import type { PoolSnapshot } from '../../pool/snapshot.js'
import type { Attempt, PoolTarget } from '../../pool/types.js'
import { DEFAULT_FANOUT } from '../../run/fanout.js'
import { withoutPlace } from '../../run/fold.js'
import { formatDuration } from '../../runtime/duration.js'
import type { Link, Transport } from '../../transport/transport.js'
import type { Xec } from '../../xec.js'
import { wantsColor } from '../color.js'
import type { CommandRunner } from '../command.js'
import { pingStatus } from '../exit-status.js'
import { openFleet } from '../fleet.js'
import { createNotices } from '../notices.js'
import { wantsJson, type OptionValues } from '../options.js'
import { createPaint, type Paint } from '../output/paint.js'
import { table } from '../output/table.js'
import { withSession } from '../session.js'

type Timing = Link['timing']

interface Pong {
  readonly target: PoolTarget
  readonly outcome: Outcome
  /** Of the dial that succeeded; null when the host was found connected already, or none did. */
  readonly timing: Timing | null
  /** From asking to a channel, in ms. */
  readonly totalMs: number
  readonly attempts: readonly Attempt[]
  readonly error: XecError | null
}

export const ping: CommandRunner = async (io, invocation) => {
  const { options, operands } = invocation
  const notices = createNotices(io, options)
  const fleet = await openFleet(io, invocation, notices)
  const targets = (await fleet.resolve(fleet.select(options, operands), true)).map(({ target }) => target)
  const timings = new Map<string, Timing>()
  const wrap = (transport: Transport): Transport => timed(transport, timings)

  return withSession(
    io,
    { command: 'ping', pool: fleet.pool, verbose: options.verbose, notices, wrap, figures: withoutCommands },
    async ({ xec, interrupts }) => {
      const pongs = await pingAll(xec, targets, timings, options, interrupts.signal)
      if (wantsJson(options)) io.stdout.write(`${JSON.stringify(documentOf(pongs))}\n`)
      else io.stdout.write(pongTable(pongs, createPaint(wantsColor(options.color, io.env, io.stdout))))
      return pingStatus(pongs)
    },
  )
}

/** A channel that is given back unused is no command. */
function withoutCommands(snapshot: PoolSnapshot): PoolSnapshot {
  const none = {
    acquired: 0,
    reuseCount: 0,
    reuseRatio: null,
    commandMs: { n: 0, p50: null, p95: null, p99: null, max: null },
  }
  return { ...snapshot, ...none, hosts: snapshot.hosts.map((host) => ({ ...host, ...none })) }
}

/** Notes what the parts of each dial took, by the host's name. */
function timed(transport: Transport, timings: Map<string, Timing>): Transport {
  return {
    async reach(target, options) {
      const reached = await transport.reach(target, options)
      return {
        abandon: () => reached.abandon(),
        async authenticate(signal) {
          const link = await reached.authenticate(signal)
          timings.set(target.host, link.timing)
          return link
        },
      }
    },
  }
}

async function pingAll(
  xec: Xec,
  targets: readonly PoolTarget[],
  timings: ReadonlyMap<string, Timing>,
  options: OptionValues,
  signal: AbortSignal,
): Promise<Pong[]> {
  const pongs: Pong[] = []
  setMaxListeners(0, signal) // one for each host in flight is no leak
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < targets.length) {
      const at = next++
      const target = targets[at]
      if (target) pongs[at] = await pingOne(xec, target, timings, options, signal)
    }
  }
  await Promise.all(Array.from({ length: Math.min(options.fanout ?? DEFAULT_FANOUT, targets.length) }, lane))
  return pongs
}

async function pingOne(
  xec: Xec,
  target: PoolTarget,
  timings: ReadonlyMap<string, Timing>,
  options: OptionValues,
  signal: AbortSignal,
): Promise<Pong> {
  const attempts: Attempt[] = []
  const began = performance.now()
  try {
    // A lease is a session channel that the server has confirmed: given back unused, nothing runs.
    const lease = await xec.pool.acquire(target, {
      signal,
      queueTimeoutMs: options.queueTimeout,
      onAttempt: (attempt) => attempts.push(attempt),
    })
    lease.release()
    return {
      target,
      outcome: 'ok',
      timing: timings.get(target.host) ?? null,
      totalMs: performance.now() - began,
      attempts,
      error: null,
    }
  } catch (error) {
    const { outcome, error: reason } = judgeUnsent(target.host, error)
    return { target, outcome, timing: null, totalMs: performance.now() - began, attempts, error: reason }
  }
}

function pongTable(pongs: readonly Pong[], paint: Paint): string {
  const part = (ms: number | undefined): string => (ms === undefined ? '–' : formatDuration(ms))
  return table<Pong>(
    [
      { title: 'HOST', value: ({ target }) => target.host },
      { title: 'ADDRESS', value: ({ target }) => addressOf(target) },
      { title: 'USER', value: ({ target }) => target.username },
      {
        title: 'OUTCOME',
        value: ({ outcome }) => outcome,
        paint: (cell, { outcome }) => (outcome === 'ok' ? paint.good(cell) : paint.bad(cell)),
      },
      { title: 'TCP', align: 'right', value: ({ timing }) => part(timing?.tcpMs) },
      { title: 'KEX', align: 'right', value: ({ timing }) => part(timing?.kexMs) },
      { title: 'AUTH', align: 'right', value: ({ timing }) => part(timing?.authMs) },
      { title: 'TOTAL', align: 'right', value: ({ totalMs }) => formatDuration(totalMs) },
      { title: 'DIALS', align: 'right', value: ({ attempts }) => String(attempts.length) },
      { title: 'REASON', value: ({ target, error }) => withoutPlace(error?.message ?? '', target.host) },
    ],
    pongs,
    { heading: paint.faint },
  )
}

function documentOf(pongs: readonly Pong[]): object {
  const whole = (ms: number | undefined): number | null => (ms === undefined ? null : Math.round(ms))
  return {
    schemaVersion: 1,
    ok: pongs.every(({ outcome }) => outcome === 'ok'),
    hosts: pongs.map(({ target, outcome, timing, totalMs, attempts, error }) => ({
      host: target.host,
      address: addressOf(target),
      user: target.username,
      outcome,
      tcpMs: whole(timing?.tcpMs),
      kexMs: whole(timing?.kexMs),
      authMs: whole(timing?.authMs),
      totalMs: Math.round(totalMs),
      attempts: attempts.map((attempt) => ({ ...attempt, ms: Math.round(attempt.ms) })),
      error: error && { code: error.code, message: error.message, phase: error.phase },
    })),
  }
}
