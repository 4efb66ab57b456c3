import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadSshConfig } from '../../src/openssh/ssh-config-load.js'
import type { SshConfig, SshHostOptions } from '../../src/openssh/ssh-config.js'

let home: string
let systemFile: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'xec-ssh-config-'))
  systemFile = join(home, 'etc', 'ssh_config')
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

/** Writes a file below the home directory. */
function write(path: string, text: string, mode = 0o600): string {
  const file = join(home, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  chmodSync(file, mode)
  return file
}
const load = (options: { file?: string; env?: Record<string, string> } = {}): Promise<SshConfig> =>
  loadSshConfig({ home, env: options.env ?? {}, file: options.file, systemFile })
const resolve = async (name: string, options?: Parameters<typeof load>[0]): Promise<SshHostOptions> =>
  (await load(options)).resolve(name).options

describe('files', () => {
  test("the user's comes before the system's, and both may be missing", async () => {
    expect(await resolve('a')).toEqual({})
    write('etc/ssh_config', 'User system\nPort 7')
    expect(await resolve('a')).toEqual({ user: 'system', port: 7 })
    write('.ssh/config', 'User me')
    expect(await resolve('a')).toEqual({ user: 'me', port: 7 })
  })

  test('a named file stands alone, wherever it is and whoever may write to it', async () => {
    write('.ssh/config', 'User me')
    write('etc/ssh_config', 'Port 7')
    const file = write('other', 'HostName h', 0o666)
    expect(await resolve('a', { file })).toEqual({ hostName: 'h' })
    expect(await resolve('a', { file: '~/other' })).toEqual({ hostName: 'h' })
  })

  test('none is no file at all', async () => {
    write('.ssh/config', 'User me')
    write('etc/ssh_config', 'Port 7')
    expect(await resolve('a', { file: 'none' })).toEqual({})
  })

  test('a named file that is missing, or a directory, is an error', async () => {
    await expect(load({ file: join(home, 'nothing') })).rejects.toMatchObject({
      code: 'XEC_CONFIG',
      message: expect.stringContaining(`cannot read the ssh configuration ${join(home, 'nothing')}: ENOENT`),
    })
    await expect(load({ file: home })).rejects.toMatchObject({
      code: 'XEC_CONFIG',
      message: expect.stringContaining('it is a directory'),
    })
  })

  test('a default file that cannot be read is left out, and said to be', async () => {
    mkdirSync(join(home, '.ssh', 'config'), { recursive: true, mode: 0o700 })
    const { options, warnings } = (await load()).resolve('a')
    expect(options).toEqual({})
    expect(warnings).toEqual([expect.stringMatching(/\/\.ssh\/config is left out: it is a directory/)])
  })

  test('a user file that others may write to is refused, as ssh refuses it', async () => {
    const file = write('.ssh/config', 'User me', 0o664)
    await expect(load()).rejects.toThrow(
      `bad owner or permissions on ${file}: others may write to it (mode 0664); try: chmod go-w ${file}`,
    )
    chmodSync(file, 0o644)
    expect(await resolve('a')).toEqual({ user: 'me' })
  })

  test.skipIf(process.getuid?.() !== 0)('a user file of somebody else is refused', async () => {
    const file = write('.ssh/config', 'User me')
    chownSync(file, 12_345, 12_345)
    await expect(load()).rejects.toThrow(`bad owner or permissions on ${file}: it belongs to user 12345`)
  })

  test('a bad line is named with its file and line', async () => {
    const file = write('.ssh/config', 'User me\nPort x')
    await expect(load()).rejects.toMatchObject({
      code: 'XEC_CONFIG',
      message: `${file}:2: Port takes a port number from 1 to 65535, not x`,
    })
  })

  test('a file of six megabytes is refused', async () => {
    const file = write('.ssh/config', '#'.repeat(6_000_000))
    await expect(load()).rejects.toThrow(
      `cannot read the ssh configuration ${file}: it is larger than 5 MB, which is the most that is read`,
    )
  })

  test('nothing in a file is executed', async () => {
    const mark = join(home, 'ran')
    write(
      '.ssh/config',
      `Match exec "touch ${mark}"\n Port 3\nMatch all\nProxyCommand touch ${mark}\nKnownHostsCommand /usr/bin/touch ${mark}\nLocalCommand touch ${mark}\nPermitLocalCommand yes`,
    )
    expect(await resolve('a')).toEqual({})
    expect(existsSync(mark)).toBe(false)
  })
})

describe('Include', () => {
  test('is relative to ~/.ssh for the user and to its own directory for the system', async () => {
    write('.ssh/config', 'Include more')
    write('.ssh/more', 'User me')
    write('etc/ssh_config', 'Include ssh_config.d/*.conf')
    write('etc/ssh_config.d/10.conf', 'Port 10')
    expect(await resolve('a')).toEqual({ user: 'me', port: 10 })
  })

  test('takes globs in sorted order, several words, ~, variables and absolute paths', async () => {
    write('.ssh/conf.d/b.conf', 'IdentityFile /b')
    write('.ssh/conf.d/a.conf', 'IdentityFile /a')
    write('.ssh/conf.d/.hidden.conf', 'IdentityFile /hidden')
    write('.ssh/conf.d/c.txt', 'IdentityFile /c')
    write('.ssh/x1', 'IdentityFile /x1')
    write('.ssh/x2', 'IdentityFile /x2')
    write('.ssh/x3', 'IdentityFile /x3')
    write('deep/one/k', 'IdentityFile /one')
    write('deep/two/k', 'IdentityFile /two')
    write('.ssh/config', `Include conf.d/*.conf ~/.ssh/x[12]\nInclude "x[!1-2]" x? \${DEEP}/*/k nothing* nothing`)
    expect((await resolve('a', { env: { DEEP: join(home, 'deep') } })).identityFiles).toEqual([
      '/a',
      '/b',
      '/x1',
      '/x2',
      '/x3',
      '/one',
      '/two',
    ])
  })

  test('takes a range that runs backwards for an empty one', async () => {
    write('.ssh/x1', 'IdentityFile /x1')
    write('.ssh/x2', 'IdentityFile /x2')
    write('.ssh/config', 'Include x[2-1] x[2-11] x2')
    expect((await resolve('a')).identityFiles).toEqual(['/x2'])
  })

  test('counts inside a Host block only for its hosts, and Host lines inside it do not leak out', async () => {
    write('.ssh/config', 'Host web*\n Include inner\n Port 2\nHost *\n User all')
    write('.ssh/inner', 'IdentityFile /web\nHost web1 db1\n HostName inner')
    expect(await resolve('web1')).toEqual({ identityFiles: ['/web'], hostName: 'inner', port: 2, user: 'all' })
    expect(await resolve('web2')).toEqual({ identityFiles: ['/web'], port: 2, user: 'all' })
    expect(await resolve('db1')).toEqual({ user: 'all' })
    expect((await load()).hosts).toEqual(['web1'])
  })

  test('inside a Match block that is passed over is passed over with it, with a warning if it would have mattered', async () => {
    write('.ssh/config', 'Match version x\n Include policy')
    write('.ssh/policy', 'Compression yes')
    expect((await load()).resolve('a')).toMatchObject({ options: {}, warnings: [] })
    write('.ssh/policy', 'Port 9')
    expect((await load()).resolve('a')).toMatchObject({
      options: {},
      warnings: [
        `${join(home, '.ssh/config')}:1: this Match block is skipped, because not all of its criteria are supported`,
      ],
    })
  })

  test('goes sixteen deep and no further', async () => {
    write('.ssh/config', 'Include f1')
    for (let i = 1; i < 16; i++) write(`.ssh/f${i}`, `Include f${i + 1}`)
    write('.ssh/f16', 'Port 16')
    expect(await resolve('a')).toEqual({ port: 16 })
    write('.ssh/f16', 'Include f17')
    write('.ssh/f17', 'Port 17')
    await expect(load()).rejects.toThrow(`${join(home, '.ssh/f16')}:1: Include is nested more than 16 deep`)
  })

  test('in a circle is an error that shows the circle', async () => {
    const config = write('.ssh/config', 'Include a')
    const a = write('.ssh/a', '\nInclude config')
    await expect(load()).rejects.toThrow(`${a}:2: Include of ${config} goes in a circle: ${config} → ${a} → ${config}`)
  })

  test('that would bring in thousands of files by doubling is stopped', async () => {
    write('.ssh/config', 'Include g1 g1')
    for (let i = 1; i < 16; i++) write(`.ssh/g${i}`, `Include g${i + 1} g${i + 1}`)
    write('.ssh/g16', 'Port 1')
    await expect(load()).rejects.toThrow(/Include brings in more than 1000 files/)
  })

  test('of a file that others may write to, or that cannot be read, is refused', async () => {
    const config = write('.ssh/config', 'Include open')
    const open = write('.ssh/open', 'Port 3', 0o622)
    await expect(load()).rejects.toThrow(`bad owner or permissions on ${open}`)
    rmSync(open)
    symlinkSync('open', open)
    await expect(load()).rejects.toThrow(`${config}:1: Include cannot read ${open}: ELOOP`)
  })

  test("with ~ in the system's file, or an unset variable, is refused", async () => {
    write('etc/ssh_config', 'Include ~/x')
    await expect(load()).rejects.toThrow(`${systemFile}:1: Include ~/x: a system configuration cannot use ~`)
    const file = write('.ssh/config', 'Include ${NOWHERE}/x')
    await expect(load()).rejects.toThrow(`${file}:1: Include uses \${NOWHERE}, which is not set in the environment`)
  })

  test('of nothing is an error, of a directory is nothing', async () => {
    const file = write('.ssh/config', 'Include')
    await expect(load()).rejects.toThrow(`${file}:1: Include has no value`)
    mkdirSync(join(home, '.ssh/dir'))
    write('.ssh/config', 'Include dir\nPort 3')
    expect(await resolve('a')).toEqual({ port: 3 })
  })
})
