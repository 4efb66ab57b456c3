/** The pool's figures for people: every figure with its limit or its n, and one line of advice when something stands out. Pure. */
import type { Latency, PoolSnapshot } from '../../pool/metrics/snapshot.js'
import { formatDuration } from '../../runtime/duration.js'
import type { SummedHost } from '../../stats/stats.js'
import { adviceFor } from './advice.js'
import type { Paint } from './paint.js'

/** Below this a 99th percentile is one observation in disguise. */
const ENOUGH_FOR_P99 = 100
const INDENT = '      '

type Figures = Omit<PoolSnapshot, 'hosts' | 'limits'> & { readonly limits: PoolSnapshot['limits'] | null }

/** One line while a run goes on: the gauges, the most telling first, since a narrow terminal cuts its end. */
export function gaugeLine(snapshot: Figures): string {
  const { activeConnections, idleConnections, connecting, waiting, reuseRatio } = snapshot
  const parts = [
    `${connections(snapshot)}: ${activeConnections} active, ${idleConnections} idle, ${connecting} connecting`,
    `${waiting} waiting`,
    `reuse ${reuseRatio === null ? '–' : percent(reuseRatio)}`,
  ]
  if (snapshot.connectionsFailed > 0) parts.push(`${plural(snapshot.connectionsFailed, 'dial')} failed`)
  return parts.join(' · ')
}

/** How much of the pool's figures a run prints at its end. */
export type MetricsForm = 'off' | 'line' | 'full'

/** What `--metrics` asks for, or what the command does without it. */
export function metricsForm({ metrics }: { readonly metrics?: string }, otherwise: MetricsForm): MetricsForm {
  return metrics === 'off' || metrics === 'line' || metrics === 'full' ? metrics : otherwise
}

/** The pool's figures at the end of a run: lines without a newline at their end. */
export function metricsText(form: MetricsForm, snapshot: PoolSnapshot, paint: Paint): string[] {
  switch (form) {
    case 'off':
      return []
    case 'line':
      return metricsLine(snapshot, paint)
    case 'full':
      return metricsLines(snapshot, paint)
  }
}

/** What the pool did, in one line, and the advice that belongs to it. */
function metricsLine(snapshot: PoolSnapshot, paint: Paint): string[] {
  const { connectionsCreated, connectionsFailed, reuseCount, limits, waitMs, connectMs } = snapshot
  const p95 = (name: string, { p95: value }: Latency): string[] =>
    value === null ? [] : [`${name} p95 ${formatDuration(value)}`]
  const opened = `${plural(connectionsCreated, 'connection')} opened, ${reuseCount} reused, limit ${limits.maxConnections}`
  const failed = connectionsFailed > 0 ? [`${connectionsFailed} failed to connect`] : []
  const parts = [opened, ...failed, ...p95('wait', waitMs), ...p95('connect', connectMs)]
  const advice = adviceFor(snapshot)
  return [
    `${paint.strong('pool')}  ${parts.join(' · ')}`,
    ...(advice === null ? [] : [`${INDENT}${paint.busy(advice)}`]),
  ]
}

/** The block at the end of a run and in `pool stats`: lines without a newline at their end. */
export function metricsLines(snapshot: Figures & { readonly hosts: readonly SummedHost[] }, paint: Paint): string[] {
  const { activeConnections, idleConnections, connecting, waiting } = snapshot
  const waiters =
    waiting === 0 ? 'none waiting' : `${waiting} waiting, the oldest for ${formatDuration(snapshot.oldestWaitMs)}`
  const lines = [
    `${paint.strong('pool')}  ${connections(snapshot)}: ${activeConnections} active, ${idleConnections} idle, ${connecting} connecting · ${waiters}`,
    `${INDENT}opened ${snapshot.connectionsCreated}, closed ${snapshot.connectionsDestroyed}${breakdown(snapshot.closedByReason)} · ` +
      `dials failed ${snapshot.connectionsFailed}${breakdown(snapshot.failuresByPhase)}`,
    ...limitsLine(snapshot),
    `${INDENT}reuse    ${reuse(snapshot)}`,
    `${INDENT}wait     ${latency(snapshot.waitMs)}`,
    `${INDENT}connect  ${latency(snapshot.connectMs)}`,
    `${INDENT}command  ${latency(snapshot.commandMs)}`,
  ]
  const advice = snapshot.limits ? adviceFor(snapshot as PoolSnapshot) : null
  if (advice !== null) lines.push(`${INDENT}${paint.busy(advice)}`)
  return lines
}

/** `2/256 connections`; several runs have each its own limit, and their sum has none. */
function connections({ totalConnections, limits }: Figures): string {
  return limits ? `${totalConnections}/${limits.maxConnections} connections` : plural(totalConnections, 'connection')
}

function limitsLine({ limits }: Figures): string[] {
  if (!limits) return []
  const { maxConnectionsPerHost, maxChannelsPerConnection, maxConcurrentDials } = limits
  return [
    `${INDENT}limits   ${plural(maxConnectionsPerHost, 'connection')} a host, ${plural(maxChannelsPerConnection, 'command')} on each, ${plural(maxConcurrentDials, 'handshake')} at once`,
  ]
}

function reuse({ reuseCount, acquired, reuseRatio }: Figures): string {
  return reuseRatio === null
    ? '–'
    : `${reuseCount} of ${acquired} commands found their connection open (${percent(reuseRatio)})`
}

export function percent(ratio: number): string {
  return `${Math.floor(ratio * 1_000) / 10} %`
}

/** `p50 24ms p95 910ms max 4.2s (n=500)`; p99 in place of max from 100 observations on. Without observations: `–`. */
export function latency({ n, p50, p95, p99, max }: Latency): string {
  if (n === 0) return '–'
  const figures: [string, number | null][] = [
    ['p50', p50],
    ['p95', p95],
    n >= ENOUGH_FOR_P99 ? ['p99', p99] : ['max', max],
  ]
  const known = figures.flatMap(([name, value]) => (value === null ? [] : [`${name} ${formatDuration(value)}`]))
  return [...known, `(n=${n})`].join(' ')
}

function breakdown(counts: Readonly<Partial<Record<string, number>>>): string {
  const parts = Object.entries(counts).flatMap(([name, count]) => (count ? [`${count} ${name}`] : []))
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

function plural(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}
