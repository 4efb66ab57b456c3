/** Results, snapshots and streams for the tests of what xec prints. */
import { Writable } from 'node:stream'
import type { Outcome, Result } from '../../../src/adapter/types.js'
import { XecError, type ErrorCode } from '../../../src/errors.js'
import type { HostFigures, Latency, PoolFigures, PoolSnapshot } from '../../../src/pool/metrics/snapshot.js'
import type { HostState, Report, RunEvent } from '../../../src/run/events.js'
import { countOutcomes } from '../../../src/run/report.js'
import type { Clock } from '../../../src/runtime/clock.js'

const CODES: Partial<Record<Outcome, ErrorCode>> = {
  failed: 'XEC_EXIT',
  signal: 'XEC_EXIT',
  timeout: 'XEC_TIMEOUT',
  auth: 'XEC_AUTH',
  lost: 'XEC_CONNECTION_LOST',
  unreachable: 'XEC_CONNECT',
}

export function result(
  host: string,
  given: Partial<Omit<Result, 'stdout' | 'stderr'>> & {
    stdout?: Buffer | string
    stderr?: Buffer | string
    message?: string
  } = {},
): Result {
  const { stdout = '', stderr = '', message, ...rest } = given
  const outcome = rest.outcome ?? 'ok'
  return {
    host,
    address: '10.0.0.1:22',
    outcome,
    ok: outcome === 'ok',
    exitCode: outcome === 'ok' ? 0 : null,
    signal: null,
    executed: outcome === 'unreachable' || outcome === 'auth' ? 'no' : 'yes',
    remoteProcess: null,
    stdout: Buffer.from(stdout),
    stderr: Buffer.from(stderr),
    truncated: false,
    durationMs: 41.4,
    waitMs: 0.2,
    connectMs: 380.6,
    reused: false,
    connection: 1,
    attempts: [{ phase: 'connect', outcome: 'ok', ms: 380.6 }],
    error:
      outcome === 'ok'
        ? null
        : new XecError(CODES[outcome] ?? 'XEC_ABORTED', message ?? `${host}: ${outcome}`, { host, executed: 'yes' }),
    ...rest,
  }
}

export function report(results: readonly Result[], given: Partial<Report> = {}): Report {
  const counts = countOutcomes(results)
  return {
    id: 'run-1',
    command: 'uptime',
    startedAt: '2026-01-02T03:04:05.000Z',
    durationMs: 811.6,
    ok: counts.ok === counts.total,
    counts,
    results,
    ...given,
  }
}

const NO_LATENCY: Latency = { n: 0, p50: null, p95: null, p99: null, max: null }

const FIGURES: PoolFigures = {
  totalConnections: 0,
  activeConnections: 0,
  idleConnections: 0,
  connecting: 0,
  connectionsCreated: 0,
  connectionsDestroyed: 0,
  connectionsFailed: 0,
  reopened: 0,
  reuseCount: 0,
  acquired: 0,
  reuseRatio: null,
  waiting: 0,
  oldestWaitMs: 0,
  queueTimeouts: 0,
  waitMs: NO_LATENCY,
  connectMs: NO_LATENCY,
  handshakeWaitMs: NO_LATENCY,
  commandMs: NO_LATENCY,
  failuresByPhase: {},
  closedByReason: {},
}

export function hostFigures(host: string, given: Partial<HostFigures> = {}): HostFigures {
  return {
    ...FIGURES,
    host,
    address: `${host}.test:22`,
    names: 1,
    limits: { maxConnectionsPerHost: 2, maxChannelsPerConnection: 8 },
    lastError: null,
    learnedCapacity: null,
    ...given,
  }
}

export function snapshot(given: Partial<PoolSnapshot> = {}): PoolSnapshot {
  return {
    ...FIGURES,
    limits: { maxConnections: 256, maxConnectionsPerHost: 2, maxChannelsPerConnection: 8, maxConcurrentDials: 32 },
    hosts: [],
    commands: {},
    ...given,
  }
}

/** A stream in memory. `full`: says that it is full after every write, until `drain()`. */
export class Sink extends Writable {
  readonly chunks: Buffer[] = []
  isTTY?: boolean
  columns?: number
  rows?: number
  #held: (() => void) | undefined

  constructor(readonly options: { full?: boolean; terminal?: { columns: number; rows: number } } = {}) {
    super({ highWaterMark: options.full ? 1 : 16 * 1024 * 1024, decodeStrings: true })
    if (options.terminal) {
      this.isTTY = true
      this.columns = options.terminal.columns
      this.rows = options.terminal.rows
    }
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.chunks.push(chunk)
    if (this.options.full && chunk.length > 0) this.#held = done
    else done()
  }

  /** Takes what is held, so that there is room again. */
  drain(): void {
    const held = this.#held
    this.#held = undefined
    held?.()
  }
}

/** A clock that a test moves. */
export class FakeClock implements Clock {
  #now = 1_000
  readonly #timers = new Set<{ at: number; fn: () => void }>()

  now = (): number => this.#now
  wall = (): number => Date.UTC(2026, 0, 2, 3, 4, 5) + this.#now

  timer(ms: number, fn: () => void): { clear(): void; ref(): void; unref(): void } {
    const entry = { at: this.#now + ms, fn }
    this.#timers.add(entry)
    return { clear: () => void this.#timers.delete(entry), ref() {}, unref() {} }
  }

  get timers(): number {
    return this.#timers.size
  }

  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const next = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (!next) break
      this.#timers.delete(next)
      this.#now = next.at
      next.fn()
    }
    this.#now = end
  }
}

/** Events of a run, for renderers. */
const ofItem = (host: string) => ({ run: 'run-1', item: 1, host })
export const started = (hosts: readonly string[]): RunEvent => ({
  type: 'started',
  run: 'run-1',
  command: 'uptime',
  startedAt: '2026-11-29T12:00:00.000Z',
  items: hosts.map((host, index) => ({ id: index + 1, host, address: `${host}:22` })),
})
export const state = (host: string, to: HostState): RunEvent => ({ type: 'state', ...ofItem(host), state: to })
export const output = (host: string, text: string | Buffer, stream: 'stdout' | 'stderr' = 'stdout'): RunEvent => ({
  type: 'output',
  ...ofItem(host),
  stream,
  chunk: Buffer.from(text),
})
export const ended = (one: Result): RunEvent => ({ type: 'result', ...ofItem(one.host), result: one })
