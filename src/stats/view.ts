/** What stats files add up to: one live run, several and their sum, the last one, or nothing. Types and pure folding. */
import type { HostFigures, Latency, PoolFigures, PoolSnapshot } from '../pool/metrics/snapshot.js'

/** A snapshot without its rows. */
export type PoolTotals = Omit<PoolSnapshot, 'hosts'>

/** What several runs add up to: figures add up; each run's limits are its own, so a sum of several has none. */
export type SummedTotals = Omit<PoolTotals, 'limits'> & { readonly limits: PoolTotals['limits'] | null }
export type SummedHost = Omit<HostFigures, 'limits'> & { readonly limits: HostFigures['limits'] | null }

/** One process's pool, as its file tells. */
export interface RunStats {
  readonly pid: number
  /** `run`, `exec-all`, …: the xec command, never the remote one. */
  readonly command: string
  /** ISO 8601: when the pool began, when the figures were taken, when the run ended (null: it runs, or ended without saying so). */
  readonly since: string
  readonly asOf: string
  readonly endedAt: string | null
  readonly exitCode: number | null
  /** The process is alive and has not said that it ended. */
  readonly live: boolean
  /** Gauges are 0 unless live. */
  readonly totals: PoolTotals
  readonly hosts: readonly HostFigures[]
  /** Rows left out because there were more hosts than a file keeps. */
  readonly hostsOmitted: number
}

export interface StatsView {
  readonly live: boolean
  /** Every live run, the newest first; else the last run alone; else nothing. */
  readonly runs: readonly RunStats[]
  /** The runs' sum; null when there are none. */
  readonly sum: {
    readonly asOf: string
    readonly since: string
    readonly totals: SummedTotals
    readonly hosts: readonly SummedHost[]
    readonly hostsOmitted: number
  } | null
  /** Why something could not be read, for people. */
  readonly warnings: readonly string[]
}

/** Chooses what to show, and adds it up. */
export function viewOf(found: readonly RunStats[], warnings: readonly string[]): StatsView {
  const byTime = [...found].sort((a, b) => Date.parse(b.asOf) - Date.parse(a.asOf) || b.pid - a.pid)
  const alive = byTime.filter(({ live }) => live)
  const runs = alive.length > 0 ? alive : byTime.slice(0, 1)
  return { live: alive.length > 0, runs, sum: sumOf(runs), warnings }
}

/** What is open or waiting now is nothing, once a process is gone; what happened stays. */
export function withGaugesAtRest<T extends PoolFigures>(figures: T): T {
  return {
    ...figures,
    totalConnections: 0,
    activeConnections: 0,
    idleConnections: 0,
    connecting: 0,
    waiting: 0,
    oldestWaitMs: 0,
  }
}

function sumOf(runs: readonly RunStats[]): StatsView['sum'] {
  const [first, ...others] = runs
  if (!first) return null
  if (others.length === 0) return first
  const earliest = (times: readonly string[]): string =>
    times.reduce((a, b) => (Date.parse(a) <= Date.parse(b) ? a : b))
  const hosts = new Map<string, SummedHost>()
  for (const host of runs.flatMap((run) => run.hosts)) {
    const before = hosts.get(host.address)
    hosts.set(host.address, before ? addHosts(before, host) : host)
  }
  return {
    // A sum is as old as its oldest part.
    asOf: earliest(runs.map((run) => run.asOf)),
    since: earliest(runs.map((run) => run.since)),
    totals: others.reduce<SummedTotals>((sum, run) => addTotals(sum, run.totals), first.totals),
    hosts: [...hosts.values()],
    hostsOmitted: runs.reduce((sum, run) => sum + run.hostsOmitted, 0),
  }
}

function addFigures(a: PoolFigures, b: PoolFigures): PoolFigures {
  const acquired = a.acquired + b.acquired
  const reuseCount = a.reuseCount + b.reuseCount
  return {
    totalConnections: a.totalConnections + b.totalConnections,
    activeConnections: a.activeConnections + b.activeConnections,
    idleConnections: a.idleConnections + b.idleConnections,
    connecting: a.connecting + b.connecting,
    connectionsCreated: a.connectionsCreated + b.connectionsCreated,
    connectionsDestroyed: a.connectionsDestroyed + b.connectionsDestroyed,
    connectionsFailed: a.connectionsFailed + b.connectionsFailed,
    reopened: a.reopened + b.reopened,
    reuseCount,
    acquired,
    reuseRatio: acquired === 0 ? null : Math.round((reuseCount / acquired) * 10_000) / 10_000,
    waiting: a.waiting + b.waiting,
    oldestWaitMs: Math.max(a.oldestWaitMs, b.oldestWaitMs),
    queueTimeouts: a.queueTimeouts + b.queueTimeouts,
    waitMs: addLatencies(a.waitMs, b.waitMs),
    connectMs: addLatencies(a.connectMs, b.connectMs),
    handshakeWaitMs: addLatencies(a.handshakeWaitMs, b.handshakeWaitMs),
    commandMs: addLatencies(a.commandMs, b.commandMs),
    failuresByPhase: addCounts(a.failuresByPhase, b.failuresByPhase),
    closedByReason: addCounts(a.closedByReason, b.closedByReason),
  }
}

/** Counts and maxima add up; percentiles do not, and a file has no more than these, so a sum of two has none. */
function addLatencies(a: Latency, b: Latency): Latency {
  if (a.n === 0) return b
  if (b.n === 0) return a
  return {
    n: a.n + b.n,
    p50: null,
    p95: null,
    p99: null,
    max: a.max === null || b.max === null ? null : Math.max(a.max, b.max),
  }
}

function addCounts<Name extends string>(
  a: Readonly<Partial<Record<Name, number>>>,
  b: Readonly<Partial<Record<Name, number>>>,
): Record<Name, number> {
  const sum = { ...a } as Record<Name, number>
  for (const [name, count] of Object.entries(b) as [Name, number][]) sum[name] = (sum[name] ?? 0) + count
  return sum
}

function addTotals(a: SummedTotals, b: PoolTotals): SummedTotals {
  return {
    ...addFigures(a, b),
    limits: null,
    commands: addCounts(a.commands, b.commands),
  }
}

/** One endpoint as two runs know it; `a` is of the newer one. */
function addHosts(a: SummedHost, b: SummedHost): SummedHost {
  return {
    ...addFigures(a, b),
    host: a.host,
    address: a.address,
    names: Math.max(a.names, b.names),
    limits: null,
    lastError: a.lastError ?? b.lastError,
    learnedCapacity: a.learnedCapacity ?? b.learnedCapacity,
  }
}
