import { chmodSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseConfig } from '../../src/config/parse.js'
import {
  resolveTargets,
  type HostOverrides,
  type ResolveContext,
  type ResolvedTarget,
} from '../../src/inventory/resolve.js'
import type { PoolTarget } from '../../src/pool/types.js'
import { Secret } from '../../src/runtime/secret.js'
import { makePlace, type Place } from '../rig/place.js'
import { linesOf } from '../world/stage.js'
import { parseSshConfig } from './ssh.js'

interface Given {
  readonly yaml?: string
  readonly ssh?: string
  readonly overrides?: HostOverrides
  readonly env?: Readonly<Record<string, string>>
  readonly secrets?: boolean
}

const context = ({ yaml = '', ssh = '', overrides = {}, env = {}, secrets }: Given): ResolveContext => ({
  inventory: parseConfig('c.yaml', yaml).inventory,
  ssh: parseSshConfig(ssh),
  overrides,
  env,
  home: '/home/me',
  user: 'me',
  ...(secrets === undefined ? {} : { secrets }),
})
const resolveAll = async (names: readonly string[], given: Given): Promise<readonly ResolvedTarget[]> =>
  (await resolveTargets(names, context(given))).targets
const resolve = async (name: string, given: Given = {}): Promise<ResolvedTarget> => {
  const [found] = await resolveAll([name], given)
  if (!found) throw new Error('one name in, one target out')
  return found
}
const target = async (name: string, given: Given = {}): Promise<PoolTarget> => (await resolve(name, given)).target
const path = (hop: PoolTarget | null): string[] => (hop ? [...path(hop.jump), hop.host] : [])

describe('a restriction of ssh_config', () => {
  const ssh = 'PasswordAuthentication no\nCiphers aes256-ctr\nSessionType none\nRemoteCommand top\nConnectionAttempts 3'
  const lifted = { sessionType: 'default' }

  test('holds, with its place, until an inventory key of the same name lifts it', async () => {
    const yaml = (keys: object): string => JSON.stringify({ hosts: { w: { ...lifted, ...keys } } })
    const held = await resolve('w', { yaml: yaml({}), ssh })
    expect(held.target.rules).toEqual({ passwordAuthentication: false, ciphers: 'aes256-ctr' })
    expect(held.target.rulePlaces).toEqual({ passwordAuthentication: 'config:1', ciphers: 'config:2' })
    const free = await resolve('w', { yaml: yaml({ passwordAuthentication: true, ciphers: '+aes128-cbc' }), ssh })
    expect(free.target.rules).toEqual({ passwordAuthentication: true, ciphers: '+aes128-cbc' })
    const flag = { overrides: { ssh: { passwordAuthentication: false } } }
    expect((await target('w', { yaml: yaml({ passwordAuthentication: true }), ...flag })).rules).toEqual({
      passwordAuthentication: false,
    })
  })

  test('that cannot be honoured refuses the host, and is told alone in a listing', async () => {
    const problem = 'w: config:3: SessionType none leaves no command to run'
    await expect(resolve('w', { yaml: 'hosts: { w: }', ssh })).rejects.toThrow(problem)
    const { warnings } = await resolveTargets(['w'], context({ yaml: 'hosts: { w: }', ssh, secrets: false }))
    expect(warnings).toEqual([expect.stringContaining(problem)])
    await expect(resolve('w', { yaml: 'hosts: { w: }', ssh: 'RefuseConnection "gone: use w2"' })).rejects.toThrow(
      'w: config:1: RefuseConnection forbids the connection: gone: use w2',
    )
  })

  test('RemoteCommand is told with its place, and none lifts it', async () => {
    const yaml = 'hosts: { w: { sessionType: default } }'
    expect((await resolve('w', { yaml, ssh })).session.remoteCommand).toEqual({ command: 'top', place: 'config:4' })
    const { session } = await resolve('w', { yaml: 'hosts: { w: { sessionType: default, remoteCommand: none } }', ssh })
    expect(session.remoteCommand).toBeUndefined()
  })

  test('ConnectionAttempts is below the pool of the configuration and the inventory', async () => {
    const of = async (host: string, pool?: { maxReconnectAttempts: number }): Promise<number | undefined> => {
      const given = context({ yaml: `hosts: { w: { sessionType: default, ${host} } }`, ssh })
      const { targets } = await resolveTargets(['w'], { ...given, ...(pool && { pool }) })
      return targets[0]?.target.pool?.maxReconnectAttempts
    }
    expect(await of('')).toBe(2)
    expect(await of('connectionAttempts: 5')).toBe(4)
    expect(await of('pool: { maxReconnectAttempts: 0 }')).toBe(0)
    expect(await of('', { maxReconnectAttempts: 7 })).toBeUndefined()
  })
})

describe('each setting comes from the first layer that has it', () => {
  const layers = {
    host: 'hosts: { w: { username: of-host } }',
    group: 'hosts: { w: { } }\ngroups: { g: { hosts: [w], username: of-group } }',
    defaults: 'hosts: { w: { } }\ndefaults: { username: of-defaults }',
    nothing: 'hosts: { w: { } }',
  }
  test.each<[string, Given, string]>([
    ['flag before host', { yaml: layers.host, overrides: { username: 'of-flag' } }, 'of-flag'],
    [
      'host before group',
      { yaml: 'hosts: { w: { username: of-host } }\ngroups: { g: { hosts: [w], username: of-group } }' },
      'of-host',
    ],
    [
      'the nearest group before those that hold it',
      {
        yaml: 'hosts: { w: { } }\ngroups: { outer: { groups: [g], username: of-outer }, g: { hosts: [w], username: of-group } }',
      },
      'of-group',
    ],
    [
      'among equal groups the first that is written',
      { yaml: 'hosts: { w: { } }\ngroups: { b: { hosts: [w], username: of-b }, a: { hosts: [w], username: of-a } }' },
      'of-b',
    ],
    ['group before defaults', { yaml: `${layers.group}\ndefaults: { username: of-defaults }` }, 'of-group'],
    ['defaults before ssh_config', { yaml: layers.defaults, ssh: 'User of-ssh' }, 'of-defaults'],
    ['ssh_config before the local user', { yaml: layers.nothing, ssh: 'User of-ssh' }, 'of-ssh'],
    ['the local user at last', { yaml: layers.nothing }, 'me'],
  ])('%s', async (_, given, username) => expect((await target('w', given)).username).toBe(username))

  test.each<[string, Given, number]>([
    ['-p', { yaml: 'hosts: { w: { port: 1 } }', overrides: { port: 9 } }, 9],
    ['host', { yaml: 'hosts: { w: { port: 1 } }', ssh: 'Port 2' }, 1],
    ['ssh_config', { yaml: 'hosts: { w: { } }', ssh: 'Port 2' }, 2],
    ['22', { yaml: 'hosts: { w: { } }' }, 22],
  ])('the port: %s', async (_, given, port) => expect((await target('w', given)).port).toBe(port))

  test('-o goes before the inventory, the files after it', async () => {
    const yaml = 'hosts: { w: { connectTimeout: 5s, strictHostKeyChecking: ask } }'
    expect(await target('w', { yaml, ssh: 'ConnectTimeout 7\nStrictHostKeyChecking yes' })).toMatchObject({
      connectTimeoutMs: 5_000,
      hostKeys: { mode: 'ask' },
    })
    expect(
      await target('w', { yaml, overrides: { ssh: { connectTimeoutMs: 9_000, strictHostKeyChecking: 'strict' } } }),
    ).toMatchObject({ connectTimeoutMs: 9_000, hostKeys: { mode: 'strict' } })
    expect(await target('w', { yaml: 'hosts: { w: { } }', ssh: 'ConnectTimeout 7' })).toMatchObject({
      connectTimeoutMs: 7_000,
    })
    expect(await target('w', { yaml: 'hosts: { w: { } }' })).toMatchObject({
      connectTimeoutMs: 15_000,
      hostKeys: {
        mode: 'accept-new',
        alias: null,
        userFiles: ['/home/me/.ssh/known_hosts', '/home/me/.ssh/known_hosts2'],
      },
    })
  })

  test('env adds up over the layers, variable by variable, and pool option by option', async () => {
    const yaml = `
hosts: { w: { env: { A: host }, pool: { maxConnectionsPerHost: 1 } } }
groups: { g: { hosts: [w], env: { A: group, B: group }, pool: { maxConnectionsPerHost: 5, idleTimeout: 1s } } }
defaults: { env: { A: d, B: d, C: d }, pool: { keepAlive: false, idleTimeout: 9s } }`
    const { env, target: found } = await resolve('w', { yaml })
    expect(env).toEqual({ A: 'host', B: 'group', C: 'd' })
    expect(found.pool).toEqual({ maxConnectionsPerHost: 1, idleTimeout: 1_000, keepAlive: false })
  })

  test('ServerAlive is keepalive in other words', async () => {
    expect(
      (await target('w', { yaml: 'hosts: { w: { serverAliveInterval: 10s, serverAliveCountMax: 6 } }' })).pool,
    ).toEqual({ keepAliveInterval: 10_000, keepAliveCountMax: 6 })
    expect((await target('w', { yaml: 'hosts: { w: { serverAliveInterval: 0s } }' })).pool).toEqual({
      keepAlive: false,
    })
    expect((await target('w', { yaml: 'hosts: { w: { } }', ssh: 'ServerAliveInterval 20' })).pool).toEqual({
      keepAliveInterval: 20_000,
    })
    expect(
      (
        await target('w', {
          yaml: 'hosts: { w: { pool: { keepAliveInterval: 9s } } }',
          overrides: { ssh: { serverAliveIntervalMs: 5_000 } },
        })
      ).pool,
    ).toEqual({ keepAlive: true, keepAliveInterval: 5_000 })
  })
})

describe('where a host is', () => {
  test.each<[string, Given, object]>([
    ['w1', { yaml: "hosts: { 'w[1-2]': { host: '{name}.example.com' } }" }, { host: 'w1', address: 'w1.example.com' }],
    ['w', { yaml: 'hosts: { w: }' }, { host: 'w', address: 'w', port: 22 }],
    ['w', { yaml: 'hosts: { w: 192.0.2.1 }', ssh: 'Host 192.0.2.1\n  HostName 192.0.2.2' }, { address: '192.0.2.2' }],
    [
      'ops@w',
      { yaml: 'hosts: { w: { host: 192.0.2.1, username: x } }' },
      { host: 'ops@w', address: '192.0.2.1', username: 'ops' },
    ],
    ['w:2222', { yaml: 'hosts: { w: { host: 192.0.2.1, port: 9 } }' }, { address: '192.0.2.1', port: 2222 }],
    [
      'alias',
      { ssh: 'Host alias\n  HostName 192.0.2.3\n  User u\n  Port 2022' },
      { host: 'alias', address: '192.0.2.3', username: 'u', port: 2022 },
    ],
    ['u@192.0.2.4:23', {}, { address: '192.0.2.4', username: 'u', port: 23 }],
    ['ssh://u@[2001:db8::1]:23', {}, { address: '2001:db8::1', username: 'u', port: 23 }],
    ['host.example.com', { yaml: 'defaults: { username: d }' }, { address: 'host.example.com', username: 'd' }],
  ])('%s', async (name, given, expected) => expect(await target(name, given)).toMatchObject(expected))
})

describe('credentials', () => {
  const origins = async (given: Given): Promise<string[]> =>
    (await target('w', given)).credentials.keys.map(({ origin }) => origin)
  test.each<[string, Given, string[]]>([
    [
      "OpenSSH's files without a word",
      { yaml: 'hosts: { w: }' },
      ['id_rsa', 'id_ecdsa', 'id_ecdsa_sk', 'id_ed25519', 'id_ed25519_sk'].map((name) => `/home/me/.ssh/${name}`),
    ],
    ["the inventory's", { yaml: 'hosts: { w: { privateKey: ~/k } }', ssh: 'IdentityFile ~/other' }, ['/home/me/k']],
    ["ssh_config's", { yaml: 'hosts: { w: }', ssh: 'IdentityFile ~/a\nIdentityFile /b' }, ['/home/me/a', '/b']],
    [
      '-i in their place',
      { yaml: 'hosts: { w: { privateKey: ~/k } }', ssh: 'IdentityFile ~/other', overrides: { identityFiles: ['~/i'] } },
      ['/home/me/i'],
    ],
    [
      '-o IdentityFile in their place',
      {
        yaml: 'hosts: { w: { privateKey: ~/k } }',
        ssh: 'IdentityFile ~/other',
        overrides: { ssh: { identityFiles: ['~/o'] } },
      },
      ['/home/me/o'],
    ],
    [
      '-i and -o IdentityFile',
      {
        yaml: 'hosts: { w: { privateKey: ~/k } }',
        overrides: { identityFiles: ['~/i'], ssh: { identityFiles: ['~/o'] } },
      },
      ['/home/me/i', '/home/me/o'],
    ],
    ['none', { yaml: 'hosts: { w: }', ssh: 'IdentityFile none' }, []],
    ["a key's text", { yaml: 'hosts: { w: { privateKey: "-----BEGIN X-----\\nabc\\n" } }' }, ['the privateKey of w']],
  ])('%s', async (_, given, expected) => expect(await origins(given)).toEqual(expected))

  test.each<[string, Given, string | null]>([
    ['SSH_AUTH_SOCK', { yaml: 'hosts: { w: }', env: { SSH_AUTH_SOCK: '/run/a' } }, '/run/a'],
    ['none without it', { yaml: 'hosts: { w: }' }, null],
    [
      'another',
      { yaml: 'hosts: { w: { identityAgent: ~/agent } }', env: { SSH_AUTH_SOCK: '/run/a' } },
      '/home/me/agent',
    ],
    ['none', { yaml: 'hosts: { w: { identityAgent: none } }', env: { SSH_AUTH_SOCK: '/run/a' } }, null],
  ])('the agent: %s', async (_, given, agent) => expect((await target('w', given)).credentials.agent).toBe(agent))

  test('a piece of a key is refused, and a password in an address, and neither is repeated', async () => {
    const body = 'b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz'
    await expect(resolve('w', { yaml: `hosts: { w: { privateKey: ${body} } }` })).rejects.toThrow(
      /^w: privateKey looks like a key's text that lacks its -----BEGIN … PRIVATE KEY----- line;(?!.*b3Bl)/,
    )
    for (const name of ['ssh://u:hunter2@w.example', 'u:hunter2@w.example']) {
      await expect(resolve(name)).rejects.toThrow(/^the address of w\.example has a password in it(?!.*hunter2)/)
      await expect(resolve('w', { yaml: 'hosts: { w: 192.0.2.1 }', overrides: { proxyJump: name } })).rejects.toThrow(
        /^w: jump host: the address of w\.example has a password in it(?!.*hunter2)/,
      )
      expect(() => parseConfig('c.yaml', `hosts: { w: "${name}" }`)).toThrow(
        /^c\.yaml:1:13: hosts\.w: the address of w\.example has a password in it(?!.*hunter2)/,
      )
    }
    expect(await target('ssh://u%40corp@w.example:2222')).toMatchObject({
      username: 'u@corp',
      address: 'w.example',
      port: 2222,
    })
  })

  test.each(['privateKey: ~root/k', 'identityAgent: ~root/s', 'userKnownHostsFile: ~root/known'])(
    "somebody else's home is refused, not looked for below this directory: %s",
    async (setting) => {
      await expect(resolve('w', { yaml: `hosts: { w: { ${setting} } }` })).rejects.toThrow(
        /^w: ~root\/\w+ uses ~root: only your own home directory can be written with ~$/,
      )
    },
  )
})

describe('a ProxyCommand of ssh_config', () => {
  const ssh = 'Host 192.0.2.1\n ProxyCommand nc %h %p'
  const yaml =
    'hosts: { w: 192.0.2.1, jumps: { host: 192.0.2.1, proxyJump: b }, direct: { host: 192.0.2.1, proxyJump: none }, b: 192.0.2.2 }'
  test('is how its host is reached', async () => {
    expect(await target('w', { yaml, ssh })).toMatchObject({
      jump: null,
      proxyCommand: { command: 'nc 192.0.2.1 22', shell: '/bin/sh', from: 'config:2' },
    })
    expect(await target('b', { yaml, ssh })).toMatchObject({ address: '192.0.2.2', proxyCommand: null })
  })
  test('is no matter where the way is said otherwise', async () => {
    expect(path((await target('jumps', { yaml, ssh })).jump)).toEqual(['b'])
    expect((await target('direct', { yaml, ssh })).jump).toBe(null)
    expect((await target('w', { yaml, ssh, overrides: { proxyJump: 'none' } })).jump).toBe(null)
    expect(path((await target('w', { yaml, ssh, overrides: { ssh: { proxyJump: 'b' } } })).jump)).toEqual(['b'])
  })
  test('- and ProxyUseFdpass are refused with a sentence where they count, and are warnings in a listing', async () => {
    const dash = { yaml: 'hosts: { w: 192.0.2.1 }', ssh: 'ProxyCommand -' }
    await expect(target('w', dash)).rejects.toThrow(/^w: config:1: ProxyCommand - would take the standard input/)
    const { warnings } = await resolveTargets(['w'], context({ ...dash, secrets: false }))
    expect(warnings).toEqual([expect.stringMatching(/^w: config:1: ProxyCommand -/)])
    const fd = 'Host 192.0.2.1\n ProxyCommand x\nHost *\n ProxyUseFdpass yes'
    await expect(target('w', { yaml, ssh: fd })).rejects.toThrow(/^w: config:4: ProxyUseFdpass yes is not supported: /)
    expect((await target('w', { yaml, ssh: fd, overrides: { proxyJump: 'none' } })).proxyCommand).toBe(null)
    expect((await target('b', { yaml, ssh: fd })).proxyCommand).toBe(null)
  })
})

describe('the way to a host', () => {
  const yaml = `
defaults: { proxyCommand: 'by-defaults %h' }
hosts:
  plain: 192.0.2.1
  own: { host: 192.0.2.2, port: 2201, username: ann, hostKeyAlias: key, proxyCommand: 'own %% %h %n %p %r %k' }
  jumps: { host: 192.0.2.3, proxyJump: b }
  direct: { host: 192.0.2.4, proxyCommand: none }
  straight: { host: 192.0.2.4, proxyJump: none }
  grouped: 192.0.2.5
  behind: { host: 192.0.2.6, proxyJump: own }
  b: { host: 192.0.2.7, proxyCommand: none }
groups: { g: { hosts: [grouped], proxyJump: b } }`
  const ssh = 'ProxyCommand by-ssh %h %n'
  const way = async (name: string, more: Parameters<typeof target>[1] = {}): Promise<unknown> => {
    const { jump, proxyCommand } = await target(name, { yaml, ssh, ...more })
    return proxyCommand?.command ?? path(jump)
  }

  test('is what the nearest layer says of either key, and none ends the search', async () => {
    expect(await way('plain')).toBe('by-defaults 192.0.2.1')
    expect(await way('own')).toBe('own % 192.0.2.2 own 2201 ann key')
    expect(await way('jumps')).toEqual(['b'])
    expect(await way('grouped')).toEqual(['b'])
    expect(await way('direct')).toEqual([])
    expect(await way('straight')).toEqual([])
    expect(await way('plain', { yaml: 'hosts: { plain: 192.0.2.1 }' })).toBe('by-ssh 192.0.2.1 192.0.2.1')
  })

  test('a jump host may have a program of its own', async () => {
    expect(await target('behind', { yaml, ssh })).toMatchObject({
      proxyCommand: null,
      jump: { host: 'own', jump: null, proxyCommand: { command: expect.stringMatching(/^own % /) } },
    })
  })

  test('-J goes before everything, -o before the inventory', async () => {
    expect(await way('own', { overrides: { proxyJump: 'b' } })).toEqual(['b'])
    expect(await way('own', { overrides: { proxyJump: 'none' } })).toEqual([])
    expect(await way('jumps', { overrides: { ssh: { proxyCommand: 'x %n' } } })).toBe('x jumps')
    expect(await way('own', { overrides: { ssh: { proxyCommand: 'none' } } })).toEqual([])
    expect(await way('own', { overrides: { ssh: { proxyJump: 'b' } } })).toEqual(['b'])
    expect(await way('own', { overrides: { ssh: { proxyJump: 'b', proxyCommand: 'x' } } })).toEqual(['b'])
  })

  test('ProxyJump=none takes away jump hosts alone, as in ssh', async () => {
    expect(await way('jumps', { overrides: { ssh: { proxyJump: 'none' } } })).toBe('by-ssh 192.0.2.3 192.0.2.3')
    expect(await way('plain', { overrides: { ssh: { proxyJump: 'none' } } })).toBe('by-defaults 192.0.2.1')
  })

  test('both keys on one host are an error', async () => {
    await expect(way('w', { yaml: 'hosts: { w: { proxyJump: b, proxyCommand: nc } }' })).rejects.toThrow(
      /hosts\.w\.proxyCommand: stands beside proxyJump, and a host is reached one way; keep one of them$/,
    )
  })

  test('a user or a host by which the shell would run something else is refused', async () => {
    const hosts = (more: string): string => `hosts: { w: { host: 192.0.2.1, proxyCommand: 'nc "%n" %r %h', ${more} } }`
    for (const name of ['a;id', 'a b', '$(id)', 'a`id`', '-oX', 'a\\n', "a'b", 'a|b', 'x\\\\'])
      await expect(way('w', { yaml: hosts(`username: ${JSON.stringify(name.replace('\\n', '\n'))}`) })).rejects.toThrow(
        /^w: .*: the ProxyCommand uses %r, and the user name .* a shell could read as code$/s,
      )
    expect(await way('w', { yaml: hosts('username: "DOM\\\\ann.lee@corp"') })).toBe(
      'nc "w" DOM\\ann.lee@corp 192.0.2.1',
    )
  })

  test('a program of a file that is not trusted is not run, and shown in a listing all the same', async () => {
    const trust = () => Promise.resolve({ secrets: null, proxyCommand: 'others may write to it' })
    await expect(resolveTargets(['own'], { ...context({ yaml, ssh }), trust })).rejects.toThrow(
      /^own: c\.yaml:5:\d+: proxyCommand is not run: others may write to it$/,
    )
    const { targets, warnings } = await resolveTargets(['own'], { ...context({ yaml, ssh, secrets: false }), trust })
    expect(warnings).toEqual([expect.stringContaining('proxyCommand is not run')])
    expect(targets[0]?.target.proxyCommand).toMatchObject({ shell: '/bin/sh' })
    const plain = await resolveTargets(['w'], { ...context({ yaml: 'hosts: { w: 192.0.2.1 }', ssh }), trust })
    expect(plain.targets[0]?.target.proxyCommand?.command).toBe('by-ssh 192.0.2.1 192.0.2.1')
  })

  test('a secret of a file that others may write to is not asked for', async () => {
    const trust = () => Promise.resolve({ secrets: 'others may write to it', proxyCommand: null })
    const secret = { yaml: 'hosts: { w: { password: { command: [touch, /never] } } }' }
    await expect(resolveTargets(['w'], { ...context(secret), trust })).rejects.toThrow(
      /w: password is to come from a program, which is not run: others may write to it$/,
    )
  })
})

describe('jump hosts', () => {
  const yaml = `
hosts:
  one: 192.0.2.1
  two: { host: 192.0.2.2, proxyJump: one }
  three: { host: 192.0.2.3, proxyJump: two }
  list: { host: 192.0.2.4, proxyJump: [one, 'ops@192.0.2.9:23'] }
  direct: { host: 192.0.2.5, proxyJump: none }
  'app[1-3]': { host: 192.0.2.6, proxyJump: two }
  self: { host: 192.0.2.7, proxyJump: self }
  a: { host: x, proxyJump: b }
  b: { host: x, proxyJump: a }
  typo: { host: x, proxyJump: tow }
`
  test.each<[string, Given, string[]]>([
    ['one', { yaml }, []],
    ['three', { yaml }, ['one', 'two']],
    ['list', { yaml }, ['one', 'ops@192.0.2.9:23']],
    ['direct', { yaml, ssh: 'ProxyJump one' }, []],
    ['three', { yaml, overrides: { proxyJump: 'one' } }, ['one']],
    ['three', { yaml, overrides: { proxyJump: 'none' } }, []],
    ['one', { yaml: 'hosts: { one: 192.0.2.1 }', ssh: 'Host 192.0.2.1\n  ProxyJump u@192.0.2.8' }, ['u@192.0.2.8']],
  ])('%s', async (name, given, hops) => expect(path((await target(name, given)).jump)).toEqual(hops))

  test('a hop is one object for all that is behind it, so that it is one connection', async () => {
    const targets = (await resolveAll(['app1', 'app2', 'app3', 'three'], { yaml })).map(
      (resolved) => resolved.target.jump,
    )
    expect(new Set(targets).size).toBe(1)
  })

  test('a hop has its own settings, not those of what is behind it', async () => {
    const { jump } = await target('w', {
      yaml: 'hosts: { hop: { host: h, username: hopper, port: 5 }, w: { host: x, username: u, proxyJump: hop } }',
      overrides: { username: 'flag', port: 9 },
    })
    expect(jump).toMatchObject({ address: 'h', username: 'hopper', port: 5 })
  })

  test.each<[string, string]>([
    ['self', 'self: the jump hosts run in a circle: self → self'],
    ['a', 'a: the jump hosts run in a circle: a → b → a'],
    ['typo', 'typo: jump host: unknown host "tow"; did you mean two?'],
  ])('%s is refused before anything is dialled', async (name, message) => {
    await expect(resolve(name, { yaml })).rejects.toThrow(message)
  })
})

describe('secrets', () => {
  let place: Place
  beforeEach(() => {
    place = makePlace()
  })
  afterEach(() => place.remove())
  /** A program that notes each of its runs, and prints a secret. */
  const program = (): string => {
    const script = place.path('secret')
    writeFileSync(script, `#!/bin/sh\necho run >> ${place.path('runs')}\nprintf 'canary-%s\\n' "$1"\n`)
    chmodSync(script, 0o755)
    return script
  }
  const runs = (): number => linesOf(place.path('runs')).length

  test('from a variable and from a program, each read once', async () => {
    const yaml = `
hosts:
  'w[1-3]': { host: x, password: { command: [${program()}, a] }, passphrase: { env: PHRASE }, env: { TOKEN: { command: [${place.path('secret')}, a] }, PLAIN: p } }`
    const all = await resolveAll(['w1', 'w2', 'w3'], { yaml, env: { PHRASE: 'canary-phrase' } })
    for (const { target: found, env } of all) {
      expect(found.credentials.password?.reveal()).toBe('canary-a')
      expect(found.credentials.keys[0]?.passphrase?.reveal()).toBe('canary-phrase')
      expect(env['PLAIN']).toBe('p')
      expect(env['TOKEN']).toBeInstanceOf(Secret)
    }
    expect(runs()).toBe(1)
    expect(JSON.stringify(all)).not.toContain('canary')
  })

  test('only of hosts that are used, and none for a listing', async () => {
    const yaml = `hosts: { w: { host: x, password: { command: [${program()}, a] } }, other: y }`
    await resolve('other', { yaml })
    await resolve('w', { yaml, secrets: false })
    expect(runs()).toBe(0)
  })

  test('a key from a program', async () => {
    const { credentials } = await target('w', {
      yaml: `hosts: { w: { privateKey: { command: [printf, 'line1\\nline2\\n'] } } }`,
    })
    const [key] = credentials.keys
    expect(key && 'text' in key.from && key.from.text.reveal()).toBe('line1\nline2')
  })

  test.each<[string, string, string]>([
    [
      'a variable that is not set',
      '{ env: GONE }',
      'c.yaml:1:41: w: password is to come from the environment variable GONE, which is not set',
    ],
    [
      'a program that is not there',
      '{ command: [no-such-program] }',
      'c.yaml:1:45: w: password is to come from the program no-such-program, which was not found',
    ],
    [
      'a program that fails',
      '{ command: [sh, -c, "echo canary; exit 3"] }',
      'c.yaml:1:45: w: password is to come from the program sh, which ended with status 3',
    ],
  ])('%s is an error with its place and without its words', async (_, source, message) => {
    const problem = await resolve('w', { yaml: `hosts: { w: { host: x, password: ${source} } }` }).catch(
      (error: unknown) => error,
    )
    expect(problem).toMatchObject({ code: 'XEC_CONFIG', message })
  })
})
