/** The commands: names, options, help. A command's code is imported when it is called. */
import type { CommandSpec } from './command.js'
import type { OptionName } from './options.js'

const SSH = ['login', 'port', 'identity', 'jump', 'sshConfig', 'sshOption'] as const satisfies readonly OptionName[]
const SELECTION = ['group', 'hosts', 'exclude', 'all'] as const satisfies readonly OptionName[]
const DIALLING = ['connectTimeout', 'queueTimeout', 'retries'] as const satisfies readonly OptionName[]
const LIMITS = ['maxConnections', 'maxConnectionsPerHost', 'maxChannelsPerConnection', 'maxConcurrentDials'] as const satisfies readonly OptionName[]
const SHOWING = ['quiet', 'verbose', 'color'] as const satisfies readonly OptionName[]

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'run',
    usage: '[options] <host> [options] [--] <command...>',
    summary: 'run a command on one host, like ssh: bytes through, exit status through',
    options: [...SSH, 'env', 'cwd', 'noStdin', 'tty', 'script', 'timeout', ...DIALLING, 'retryCommands', ...LIMITS, 'output', 'json', 'metrics', ...SHOWING, 'dryRun', 'config'],
    operands: 1,
    words: true,
    examples: [
      ['xec run web1 uptime', 'a host of the inventory, of ~/.ssh/config, or user@address'],
      ['xec run web1 -e LANG=C --cwd /srv --timeout 30s ls -la', 'the first command word ends the options'],
      ['tar c . | xec run web1 tar x -C /srv', 'a piped stdin is forwarded'],
      ['xec run web1 --script deploy.sh v1.2', 'a local script, its arguments quoted'],
      ['xec run -t web1 top', 'on a terminal'],
    ],
    load: async () => (await import('./commands/run.js')).run,
  },
  {
    name: 'exec-all',
    usage: '<selection> [options] [--] <command...>',
    summary: 'run a command on many hosts of the inventory, through one connection pool',
    options: [...SELECTION, ...SSH, 'env', 'cwd', 'script', 'stdin', 'fanout', 'failFast', 'timeout', ...DIALLING, 'retryCommands', ...LIMITS, 'output', 'json', 'metrics', ...SHOWING, 'dryRun', 'config'],
    operands: 0,
    words: true,
    examples: [
      ['xec exec-all -g web uptime', 'a group'],
      ["xec exec-all -w 'web[01-20],db1' -x web03 -- systemctl is-active nginx", 'an expression, less one host'],
      ['xec exec-all --all --fanout 16 --fail-fast --script patch.sh', 'a local script, 16 hosts at a time, stopping at the first failure'],
      ['xec exec-all -g web --json uptime | jq ".hosts[].outcome"', 'one JSON document'],
      ['xec exec-all -g web --dry-run reboot', 'what would run where'],
    ],
    load: async () => (await import('./commands/exec-all.js')).execAll,
  },
  {
    name: 'pool stats',
    usage: '[options]',
    summary: 'what the connection pools of this user are doing, or last did',
    options: ['json', 'color'],
    operands: 0,
    words: false,
    examples: [['xec pool stats', 'while another xec runs, or after'], ['xec pool stats --json | jq .totals.reuseRatio', 'for programs']],
    load: async () => (await import('./commands/pool-stats.js')).poolStats,
  },
  {
    name: 'hosts',
    usage: '[selection] [options]',
    summary: 'list the hosts of the inventory as they would be dialled: name, address, user, groups',
    options: [...SELECTION, ...SSH, 'json', 'quiet', 'color', 'config'],
    operands: Infinity,
    words: false,
    examples: [['xec hosts', 'all of them'], ['xec hosts -g web -x web03', 'what a selection means'], ["xec hosts 'web[01-05]' --json", 'for programs']],
    load: async () => (await import('./commands/hosts.js')).hosts,
  },
  {
    name: 'ping',
    usage: '[selection] [options]',
    summary: 'connect and authenticate only, and show how long it took',
    options: [...SELECTION, ...SSH, 'fanout', ...DIALLING, 'maxConnections', 'maxConnectionsPerHost', 'maxConcurrentDials', 'json', ...SHOWING, 'config'],
    operands: Infinity,
    words: false,
    examples: [['xec ping', 'every host of the inventory'], ['xec ping -g web --connect-timeout 3s', 'a group, impatiently']],
    load: async () => (await import('./commands/ping.js')).ping,
  },
  {
    name: 'demo',
    usage: '[options]',
    summary: 'show the main job against an embedded SSH fleet on loopback: no server, key or config needed',
    options: ['color'],
    operands: 0,
    words: false,
    examples: [['xec demo', 'nothing leaves this machine, nothing is left behind']],
    load: async () => (await import('./commands/demo.js')).demo,
  },
  {
    name: 'init',
    usage: '',
    summary: 'write a commented xec.config.yaml here',
    options: [],
    operands: 0,
    words: false,
    examples: [['xec init && $EDITOR xec.config.yaml', 'an existing file is never overwritten']],
    load: async () => (await import('./commands/init.js')).init,
  },
]
