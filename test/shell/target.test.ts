import { randomBytes } from 'node:crypto'
import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { keyOf } from '../../src/pool/identity.js'
import { Secret } from '../../src/runtime/secret.js'
import { resolveTarget, type SshTarget } from '../../src/shell/target.js'

const of = (target: SshTarget): ReturnType<typeof resolveTarget>['target'] => resolveTarget(target).target

describe('what $.ssh takes', () => {
  test.each([
    ['web1', ['web1', 22, userInfo().username]],
    ['deploy@web1:2222', ['web1', 2222, 'deploy']],
    ['a@b@web1', ['web1', 22, 'a@b']],
    ['deploy@[::1]:2222', ['::1', 2222, 'deploy']],
    ['::1', ['::1', 22, userInfo().username]],
    ['ssh://deploy@web1:22/', ['web1', 22, 'deploy']],
    ['ssh://u%40corp@web1', ['web1', 22, 'u@corp']],
    ['u%40corp@web1', ['web1', 22, 'u%40corp']],
  ])('%s', (text, expected) => {
    const { address, port, username } = of(text)
    expect([address, port, username]).toEqual(expected)
  })

  test('an address in brackets is dialled without them', () => {
    expect(of({ host: '[::1]', port: 2222 })).toMatchObject({ host: '::1', address: '::1', port: 2222 })
  })

  test("credentials default as OpenSSH's do", () => {
    const { credentials, hostKeys, connectTimeoutMs, jump } = of({
      host: 'web1',
      username: undefined,
      privateKey: undefined,
    })
    expect(credentials.keys.map(({ from, optional }) => [from, optional])).toContainEqual([
      { path: join(homedir(), '.ssh', 'id_ed25519') },
      true,
    ])
    expect(credentials).toMatchObject({
      agent: process.env['SSH_AUTH_SOCK'] ?? null,
      identitiesOnly: false,
      password: null,
    })
    expect(hostKeys).toMatchObject({ mode: 'accept-new', alias: null })
    expect(hostKeys.userFiles[0]).toBe(join(homedir(), '.ssh', 'known_hosts'))
    expect([connectTimeoutMs, jump]).toEqual([15_000, null])
  })

  test('a key is a path, its text or its bytes', () => {
    const pem = '-----BEGIN OPENSSH PRIVATE KEY-----\nx\n'
    const key = (privateKey: string | Uint8Array | Secret): unknown =>
      of({ host: 'web1', privateKey }).credentials.keys[0]
    expect(key('~/.ssh/id_rsa')).toMatchObject({ from: { path: join(homedir(), '.ssh/id_rsa') }, optional: false })
    for (const text of [pem, Buffer.from(pem), new Uint8Array(Buffer.from(pem)), new Secret(pem)]) {
      const given = key(text) as { origin: string; from: { text: Secret } }
      expect([given.origin, given.from.text.reveal()]).toEqual(['the privateKey of web1', pem])
      expect(JSON.stringify(given)).not.toContain('BEGIN')
    }
  })

  test("what is no key's text, path or bytes is refused without being repeated", () => {
    const body = randomBytes(2_000).toString('base64')
    const torn =
      "web1: privateKey looks like a key's text that lacks its -----BEGIN … PRIVATE KEY----- line; give the whole text, as it stands in the file, or the file's path"
    for (const privateKey of [
      body,
      `b3BlbnNzaC1rZXktdjEA${body.slice(0, 20)}`,
      `MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj${body.slice(0, 40).replaceAll('=', 'A')}`,
    ]) {
      expect(() => of({ host: 'web1', privateKey })).toThrow(
        expect.objectContaining({ code: 'XEC_CONFIG', message: torn }) as Error,
      )
    }
    const secret = of({ host: 'web1', privateKey: new Secret(body) }).credentials.keys[0]
    expect(JSON.stringify(secret)).not.toContain(body)
    expect(() => of({ host: 'web1', privateKey: 5 as never })).toThrow(
      "web1: privateKey must be a path, a key's text or its bytes, not 5",
    )
    expect(() => of({ host: 'web1', privateKey: '' })).toThrow('web1: privateKey is empty')
    const path = '/home/deploy/keys/Production2024/id_ed25519'
    expect(of({ host: 'web1', privateKey: path }).credentials.keys[0]).toMatchObject({ origin: path })
  })

  test.each([
    'ssh://user:hunter2@web1',
    'user:hunter2@web1',
    'ssh://user%3Ahunter2@web1:22/',
    'ssh://user:hun@ter2@web1',
    { host: 'ssh://user:hunter2@web1' },
    { host: 'user:hunter2@web1' },
    { host: 'web2', proxyJump: 'user:hunter2@web1' },
  ])('a password in an address is refused without being repeated: %j', (given) => {
    expect(() => of(given)).toThrow(
      expect.objectContaining({
        code: 'XEC_CONFIG',
        message: expect.stringMatching(
          /^the address of web1(:22)? has a password in it, which is not taken from there: others could read it\. Write user@host; the password goes into the host's `password`, or better, use a key$/,
        ) as string,
      }) as Error,
    )
  })

  test('hops, policies and limits', () => {
    const target = of({
      host: 'db',
      proxyJump: 'ops@bastion:2200,inner',
      strictHostKeyChecking: 'yes',
      userKnownHostsFile: ['~/kh', '/b'],
      connectTimeout: 3_000,
      serverAliveInterval: '5s',
      pool: { maxConnectionsPerHost: 1, idleTimeout: undefined },
    })
    expect(target).toMatchObject({
      connectTimeoutMs: 3_000,
      hostKeys: { mode: 'strict', userFiles: [join(homedir(), 'kh'), '/b'] },
      pool: { maxConnectionsPerHost: 1, keepAliveInterval: 5_000 },
      jump: { address: 'inner', jump: { address: 'bastion', port: 2200, username: 'ops', jump: null } },
    })
    expect(of({ host: 'db', proxyJump: { host: 'bastion', password: 'x' } }).jump?.credentials.password?.reveal()).toBe(
      'x',
    )
  })

  test('two targets that say the same share a key; other credentials never do', () => {
    const [one, two] = [
      of({ host: 'web1', username: 'u', password: 'p' }),
      of({ host: 'web1', username: 'u', password: 'p', port: 22 }),
    ]
    expect(keyOf(one)).toBe(keyOf(two))
    expect(keyOf(of({ host: 'web1', username: 'u', password: 'q' }))).not.toBe(keyOf(one))
    expect(Object.isFrozen(one)).toBe(true)
  })

  test.each<[unknown, string]>([
    ['', '"" is not [user@]host[:port]'],
    [
      { host: 'web1', privateKey: '~nobody-here/k' },
      'web1: ~nobody-here/k uses ~nobody-here: only your own home directory can be written with ~',
    ],
    ['web1:99999', '"web1:99999" is not [user@]host[:port]'],
    [{ host: '-oProxyCommand=x' }, '"-oProxyCommand=x" is not a host'],
    [
      'ssh://deploy@web1/srv/app',
      '"web1/srv/app" is more than a host: an address ends with its port, as in ssh://user@host:22; a directory goes into the command, or is its cwd',
    ],
    [
      { host: 'deploy@web1' },
      'host is a name or an address alone, not "deploy@web1"; write { host: web1, username: deploy }',
    ],
    [{ host: 'web1:22' }, 'host is a name or an address alone, not "web1:22"; write { host: web1, port: 22 }'],
    [{ host: 'ssh://web1' }, 'host is a name or an address alone, not "ssh://web1"; write { host: web1 }'],
    [{ host: '[::1]:22' }, 'host is a name or an address alone, not "[::1]:22"; write { host: ::1, port: 22 }'],
    [{ host: 5 }, '5 is not a host'],
    [{ host: 'web1', port: 0 }, 'web1: port must be a whole number from 1 to 65535, not 0'],
    [{ host: 'web1', usrname: 'x' }, 'web1: unknown key usrname; did you mean username?'],
    [
      { host: 'web1', connectTimeout: '10' },
      `web1: connectTimeout must be milliseconds, or a text such as '15s' or '500ms', not "10"`,
    ],
    [{ host: 'web1', connectTimeout: -1 }, 'web1: connectTimeout must be milliseconds'],
    [
      { host: 'web1', port: '22' },
      'web1: port must be a whole number from 1 to 65535, not the text "22"; write port: 22',
    ],
    [{ hostname: 'web1' }, 'unknown key hostname; did you mean host?'],
    [{ host: 'web1', readyTimeout: 9 }, 'web1: unknown key readyTimeout; did you mean connectTimeout?'],
    [{ host: 'web1', keepaliveInterval: 9 }, 'web1: unknown key keepaliveInterval; did you mean serverAliveInterval?'],
    [
      { host: 'web1', pool: { maxConectionsPerHost: 1 } },
      'web1: unknown pool option maxConectionsPerHost; did you mean maxConnectionsPerHost?',
    ],
    [
      { host: 'web1', strictHostKeyChecking: 'maybe' },
      'web1: strictHostKeyChecking must be yes, accept-new, ask or no, not "maybe"',
    ],
    [{ host: 'web1', pool: { maxConnections: 5 } }, 'web1: pool.maxConnections is not an option that a host can have'],
    [
      { host: 'web1', pool: { maxConnectionsPerHost: 0 } },
      'web1: pool.maxConnectionsPerHost must be at least 1, not 0',
    ],
  ])('%j is refused in words', (given, message) => {
    expect(() => of(given as SshTarget)).toThrow(message)
  })
})
