/** Match beyond what the installed ssh knows: criteria of OpenSSH 10, whose programs are run, and how often. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseSshConfig } from '../../src/openssh/config-blocks.js'
import { MatchCommands } from '../../src/openssh/match-exec.js'
import { loadSshConfig } from '../../src/openssh/ssh-config-load.js'
import { sshConfig, type SshAnswer } from '../../src/openssh/ssh-config.js'
import type { Surroundings } from '../../src/openssh/tokens.js'
import { FakeClock } from '../transport/fake-clock.js'

const around: Surroundings = {
  home: '/home/me',
  env: {},
  localUser: 'me',
  localHost: 'here.example',
  uid: 1000,
  localAddresses: () => ['127.0.0.1', '192.0.2.17', '2001:db8::17'],
}
const portOf = (match: string, tag = ''): number | undefined =>
  sshConfig([parseSshConfig(`${tag}\nMatch ${match}\n Port 7`, 'config')], around).resolve('a').options.port

describe('criteria of OpenSSH 10', () => {
  test.each([
    ['localnetwork 192.0.2.0/24', true],
    ['localnetwork 198.51.100.0/24,2001:db8::/32', true],
    ['localnetwork 198.51.100.0/24', false],
    ['!localnetwork 192.0.2.17', false],
    ['sessiontype exec', true],
    ['sessiontype shell,subsystem', false],
  ])('%s: %s', (match, met) => expect(portOf(match)).toBe(met ? 7 : undefined))

  test('tagged is about Tag, or about its absence', () => {
    expect(portOf('tagged w*', 'Tag work')).toBe(7)
    expect(portOf('tagged w*', 'Tag home')).toBe(undefined)
    expect(portOf('tagged w*')).toBe(undefined)
    expect(portOf('tagged ""')).toBe(7)
    expect(portOf('tagged ""', 'Tag work')).toBe(undefined)
  })

  test('a network that is none is refused with its place', () => {
    expect(() => portOf('localnetwork 192.0.2.0/33')).toThrow(
      'config:2: Match localnetwork takes networks such as 192.0.2.0/24, not 192.0.2.0/33',
    )
  })
})

describe('Match exec', () => {
  let dir: string
  beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'xec-match-exec-'))))
  afterEach(() => rmSync(dir, { recursive: true, force: true }))
  const path = (name: string): string => join(dir, name)
  const env = { SHELL: '/bin/sh' }
  const ask = async (text: string, host: string, more: { mode?: number; given?: object } = {}): Promise<SshAnswer> => {
    writeFileSync(path('config'), text)
    chmodSync(path('config'), more.mode ?? 0o644)
    return new MatchCommands(env).resolve(
      await loadSshConfig({ home: dir, env, file: path('config') }),
      host,
      more.given ?? {},
    )
  }

  test('runs each command line once, and only when what stands before it is met', async () => {
    writeFileSync(
      path('config'),
      `Match exec "echo one >>${path('ran')}"\n Port 7\nMatch host b exec "echo %h >>${path('ran')}"\n User x\nMatch final`,
    )
    const ssh = await loadSshConfig({ home: dir, env, file: path('config') })
    const commands = new MatchCommands(env)
    expect((await commands.resolve(ssh, 'a', {})).options).toEqual({ port: 7 })
    expect((await commands.resolve(ssh, 'b', {})).options).toEqual({ port: 7, user: 'x' })
    expect((await commands.resolve(ssh, 'b', {})).options).toEqual({ port: 7, user: 'x' })
    expect(readFileSync(path('ran'), 'utf8')).toBe('one\nb\n')
  })

  test.each([0o664, 0o646])('runs nothing from a file that others may write to (mode %o)', async (mode) => {
    await expect(ask(`Match host a exec "touch ${path('ran')}"`, 'a', { mode })).rejects.toThrow(
      `${path('config')}:1: Match exec is not run from this file: others may write to it (mode 0${mode.toString(8)}); try: chmod go-w ${path('config')}`,
    )
    expect((await ask(`Match host a exec "touch ${path('ran')}"\n Port 7`, 'b', { mode })).options).toEqual({})
    expect(() => readFileSync(path('ran'))).toThrow(/ENOENT/)
  })

  test('a host or a user never becomes code', async () => {
    const text = `Match exec "test '%h' = x -o %r = y"`
    for (const [host, user] of [
      [`a';touch ${path('ran')};'`, 'me'],
      ['a', `$(touch ${path('ran')})`],
      ['a', 'x y'],
    ] as const)
      await expect(ask(text, host, { given: { user } })).rejects.toThrow(
        /Match exec uses %[hr], and .* a shell could read/,
      )
    expect(() => readFileSync(path('ran'))).toThrow(/ENOENT/)
  })

  test('one that does not end is ended after 30 seconds', async () => {
    const clock = new FakeClock()
    writeFileSync(path('config'), 'Match exec "exec sleep 600"\n Port 7')
    const ssh = await loadSshConfig({ home: dir, env, file: path('config') })
    const asked = new MatchCommands(env, clock).resolve(ssh, 'a', {})
    const failed = expect(asked).rejects.toThrow(/config:1: the command of Match exec did not end within 30s$/)
    clock.advance(30_000)
    await failed
  })

  test('a shell that is not there is said', async () => {
    writeFileSync(path('config'), 'Match exec true')
    const ssh = await loadSshConfig({ home: dir, env, file: path('config') })
    await expect(new MatchCommands({ SHELL: '/no/shell' }).resolve(ssh, 'a', {})).rejects.toThrow(
      /Match exec is run by \/no\/shell, the shell of \$SHELL, which cannot be run \(ENOENT\)$/,
    )
  })
})
