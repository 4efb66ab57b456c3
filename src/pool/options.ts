/**
 * The pool's options: one table from which types, defaults, config keys, flags, environment variables
 * and docs are made, so that forgetting one of them is a compile error.
 */
import { XecError } from '../errors.js'
import { parseDuration } from '../runtime/duration.js'
import { nearest } from '../runtime/nearest.js'

export interface PoolOptions {
  /** False: one connection per command, closed after it; limits and queue still hold. Default true. */
  readonly enabled: boolean
  /** Connections of the whole process; past it callers queue, fairly. Default 256. */
  readonly maxConnections: number
  /** Connections to one endpoint (address, port, jump path), whoever logs in. Default 2. */
  readonly maxConnectionsPerHost: number
  /** Commands at once on one connection; below sshd's MaxSessions 10, lowered by itself when a server refuses. Default 8. */
  readonly maxChannelsPerConnection: number
  /** Handshakes at once. Default 32. */
  readonly maxConcurrentDials: number
  /** A connection without work is closed after this. In ms. Default 300000. */
  readonly idleTimeout: number
  /** A connection takes no new work after this, less up to 2.5 % by chance. In ms. Default 1800000. */
  readonly maxLifetime: number
  /** Ping quiet connections, so that dead ones are noticed. Default true. */
  readonly keepAlive: boolean
  /** Silence before a ping. In ms. Default 30000. */
  readonly keepAliveInterval: number
  /** Unanswered pings before a connection counts as lost. Default 3. */
  readonly keepAliveCountMax: number
  /** False: no further dial in a retry. Default true. */
  readonly autoReconnect: boolean
  /** Further dials after one that failed for a passing reason. Default 3. */
  readonly maxReconnectAttempts: number
  /** Base of the exponential backoff with full jitter between dials. In ms. Default 1000. */
  readonly reconnectDelay: number
  /** Longest backoff. In ms. Default 15000. */
  readonly maxReconnectDelay: number
}

export interface PoolOptionSpec<T> {
  readonly kind: T extends boolean ? 'boolean' : 'count' | 'duration'
  readonly default: T
  /** Smallest value accepted, for counts and durations (durations in ms). */
  readonly min?: number
  /** True when a host's own `pool:` may set it. */
  readonly perHost: boolean
  readonly doc: string
}

export const POOL_OPTIONS: { readonly [K in keyof PoolOptions]-?: PoolOptionSpec<PoolOptions[K]> } = {
  enabled: {
    kind: 'boolean',
    default: true,
    perHost: false,
    doc: 'false: one connection per command, closed after it; limits and queue still hold',
  },
  maxConnections: {
    kind: 'count',
    default: 256,
    min: 1,
    perHost: false,
    doc: 'connections of the whole process; past it callers queue, fairly',
  },
  maxConnectionsPerHost: {
    kind: 'count',
    default: 2,
    min: 1,
    perHost: true,
    doc: 'connections to one endpoint (address, port, jump path), whoever logs in',
  },
  maxChannelsPerConnection: {
    kind: 'count',
    default: 8,
    min: 1,
    perHost: true,
    doc: "commands at once on one connection; below sshd's MaxSessions 10, lowered by itself when a server refuses",
  },
  maxConcurrentDials: { kind: 'count', default: 32, min: 1, perHost: false, doc: 'handshakes at once' },
  idleTimeout: {
    kind: 'duration',
    default: 300_000,
    min: 0,
    perHost: true,
    doc: 'a connection without work is closed after this',
  },
  maxLifetime: {
    kind: 'duration',
    default: 1_800_000,
    min: 1,
    perHost: false,
    doc: 'a connection takes no new work after this, less up to 2.5 % by chance',
  },
  keepAlive: {
    kind: 'boolean',
    default: true,
    perHost: true,
    doc: 'ping quiet connections, so that dead ones are noticed',
  },
  keepAliveInterval: { kind: 'duration', default: 30_000, min: 1, perHost: true, doc: 'silence before a ping' },
  keepAliveCountMax: {
    kind: 'count',
    default: 3,
    min: 0,
    perHost: true,
    doc: 'unanswered pings before a connection counts as lost',
  },
  autoReconnect: { kind: 'boolean', default: true, perHost: false, doc: 'false: no further dial in a retry' },
  maxReconnectAttempts: {
    kind: 'count',
    default: 3,
    min: 0,
    perHost: true,
    doc: 'further dials after one that failed for a passing reason',
  },
  reconnectDelay: {
    kind: 'duration',
    default: 1_000,
    min: 0,
    perHost: false,
    doc: 'base of the exponential backoff with full jitter between dials',
  },
  maxReconnectDelay: { kind: 'duration', default: 15_000, min: 0, perHost: false, doc: 'longest backoff' },
}

export type PoolOptionName = keyof PoolOptions

export const POOL_OPTION_NAMES = Object.keys(POOL_OPTIONS) as PoolOptionName[]

export const DEFAULT_POOL_OPTIONS = Object.freeze(
  Object.fromEntries(POOL_OPTION_NAMES.map((name) => [name, POOL_OPTIONS[name].default])),
) as unknown as PoolOptions

/** Pool options that are times: ms, or a text with a unit. */
export type DurationName = 'idleTimeout' | 'maxLifetime' | 'keepAliveInterval' | 'reconnectDelay' | 'maxReconnectDelay'

/** Some of them, as programs give them: `undefined` is the same as absent, a duration is ms or a text such as `'30s'`. */
export type Given<T> = { readonly [K in keyof T]?: T[K] | (K extends DurationName ? string : never) | undefined }

/** What other libraries and ssh_config call an option. */
const OTHER_NAMES: Readonly<Record<string, PoolOptionName>> = {
  keepaliveInterval: 'keepAliveInterval',
  serverAliveInterval: 'keepAliveInterval',
  keepaliveCountMax: 'keepAliveCountMax',
  serverAliveCountMax: 'keepAliveCountMax',
  max: 'maxConnections',
  poolSize: 'maxConnections',
  maxPoolSize: 'maxConnections',
  idleTimeoutMillis: 'idleTimeout',
  maxPerHost: 'maxConnectionsPerHost',
  maxSessions: 'maxChannelsPerConnection',
  retries: 'maxReconnectAttempts',
  maxRetries: 'maxReconnectAttempts',
  retryDelay: 'reconnectDelay',
}

/** `; did you mean …?`, or the list of all there is. */
export function meantPoolOption(name: string): string {
  const meant = (Object.hasOwn(OTHER_NAMES, name) ? OTHER_NAMES[name] : undefined) ?? nearest(name, POOL_OPTION_NAMES)
  return meant ? `; did you mean ${meant}?` : `; known are ${POOL_OPTION_NAMES.join(', ')}`
}

/** A duration with its unit as ms; every other value as it is, for `checkPoolOption`. */
export function poolOptionValue(name: PoolOptionName, value: unknown): unknown {
  return POOL_OPTIONS[name].kind === 'duration' && typeof value === 'string' ? (parseDuration(value) ?? value) : value
}

/** What a host's own `pool:` may change. */
export type HostPoolOptions = Partial<
  Pick<
    PoolOptions,
    | 'maxConnectionsPerHost'
    | 'maxChannelsPerConnection'
    | 'idleTimeout'
    | 'keepAlive'
    | 'keepAliveInterval'
    | 'keepAliveCountMax'
    | 'maxReconnectAttempts'
  >
>

/**
 * Says what is wrong with one option's value (durations already in ms), or undefined when nothing is.
 * The sentence says what would be right.
 */
export function checkPoolOption(name: PoolOptionName, value: unknown): string | undefined {
  const spec = POOL_OPTIONS[name]
  if (spec.kind === 'boolean') return typeof value === 'boolean' ? undefined : `${name} must be true or false`
  if (typeof value !== 'number' || Number.isNaN(value))
    return `${name} must be a ${spec.kind === 'count' ? 'whole number' : "duration: milliseconds, or a text such as '30s'"}`
  if (spec.kind === 'count' && !Number.isSafeInteger(value)) return `${name} must be a whole number, not ${value}`
  if (value < (spec.min ?? 0)) return `${name} must be at least ${spec.min ?? 0}, not ${value}`
  return undefined
}

/**
 * Fills in the defaults of whatever is undefined.
 * @throws XecError XEC_CONFIG for an unknown name or a value out of range.
 */
export function resolvePoolOptions(given: Given<PoolOptions> = {}): PoolOptions {
  const result: Record<string, unknown> = { ...DEFAULT_POOL_OPTIONS }
  for (const [name, each] of Object.entries(given)) {
    if (each === undefined) continue
    if (!Object.hasOwn(POOL_OPTIONS, name))
      throw new XecError('XEC_CONFIG', `unknown pool option ${name}${meantPoolOption(name)}`)
    const value = poolOptionValue(name as PoolOptionName, each)
    const problem = checkPoolOption(name as PoolOptionName, value)
    if (problem) throw new XecError('XEC_CONFIG', `pool: ${problem}`)
    result[name] = value
  }
  return Object.freeze(result) as unknown as PoolOptions
}
