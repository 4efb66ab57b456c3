import { describe, expect, test } from 'vitest'
import type { Invocation } from '../../src/cli/command.js'
import { COMMANDS } from '../../src/cli/commands.js'
import { OPTIONS, optionSpec, type OptionName } from '../../src/cli/options.js'
import { parseCommand, poolOptionsOf } from '../../src/cli/parse.js'

const spec = (name: string) => {
  const found = COMMANDS.find((command) => command.name === name)
  if (!found) throw new Error(`no command ${name}`)
  return found
}
const parse = (line: string, env: Record<string, string> = {}): Invocation => {
  const [command = '', ...argv] = line.split(' ')
  const parsed = parseCommand(spec(command), argv, env)
  if ('help' in parsed) throw new Error(parsed.help)
  return parsed
}

describe('what a command line means', () => {
  test.each<[string, Partial<Invocation>]>([
    ['run web1 ls -la', { options: {}, operands: ['web1'], words: ['ls', '-la'] }],
    ['run -l root web1 -t top', { options: { login: 'root', tty: 1 }, operands: ['web1'], words: ['top'] }],
    ['run -tt web1 top', { options: { tty: 2 } }],
    ['run -t -t web1 top', { options: { tty: 2 } }],
    ['run -tlroot web1 top', { options: { tty: 1, login: 'root' } }],
    ['run web1 -e A=1 -e B -e C=x=y env', { options: { env: ['A=1', 'B', 'C=x=y'] } }],
    ['run -i a -i b web1 id', { options: { identity: ['a', 'b'] } }],
    ['run -p 22 -p 2222 web1 id', { options: { port: 2222 } }],
    ['run web1 --no-metrics id', { options: { metrics: 'off' } }],
    ['run web1 --metrics id', { options: { metrics: 'full' }, words: ['id'] }],
    ['run web1 --metrics=line id', { options: { metrics: 'line' } }],
    ['run web1 --timeout 1.5s --connect-timeout=500ms id', { options: { timeout: 1_500, connectTimeout: 500 } }],
    ['run -F none -o User=x -o Port=3 web1 id', { options: { sshConfig: 'none', sshOption: ['User=x', 'Port=3'] } }],
    ['run -n -q -vv web1 id', { options: { noStdin: true, quiet: true, verbose: 2 } }],
    [
      'exec-all -g web -g db -w x -x web3 -a -- id',
      { options: { group: ['web', 'db'], hosts: ['x'], exclude: ['web3'], all: true }, words: ['id'] },
    ],
    [
      'exec-all -a --fanout 3 --fail-fast --stdin --dry-run --json id',
      { options: { all: true, fanout: 3, failFast: true, stdin: true, dryRun: true, json: true } },
    ],
    ['hosts web* -g db db1 --json', { options: { group: ['db'], json: true }, operands: ['web*', 'db1'], words: [] }],
  ])('%s', (line, meant) => expect(parse(line)).toMatchObject(meant))

  test('nothing that was not given is set', () => expect(parse('run web1 id').options).toEqual({}))
})

describe('what is refused, and in which words', () => {
  test.each([
    ['run --tiemout 3s web1 id', "unknown option '--tiemout'; did you mean --timeout?; see xec run --help"],
    ['run -Z web1 id', "unknown option '-Z'; see xec run --help"],
    ['run web1 -l', "option '-l, --login <USER>' argument missing; see xec run --help"],
    ['run -1 web1 ls', "unknown option '-1'; see xec run --help"],
    ['run -t2 web1 ls', "unknown option '-2'; see xec run --help"],
    ['exec-all -e -w web001 ls', '-e needs a value, and -w is an option'],
    ['exec-all --env --all ls', '--env needs a value, and --all is an option; if it is meant: --env=--all'],
    ['run --timeout 30 web1 id', '--timeout 30: say 30s or 30ms'],
    ['run --fanout 3 web1 id', "unknown option '--fanout'; see xec run --help"],
    ['exec-all -a --fanout abc id', '--fanout abc: a whole number is needed, at least 1'],
    ['exec-all -a --fanout 0 id', '--fanout 0: at least 1'],
    ['exec-all -a --output xml id', '--output xml: choose text, grouped, lines, json, ndjson, csv, junit'],
    ['exec-all -a --json --output text id', '--json and --output text contradict each other'],
    ['init some where', 'xec init takes no where; see xec init --help'],
  ])('%s', (line, message) => {
    expect(() => parse(line)).toThrowError(expect.objectContaining({ code: 'XEC_CONFIG', message }))
  })
})

describe('variables', () => {
  test('stand in for flags, which win', () => {
    const env = { XEC_TIMEOUT: '5s', XEC_LOGIN: 'ops', XEC_METRICS: 'no', XEC_IDENTITY: '/k', XEC_PORT: '' }
    const { options, fromEnv } = parse('run -l root web1 id', env)
    expect(options).toEqual({ timeout: 5_000, login: 'root', metrics: 'off', identity: ['/k'] })
    expect([...fromEnv]).toEqual(expect.arrayContaining(['timeout', 'metrics', 'identity']))
    expect(fromEnv.has('login')).toBe(false)
  })

  test('are checked as flags are, under their own name', () => {
    expect(() => parse('run web1 id', { XEC_TIMEOUT: '30' })).toThrowError(
      expect.objectContaining({ code: 'XEC_CONFIG', message: 'XEC_TIMEOUT 30: say 30s or 30ms' }),
    )
  })

  test('set the pool too', () => {
    const env = { XEC_POOL_ENABLED: 'false', XEC_IDLE_TIMEOUT: '1m', XEC_KEEP_ALIVE_COUNT_MAX: '5' }
    expect(poolOptionsOf({ maxConnections: 7, retries: 0 }, env)).toEqual({
      maxConnections: 7,
      maxReconnectAttempts: 0,
      enabled: false,
      idleTimeout: 60_000,
      keepAliveCountMax: 5,
    })
    expect(() => poolOptionsOf({}, { XEC_KEEP_ALIVE: 'perhaps' })).toThrow('XEC_KEEP_ALIVE perhaps: say true or false')
  })
})

describe('the table', () => {
  test('every option belongs to a command', () => {
    const used = new Set(COMMANDS.flatMap(({ options }) => options))
    expect((Object.keys(OPTIONS) as OptionName[]).filter((name) => !used.has(name))).toEqual([])
  })

  test('no two options of a command share a letter or a variable', () => {
    for (const { options } of COMMANDS) {
      for (const key of ['short', 'long', 'env'] as const) {
        const names = options.map((name) => optionSpec(name)[key]).filter((name) => name !== undefined && name !== null)
        expect(new Set(names).size).toBe(names.length)
      }
    }
  })

  test.each(COMMANDS.map(({ name }) => name))('the help of %s has its options and examples', (name) => {
    const { options, examples } = spec(name)
    const parsed = parseCommand(spec(name), ['--help'], {})
    const help = 'help' in parsed ? parsed.help : ''
    for (const option of options) expect(help).toContain(optionSpec(option).doc.slice(0, 20))
    for (const [line] of examples) expect(help).toContain(line)
  })
})
