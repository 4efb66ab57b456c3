/** Match, and the ways to a host, with ssh itself as the oracle: `ssh -G` must say the same. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { MatchCommands } from '../../src/openssh/match-exec.js'
import { loadSshConfig } from '../../src/openssh/ssh-config-load.js'
import { cases, oracleSeed } from '../support/scale.js'
import { isInstalled } from './programs.js'

const dir = mkdtempSync(join(tmpdir(), 'xec-match-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const file = join(dir, 'config')
const { homedir: home, username } = userInfo()
const env = { ...process.env, SHELL: '/bin/sh' }

interface Answer {
  readonly hostname: string
  readonly user: string
  readonly port: string
  readonly proxyjump: string | undefined
  readonly proxycommand: string | undefined
}

function askSsh(text: string, host: string): Answer | null {
  writeFileSync(file, text)
  const { status, stdout } = spawnSync('ssh', ['-G', '-F', file, host], { encoding: 'utf8', env })
  if (status !== 0) return null
  const said = new Map(stdout.split('\n').map((line) => [line.split(' ', 1)[0], line.slice(line.indexOf(' ') + 1)]))
  return {
    hostname: said.get('hostname') ?? '',
    user: said.get('user') ?? '',
    port: said.get('port') ?? '',
    proxyjump: said.get('proxyjump'),
    proxycommand: said.get('proxycommand'),
  }
}

async function askXec(text: string, host: string): Promise<Answer | null> {
  writeFileSync(file, text)
  try {
    const ssh = await loadSshConfig({ home, env, file })
    const { options } = await new MatchCommands(env).resolve(ssh, host, {})
    const set = (value: string | undefined): string | undefined => (value === 'none' ? undefined : value)
    return {
      hostname: options.hostName ?? host.toLowerCase(),
      user: options.user ?? username,
      port: String(options.port ?? 22),
      proxyjump: set(options.proxyJump),
      proxycommand: set(options.proxyCommand),
    }
  } catch (error) {
    expect(error).toMatchObject({ code: 'XEC_CONFIG' })
    return null
  }
}

async function compare(text: string, host = 'a'): Promise<void> {
  expect(await askXec(text, host), `${host} in:\n${text}`).toEqual(askSsh(text, host))
}

describe.skipIf(!isInstalled('ssh'))('xec agrees with ssh -G', () => {
  test.each([
    'Match host = a\n Port 7',
    'Match host =a\n Port 7',
    'Match host= a\n Port 7',
    'Match = host a\n Port 7',
    'Match host=a user = root\n Port 7',
    'Match exec = "true" host=a\n Port 7',
    'Match exec="test x = x"\n Port 7',
    'Match exec "test x = y"\n Port 7',
    'Match !exec "test x = y"\n Port 7',
    'Match exec true # comment\n Port 7',
    'Match exec "exit 3"\n Port 7',
    'Match exec "kill -9 $$"\n Port 7',
    'Match exec "no-such-program-here 2>/dev/null"\n Port 7',
    'Match exec "test %h = a"\n Port 7',
    'HostName b.%h\nUser u\nPort 9\nMatch exec "test %h:%n:%p:%r:%% = b.a:a:9:u:%"\n User x\n IdentityFile /x\nMatch all\n ProxyJump j',
    'HostKeyAlias q\nMatch exec "test %k = q"\n Port 7',
    'Match exec "test %k = a"\n Port 7',
    'Match exec "test %u:%i:%d = $(id -un):$(id -u):$HOME"\n Port 7',
    'Match exec "test %l.%L = $(hostname).$(hostname | cut -d. -f1)"\n Port 7',
    'Match exec "test %C = $(printf %%s $(hostname)a22$(id -un) | sha1sum | cut -c-40)"\n Port 7',
    'Match exec "echo %z"\n Port 7',
    'Match exec\n Port 7',
    'Match exec ""\n Port 7',
    `Match host b exec "touch ${dir}/never"\n Port 7`,
    'Match exec "test %h = x"\n Port 7\nMatch final\nMatch all\n HostName x',
    'Match !all\n Port 7',
    'Match !exec false !all\n Port 7',
    'Match host a all\n Port 7',
    'Match host a host a all\n Port 7',
    'Match',
    'Match host ""\n Port 7',
    'Host x\n Port 9\nMatch final\n User u\nHost *\n HostName x',
    'Host X\n Port 9\nMatch final\n User u\nHost *\n HostName x',
    'Host a\n Port 9\nMatch final\n User u\nHost *\n HostName x',
    'HostName x\nMatch final\n HostName y\n User f\nMatch all\nHost x\n Port 9\nHost a\n Port 10',
    'Match final\n HostName y',
    'Match final\n HostName y\nMatch host y\n Port 8',
    'HostName %h.lan\nMatch final originalhost a host a.lan\n Port 8',
    'Host a.lan\n User inner\nMatch all\n HostName %h.lan\nMatch final\n Port 3',
    'ProxyCommand nc %h %p',
    'ProxyCommand == nc  "a b" # x',
    'ProxyCommand nc "a',
    "ProxyCommand nc # don't",
    'ProxyCommand nc ""',
    'ProxyCommand none\nProxyCommand x',
    'ProxyCommand NONE\nProxyJump b',
    'ProxyCommand "none"',
    'ProxyCommand none # really',
    'ProxyCommand',
    'ProxyCommand x\nProxyJump b',
    'ProxyCommand x\nProxyCommand y',
    'ProxyJump b\nProxyCommand x',
    'ProxyJump none\nProxyCommand x',
    'ProxyJump none\nProxyJump b\nProxyCommand x',
    'ProxyJump none\nProxyCommand none\nProxyJump b',
    'ProxyJump NONE\nProxyCommand x',
    'Host b\n ProxyCommand x\nHost *\n ProxyJump none\nMatch host a\n ProxyCommand "y z"',
  ])('%j', async (text) => {
    for (const host of ['a', 'A']) await compare(text, host)
  })

  test('on files made of chance', async () => {
    const pick = (...values: string[]): fc.Arbitrary<string> => fc.constantFrom(...values)
    const criterion = fc.oneof(
      pick('host', 'originalhost', '!host', 'HOST').chain((name) =>
        pick('a', 'a*', '!a,*', 'x', 'x,b*', '?').map((value) => `${name} ${value}`),
      ),
      pick('user u', 'user=v', `localuser ${username}`, '!user u', 'final', '!final', 'canonical'),
      pick('exec true', '!exec false', 'exec "test %h = x"', 'exec="test %r = u"', 'exec = "test %n%p = a22"'),
    )
    const line = fc.oneof(
      fc.array(criterion, { minLength: 1, maxLength: 3 }).map((all) => `Match ${all.join(' ')}`),
      pick('Match all', 'Host *', 'Host x', 'Host a b', 'Host !x *', 'Host x y*'),
      pick('HostName x', 'HostName %h', 'User u', 'User v', 'Port 7', 'Port 22'),
      pick('ProxyJump jump', 'ProxyJump none', 'ProxyCommand x %h', 'ProxyCommand none', 'ProxyCommand = y "q"'),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 12 }), pick('a', 'b', 'x', 'y1'), (lines, host) =>
        compare(lines.join('\n'), host),
      ),
      { numRuns: cases(300), seed: oracleSeed('match') },
    )
  })
})
