/** One stats file as text: what is in it, and reading it back from something that may be anything. Pure. */
import type { HostFigures, Latency, PoolSnapshot } from '../pool/metrics/snapshot.js'
import type { ProcessIdentity } from './process.js'
import type { PoolTotals } from './view.js'

export interface StatsRecord extends ProcessIdentity {
  readonly schemaVersion: 1
  /** The xec command (`run`, `exec-all`), never the remote one. */
  readonly command: string
  /** ISO 8601. */
  readonly since: string
  readonly asOf: string
  readonly endedAt: string | null
  readonly exitCode: number | null
  readonly totals: PoolTotals
  readonly hosts: readonly HostFigures[]
  readonly hostsOmitted: number
}

/** Rows a file keeps, so that writing it every second stays cheap with a fleet of any size. */
const MOST_HOSTS = 1_000

const NAME = /^(\d{1,10})-(\d{1,20})\.json$/

export function fileName({ pid, startTime }: ProcessIdentity): string {
  return `${pid}-${startTime}.json`
}

export function isStatsFile(name: string): boolean {
  return NAME.test(name)
}

/** A snapshot's part of a record. Beyond MOST_HOSTS those with failures and with work come first. */
export function splitSnapshot({
  hosts,
  ...totals
}: PoolSnapshot): Pick<StatsRecord, 'totals' | 'hosts' | 'hostsOmitted'> {
  if (hosts.length <= MOST_HOSTS) return { totals, hosts, hostsOmitted: 0 }
  const weight = (host: HostFigures): number =>
    (host.lastError === null ? 0 : 2) + (host.waiting + host.activeConnections > 0 ? 1 : 0)
  const kept = [...hosts].sort((a, b) => weight(b) - weight(a)).slice(0, MOST_HOSTS)
  return { totals, hosts: kept, hostsOmitted: hosts.length - kept.length }
}

/** The record in a file's text, or undefined when it is none of ours: another version, cut short, or made up. */
export function parseRecord(text: string): StatsRecord | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  return isRecord(value) ? value : undefined
}

type Fields = Readonly<Record<string, unknown>>
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isText = (value: unknown): value is string => typeof value === 'string'
const isTime = (value: unknown): value is string => isText(value) && !Number.isNaN(Date.parse(value))
const isNumber = (value: unknown): value is number => typeof value === 'number'
const orNull =
  (check: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    value === null || check(value)

const GAUGES_AND_COUNTS = [
  'totalConnections',
  'activeConnections',
  'idleConnections',
  'connecting',
  'connectionsCreated',
  'connectionsDestroyed',
  'connectionsFailed',
  'reopened',
  'reuseCount',
  'acquired',
  'waiting',
  'oldestWaitMs',
  'queueTimeouts',
] as const satisfies readonly (keyof PoolTotals)[]

function isLatency(value: unknown): value is Latency {
  return (
    isFields(value) &&
    isNumber(value.n) &&
    (['p50', 'p95', 'p99', 'max'] as const).every((name) => orNull(isNumber)(value[name]))
  )
}

/** Their names are shown as they are: outcomes, phases, reasons and limits are words of letters. */
function areCounts(value: unknown): boolean {
  return (
    isFields(value) && Object.entries(value).every(([name, count]) => /^[A-Za-z]{1,40}$/.test(name) && isNumber(count))
  )
}

function areFigures(value: unknown): value is Fields {
  return (
    isFields(value) &&
    GAUGES_AND_COUNTS.every((name) => isNumber(value[name])) &&
    orNull(isNumber)(value.reuseRatio) &&
    isLatency(value.waitMs) &&
    isLatency(value.connectMs) &&
    isLatency(value.handshakeWaitMs) &&
    isLatency(value.commandMs) &&
    areCounts(value.failuresByPhase) &&
    areCounts(value.closedByReason)
  )
}

function isHost(value: unknown): value is HostFigures {
  return (
    areFigures(value) &&
    isText(value.host) &&
    isText(value.address) &&
    isNumber(value.names) &&
    areCounts(value.limits) &&
    orNull(isText)(value.lastError) &&
    orNull(isNumber)(value.learnedCapacity)
  )
}

function isRecord(value: unknown): value is StatsRecord {
  return (
    isFields(value) &&
    value.schemaVersion === 1 &&
    isNumber(value.pid) &&
    isText(value.startTime) &&
    (value.startedBy === 'proc' || value.startedBy === 'wall') &&
    isText(value.command) &&
    isTime(value.since) &&
    isTime(value.asOf) &&
    orNull(isTime)(value.endedAt) &&
    orNull(isNumber)(value.exitCode) &&
    areFigures(value.totals) &&
    areCounts(value.totals.limits) &&
    areCounts(value.totals.commands) &&
    Array.isArray(value.hosts) &&
    value.hosts.every(isHost) &&
    isNumber(value.hostsOmitted)
  )
}
