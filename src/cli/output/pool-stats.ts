/** `xec pool stats`: what the stats files say, for people and as JSON. Pure: a view in, texts out. */
import { formatDuration } from '../../runtime/duration.js'
import { withoutPlace } from '../../run/fold.js'
import type { RunStats, StatsView, SummedHost, SummedTotals } from '../../stats/stats.js'
import { metricsLines, percent } from './metrics.js'
import type { Paint } from './paint.js'
import { sanitizeLine } from './sanitize.js'
import { table, type Column } from './table.js'

/** What `pool stats` exits with when there is nothing to show. */
const NOTHING_TO_SHOW = 3

export const NOTHING_SENTENCE =
  'no pool data: a pool lives inside a running xec, and none has run in the last 24 hours; try xec exec-all'

/** A live run is silent for longer than this only when its process is stopped or very busy. */
const STALE_MS = 3_000
const MOST_ROWS = 50

interface PoolStatsDocument {
  readonly schemaVersion: 1
  readonly live: boolean
  readonly source: string
  /** null when several live runs are added up: they stand in `runs`. */
  readonly pid: number | null
  readonly asOf: string | null
  readonly since: string | null
  /** Without limits (null) when several live runs are added up: each has its own. */
  readonly totals: SummedTotals | null
  readonly hosts: readonly SummedHost[]
  readonly hostsOmitted: number
  /** Each of several live runs; absent otherwise. */
  readonly runs?: readonly Pick<RunStats, 'pid' | 'command' | 'asOf' | 'since' | 'totals' | 'hosts' | 'hostsOmitted'>[]
}

export interface PoolStatsText {
  readonly stdout: string
  readonly stderr: string
  readonly status: 0 | typeof NOTHING_TO_SHOW
}

export interface PoolStatsOptions {
  readonly json: boolean
  readonly paint: Paint
  /** Wall-clock ms, for the age of what is shown. */
  readonly now: number
  readonly columns?: number
}

/** What `xec pool stats` prints, and its exit status. */
export function renderPoolStats(view: StatsView, options: PoolStatsOptions): PoolStatsText {
  const warnings = view.warnings.map((warning) => `warning: ${sanitizeLine(warning)}\n`).join('')
  if (options.json) {
    const stderr = view.sum ? warnings : `${warnings}${NOTHING_SENTENCE}\n`
    return { stdout: `${JSON.stringify(poolStatsDocument(view))}\n`, stderr, status: view.sum ? 0 : NOTHING_TO_SHOW }
  }
  if (!view.sum) return { stdout: '', stderr: `${warnings}${NOTHING_SENTENCE}\n`, status: NOTHING_TO_SHOW }
  const blocks = view.runs.map((run) => block(sourceLine(run, options.now), run, options, view.runs.length === 1))
  if (view.runs.length > 1)
    blocks.push(
      block(
        `sum of ${view.runs.length} live runs, each with its own pool and its own limits · percentiles are per run and do not add up`,
        view.sum,
        options,
        true,
      ),
    )
  return { stdout: blocks.join('\n'), stderr: warnings, status: 0 }
}

function poolStatsDocument(view: StatsView): PoolStatsDocument {
  const [first, ...others] = view.runs
  if (!first || !view.sum) {
    return {
      schemaVersion: 1,
      live: false,
      source: 'none',
      pid: null,
      asOf: null,
      since: null,
      totals: null,
      hosts: [],
      hostsOmitted: 0,
    }
  }
  const { asOf, since, totals, hosts, hostsOmitted } = view.sum
  const figures = { asOf, since, totals, hosts, hostsOmitted }
  if (others.length === 0) {
    return {
      schemaVersion: 1,
      live: view.live,
      source: view.live ? `live run of xec ${first.command}` : lastRun(first),
      pid: first.pid,
      ...figures,
    }
  }
  const runs = view.runs.map((run) => ({
    pid: run.pid,
    command: run.command,
    asOf: run.asOf,
    since: run.since,
    totals: run.totals,
    hosts: run.hosts,
    hostsOmitted: run.hostsOmitted,
  }))
  return { schemaVersion: 1, live: true, source: `sum of ${runs.length} live runs`, pid: null, ...figures, runs }
}

function lastRun(run: RunStats): string {
  return `last run of xec ${run.command}, ${run.endedAt === null ? 'ended without saying so' : `ended with status ${run.exitCode ?? 'unknown'}`}`
}

/** Where the figures come from and how old they are: without this line they would mean nothing. */
export function sourceLine(run: RunStats, now: number): string {
  const command = `xec ${sanitizeLine(run.command)}`
  if (run.live) {
    const age = Math.max(0, now - Date.parse(run.asOf))
    const stale = age > STALE_MS ? ' · stale: the process is stopped or busy' : ''
    return `live · pid ${run.pid} · ${command} · since ${clockTime(run.since, now)} · written ${seconds(age)} ago${stale}`
  }
  const ended =
    run.endedAt === null
      ? `ended without saying so, last written ${clockTime(run.asOf, now)}`
      : `ended ${clockTime(run.endedAt, now)} · exit ${run.exitCode ?? 'unknown'}`
  return `last run · pid ${run.pid} · ${command} · ${ended} · no live pool`
}

/** Local time; with the date when it was another day. */
function clockTime(iso: string, now: number): string {
  const at = new Date(iso)
  const pad = (n: number): string => String(n).padStart(2, '0')
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`
  return at.toDateString() === new Date(now).toDateString()
    ? time
    : `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${time}`
}

function seconds(ms: number): string {
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : formatDuration(ms)
}

function block(
  source: string,
  run: { readonly totals: SummedTotals; readonly hosts: readonly SummedHost[]; readonly hostsOmitted: number },
  options: PoolStatsOptions,
  withHosts: boolean,
): string {
  const snapshot = { ...run.totals, hosts: run.hosts }
  const { paint } = options
  const lines = [source, ...metricsLines(snapshot, paint)]
  const commands = Object.entries(run.totals.commands).flatMap(([outcome, count]) =>
    count > 0 ? [`${count} ${outcome}`] : [],
  )
  if (commands.length > 0) lines.push(`      commands: ${commands.join(', ')}`)
  const text = lines.map((line) => `${line}\n`).join('')
  if (!withHosts || run.hosts.length === 0) return text
  const rows = worstFirst(run.hosts)
  const left = rows.length - MOST_ROWS + run.hostsOmitted
  const more = left > 0 ? paint.faint(`and ${left} more hosts, all of them in --json up to 1000\n`) : ''
  return (
    text + table(hostColumns(paint), rows.slice(0, MOST_ROWS), { width: options.columns, heading: paint.faint }) + more
  )
}

/** Those with something to tell first: errors, waiters, work; equals stay in their order. */
function worstFirst(hosts: readonly SummedHost[]): SummedHost[] {
  const weight = (host: SummedHost): number =>
    (host.lastError === null && host.connectionsFailed === 0 ? 0 : 4) +
    (host.waiting > 0 ? 2 : 0) +
    (host.activeConnections > 0 ? 1 : 0)
  return [...hosts].sort((a, b) => weight(b) - weight(a))
}

function hostColumns(paint: Paint): Column<SummedHost>[] {
  return [
    { title: 'HOST', value: (host) => (host.names > 1 ? `${host.host} +${host.names - 1}` : host.host) },
    { title: 'ADDRESS', value: (host) => host.address },
    { title: 'CONNS', align: 'right', value: connectionsOf },
    {
      title: 'CHANNELS',
      align: 'right',
      value: channelsOf,
    },
    { title: 'WAITING', align: 'right', value: (host) => String(host.waiting) },
    { title: 'CMDS', align: 'right', value: (host) => String(host.acquired) },
    { title: 'REUSE', align: 'right', value: (host) => (host.reuseRatio === null ? '–' : percent(host.reuseRatio)) },
    {
      title: 'P95',
      align: 'right',
      value: (host) => (host.commandMs.p95 === null ? '–' : formatDuration(host.commandMs.p95)),
    },
    {
      title: 'FAILED',
      align: 'right',
      value: (host) => String(host.connectionsFailed),
      paint: (cell, host) => (host.connectionsFailed > 0 ? paint.bad(cell) : cell),
    },
    { title: 'LAST ERROR', value: (host) => withoutPlace(host.lastError ?? '', host.host) },
  ]
}

/** Beside the host's own limit; of several runs each has its own, and their sum has none. */
function connectionsOf({ totalConnections, limits }: SummedHost): string {
  return limits ? `${totalConnections}/${limits.maxConnectionsPerHost}` : String(totalConnections)
}

/** Commands at once on one connection: what the server was found to allow, else the host's own limit. */
function channelsOf({ learnedCapacity, limits }: SummedHost): string {
  if (learnedCapacity !== null) return `≤${learnedCapacity} learned`
  return limits ? `≤${limits.maxChannelsPerConnection}` : '–'
}
