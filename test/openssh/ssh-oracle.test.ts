/** ssh itself as the oracle: `ssh -G -F file host` prints what it would do, and the resolver must agree. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { loadSshConfig } from '../../src/openssh/ssh-config-load.js'
import { isInstalled } from './programs.js'

const dir = mkdtempSync(join(tmpdir(), 'xec-ssh-g-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const file = join(dir, 'config')
const { homedir: home, username } = userInfo()

interface Answer {
  hostname: string
  user: string
  port: string
  identityfile: string[]
  identitiesonly: string
  identityagent: string | undefined
  proxyjump: string | undefined
  userknownhostsfile: string
  globalknownhostsfile: string
  stricthostkeychecking: string
  hostkeyalias: string | undefined
  connecttimeout: string
  serveraliveinterval: string
  serveralivecountmax: string
}

/** What ssh says, or null when it refuses the file. */
function askSsh(text: string, host: string): Answer | null {
  writeFileSync(file, text)
  const { status, stdout } = spawnSync('ssh', ['-G', '-F', file, host], { encoding: 'utf8' })
  if (status !== 0) return null
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)] as const)
  const one = (key: string): string | undefined => lines.find(([name]) => name === key)?.[1]
  return {
    hostname: one('hostname') ?? '',
    user: one('user') ?? '',
    port: one('port') ?? '',
    // ssh keeps "none" in the list and passes over it; the resolver leaves it out.
    identityfile: lines
      .filter(([key, value]) => key === 'identityfile' && value !== 'none')
      .map(([, value]) => value.replace(/^~\//, `${home}/`)),
    identitiesonly: one('identitiesonly') ?? '',
    identityagent: one('identityagent'),
    proxyjump: one('proxyjump'),
    userknownhostsfile: one('userknownhostsfile') ?? '',
    globalknownhostsfile: one('globalknownhostsfile') ?? '',
    stricthostkeychecking: one('stricthostkeychecking') ?? '',
    hostkeyalias: one('hostkeyalias'),
    connecttimeout: one('connecttimeout') ?? '',
    serveraliveinterval: one('serveraliveinterval') ?? '',
    serveralivecountmax: one('serveralivecountmax') ?? '',
  }
}

/** The same from the resolver, with ssh's defaults where nothing is said. */
async function askXec(text: string, host: string, defaults: Answer): Promise<Answer | null> {
  writeFileSync(file, text)
  try {
    const { options } = (await loadSshConfig({ home, env: process.env, file })).resolve(host)
    const list = (files: readonly string[] | undefined, otherwise: string): string =>
      files === undefined ? otherwise : files.length === 0 ? 'none' : files.join(' ')
    return {
      hostname: options.hostName ?? host.toLowerCase(),
      user: options.user ?? username,
      port: String(options.port ?? 22),
      identityfile: [...(options.identityFiles ?? defaults.identityfile)],
      identitiesonly: options.identitiesOnly ? 'yes' : 'no',
      identityagent: options.identityAgent,
      proxyjump: options.proxyJump === 'none' ? undefined : options.proxyJump,
      userknownhostsfile: list(options.userKnownHostsFiles, defaults.userknownhostsfile),
      globalknownhostsfile: list(options.globalKnownHostsFiles, defaults.globalknownhostsfile),
      stricthostkeychecking: { strict: 'true', 'accept-new': 'accept-new', ask: 'ask' }[
        options.strictHostKeyChecking ?? 'ask'
      ],
      hostkeyalias: options.hostKeyAlias,
      connecttimeout: options.connectTimeoutMs === undefined ? 'none' : String(options.connectTimeoutMs / 1_000),
      serveraliveinterval: String((options.serverAliveIntervalMs ?? 0) / 1_000),
      serveralivecountmax: String(options.serverAliveCountMax ?? 3),
    }
  } catch (error) {
    expect(error).toMatchObject({ code: 'XEC_CONFIG' })
    return null
  }
}

async function compare(text: string, host: string): Promise<void> {
  const defaults = askSsh('', host)
  if (!defaults) throw new Error('ssh -G refuses an empty file')
  expect(await askXec(text, host, defaults), `${host} in:\n${text}`).toEqual(askSsh(text, host))
}

describe.skipIf(!isInstalled('ssh'))('the resolver agrees with ssh -G', () => {
  test.each([
    '',
    'User ops\nUser late',
    'User=ops',
    'User = ops',
    'User == ops',
    'User = = ops',
    'uSER ops',
    '"User" ops',
    'User "a b"',
    "User 'a b'",
    'User a\\ b',
    'User a"b"c',
    'User a\\"b',
    'User "a',
    'User',
    'User # x',
    'User a # b',
    'User a b',
    '\tUser\tops  \r\nPort\t23\r\n',
    '# c\n\n  # d\nUser ops',
    'User o#ps',
    'Host a\n User x\nHost *\n User y\n Port 3',
    'Host !a *\n User x',
    'Host * !a\n User x',
    'Host !b\n User x',
    'Host A\n User x',
    'Host a,b\n User x',
    'Host "a" b\n User x',
    'Host ?\n User x',
    'Host b a?\n User x',
    'Host=a\n User x',
    'Host',
    'Host ""',
    'Match host A,b\n User x\nMatch !host b\n Port 9',
    'HostName x.%h\nMatch host x.*\n User m\nMatch host a,b\n Port 3',
    'HostName x\nMatch originalhost a\n User m',
    'Match host=a user=u\n Port 4',
    'User u\nMatch user u\n Port 4\nMatch user v\n Port 5',
    `Match localuser ${username} host a\n Port 6`,
    'Match localuser nobody-at-all\n Port 6',
    'Match host a,!b originalhost *\n IdentityFile /m',
    'IdentityFile /1\nMatch final\n User f\n IdentityFile /2\nMatch all\n IdentityFile /3',
    'Match canonical\n Port 3\nMatch final all\n Port 4',
    'Match canonical\n Port 3',
    'Match !final\n Port 5\nMatch !canonical\n User n',
    'Match final host x\n Port 7\nMatch all\n HostName x',
    'Match host x\n Port 7\nHostName x',
    'Match host',
    'Match all host a',
    'Match host a all',
    'Match canonical all\n Port 1',
    'Match user "u v"\n Port 2',
    'Match all\n User x',
    'Match ALL\nUser x',
    'Host b\nMatch all\n User x',
    'Host a\n Port 9\nMatch all # c\n User x',
    'HostName %h.Example.COM',
    'HostName x%%y',
    'HostName %n',
    'HostName 10.0.0.1',
    'HostName ""',
    'HostName FE80::1',
    'Port 65535',
    'Port 0',
    'Port 65536',
    'Port 22x',
    'Port 0x16',
    'Host b\n Port x',
    'IdentityFile /a\nIdentityFile /b\nIdentityFile /a',
    'IdentityFile none',
    'IdentityFile ~/x',
    'IdentityFile /a /b',
    'IdentityFile "/a b"',
    'IdentitiesOnly yes\nIdentitiesOnly no',
    'IdentitiesOnly TRUE',
    'IdentitiesOnly 1',
    'IdentityAgent none',
    'IdentityAgent SSH_AUTH_SOCK',
    'IdentityAgent /run/a',
    'IdentityAgent',
    'ProxyJump b',
    'ProxyJump u@b:2222,c',
    'ProxyJump none',
    'ProxyJump none\nProxyJump b',
    'ProxyJump b # c',
    'ProxyJump a, b',
    'ProxyJump [::1]:22',
    'ProxyCommand none\nProxyJump b',
    'ProxyCommand x\nProxyJump b',
    'ProxyJump b\nProxyCommand x',
    'UserKnownHostsFile /a /b\nUserKnownHostsFile /c',
    'UserKnownHostsFile none',
    'UserKnownHostsFile /a none',
    'UserKnownHostsFile ~/%h-%p-%r-%n-%u-%%',
    'UserKnownHostsFile %d/x',
    'GlobalKnownHostsFile /g /h',
    'GlobalKnownHostsFile none',
    'HostName %h.lan\nUser deploy\nPort 99\nUserKnownHostsFile /%h/%n/%p/%r/%k',
    'HostKeyAlias Foo\nUserKnownHostsFile /%k',
    'UserKnownHostsFile ${HOME}/x',
    'UserKnownHostsFile ${XEC_NOT_SET}/x',
    'UserKnownHostsFile /%z',
    'StrictHostKeyChecking yes',
    'StrictHostKeyChecking true',
    'StrictHostKeyChecking ask',
    'StrictHostKeyChecking accept-new',
    'StrictHostKeyChecking maybe',
    'HostKeyAlias Foo',
    'HostKeyAlias %h',
    'ConnectTimeout 5',
    'ConnectTimeout 1m30s',
    'ConnectTimeout 1h',
    'ConnectTimeout none',
    'ServerAliveInterval none\nServerAliveInterval 4',
    'ConnectTimeout x',
    'ConnectTimeout -1',
    'ServerAliveInterval 1m',
    'ServerAliveInterval 15\nServerAliveCountMax 2',
    'ServerAliveCountMax x',
    'ForwardAgent yes\nSendEnv LANG LC_*\nCompression yes\nUser x',
    `Include ${dir}/nothing*\nUser x`,
    'Include',
    'IgnoreUnknown Foo*\nFooBar x\nUser x',
  ])('%j', async (text) => {
    await compare(text, 'a')
  })

  test('inside and after an Include within a Host block', async () => {
    writeFileSync(
      join(dir, 'inner1'),
      'IdentityFile /i1\nHost web* db1\n Port 4\n User inner\nHost db?\n ServerAliveInterval 9\n',
      { mode: 0o600 },
    )
    writeFileSync(join(dir, 'inner2'), 'Match all\n HostName inner2\n', { mode: 0o600 })
    const text = `Host web* !web3\n Include ${dir}/inner*\n ConnectTimeout 6\nHost *\n Port 5\n Include "${dir}/inner1"\n IdentityFile /end`
    for (const host of ['web1', 'web3', 'db1', 'db2', 'other', 'WEB1']) await compare(text, host)
  })

  test('on files made of chance', async () => {
    const pick = (...values: string[]): fc.Arbitrary<string> => fc.constantFrom(...values)
    const line = fc.oneof(
      fc
        .array(pick('a', 'ab', 'a*', '*', '?b', '!a', '!b*', 'b', '"a"'), { minLength: 1, maxLength: 3 })
        .map((patterns) => `Host ${patterns.join(' ')}`),
      pick('Match all', '# note', ''),
      fc.tuple(pick('User', 'user =', 'USER='), pick('x', 'y', '"z z"', 'w # c')).map((parts) => ` ${parts.join(' ')}`),
      pick('1', '22', '2200').map((port) => `Port ${port}`),
      pick('%h.lan', 'Ten', '10.1.2.3').map((name) => `\tHostName ${name}`),
      pick('/i', '/j', '~/k', 'none').map((path) => `IdentityFile ${path}`),
      pick('yes', 'no').map((flag) => `IdentitiesOnly ${flag}`),
      pick('j', 'k,l', 'none').map((hop) => `ProxyJump ${hop}`),
      pick('none', 'nc').map((command) => `ProxyCommand ${command}`),
      pick('/u /v', '/%n', 'none').map((files) => `UserKnownHostsFile ${files}`),
      pick('yes', 'ask', 'accept-new').map((mode) => `StrictHostKeyChecking ${mode}`),
      pick('3', '1m', 'none').map((time) => `ConnectTimeout ${time}`),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 14 }), pick('a', 'ab', 'b', 'bb', 'zz'), async (lines, host) => {
        await compare(lines.join('\n'), host)
      }),
      { numRuns: 100 },
    )
  })
})
