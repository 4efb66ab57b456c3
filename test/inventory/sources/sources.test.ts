import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { kindOf } from '../../../src/inventory/sources/recognise.js'
import { readLiteral } from '../../../src/inventory/sources/python-literal.js'
import { splitWords } from '../../../src/inventory/sources/words.js'
import { InventoryWorld } from './world.js'

let world: InventoryWorld
beforeEach(() => {
  world = new InventoryWorld()
})
afterEach(() => world.remove())

const ALL = { all: true }

describe('inventories of Ansible', () => {
  test('connection variables become settings; the last of several names counts, as in Ansible', async () => {
    world.file(
      'hosts',
      `[web]
w1 ansible_host=10.0.0.1 ansible_ssh_host=10.0.0.2 ansible_port=2222 ansible_user=deploy
w2 ansible_host=::1 ansible_ssh_common_args='-o ProxyJump=gw.example.com -o ServerAliveInterval=5' ansible_ssh_extra_args="-o ConnectTimeout=7"
w3 ansible_ssh_common_args='-o ProxyCommand="ssh -W %h:%p -q gw"'
`,
    )
    const { targets } = await open('hosts')
    const [w1, w2, w3] = targets.map(({ target }) => target)
    expect(w1).toMatchObject({ address: '10.0.0.2', port: 2222, username: 'deploy' })
    expect(w2).toMatchObject({ address: '::1', connectTimeoutMs: 7000, pool: { keepAliveInterval: 5000 } })
    expect(w2?.jump?.address).toBe('gw.example.com')
    expect(w3?.proxyCommand).toMatchObject({ command: 'ssh -W w3:22 -q gw' })
  })

  test('a template or a vault in a key that is read makes its host an error; elsewhere it is passed over', async () => {
    world.file(
      'hosts.yml',
      `all:
  hosts:
    a: { ansible_user: "{{ who }}", note: "{{ x }}", role: www }
    b:
      ansible_password: !vault |
        $ANSIBLE_VAULT;1.1;AES256
        6162
    c: { ansible_user: !unsafe "{{literal}}" }
`,
    )
    const opened = await world.open(undefined, ['hosts.yml'])
    expect(await world.refusal(opened.resolve(['a'], true))).toContain('hosts.yml:3: ansible_user is a Jinja template')
    expect(await world.refusal(opened.resolve(['b'], true))).toContain('hosts.yml:5: ansible_password is encrypted')
    expect((await opened.resolve(['c'], true)).targets[0]?.target.username).toBe('{{literal}}')
    expect((await opened.resolve(['a'], false)).targets[0]?.vars).toEqual({ role: 'www' })
    const beside = await world.open('hosts: { a: { username: me } }', ['hosts.yml'])
    expect((await beside.resolve(['a'], true)).targets[0]?.target.username).toBe('me')
  })

  test('a host with another connection than ssh is never dialled and says why', async () => {
    world.file('hosts', 'localhost ansible_connection=local\nw1\nwin ansible_connection=winrm\n')
    const opened = await world.open(undefined, ['hosts'])
    const { targets, warnings } = await opened.resolve(opened.select(ALL), true)
    expect(targets.map(({ target }) => target.host)).toEqual(['w1'])
    expect(warnings.map((text) => world.short(text))).toEqual([
      'localhost is not dialled: hosts:1: ansible_connection is local: this machine itself is meant, and xec only dials',
      'win is not dialled: hosts:3: ansible_connection is winrm: xec speaks SSH only',
    ])
    expect(await world.refusal(opened.resolve(['localhost'], true))).toContain('localhost is not dialled: hosts:1')
  })

  test.each([
    ['[web\nw1', 'hosts:1: "[web"'],
    ['[web:kids]\n', 'hosts:1: [web:kids]: a section is'],
    ['[web:vars]\na=1\n', 'hosts:1: [web:vars] is for a group that is defined nowhere'],
    ['[a:children]\nb\n', 'hosts:2: [a:children] lists b, which is no group'],
    ['[a]\n[b]\n[a:children]\nb\n[b:children]\na\n', 'hosts:6: the group a holds b already'],
    ['[web]\nw1 oops\n', 'hosts:2: "oops" behind a host must be name=value'],
    ['[web]\nweb[01-20]\n', 'hosts:2: "web[01-20]": an Ansible range has a colon'],
    ['[web]\nw1 a="x\n', 'hosts:2: the quote " is not closed'],
    ['[web]\nw1 ansible_port=99999\n', 'hosts:2: ansible_port must be a port'],
    ['[web]\nw1 ansible_ssh_common_args=--loud\n', 'hosts:2: ansible_ssh_common_args: "--loud" is no option of ssh'],
  ])('%j is refused with its line', async (text, message) => {
    world.file('hosts.ini', text)
    const config = 'inventory: { kind: ansible, file: hosts.ini }'
    const said = await world.refusal(
      world.open(config).then(async (opened) => opened.resolve(opened.select(ALL), true)),
    )
    expect(said.replace('w1: ', '').replace('hosts.ini', 'hosts')).toContain(message)
  })

  test('a file that is encrypted as a whole is passed over with a warning', async () => {
    world.file('hosts', '[web]\nw1\n')
    world.file('group_vars/all/main.yml', 'ansible_user: ops\n')
    world.file('group_vars/all/vault.yml', '$ANSIBLE_VAULT;1.1;AES256\n6162\n')
    const opened = await world.open(undefined, ['hosts'])
    expect(opened.warnings.map((text) => world.short(text))).toEqual([
      'group_vars/all/vault.yml is encrypted with ansible-vault, and its variables are not read',
    ])
    expect((await opened.resolve(['w1'], true)).targets[0]?.target.username).toBe('ops')
  })

  test('values of INI files are what Python takes for a literal', () => {
    const read = [
      '22',
      '007',
      'True',
      'yes',
      "['a', 1]",
      "{'k': (1,)}",
      '1,2',
      "'it''s' # c",
      'a b',
      '0x1f',
      '10.0.0.1',
      '-5',
    ]
    expect(read.map(readLiteral)).toEqual([
      22,
      '007',
      true,
      'yes',
      ['a', 1],
      { k: [1] },
      [1, 2],
      'its',
      'a b',
      31,
      '10.0.0.1',
      -5,
    ])
  })

  test('words are split as a shell would', () => {
    expect(splitWords(`-o ProxyCommand="ssh -W %h:%p gw" 'a b'c d\\ e`)).toEqual([
      '-o',
      'ProxyCommand=ssh -W %h:%p gw',
      'a bc',
      'd e',
    ])
    expect(splitWords('w1 a=b # c', { comments: true })).toEqual(['w1', 'a=b'])
  })
})

describe('other inventories', () => {
  test('a genders file: attributes are groups, with values groups and variables', async () => {
    world.file('genders', 'n[1-2],n7 web,rack=r1,url=http://%n/\nn2 db # more\n')
    const opened = await world.open(undefined, ['genders'])
    expect(opened.select({ groups: 'rack=r1' })).toEqual(['n1', 'n2', 'n7'])
    expect(opened.select({ hosts: '@web&@db' })).toEqual(['n2'])
    expect((await opened.resolve(['n7'], true)).targets[0]?.vars).toEqual({ web: true, rack: 'r1', url: 'http://n7/' })
    world.file('genders', 'n1 rack=1,rack=2\n')
    expect(await world.refusal(world.open(undefined, ['genders']))).toBe(
      'genders:1: n1 has the attribute rack twice; keep one',
    )
  })

  test('a list of hosts: newlines, blanks, commas, comments and ranges', async () => {
    world.file('list', '# mine\nw[01-02,5] db1, root@db2:2222\n\n[::1]:23 # six\n')
    const opened = await world.open(undefined, ['list'])
    expect(opened.select(ALL)).toEqual(['w01', 'w02', 'w5', 'db1', 'db2', '::1'])
    expect((await opened.resolve(['db2'], true)).targets[0]?.target).toMatchObject({ username: 'root', port: 2222 })
    world.file('list', 'w1\nw[3-1]\n')
    expect(await world.refusal(world.open('inventory: list'))).toContain(
      'list:2: "w[3-1]": the range 3-1 runs backwards',
    )
  })

  test('an ssh_config file gives its outright hosts, as its patterns complete them', async () => {
    world.file('fleet.conf', 'Host a b !c d*\n  User ops\n  Port 2200\nHost *\n  HostName %h.example.com\n')
    const opened = await world.open('inventory: { kind: sshConfig, file: fleet.conf }')
    expect(opened.select(ALL)).toEqual(['a', 'b'])
    expect((await opened.resolve(['a'], true)).targets[0]?.target).toMatchObject({
      address: 'a.example.com',
      username: 'ops',
      port: 2200,
    })
  })

  test('of several inventories the earlier wins a host, groups unite, and hosts beside them win', async () => {
    world.file('one', '[web]\na ansible_user=first\n[db]\nd\n')
    world.file('two', '[web]\na ansible_user=second ansible_port=7\nb\n')
    const config =
      'inventory: [one, two]\nhosts: { b: { port: 9 }, own: 192.0.2.1 }\ngroups: { web: [own], both: { groups: [web, db] } }\n'
    const opened = await world.open(config)
    expect(opened.select(ALL)).toEqual(['b', 'own', 'a', 'd'])
    expect(opened.select({ groups: 'web' })).toEqual(['b', 'own', 'a'])
    expect(opened.select({ groups: 'both' })).toEqual(['b', 'own', 'a', 'd'])
    const [a, b] = (await opened.resolve(['a', 'b'], true)).targets
    expect(a?.target).toMatchObject({ username: 'first', port: 7 })
    expect(b?.target).toMatchObject({ port: 9 })
  })

  test.each([
    ['inventory: gone', 'xec.config.yaml:1:12: cannot read the inventory gone: there is no such file'],
    [
      'inventory: { kind: ansibel, file: x }',
      'must be one of ansible, genders, hosts, sshConfig, command, not "ansibel"; did you mean ansible?',
    ],
    ['inventory: { file: x, ttl: 5m }', 'ttl: belongs to an inventory with a command'],
    ['inventory: { kind: command }', 'needs command: [program, argument]'],
  ])('%s is refused', async (config, message) => {
    expect(await world.refusal(world.open(config))).toContain(message)
  })

  test('variables come from hosts, groups and defaults, the nearest first', async () => {
    const opened = await world.open(
      'defaults: { vars: { tier: low, zone: [1, two] } }\nhosts: { a: { vars: { tier: high } } }\ngroups: { g: { hosts: [a], vars: { tier: mid, g: null } } }\n',
    )
    expect((await opened.resolve(['a'], true)).targets[0]?.vars).toEqual({ tier: 'high', zone: [1, 'two'], g: null })
  })
})

describe('a program as inventory', () => {
  const ANSWER = {
    web: { hosts: ['w1'], vars: { ansible_user: 'ops' } },
    _meta: { hostvars: { w1: { ansible_port: 7 } } },
  }
  const program = (): void => {
    world.file('inv.sh', `#!/bin/sh\necho run >> runs\ncat <<'E'\n${JSON.stringify(ANSWER)}\nE\n`, 0o700)
  }
  const runs = (): number => readFileSync(join(world.root, 'runs'), 'utf8').split('\n').length - 1

  test('it is run once, and its answer is kept for the ttl in a file that is ours alone', async () => {
    program()
    world.env['XDG_CACHE_HOME'] = join(world.root, 'cache')
    const config = 'inventory: { command: [./inv.sh, --list], ttl: 1h }'
    for (let i = 0; i < 2; i++) {
      const opened = await world.open(config)
      const [w1] = (await opened.resolve(opened.select({ groups: 'web' }), true)).targets
      expect(w1?.target).toMatchObject({ username: 'ops', port: 7 })
    }
    expect(runs()).toBe(1)
    const [kept = ''] = readdirSync(join(world.root, 'cache/xec/inventory'))
    expect(statSync(join(world.root, 'cache/xec/inventory', kept)).mode & 0o777).toBe(0o600)
    await world.open(config.replace(', ttl: 1h', ''))
    expect(runs()).toBe(2)
  })

  test('its failure is an error with its stderr, and so is what is no JSON', async () => {
    world.file('bad.sh', '#!/bin/sh\necho no credentials >&2\nexit 3\n', 0o700)
    expect(await world.refusal(world.open('inventory: { command: [./bad.sh] }'))).toBe(
      'xec.config.yaml:1:23: the inventory program ./bad.sh ended with status 3; it says: no credentials',
    )
    expect(await world.refusal(world.open('inventory: { command: [echo, hello] }'))).toContain('it printed no JSON')
    expect(await world.refusal(world.open('inventory: { command: [sleep, 30], timeout: 50ms }'))).toContain(
      'did not end within 50ms',
    )
    expect(await world.refusal(world.open('inventory: { command: [./gone] }'))).toContain('was not found')
  })

  test('it runs only where the configuration, or the file that is named, is ours alone', async () => {
    program()
    world.file('xec.config.yaml', 'inventory: { command: [./inv.sh] }', 0o666)
    const { openInventory } = await import('../../../src/config/open.js')
    const searched = { cwd: world.root, home: world.root, env: world.env, sshConfig: 'none' }
    expect(await world.refusal(openInventory(searched))).toContain(
      'is not run: a file that names programs must be yours',
    )
    world.file('xec.config.yaml', 'inventory: { command: [./inv.sh] }')
    world.file('.git/HEAD', 'ref: main\n')
    expect(await world.refusal(openInventory(searched))).toContain('was found inside a version-controlled tree')
    expect((await world.open('inventory: { command: [./inv.sh] }')).select(ALL)).toEqual(['w1'])
    expect((await world.open(undefined, ['inv.sh'])).select(ALL)).toEqual(['w1'])
    world.file('inv.sh', '#!/bin/sh\n', 0o777)
    expect(await world.refusal(world.open(undefined, ['inv.sh']))).toContain("must be yours or root's alone")
  })
})

test.each([
  ['[web]\nw1\n', 'hosts', 'ansible'],
  ['w1 ansible_host=1.2.3.4\n', 'inv', 'ansible'],
  ['all:\n  hosts:\n    a:\n', 'inv', 'ansible'],
  ['{"all": {"hosts": {}}}', 'x.json', 'ansible'],
  ['n1 web,rack=1\n', 'nodes', 'genders'],
  ['n1 web\n', '/etc/genders', 'genders'],
  ['Host a\n  User b\n', 'conf', 'sshConfig'],
  ['a b\nc, d\n', 'list', 'hosts'],
  ['[::1]\n', 'list', 'hosts'],
])('%j in %s is an inventory of kind %3$s', (text, path, kind) => {
  expect(kindOf({ path, text, isDirectory: false, isExecutable: false })).toBe(kind)
})

async function open(file: string) {
  const opened = await world.open(undefined, [file])
  return opened.resolve(opened.select(ALL), true)
}

test.each([
  ['ans.ini', '[web]\nw1 ansible_host=1.2.3.4\n', 'an Ansible inventory'],
  ['ans.yml', 'all:\n  hosts:\n    w1:\n', 'an Ansible inventory'],
  ['ssh.conf', 'Host w1\n  User x\n', 'an ssh configuration'],
  ['genders', 'n1 web\n', 'a genders file'],
])('%s as a configuration is recognised, and told how to be read', async (name, text, what) => {
  world.file(name, text)
  const { openInventory } = await import('../../../src/config/open.js')
  const work = openInventory({ cwd: world.root, home: world.root, env: world.env, sshConfig: 'none', file: name })
  expect(await world.refusal(work)).toContain(`${name}: this looks like ${what}: read it with --inventory ${name}`)
})
