/**
 * Every option of the command line, once: flags, kinds, help, environment variables and the tables of docs/cli.md
 * are made from this, and what a command reads is typed by it.
 */
import { POOL_OPTIONS, type PoolOptionName } from '../pool/options.js'
import { FORMATS, OUTPUT_CHOICES } from './output/formats.js'
import type { Kind, ValueRules, Values } from './values.js'

/** The headings of help. */
type Topic = 'Selection' | 'Connection' | 'Command' | 'Limits' | 'Output'

export interface OptionSpec extends ValueRules {
  readonly topic: Topic
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

const CHOICES_OF_COLOR = ['auto', 'always', 'never'] as const

export const OPTIONS = {
  login: {
    topic: 'Connection',
    short: '-l',
    long: '--login',
    value: 'USER',
    kind: 'text',
    env: 'XEC_LOGIN',
    doc: 'log in as',
    default: 'inventory, then ssh_config',
  },
  port: {
    topic: 'Connection',
    short: '-p',
    long: '--port',
    value: 'N',
    kind: 'port',
    env: 'XEC_PORT',
    doc: 'port',
    default: 'inventory, then ssh_config',
  },
  identity: {
    topic: 'Connection',
    short: '-i',
    long: '--identity',
    value: 'FILE',
    kind: 'list',
    env: 'XEC_IDENTITY',
    doc: 'private key file (repeatable)',
    default: 'inventory, then ssh_config',
  },
  jump: {
    topic: 'Connection',
    short: '-J',
    long: '--jump',
    value: 'HOST[,HOST]',
    kind: 'text',
    env: 'XEC_JUMP',
    doc: 'reach it through these hosts',
    default: 'inventory, then ssh_config',
  },
  sshConfig: {
    topic: 'Connection',
    short: '-F',
    value: 'FILE',
    kind: 'text',
    env: 'XEC_SSH_CONFIG',
    doc: 'ssh configuration file in place of the usual two; none for no file',
    default: '~/.ssh/config',
  },
  sshOption: {
    topic: 'Connection',
    short: '-o',
    value: 'KEY=VALUE',
    kind: 'list',
    env: null,
    doc: 'ssh_config option (repeatable)',
  },

  group: {
    topic: 'Selection',
    short: '-g',
    long: '--group',
    value: 'NAME',
    kind: 'list',
    env: null,
    doc: 'hosts of this group (repeatable)',
  },
  hosts: {
    topic: 'Selection',
    short: '-w',
    long: '--hosts',
    value: 'EXPR',
    kind: 'list',
    env: null,
    doc: "hosts: names, 'web*', 'web[01-20]', @group, '@web[0:3]', ^FILE, -, a,b a&b a!b, ~/regex/ (repeatable)",
  },
  exclude: {
    topic: 'Selection',
    short: '-x',
    long: '--exclude',
    value: 'EXPR',
    kind: 'list',
    env: null,
    doc: 'leave these out (repeatable)',
  },
  failed: {
    topic: 'Selection',
    long: '--failed',
    kind: 'flag',
    env: null,
    doc: 'hosts whose command ended with a status other than 0',
  },
  unreachable: {
    topic: 'Selection',
    long: '--unreachable',
    kind: 'flag',
    env: null,
    doc: 'hosts that could not be reached',
  },
  lost: {
    topic: 'Selection',
    long: '--lost',
    kind: 'flag',
    env: null,
    doc: 'hosts whose connection was lost while the command ran: it may then run twice',
  },
  timedOut: {
    topic: 'Selection',
    long: '--timeout',
    kind: 'flag',
    env: null,
    doc: 'hosts whose command did not end in time: it may then run twice',
  },
  notStarted: {
    topic: 'Selection',
    long: '--not-started',
    kind: 'flag',
    env: null,
    doc: 'hosts whose turn never came',
  },
  notOk: {
    topic: 'Selection',
    long: '--not-ok',
    kind: 'flag',
    env: null,
    doc: 'hosts that are not ok, but for those whose command may have run',
  },
  all: { topic: 'Selection', short: '-a', long: '--all', kind: 'flag', env: null, doc: 'every host of the inventory' },

  pick: {
    topic: 'Selection',
    long: '--pick',
    value: 'N|N%',
    kind: 'text',
    env: null,
    doc: 'of the selected hosts, this many or this share by chance',
    default: 'all of them',
  },
  pickSeed: {
    topic: 'Selection',
    long: '--pick-seed',
    value: 'N',
    kind: 'count',
    env: null,
    doc: 'choose as the run did that printed this seed',
  },
  order: {
    topic: 'Selection',
    long: '--order',
    value: 'ORDER',
    kind: 'choice',
    choices: ['inventory', 'random'],
    env: null,
    doc: 'the order in which hosts are begun: inventory or random',
    default: 'inventory',
  },
  names: { topic: 'Output', long: '--names', kind: 'flag', env: null, doc: 'names alone, one a line' },
  fold: { topic: 'Output', long: '--fold', kind: 'flag', env: null, doc: 'names alone, folded: web[01-20],db1' },
  groups: {
    topic: 'Output',
    long: '--groups',
    kind: 'flag',
    env: null,
    doc: 'the groups that the hosts are in, with how many, and which',
  },
  from: {
    topic: 'Selection',
    long: '--from',
    value: 'KIND',
    kind: 'choice',
    choices: ['ansible', 'genders', 'hosts', 'ssh-config', 'command'],
    env: null,
    doc: 'the kind of the inventory that FILE is: ansible, genders, hosts, ssh-config or command',
  },
  inventory: {
    topic: 'Selection',
    long: '--inventory',
    value: 'FILE',
    kind: 'list',
    env: 'XEC_INVENTORY',
    doc: 'an inventory of another tool: Ansible, genders, ssh_config, a list of hosts, a program (repeatable)',
    default: 'inventory: of the configuration',
  },

  env: {
    topic: 'Command',
    short: '-e',
    long: '--env',
    value: 'K=V',
    kind: 'list',
    env: null,
    doc: 'environment of the command (repeatable); K alone forwards yours',
  },
  cwd: {
    topic: 'Command',
    long: '--cwd',
    value: 'DIR',
    kind: 'text',
    env: null,
    doc: 'cd DIR first; the command does not run when that fails',
  },
  noStdin: {
    topic: 'Command',
    short: '-n',
    kind: 'flag',
    env: null,
    doc: 'send no stdin',
    default: 'a piped stdin is forwarded',
  },
  tty: {
    topic: 'Command',
    short: '-t',
    long: '--tty',
    kind: 'level',
    env: null,
    doc: 'run it on a terminal (pty); -tt also when stdin is not one',
  },
  script: {
    topic: 'Command',
    long: '--script',
    value: 'FILE',
    kind: 'text',
    env: null,
    doc: 'run this local script by its #! line; the command words are its arguments; - reads it from stdin',
  },
  stdin: {
    topic: 'Command',
    long: '--stdin',
    kind: 'flag',
    env: null,
    doc: 'send stdin to every host, at the pace of the slowest',
    default: 'no stdin',
  },

  timeout: {
    topic: 'Command',
    long: '--timeout',
    value: 'DUR',
    kind: 'duration',
    min: 1,
    env: 'XEC_TIMEOUT',
    doc: 'stop the command after this, from the moment it is sent',
    default: 'none',
  },
  connectTimeout: {
    topic: 'Connection',
    long: '--connect-timeout',
    value: 'DUR',
    kind: 'duration',
    min: 1,
    env: 'XEC_CONNECT_TIMEOUT',
    doc: 'one dial, TCP to authenticated',
    default: '15s',
  },
  queueTimeout: {
    topic: 'Limits',
    long: '--queue-timeout',
    value: 'DUR',
    kind: 'duration',
    min: 1,
    env: 'XEC_QUEUE_TIMEOUT',
    doc: 'waiting for a free connection',
    default: 'none',
  },
  retries: { topic: 'Connection', long: '--retries', value: 'N', ...fromPool('maxReconnectAttempts', 'XEC_RETRIES') },
  retryCommands: {
    topic: 'Command',
    long: '--retry-commands',
    value: 'N',
    kind: 'count',
    env: null,
    doc: 'send a command again whose outcome is unknown: it may then run twice',
    default: '0',
  },
  fanout: {
    topic: 'Limits',
    short: '-f',
    long: '--fanout',
    value: 'N',
    kind: 'count',
    min: 1,
    env: 'XEC_FANOUT',
    doc: 'hosts in flight',
    default: '64',
  },
  failFast: {
    topic: 'Limits',
    long: '--fail-fast',
    kind: 'flag',
    env: null,
    doc: 'admit no further host after the first failure',
  },
  maxConnections: {
    topic: 'Limits',
    long: '--max-connections',
    value: 'N',
    ...fromPool('maxConnections', 'XEC_MAX_CONNECTIONS'),
  },
  maxConnectionsPerHost: {
    topic: 'Limits',
    long: '--max-connections-per-host',
    value: 'N',
    ...fromPool('maxConnectionsPerHost', 'XEC_MAX_CONNECTIONS_PER_HOST'),
  },
  maxChannelsPerConnection: {
    topic: 'Limits',
    long: '--max-channels-per-connection',
    value: 'N',
    ...fromPool('maxChannelsPerConnection', 'XEC_MAX_CHANNELS_PER_CONNECTION'),
  },
  maxConcurrentDials: {
    topic: 'Limits',
    long: '--max-concurrent-dials',
    value: 'N',
    ...fromPool('maxConcurrentDials', 'XEC_MAX_CONCURRENT_DIALS'),
  },

  output: {
    topic: 'Output',
    long: '--output',
    value: 'FORMAT',
    kind: 'choice',
    choices: OUTPUT_CHOICES,
    env: 'XEC_OUTPUT',
    doc: outputDoc(),
    default: 'text',
  },
  json: {
    topic: 'Output',
    long: '--json',
    kind: 'flag',
    env: null,
    doc: 'JSON on stdout; for run and exec-all the same as --output json',
  },
  diff: {
    topic: 'Output',
    long: '--diff',
    kind: 'flag',
    env: null,
    doc: 'show what most hosts say once, and the others as a diff against it',
  },
  foldSimilar: {
    topic: 'Output',
    long: '--fold-similar',
    kind: 'flag',
    env: null,
    doc: 'take outputs for equal that differ in host names, addresses and times only',
  },
  onlyFailures: {
    topic: 'Output',
    long: '--only-failures',
    kind: 'flag',
    env: null,
    doc: 'show only the hosts that are not ok',
  },
  stream: {
    topic: 'Output',
    long: '--stream',
    kind: 'flag',
    env: null,
    doc: 'show every line at once behind its host, also on a terminal, as for tail -f',
  },
  outputDir: {
    topic: 'Output',
    long: '--output-dir',
    value: 'DIR',
    kind: 'text',
    env: null,
    doc: 'write HOST.out and HOST.err there, and hosts.ok, hosts.failed, hosts.unknown',
  },
  metrics: {
    topic: 'Output',
    long: '--metrics',
    value: 'line|full',
    kind: 'mode',
    choices: ['line', 'full'],
    bare: 'full',
    env: 'XEC_METRICS',
    doc: 'print the pool metrics when done, in one line or in full; --no-metrics prints none',
    default: 'exec-all: line; run: line when stderr is a terminal; --metrics alone: full',
  },
  quiet: {
    topic: 'Output',
    short: '-q',
    long: '--quiet',
    kind: 'flag',
    env: null,
    doc: 'the output of the hosts and errors only',
  },
  verbose: {
    topic: 'Output',
    short: '-v',
    long: '--verbose',
    kind: 'level',
    env: null,
    doc: 'tell about connections on stderr; -vv also adds stacks to errors',
  },
  color: {
    topic: 'Output',
    long: '--color',
    value: 'WHEN',
    kind: 'choice',
    choices: CHOICES_OF_COLOR,
    env: 'XEC_COLOR',
    doc: 'auto, always or never',
    default: 'auto',
  },
  history: {
    topic: 'Output',
    long: '--history',
    kind: 'switch',
    env: 'XEC_HISTORY',
    doc: 'keep a record of the run for xec runs and xec rerun; --no-history keeps none',
    default: 'kept, unless the configuration says history: false',
  },
  record: {
    topic: 'Output',
    long: '--record',
    kind: 'flag',
    env: null,
    doc: 'keep a record of the run for xec runs and xec rerun',
    default: 'none is kept',
  },
  dryRun: {
    topic: 'Command',
    long: '--dry-run',
    kind: 'flag',
    env: null,
    doc: 'say what would run where; dial nothing',
  },
  config: {
    topic: 'Command',
    short: '-c',
    long: '--config',
    value: 'FILE',
    kind: 'text',
    env: 'XEC_CONFIG',
    doc: 'configuration file in place of the search',
    default: 'xec.config.yaml and others, upwards from here',
  },
} as const satisfies Record<string, OptionSpec>

export type OptionName = keyof typeof OPTIONS

/** What a command finds in its options; absent: neither the flag nor its variable was given. */
export type OptionValues = { [N in OptionName]?: Values[(typeof OPTIONS)[N]['kind']] }

export const optionSpec = (name: OptionName): OptionSpec => OPTIONS[name]

/**
 * Pool options and the way to set them for one run: by a flag of the table above, or by a variable alone, for those
 * that one run seldom changes. Keyed by the pool's own table, so that a new option must say which.
 */
export const POOL_SETTINGS: {
  readonly [K in PoolOptionName]: { readonly flag: OptionName } | { readonly env: string }
} = {
  enabled: { env: 'XEC_POOL_ENABLED' },
  maxConnections: { flag: 'maxConnections' },
  maxConnectionsPerHost: { flag: 'maxConnectionsPerHost' },
  maxChannelsPerConnection: { flag: 'maxChannelsPerConnection' },
  maxConcurrentDials: { flag: 'maxConcurrentDials' },
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

function fromPool<E extends string>(
  name:
    | 'maxReconnectAttempts'
    | 'maxConnections'
    | 'maxConnectionsPerHost'
    | 'maxChannelsPerConnection'
    | 'maxConcurrentDials',
  env: E,
) {
  const { min, doc, default: value } = POOL_OPTIONS[name]
  return { kind: 'count', min, env, doc, default: `config, then ${value}` } as const
}

/** `-l, --login <USER>`, as commander wants it. */
export function flagsOf({ short, long, value, kind }: OptionSpec): string {
  const names = [short, long].filter((name) => name !== undefined).join(', ')
  if (value === undefined) return names
  return kind === 'mode' ? `${names} [${value}]` : `${names} <${value}>`
}

/** How messages call an option. */
export function nameOf({ short, long }: OptionSpec): string {
  return long ?? short ?? ''
}

/** What each format shows, from the table of formats. */
function outputDoc(): string {
  const formats = Object.entries(FORMATS).map(([name, { doc }]) => `${name}: ${doc}`)
  return [...formats, 'text: grouped on a terminal, else lines'].join('; ')
}
