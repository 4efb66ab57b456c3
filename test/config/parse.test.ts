import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { HOST_KEYS } from '../../src/config/host-keys.js'
import { parseConfig } from '../../src/config/parse.js'
import { isXecError } from '../../src/errors.js'
import { POOL_OPTION_NAMES } from '../../src/pool/options.js'
import { starterConfig } from '../../src/cli/commands/init.js'

/** The message, which is one line; anything but XEC_CONFIG fails the test. */
function problemOf(text: string): string {
  try {
    parseConfig('c.yaml', text)
  } catch (error) {
    if (!isXecError(error) || error.code !== 'XEC_CONFIG') throw error
    expect(error.message).not.toContain('\n')
    return error.message
  }
  return 'none'
}

const NAMES = 'use letters, digits, dots, - and _'
const RANGE = 'a range looks like web[01-20,30]'
const DURATION = 'must be a duration like 500ms, 30s, 5m or 1h'

describe('every bad input is one line with its place, and says what would be right', () => {
  test.each<[string, string, string]>([
    // groups
    [
      'a circle of groups',
      'hosts: { a: 1.1.1.1 }\ngroups:\n  x: { groups: [y] }\n  y: { groups: [z] }\n  z: { groups: [x] }\n',
      '5:17: groups.z.groups[0]: a circle of groups: x → y → z → x; a group cannot be in itself',
    ],
    [
      'a group in itself',
      'groups:\n  x: { groups: [x] }\n',
      '2:17: groups.x.groups[0]: a circle of groups: x → x; a group cannot be in itself',
    ],
    [
      'an unknown host in a group',
      'hosts: { web01: 1.1.1.1 }\ngroups:\n  web: [wbe01]\n',
      '3:9: groups.web[0]: no host wbe01; did you mean web01?',
    ],
    [
      'a range that goes too far',
      "hosts: { 'web[01-02]': 1.1.1.1 }\ngroups:\n  web: ['web[01-03]']\n",
      '3:9: groups.web[0]: no host web03; did you mean web01?',
    ],
    [
      'an unknown group in a group',
      'hosts: { web01: 1.1.1.1 }\ngroups:\n  web: [web01]\n  prod: { groups: [wbe] }\n',
      '4:20: groups.prod.groups[0]: no group wbe; did you mean web?',
    ],
    [
      'a host among groups',
      'hosts: { web01: 1.1.1.1 }\ngroups:\n  prod: { groups: [web01] }\n',
      '3:20: groups.prod.groups[0]: no group web01; it is a host, and belongs under hosts',
    ],
    [
      'a group among hosts',
      'hosts: { web01: 1.1.1.1 }\ngroups:\n  web: [web01]\n  prod: ["@web"]\n',
      '4:10: groups.prod[0]: groups of a group stand under groups:, without the @',
    ],
    [
      'an address for a group',
      'hosts: {a: 1.1.1.1}\ngroups: { g: { hosts: [a], host: x } }\n',
      '2:28: unknown key host in groups.g; did you mean hosts?',
    ],
    // names
    ['a key twice', 'hosts:\n  a: 1.1.1.1\n  a: 2.2.2.2\n', '3:3: this key stands twice in the same map; keep one'],
    [
      'a key twice, once in quotes',
      'defaults:\n  env:\n    true: x\n    "true": y\n',
      '4:5: this key stands twice in the same map; keep one',
    ],
    [
      'a host twice, by a range',
      "hosts:\n  'web[1-3]': 1.1.1.1\n  web2: 2.2.2.2\n",
      '3:3: host web2 is defined twice; keep one',
    ],
    ['__proto__', 'hosts:\n  __proto__: { host: x }\n', '2:3: the key __proto__ is not allowed'],
    ['constructor', 'hosts:\n  a: { constructor: 1 }\n', '2:8: the key constructor is not allowed'],
    ['__proto__ in env', 'hosts:\n  a: { env: { __proto__: 1 } }\n', '2:15: the key __proto__ is not allowed'],
    [
      'a name with an operator',
      "hosts:\n  'a&b': 1.1.1.1\n",
      `2:3: the name "a&b" holds "&", which means something in a selection; ${NAMES}`,
    ],
    [
      'a name with @',
      "hosts:\n  'u@b': 1.1.1.1\n",
      `2:3: the name "u@b" holds "@", which means something in a selection; ${NAMES}`,
    ],
    [
      'a name with a space',
      "hosts:\n  'a b': 1.1.1.1\n",
      `2:3: the name "a b" holds " ", which means something in a selection; ${NAMES}`,
    ],
    [
      'a name like an option',
      "hosts:\n  '-a': 1.1.1.1\n",
      `2:3: the name "-a" begins with -, as an option does; ${NAMES}`,
    ],
    ['the name all', 'hosts:\n  all: 1.1.1.1\n', `2:3: the name all stands for every host; ${NAMES}`],
    ['an empty name', "hosts:\n  '': 1.1.1.1\n", `2:3: a name must not be empty; ${NAMES}`],
    [
      'a group with an operator',
      "hosts: {a: 1.1.1.1}\ngroups:\n  'x,y': [a]\n",
      `3:3: the name "x,y" holds ",", which means something in a selection; ${NAMES}`,
    ],
    [
      'a range that runs backwards',
      "hosts:\n  'w[5-1]': 1.1.1.1\n",
      `2:3: "w[5-1]": the range 5-1 runs backwards; ${RANGE}`,
    ],
    ['a range that is not closed', "hosts:\n  'w[5-': 1.1.1.1\n", `2:3: "w[5-": the [ has no ]; ${RANGE}`],
    ['a range that is not opened', "hosts:\n  'w5]': 1.1.1.1\n", `2:3: "w5]": the ] has no [; ${RANGE}`],
    [
      'a huge range',
      "hosts:\n  'w[1-100000000]': 1.1.1.1\n",
      `2:3: "w[1-100000000]": the range 1-100000000 stands for more than 1000000 names; ${RANGE}`,
    ],
    [
      'a huge product of ranges',
      "hosts:\n  'w[1-2000]x[1-2000]': 1.1.1.1\n",
      `2:3: "w[1-2000]x[1-2000]": it stands for 4000000 names, more than 1000000; ${RANGE}`,
    ],
    [
      'a range of letters',
      "hosts:\n  'w[a-c]': 1.1.1.1\n",
      `2:3: "w[a-c]": "a-c" is not a number or a range like 01-20; ${RANGE}`,
    ],
    // keys
    ['an unknown key at the top', 'host: {}\n', '1:1: unknown key host; did you mean hosts?'],
    ['an unknown key of a host', 'hosts:\n  a: { prot: 22 }\n', '2:8: unknown key prot in hosts.a; did you mean port?'],
    [
      'an unknown pool option',
      'pool: { maxConnection: 3 }\n',
      '1:9: unknown key maxConnection in pool; did you mean maxConnections?',
    ],
    [
      'an option of the whole pool in a host',
      'hosts:\n  a: { pool: { maxConnections: 3 } }\n',
      '2:16: maxConnections belongs to the whole pool; a host may set maxConnectionsPerHost, maxChannelsPerConnection, idleTimeout, keepAlive, keepAliveInterval, keepAliveCountMax, maxReconnectAttempts',
    ],
    [
      'an address as a default',
      'defaults: { host: x }\n',
      '1:19: defaults.host: every host has an address of its own; it cannot be a default',
    ],
    [
      'user and username',
      'hosts:\n  a: { user: x, username: y }\n',
      '2:27: hosts.a.username: user and username are the same; keep one',
    ],
    // types
    ['hosts as a list', 'hosts: [a, b]\n', '1:8: hosts: must be a map, not a list'],
    ['hosts as a text', 'hosts: a\n', '1:8: hosts: must be a map, not "a"'],
    ['groups as a list', 'groups: [a]\n', '1:9: groups: must be a map, not a list'],
    [
      'a map in a list of hosts',
      'hosts: {a: 1.1.1.1}\ngroups: { g: [{a: 1}] }\n',
      '2:15: groups.g[0]: must be a host, or a range of hosts, not a map',
    ],
    [
      'a list for a user',
      'hosts:\n  a: { username: [x] }\n',
      '2:18: hosts.a.username: must be a user name, not a list',
    ],
    ['an empty user', "hosts:\n  a: { username: '' }\n", '2:18: hosts.a.username: must be a user name, not empty'],
    ['an address with a space', "hosts:\n  a: 'x y'\n", '2:6: hosts.a: must be a host name or an address, not "x y"'],
    [
      'an address like an option',
      "hosts:\n  a: '-oProxyCommand=x'\n",
      '2:6: hosts.a: must be a host name or an address, not "-oProxyCommand=x"',
    ],
    [
      'an address with a port',
      'hosts:\n  a: 127.9.0.1:4622\n',
      '2:6: hosts.a: must be an address alone, not "127.9.0.1:4622"; say { host: 127.9.0.1, port: 4622 }',
    ],
    [
      'a placeholder that is none',
      'hosts:\n  "w[1-2]": { host: "{nmae}.example.com" }\n',
      "2:21: hosts.w[1-2].host: has {nmae}, where only {name} stands for something: the host's name",
    ],
    [
      'a network for an address',
      'hosts:\n  a: 192.0.2.0/24\n',
      '2:6: hosts.a: "192.0.2.0/24" is no host: no host\'s name has a slash; hosts of a network are said one by one, or as a range such as 192.0.2.[1-9]',
    ],
    [
      'an address that is none',
      'hosts:\n  a: 10.0.0.300\n',
      '2:6: hosts.a: 10.0.0.300 is no address: each part of an IPv4 address is a number from 0 to 255',
    ],
    [
      'an address with a user',
      'hosts:\n  a: { host: ops@10.0.0.1 }\n',
      '2:14: hosts.a.host: must be an address alone, not "ops@10.0.0.1"; say { host: 10.0.0.1, username: ops }',
    ],
    [
      'an address in brackets',
      "hosts:\n  a: '[::1]'\n",
      '2:6: hosts.a: must be an address alone, not "[::1]"; say { host: ::1 }',
    ],
    [
      'a URL',
      "hosts:\n  a: 'ssh://u@h:23'\n",
      '2:6: hosts.a: must be an address alone, not "ssh://u@h:23"; say { host: h, port: 23, username: u }',
    ],
    [
      'a port out of range',
      'hosts:\n  a: { port: 70000 }\n',
      '2:14: hosts.a.port: must be a whole number from 1 to 65535, not 70000',
    ],
    [
      'a port by name',
      'hosts:\n  a: { port: ssh }\n',
      '2:14: hosts.a.port: must be a whole number from 1 to 65535, not "ssh"',
    ],
    [
      'a word for a boolean',
      'pool: { keepAlive: maybe }\n',
      '1:20: pool.keepAlive: must be true or false, not "maybe"',
    ],
    [
      'a fraction for a count',
      'pool: { maxConnections: 2.5 }\n',
      '1:25: pool.maxConnections: must be a whole number of at least 1, not 2.5',
    ],
    [
      'no connections at all',
      'pool: { maxConnections: 0 }\n',
      '1:25: pool.maxConnections: must be a whole number of at least 1, not 0',
    ],
    ['a bad duration', 'pool: { idleTimeout: 5 minutes }\n', `1:22: pool.idleTimeout: ${DURATION}, not "5 minutes"`],
    ['a negative duration', 'pool: { idleTimeout: -5 }\n', `1:22: pool.idleTimeout: ${DURATION}, not -5`],
    [
      'a bare number where ssh means seconds',
      'hosts:\n  a: { connectTimeout: 15 }\n',
      '2:24: hosts.a.connectTimeout: a bare number means seconds in ssh_config and milliseconds elsewhere here; say 15s or 15ms',
    ],
    ['no time at all', 'hosts:\n  a: { connectTimeout: 0s }\n', '2:24: hosts.a.connectTimeout: must be more than 0'],
    [
      'a bad policy',
      'hosts:\n  a: { strictHostKeyChecking: sometimes }\n',
      '2:31: hosts.a.strictHostKeyChecking: must be yes, accept-new, ask or no, not "sometimes"',
    ],
    [
      'an empty hop',
      "hosts:\n  a: { proxyJump: 'b,,c' }\n",
      '2:19: hosts.a.proxyJump: an empty hop; hops are divided by commas',
    ],
    [
      'a variable that is no name',
      "hosts:\n  a: { env: { 'A-B': 1 } }\n",
      '2:15: "A-B" is not a name for an environment variable (letters, digits and _, not starting with a digit)',
    ],
    ['variables as a list', 'hosts:\n  a: { env: [A] }\n', '2:13: hosts.a.env: must be a map, not a list'],
    // secrets
    [
      'a secret from two places',
      'hosts:\n  a: { password: { env: A, command: [b] } }\n',
      '2:18: hosts.a.password: must have either env or command',
    ],
    [
      'a secret from nowhere',
      'hosts:\n  a: { password: {} }\n',
      '2:18: hosts.a.password: must have either env or command',
    ],
    [
      'a program as a text',
      "hosts:\n  a: { password: { command: 'pass show' } }\n",
      '2:29: hosts.a.password.command: must be a list, not "pass show"',
    ],
    [
      'no program',
      'hosts:\n  a: { password: { command: [] } }\n',
      '2:29: hosts.a.password.command: must name a program',
    ],
    [
      'a list of secrets',
      'hosts:\n  a: { password: [x] }\n',
      '2:18: hosts.a.password: must be a text, { env: NAME } or { command: [program, argument] }, not a list',
    ],
    // the document
    ['a NUL byte', 'hosts:\n  a: 1.1\0.1\n', '2:9: a NUL byte; the file is not text'],
    ['a tab as indentation', 'hosts:\n\ta: 1.1.1.1\n', '2:1: a tab indents this line; YAML takes spaces only'],
    [
      'a merge key',
      'hosts:\n  a: &a { port: 3 }\n  b: { <<: *a }\n',
      '3:8: merge keys (<<) are not read; put what hosts share into a group or into defaults',
    ],
    ['an alias for nothing', 'hosts:\n  a: *nope\n', '2:6: hosts.a: the alias *nope stands for nothing'],
    ['a key that is a list', 'hosts:\n  ? [a]\n  : 1.1.1.1\n', '2:5: a key must be a plain text'],
    [
      'a second document',
      'hosts: {a: 1.1.1.1}\n---\nhosts: {b: 1.1.1.1}\n',
      '2:1: a second document begins here; a configuration is one document',
    ],
    ['a list at the top', '- a\n', '1:1: must be a map, not a list'],
    ['a text at the top', 'hello\n', '1:1: must be a map, not "hello"'],
    [
      'a map that is not closed',
      'hosts: { a: 1.1.1.1\n',
      '2:1: Flow map in block collection must be sufficiently indented and end with a }',
    ],
    ['a quote that is not closed', "hosts:\n  a: 'x\n", "3:1: Missing closing 'quote"],
    [
      'many aliases',
      `hosts:\n  a: &a { port: 22 }\n${Array.from({ length: 101 }, (_, i) => `  h${i}: *a`).join('\n')}`,
      '103:9: more than 100 aliases; write the values out, or put them into a group',
    ],
    ['a deep list', `hosts: ${'['.repeat(200)}${']'.repeat(200)}`, '1:134: nested more than 64 deep'],
  ])('%s', (_, text, problem) => expect(problemOf(text)).toBe(`c.yaml:${problem}`))

  test('a file of more than 10 MB that is not plain lines is refused before it is parsed', () => {
    expect(problemOf(`hosts:\n  a: &x 10.0.0.1\n${'#\n'.repeat(5_000_000)}`)).toBe(
      'c.yaml:2:6: a file of more than 10 MB may hold plain lines only (name: value, - value, { name: value }), not what stands here; or use ranges like web[001-500] for many hosts',
    )
  })

  test('more than a million hosts are refused, however they are written', () => {
    const ranges = Array.from({ length: 3 }, (_, i) => `  'h[${i}000000-${i}499999]': x\n`).join('')
    expect(problemOf(`hosts:\n${ranges}`)).toBe(
      'c.yaml:4:3: more than 1000000 hosts, which is the most of one inventory',
    )
  })

  test('groups that list more than four million hosts are refused', () => {
    const groups = Array.from({ length: 9 }, (_, i) => `  g${i}: 'h[1-500000]'\n`).join('')
    expect(problemOf(`hosts: { 'h[1-500000]': x }\ngroups:\n${groups}`)).toBe(
      'c.yaml:11:7: groups.g8: the groups list more than 4000000 hosts; put groups into groups where they share hosts',
    )
  })

  test('nesting that would exhaust the stack', () =>
    expect(problemOf('a: {'.repeat(50_000))).toMatch(/^c\.yaml:1:\d+: nested more than 64 deep$/))

  test('what was no UTF-8 in the file, at its place', () => {
    expect(problemOf(Buffer.from('hosts:\n  gr\xfcn: 1.1.1.1\n', 'latin1').toString('utf8'))).toBe(
      'c.yaml:2:5: this is not UTF-8; save the file as UTF-8',
    )
  })

  test('a tag, which would be read past', () => {
    expect(problemOf('hosts:\n  a: { password: !vault abc }\n')).toBe(
      'c.yaml:2:18: the tag !vault means nothing here; what is kept elsewhere is { env: NAME } or { command: [program, argument] }',
    )
  })

  test('a circle at the end of a long chain of groups', () => {
    const chain = Array.from({ length: 20_000 }, (_, i) => `  g${i}: { groups: [g${Math.min(i + 1, 19_999)}] }`)
    expect(problemOf(`groups:\n${chain.join('\n')}`)).toBe(
      'c.yaml:20001:22: groups.g19999.groups[0]: a circle of groups: g19999 → g19999; a group cannot be in itself',
    )
  })

  test('no secret stands in a message', () => {
    expect(problemOf('hosts:\n  a: { password: [canary-secret] }\n')).not.toContain('canary')
    expect(problemOf('hosts:\n  a: { passphrase: { env: canary-secret, x: 1 } }\n')).not.toContain('canary')
  })
})

describe('what is accepted', () => {
  test.each<[string, string, string[]]>([
    ['a byte order mark', '\uFEFFhosts: {a: 1.1.1.1}', ['a']],
    ['an empty file', '', []],
    ['a file of comments', '# hi\n', []],
    ['keys without a value', 'hosts:\npool:\ngroups:\ndefaults:\n', []],
    ['hosts by name alone', 'hosts:\n  a:\n  b: {}\n', ['a', 'b']],
    ['JSON', '{"hosts": {"a": "1.1.1.1"}}', ['a']],
    [
      'names that YAML reads as something else',
      'hosts:\n  yes: 1.1.1.1\n  1: 2.2.2.2\n  1e3: 3.3.3.3\n',
      ['yes', '1', '1e3'],
    ],
    ['CRLF', 'hosts:\r\n  a: 1.1.1.1\r\n', ['a']],
    [
      '100 aliases',
      `hosts:\n  a: &a { port: 22 }\n${Array.from({ length: 100 }, (_, i) => `  h${i}: *a`).join('\n')}`,
      ['a', ...Array.from({ length: 100 }, (_, i) => `h${i}`)],
    ],
    [
      'several ranges in a name',
      "hosts:\n  'r[1-2]n[08-10]': 1.1.1.1\n",
      ['r1n08', 'r1n09', 'r1n10', 'r2n08', 'r2n09', 'r2n10'],
    ],
  ])('%s', (_, text, names) => expect([...parseConfig('c.yaml', text).inventory.hosts.keys()]).toEqual(names))

  test('a chain of 20,000 groups', () => {
    const chain = Array.from(
      { length: 20_000 },
      (_, i) => `  g${i}: ${i === 19_999 ? '[a]' : `{ groups: [g${i + 1}] }`}`,
    )
    const { inventory } = parseConfig('c.yaml', `hosts: { a: 1.1.1.1 }\ngroups:\n${chain.join('\n')}`)
    expect([...(inventory.membersOf('g0') ?? [])]).toEqual(['a'])
    expect(inventory.groupsOf('a')).toHaveLength(20_000)
  })

  test('strictHostKeyChecking: no, with one warning', () => {
    expect(
      parseConfig(
        'c.yaml',
        'hosts:\n  a: { strictHostKeyChecking: no }\n  b: { strictHostKeyChecking: "off" }\n  c: { strictHostKeyChecking: yes }\n',
      ).warnings,
    ).toEqual([
      'c.yaml:2:31: strictHostKeyChecking no is read as accept-new: an unknown host key is recorded, a changed or revoked one is refused',
    ])
  })

  test('durations: with a unit, or milliseconds', () => {
    expect(
      parseConfig('c.yaml', 'pool: { idleTimeout: 5m, maxLifetime: 1500, keepAliveInterval: 500ms }').pool,
    ).toEqual({ idleTimeout: 300_000, maxLifetime: 1_500, keepAliveInterval: 500 })
  })

  test('a group as a list, as one name, or as a map with groups and settings; the nearest first', () => {
    const { inventory } = parseConfig(
      'c.yaml',
      "hosts: { 'w[1-3]': 1.1.1.1, d: 2.2.2.2 }\ngroups:\n  all-web: { groups: [web], username: ops }\n  web: ['w[1-3]']\n  one: w2\n  prod: { hosts: [d], groups: [all-web] }\n",
    )
    expect([...(inventory.membersOf('prod') ?? [])]).toEqual(['d', 'w1', 'w2', 'w3'])
    expect(inventory.groupsOf('w2').map(({ name }) => name)).toEqual(['web', 'one', 'all-web', 'prod'])
    expect(inventory.membersOf('nope')).toBe(undefined)
  })

  test('package.json: its key xec, and places in that file', () => {
    expect([
      ...parseConfig(
        'package.json',
        '{ "name": "x", "xec": { "hosts": { "a": "1.1.1.1" } } }',
        'xec',
      ).inventory.hosts.keys(),
    ]).toEqual(['a'])
    expect(() => parseConfig('package.json', '{\n "xec": { "hots": {} } }', 'xec')).toThrow(
      'package.json:2:11: unknown key hots in xec; did you mean hosts?',
    )
  })

  test('a secret in the file is noticed; one that is kept elsewhere is none', () => {
    expect(parseConfig('c.yaml', 'hosts: { a: { password: x } }').holdsSecrets).toBe(true)
    expect(parseConfig('c.yaml', 'groups: { g: { passphrase: x } }').holdsSecrets).toBe(true)
    expect(parseConfig('c.yaml', 'defaults: { privateKey: "-----BEGIN X\\n" }').holdsSecrets).toBe(true)
    expect(parseConfig('c.yaml', 'hosts: { a: { password: { env: P }, privateKey: ~/.ssh/id } }').holdsSecrets).toBe(
      false,
    )
  })
})

describe('the example in the repository', () => {
  const text = readFileSync(new URL('../../xec.config.example.yaml', import.meta.url), 'utf8')

  test('loads, and holds no secret', () => {
    const { inventory, holdsSecrets } = parseConfig('xec.config.example.yaml', text)
    expect(inventory.hosts.size).toBe(24)
    expect(holdsSecrets).toBe(false)
  })

  test.each([...POOL_OPTION_NAMES, ...HOST_KEYS])('has %s', (name) =>
    expect(text).toMatch(new RegExp(`[ {\`]${name}[:\`]`)),
  )

  test('and the file that init writes loads as well, also with every line of it switched on', () => {
    expect(parseConfig('xec.config.yaml', starterConfig()).inventory.hosts.size).toBe(3)
    const all = starterConfig()
      .split('\n')
      .map((line) => line.replace(/^( *)# (?=[ a-zA-Z]+: |pool:|defaults:| {2})/, '$1'))
      .join('\n')
    const { pool, inventory } = parseConfig('xec.config.yaml', all)
    expect(Object.keys(pool).sort()).toEqual([...POOL_OPTION_NAMES].sort())
    expect(inventory.defaults.username).toBe('deploy')
  })
})
