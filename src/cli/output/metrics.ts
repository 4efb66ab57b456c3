/** The pool's figures for people: every figure with its limit or its n, and one line of advice when something stands out. Pure. */
import type { HostFigures, Latency, PoolSnapshot } from '../../pool/metrics/snapshot.js'
import { formatDuration } from '../../runtime/duration.js'
import { sanitizeLine } from './sanitize.js'
import type { Paint } from './paint.js'

/** Below this a 99th percentile is one observation in disguise. */
const ENOUGH_FOR_P99 = 100
const INDENT = '      '

type Figures = Omit<PoolSnapshot, 'hosts'>

/** One line while a run goes on: the gauges, the most telling first, since a narrow terminal cuts its end. */
export function gaugeLine(snapshot: Figures): string {
  const { totalConnections, activeConnections, idleConnections, connecting, waiting, limits, reuseRatio } = snapshot
  const parts = [
    `${totalConnections}/${limits.maxConnections} connections: ${activeConnections} active, ${idleConnections} idle, ${connecting} connecting`,
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
export function metricsLines(snapshot: PoolSnapshot, paint: Paint): string[] {
  const { totalConnections, activeConnections, idleConnections, connecting, waiting, limits } = snapshot
  const waiters =
    waiting === 0 ? 'none waiting' : `${waiting} waiting, the oldest for ${formatDuration(snapshot.oldestWaitMs)}`
  const lines = [
    `${paint.strong('pool')}  ${totalConnections}/${limits.maxConnections} connections: ${activeConnections} active, ${idleConnections} idle, ${connecting} connecting · ${waiters}`,
    `${INDENT}opened ${snapshot.connectionsCreated}, closed ${snapshot.connectionsDestroyed}${breakdown(snapshot.closedByReason)} · ` +
      `dials failed ${snapshot.connectionsFailed}${breakdown(snapshot.failuresByPhase)}`,
    `${INDENT}limits   ${plural(limits.maxConnectionsPerHost, 'connection')} a host, ${plural(limits.maxChannelsPerConnection, 'command')} on each, ${plural(limits.maxConcurrentDials, 'handshake')} at once`,
    `${INDENT}reuse    ${reuse(snapshot)}`,
    `${INDENT}wait     ${latency(snapshot.waitMs)}`,
    `${INDENT}connect  ${latency(snapshot.connectMs)}`,
    `${INDENT}command  ${latency(snapshot.commandMs)}`,
  ]
  const advice = adviceFor(snapshot)
  if (advice !== null) lines.push(`${INDENT}${paint.busy(advice)}`)
  return lines
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

/** The one thing to look at first, or null. In the order of what hurts most. */
export function adviceFor(snapshot: PoolSnapshot): string | null {
  const { limits } = snapshot
  const lost = (snapshot.closedByReason.lost ?? 0) + (snapshot.closedByReason.keepalive ?? 0)
  if (lost > 0)
    return `${lost} connection${lost === 1 ? ' was' : 's were'} lost (${snapshot.closedByReason.keepalive ?? 0} by keepalive): the network or the servers ended them, not a limit`
  const waiting = snapshot.hosts.filter((host) => host.waiting > 0)
  const atTheirLimit = waiting.filter((host) => host.totalConnections + host.connecting >= limits.maxConnectionsPerHost)
  if (waiting.length > 0 && atTheirLimit.length === waiting.length) {
    return `${plural(snapshot.waiting, 'command')} waiting for a free channel to ${named(atTheirLimit)}: --max-connections-per-host (${limits.maxConnectionsPerHost}) raises the limit`
  }
  if (snapshot.waiting > 0 && snapshot.totalConnections + snapshot.connecting >= limits.maxConnections) {
    return `${plural(snapshot.waiting, 'command')} waiting because all ${limits.maxConnections} connections are in use: --max-connections raises the limit`
  }
  const moved = (snapshot.closedByReason.evicted ?? 0) + (snapshot.closedByReason.fairness ?? 0)
  if (moved > 0) {
    const [whom, flag, limit] =
      snapshot.connectionsCreated < limits.maxConnections
        ? ['another user of the same host', '--max-connections-per-host', limits.maxConnectionsPerHost]
        : ['other hosts', '--max-connections', limits.maxConnections]
    return `${plural(moved, 'connection')} closed to make room for ${whom}: ${flag} (${limit}) raises the limit, which is below what this work needs`
  }
  const narrow = snapshot.hosts.find((host) => host.learnedCapacity !== null)
  if (narrow)
    return `${sanitizeLine(narrow.host)} takes only ${plural(narrow.learnedCapacity ?? 0, 'command')} a connection (its sshd's MaxSessions); the pool has adapted`
  // Waits have other reasons too (a jump host, a backoff): only a limit that was reached is worth raising.
  const slow = snapshot.hosts.filter(waitedLong)
  const ownLimits = slow.length > 0 && slow.every((host) => reachedItsLimit(host, limits))
  if (!ownLimits && waitedLong(snapshot) && snapshot.connectionsCreated >= limits.maxConnections) {
    return `commands waited up to ${waited(snapshot)} for one of ${limits.maxConnections} connections: --max-connections raises the limit`
  }
  const [worst] = slow
    .filter((host) => reachedItsLimit(host, limits))
    .sort((a, b) => (b.waitMs.max ?? 0) - (a.waitMs.max ?? 0))
  if (worst)
    return `commands for ${sanitizeLine(worst.host)} waited up to ${waited(worst)} for a free channel: --max-connections-per-host (${limits.maxConnectionsPerHost}) raises the limit`
  return null
}

function plural(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}

function named(hosts: readonly HostFigures[]): string {
  const [first] = hosts
  return sanitizeLine(first?.host ?? '') + (hosts.length > 1 ? ` and ${plural(hosts.length - 1, 'other host')}` : '')
}

function reachedItsLimit(
  { reuseCount, connectionsCreated }: HostFigures,
  { maxConnectionsPerHost }: PoolSnapshot['limits'],
): boolean {
  return reuseCount > 0 && connectionsCreated >= maxConnectionsPerHost
}

/** Longer than dialling explains. */
function waitedLong({ waitMs, connectMs }: Pick<Figures, 'waitMs' | 'connectMs'>): boolean {
  const { p95 } = waitMs
  return p95 !== null && p95 >= 1_000 && p95 > 2 * (connectMs.max ?? 0)
}

function waited({ waitMs }: Pick<Figures, 'waitMs'>): string {
  return formatDuration(waitMs.max ?? 0)
}
