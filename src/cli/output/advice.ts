/** One line of advice on a pool's figures: which limit was reached, and what raises it. Pure. */
import type { HostFigures, PoolFigures, PoolSnapshot } from '../../pool/metrics/snapshot.js'
import { formatDuration } from '../../runtime/duration.js'
import { sanitizeLine } from './sanitize.js'

type Rule = (snapshot: PoolSnapshot) => string | null

/** A wait below this is nothing to advise on. */
const LONG_MS = 1_000

/** In the order of what hurts most: the first that has something to say says it. */
const RULES: readonly Rule[] = [lost, waitingNow, queueTimeouts, madeRoom, fewSessions, handshakes, waited]

/** The one thing to look at first, or null. */
export function adviceFor(snapshot: PoolSnapshot): string | null {
  for (const rule of RULES) {
    const advice = rule(snapshot)
    if (advice !== null) return advice
  }
  return null
}

function lost({ closedByReason }: PoolSnapshot): string | null {
  const n = (closedByReason.lost ?? 0) + (closedByReason.keepalive ?? 0)
  if (n === 0) return null
  return `${plural(n, 'connection')} ${n === 1 ? 'was' : 'were'} lost (${closedByReason.keepalive ?? 0} by keepalive): the network or the servers ended them, not a limit`
}

function waitingNow(snapshot: PoolSnapshot): string | null {
  const { limits } = snapshot
  const waiting = snapshot.hosts.filter((host) => host.waiting > 0)
  const full = waiting.filter((host) => host.totalConnections + host.connecting >= host.limits.maxConnectionsPerHost)
  if (waiting.length > 0 && full.length === waiting.length)
    return `${plural(snapshot.waiting, 'command')} waiting for a free channel to ${named(full)}: ${raisesHost(full, limits)}`
  if (snapshot.waiting > 0 && snapshot.totalConnections + snapshot.connecting >= limits.maxConnections)
    return `${plural(snapshot.waiting, 'command')} waiting because all ${limits.maxConnections} connections are in use: --max-connections raises the limit`
  return null
}

function queueTimeouts(snapshot: PoolSnapshot): string | null {
  if (snapshot.queueTimeouts === 0) return null
  const { limits } = snapshot
  const given = `${plural(snapshot.queueTimeouts, 'command')} got no channel within the queue timeout`
  const hosts = snapshot.hosts
    .filter((host) => host.queueTimeouts > 0)
    .sort((a, b) => b.queueTimeouts - a.queueTimeouts)
  const full = hosts.filter(reachedItsLimit)
  if (full.length > 0 && full.length === hosts.length)
    return `${given}, all for ${named(full)}: ${raisesHost(full, limits)}, and --queue-timeout the patience`
  if (snapshot.connectionsCreated >= limits.maxConnections)
    return `${given}: --max-connections (${limits.maxConnections}) raises the limit, and --queue-timeout the patience`
  return `${given}, and no limit was reached: --queue-timeout raises the patience`
}

/** Closing what nobody asks for again costs nothing: only what had to be dialled again is worth a higher limit. */
function madeRoom({ reopened, limits, hosts, connectionsCreated }: PoolSnapshot): string | null {
  if (reopened === 0) return null
  const again = hosts.filter((host) => host.reopened > 0)
  const [whom, flag] =
    connectionsCreated < limits.maxConnections
      ? ['another user of the same host', raisesHost(again, limits)]
      : ['other hosts', `--max-connections (${limits.maxConnections}) raises the limit`]
  return `${plural(reopened, 'connection')} closed to make room for ${whom}, and dialled again later: ${flag}, which is below what this work needs`
}

function fewSessions({ hosts }: PoolSnapshot): string | null {
  const narrow = hosts.find((host) => host.learnedCapacity !== null)
  if (!narrow) return null
  return `${sanitizeLine(narrow.host)} takes only ${plural(narrow.learnedCapacity ?? 0, 'command')} a connection (its sshd's MaxSessions); the pool has adapted`
}

/** Longer than a dial takes, and the limit of handshakes was reached. */
function handshakes({ handshakeWaitMs, connectMs, limits }: PoolSnapshot): string | null {
  const { p95, max } = handshakeWaitMs
  const long = p95 ?? max
  if (long === null || long < LONG_MS || long <= 2 * (connectMs.max ?? 0)) return null
  return `connections waited up to ${formatDuration(max ?? long)} for their handshake: --max-concurrent-dials (${limits.maxConcurrentDials}) raises how many there are at once`
}

/** Waits have other reasons too (a jump host, a backoff): only a limit that was reached is worth raising. */
function waited(snapshot: PoolSnapshot): string | null {
  const { limits } = snapshot
  const slow = snapshot.hosts.filter(waitedLong)
  const full = slow.filter(reachedItsLimit)
  const ownLimits = slow.length > 0 && full.length === slow.length
  if (!ownLimits && waitedLong(snapshot) && snapshot.connectionsCreated >= limits.maxConnections)
    return `commands waited up to ${longest(snapshot)} for one of ${limits.maxConnections} connections: --max-connections raises the limit`
  const [worst] = full.sort((a, b) => (b.waitMs.max ?? 0) - (a.waitMs.max ?? 0))
  if (!worst) return null
  return `commands for ${sanitizeLine(worst.host)} waited up to ${longest(worst)} for a free channel: ${raisesHost([worst], limits)}`
}

/** The option that raises a host's limit; where the host has one of its own, the flag would not. */
function raisesHost(hosts: readonly HostFigures[], limits: PoolSnapshot['limits']): string {
  const own = hosts.find((host) => host.limits.maxConnectionsPerHost < limits.maxConnectionsPerHost)
  return own
    ? `maxConnectionsPerHost (${own.limits.maxConnectionsPerHost}) in the pool: settings of ${sanitizeLine(own.host)} raises the limit`
    : `--max-connections-per-host (${hosts[0]?.limits.maxConnectionsPerHost ?? limits.maxConnectionsPerHost}) raises the limit`
}

/** It had as many connections as it may, and commands waited for each other: one got a connection after another, or left. */
function reachedItsLimit(host: HostFigures): boolean {
  const { maxConnectionsPerHost, maxChannelsPerConnection } = host.limits
  const oneCommandEach = maxChannelsPerConnection === 1 && host.acquired > maxConnectionsPerHost
  return (
    host.connectionsCreated >= maxConnectionsPerHost &&
    (host.reuseCount > 0 || host.queueTimeouts > 0 || oneCommandEach)
  )
}

/** Longer than dialling explains. */
function waitedLong({ waitMs, connectMs }: Pick<PoolFigures, 'waitMs' | 'connectMs'>): boolean {
  const { p95 } = waitMs
  return p95 !== null && p95 >= LONG_MS && p95 > 2 * (connectMs.max ?? 0)
}

function longest({ waitMs }: Pick<PoolFigures, 'waitMs'>): string {
  return formatDuration(waitMs.max ?? 0)
}

function named(hosts: readonly HostFigures[]): string {
  const [first] = hosts
  return sanitizeLine(first?.host ?? '') + (hosts.length > 1 ? ` and ${plural(hosts.length - 1, 'other host')}` : '')
}

function plural(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}
