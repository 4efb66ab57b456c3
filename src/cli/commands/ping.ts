/** `xec ping`: connect and authenticate, run nothing, and show how long each part took. */
import { ping as pingTarget } from '../../adapter/ping.js'
import type { Result } from '../../adapter/types.js'
import type { PoolSnapshot } from '../../pool/metrics/snapshot.js'
import type { PoolTarget } from '../../pool/types.js'
import { withoutPlace } from '../../run/fold.js'
import { itemsFor } from '../../run/local.js'
import { startRun } from '../../run/start.js'
import { addressOf } from '../../runtime/address.js'
import { systemClock } from '../../runtime/clock.js'
import { formatDuration } from '../../runtime/duration.js'
import type { Link, Transport } from '../../transport/transport.js'
import { wantsColor } from '../color.js'
import type { CommandRunner } from '../command.js'
import { pingStatus } from '../exit-status.js'
import { openFleet } from '../fleet.js'
import { createNotices } from '../notices.js'
import { createPaint, type Paint } from '../output/paint.js'
import { table } from '../output/table.js'
import { withSession } from '../session.js'

type Timing = Link['timing']

interface Pong {
  readonly target: PoolTarget
  readonly result: Result
  /** Of the dial that succeeded; null when the host was found connected already, or none did. */
  readonly timing: Timing | null
}

export const ping: CommandRunner = async (io, invocation) => {
  const { options, operands } = invocation
  const notices = createNotices(io, options)
  const fleet = await openFleet(io, invocation, notices)
  const targets = (await fleet.resolve(await fleet.select(options, operands), true)).map(({ target }) => target)
  const timings = new Map<string, Timing>()
  const wrap = (transport: Transport): Transport => timed(transport, timings)

  return withSession(
    io,
    { command: 'ping', pool: fleet.pool, verbose: options.verbose, notices, wrap, figures: withoutCommands },
    async ({ xec, interrupts }) => {
      const { results } = await startRun(
        {
          dispatch: ({ id }, how) => {
            const target = targets[id - 1]
            if (!target) throw new Error(`bug: the run has no item ${id}`)
            return pingTarget(xec.pool, target, how, { clock: systemClock })
          },
        },
        itemsFor(targets),
        {
          clock: systemClock,
          commandText: 'ping',
          fanout: options.fanout,
          queueTimeoutMs: options.queueTimeout,
          signal: interrupts.signal,
        },
      ).report
      const pongs = targets.flatMap((target, at): Pong[] => {
        const result = results[at]
        return result ? [{ target, result, timing: (result.ok && timings.get(target.host)) || null }] : []
      })
      if (options.json) io.stdout.write(`${JSON.stringify(documentOf(pongs))}\n`)
      else io.stdout.write(pongTable(pongs, createPaint(wantsColor(options.color, io.env, io.stdout))))
      return pingStatus(results)
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

function pongTable(pongs: readonly Pong[], paint: Paint): string {
  const part = (ms: number | undefined): string => (ms === undefined ? '–' : formatDuration(ms))
  return table<Pong>(
    [
      { title: 'HOST', value: ({ target }) => target.host },
      { title: 'ADDRESS', value: ({ target }) => addressOf(target) },
      { title: 'USER', value: ({ target }) => target.username },
      {
        title: 'OUTCOME',
        value: ({ result }) => result.outcome,
        paint: (cell, { result }) => (result.ok ? paint.good(cell) : paint.bad(cell)),
      },
      { title: 'TCP', align: 'right', value: ({ timing }) => part(timing?.tcpMs) },
      { title: 'KEX', align: 'right', value: ({ timing }) => part(timing?.kexMs) },
      { title: 'AUTH', align: 'right', value: ({ timing }) => part(timing?.authMs) },
      { title: 'TOTAL', align: 'right', value: ({ result }) => formatDuration(result.waitMs) },
      { title: 'DIALS', align: 'right', value: ({ result }) => String(result.attempts.length) },
      { title: 'REASON', value: ({ target, result }) => withoutPlace(result.error?.message ?? '', target.host) },
    ],
    pongs,
    { heading: paint.faint },
  )
}

function documentOf(pongs: readonly Pong[]): object {
  const whole = (ms: number | undefined): number | null => (ms === undefined ? null : Math.round(ms))
  return {
    schemaVersion: 1,
    ok: pongs.every(({ result }) => result.ok),
    hosts: pongs.map(({ target, timing, result: { outcome, waitMs, attempts, error } }) => ({
      host: target.host,
      address: addressOf(target),
      user: target.username,
      outcome,
      tcpMs: whole(timing?.tcpMs),
      kexMs: whole(timing?.kexMs),
      authMs: whole(timing?.authMs),
      totalMs: Math.round(waitMs),
      attempts: attempts.map((attempt) => ({ ...attempt, ms: Math.round(attempt.ms) })),
      error: error && { code: error.code, message: error.message, phase: error.phase },
    })),
  }
}
