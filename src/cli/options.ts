/**
 * Every option of the command line, once: flags, kinds, help, environment variables and the tables of docs/cli.md
 * are made from this, and what a command reads is typed by it.
 */
import { POOL_OPTIONS, type PoolOptionName } from '../pool/options.js'
import type { Kind, ValueRules, Values } from './values.js'

export interface OptionSpec extends ValueRules {
  /** `-l` and the like. */
  readonly short?: string
  /** `--login`; absent for the few that are only a letter, as in ssh. */
  readonly long?: string
  /** What the value is called in help; absent for options without one. */
  readonly value?: string
  readonly kind: Kind
  /** A variable that stands in for the option, or null where a forgotten variable could do harm. */
  readonly env: string | null
  readonly doc: string
  /** For people; what happens when it is absent. */
  readonly default?: string
}

const CHOICES_OF_OUTPUT = ['text', 'json'] as const
const CHOICES_OF_COLOR = ['auto', 'always', 'never'] as const

export const OPTIONS = {
  login: { short: '-l', long: '--login', value: 'USER', kind: 'text', env: 'XEC_LOGIN', doc: 'log in as', default: 'inventory, then ssh_config' },
  port: { short: '-p', long: '--port', value: 'N', kind: 'port', env: 'XEC_PORT', doc: 'port', default: 'inventory, then ssh_config' },
  identity: { short: '-i', long: '--identity', value: 'FILE', kind: 'list', env: 'XEC_IDENTITY', doc: 'private key file (repeatable)', default: 'inventory, then ssh_config' },
  jump: { short: '-J', long: '--jump', value: 'HOST[,HOST]', kind: 'text', env: 'XEC_JUMP', doc: 'reach it through these hosts', default: 'inventory, then ssh_config' },
  sshConfig: { short: '-F', value: 'FILE', kind: 'text', env: 'XEC_SSH_CONFIG', doc: 'ssh configuration file in place of the usual two; none for no file', default: '~/.ssh/config' },
  sshOption: { short: '-o', value: 'KEY=VALUE', kind: 'list', env: null, doc: 'ssh_config option (repeatable)' },

  group: { short: '-g', long: '--group', value: 'NAME', kind: 'list', env: null, doc: 'hosts of this group (repeatable)' },
  hosts: { short: '-w', long: '--hosts', value: 'EXPR', kind: 'list', env: null, doc: "hosts: names, 'web*', 'web[01-20]', @group, a,b a&b a!b, ~/regex/ (repeatable)" },
  exclude: { short: '-x', long: '--exclude', value: 'EXPR', kind: 'list', env: null, doc: 'leave these out (repeatable)' },
  all: { short: '-a', long: '--all', kind: 'flag', env: null, doc: 'every host of the inventory' },

  env: { short: '-e', long: '--env', value: 'K=V', kind: 'list', env: null, doc: 'environment of the command (repeatable); K alone forwards yours' },
  cwd: { long: '--cwd', value: 'DIR', kind: 'text', env: null, doc: 'cd DIR first; the command does not run when that fails' },
  noStdin: { short: '-n', kind: 'flag', env: null, doc: 'send no stdin', default: 'a piped stdin is forwarded' },
  tty: { short: '-t', long: '--tty', kind: 'level', env: null, doc: 'run it on a terminal (pty); -tt also when stdin is not one' },
  script: { long: '--script', value: 'FILE', kind: 'text', env: null, doc: 'run this local script by its #! line; the command words are its arguments' },
  stdin: { long: '--stdin', kind: 'flag', env: null, doc: 'send stdin to every host, at the pace of the slowest', default: 'no stdin' },

  timeout: { long: '--timeout', value: 'DUR', kind: 'duration', min: 1, env: 'XEC_TIMEOUT', doc: 'stop the command after this, from the moment it is sent', default: 'none' },
  connectTimeout: { long: '--connect-timeout', value: 'DUR', kind: 'duration', min: 1, env: 'XEC_CONNECT_TIMEOUT', doc: 'one dial, TCP to authenticated', default: '15s' },
  queueTimeout: { long: '--queue-timeout', value: 'DUR', kind: 'duration', min: 1, env: 'XEC_QUEUE_TIMEOUT', doc: 'waiting for a free connection', default: 'none' },
  retries: { long: '--retries', value: 'N', ...fromPool('maxReconnectAttempts', 'XEC_RETRIES') },
  retryCommands: { long: '--retry-commands', value: 'N', kind: 'count', env: null, doc: 'send a command again whose outcome is unknown: it may then run twice', default: '0' },
  fanout: { short: '-f', long: '--fanout', value: 'N', kind: 'count', min: 1, env: 'XEC_FANOUT', doc: 'hosts in flight', default: '64' },
  failFast: { long: '--fail-fast', kind: 'flag', env: null, doc: 'admit no further host after the first failure' },
  maxConnections: { long: '--max-connections', value: 'N', ...fromPool('maxConnections', 'XEC_MAX_CONNECTIONS') },
  maxConnectionsPerHost: { long: '--max-connections-per-host', value: 'N', ...fromPool('maxConnectionsPerHost', 'XEC_MAX_CONNECTIONS_PER_HOST') },
  maxChannelsPerConnection: { long: '--max-channels-per-connection', value: 'N', ...fromPool('maxChannelsPerConnection', 'XEC_MAX_CHANNELS_PER_CONNECTION') },

  output: { long: '--output', value: 'FORMAT', kind: 'choice', choices: CHOICES_OF_OUTPUT, env: 'XEC_OUTPUT', doc: 'text, or one JSON document', default: 'text' },
  json: { long: '--json', kind: 'flag', env: null, doc: 'JSON on stdout; for run and exec-all the same as --output json' },
  metrics: { long: '--metrics', kind: 'switch', env: 'XEC_METRICS', doc: 'print the pool metrics when done, or do not', default: 'exec-all: yes; run: when stderr is a terminal' },
  quiet: { short: '-q', long: '--quiet', kind: 'flag', env: null, doc: 'the output of the hosts and errors only' },
  verbose: { short: '-v', long: '--verbose', kind: 'level', env: null, doc: 'tell about connections on stderr; -vv also adds stacks to errors' },
  color: { long: '--color', value: 'WHEN', kind: 'choice', choices: CHOICES_OF_COLOR, env: 'XEC_COLOR', doc: 'auto, always or never', default: 'auto' },
  dryRun: { long: '--dry-run', kind: 'flag', env: null, doc: 'say what would run where; dial nothing' },
  config: { short: '-c', long: '--config', value: 'FILE', kind: 'text', env: 'XEC_CONFIG', doc: 'configuration file in place of the search', default: 'xec.config.yaml and others, upwards from here' },
} as const satisfies Record<string, OptionSpec>

export type OptionName = keyof typeof OPTIONS

/** What a command finds in its options; absent: neither the flag nor its variable was given. */
export type OptionValues = { [N in OptionName]?: Values[(typeof OPTIONS)[N]['kind']] }

export const optionSpec = (name: OptionName): OptionSpec => OPTIONS[name]

/**
 * Pool options and the way to set them for one run: by a flag of the table above, or by a variable alone, for those
 * that one run seldom changes. Keyed by the pool's own table, so that a new option must say which.
 */
export const POOL_SETTINGS: { readonly [K in PoolOptionName]: { readonly flag: OptionName } | { readonly env: string } } = {
  enabled: { env: 'XEC_POOL_ENABLED' },
  maxConnections: { flag: 'maxConnections' },
  maxConnectionsPerHost: { flag: 'maxConnectionsPerHost' },
  maxChannelsPerConnection: { flag: 'maxChannelsPerConnection' },
  maxConcurrentDials: { env: 'XEC_MAX_CONCURRENT_DIALS' },
  idleTimeout: { env: 'XEC_IDLE_TIMEOUT' },
  maxLifetime: { env: 'XEC_MAX_LIFETIME' },
  keepAlive: { env: 'XEC_KEEP_ALIVE' },
  keepAliveInterval: { env: 'XEC_KEEP_ALIVE_INTERVAL' },
  keepAliveCountMax: { env: 'XEC_KEEP_ALIVE_COUNT_MAX' },
  autoReconnect: { env: 'XEC_AUTO_RECONNECT' },
  maxReconnectAttempts: { flag: 'retries' },
  reconnectDelay: { env: 'XEC_RECONNECT_DELAY' },
  maxReconnectDelay: { env: 'XEC_MAX_RECONNECT_DELAY' },
}

function fromPool<E extends string>(name: 'maxReconnectAttempts' | 'maxConnections' | 'maxConnectionsPerHost' | 'maxChannelsPerConnection', env: E) {
  const { min, doc, default: value } = POOL_OPTIONS[name]
  return { kind: 'count', min, env, doc, default: `config, then ${value}` } as const
}

/** `-l, --login <USER>`, as commander wants it. */
export function flagsOf({ short, long, value }: OptionSpec): string {
  const names = [short, long].filter((name) => name !== undefined).join(', ')
  return value === undefined ? names : `${names} <${value}>`
}

/** How messages call an option. */
export function nameOf({ short, long }: OptionSpec): string {
  return long ?? short ?? ''
}
