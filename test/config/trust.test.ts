/** Whose programs are run: the file's owner and mode, and the tree that it was found in. */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.js'
import type { ProgramTrust } from '../../src/inventory/resolve.js'

let home: string
beforeEach(() => (home = mkdtempSync(join(tmpdir(), 'xec-trust-'))))
afterEach(() => rmSync(home, { recursive: true, force: true }))

function write(name: string, text: string, mode = 0o600): string {
  const path = join(home, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

const HOSTS = 'hosts: { w: { proxyCommand: nc } }'
const OWN = '.config/xec/config.yaml'
const load = (cwd: string, file?: string) =>
  loadConfig({ cwd: join(home, cwd), home, env: {}, ...(file ? { file } : {}) })
const trust = async (cwd: string, file?: string): Promise<ProgramTrust> => (await load(cwd, file)).trust()
const BOTH = { secrets: null, proxyCommand: null }

describe('a file', () => {
  test('of yours that nobody else can write to may name programs', async () => {
    write('p/xec.config.yaml', HOSTS, 0o644)
    expect(await trust('p')).toEqual(BOTH)
  })

  test.each([0o664, 0o646, 0o666])('that others may write to (mode %o) may not, found or named', async (mode) => {
    const file = write('p/xec.config.yaml', HOSTS, mode)
    const why = `a file that names programs must be yours or root's alone: others may write to it (mode 0${mode.toString(8)}); try: chmod go-w ${file}`
    expect(await trust('p')).toEqual({ secrets: why, proxyCommand: why })
    expect(await trust('.', file)).toEqual({ secrets: why, proxyCommand: why })
  })

  test.skipIf(process.getuid?.() !== 0)('of another user may not, though it was named', async () => {
    const file = write('p/xec.config.yaml', HOSTS)
    chownSync(file, 12_345, 12_345)
    expect((await trust('.', file)).secrets).toMatch(/it belongs to user 12345$/)
  })
})

describe('a file that the search finds in a version-controlled tree', () => {
  test.each(['.git', '.hg', '.svn', '.jj', '_darcs'])(
    '%s needs trust for proxyCommand, and not for secrets',
    async (mark) => {
      const file = write('p/deep/xec.config.yaml', HOSTS)
      mkdirSync(join(home, 'p', mark))
      expect(await trust('p/deep')).toEqual({
        secrets: null,
        proxyCommand: `${file} was found inside a version-controlled tree (${join(home, 'p', mark)}), and others may have written it; if you trust it, put "trust: [${join(home, 'p')}]" into ${join(home, OWN)}, or name the file: -c ${file}`,
      })
      expect(await trust('.', file)).toEqual(BOTH)
    },
  )

  test('a worktree and a link into a tree count, too', async () => {
    const file = write('p/xec.config.yaml', HOSTS)
    write('p/.git', 'gitdir: elsewhere')
    mkdirSync(join(home, 'q'))
    symlinkSync(file, join(home, 'q/xec.config.yaml'))
    expect((await trust('p')).proxyCommand).not.toBe(null)
    expect((await trust('q')).proxyCommand).not.toBe(null)
  })

  test.each([
    ['~/p', true],
    ['[~/p/xec.config.yaml]', true],
    ['[~/other, ~/p/]', true],
    ['[~/p/xec]', false],
    ['[~/other]', false],
    ['', false],
  ])('trust: %s in the own configuration: %s', async (said, expected) => {
    write('p/xec.config.yaml', HOSTS)
    mkdirSync(join(home, 'p/.git'))
    write(OWN, `trust: ${said}`)
    expect((await trust('p')).proxyCommand === null).toBe(expected)
  })

  test('the own configuration is trusted wherever it is, and its trust only when nobody else can write it', async () => {
    mkdirSync(join(home, '.git'))
    write(OWN, HOSTS)
    expect(await trust('.')).toEqual(BOTH)
    write('p/xec.config.yaml', HOSTS)
    write(OWN, 'trust: [~/p]', 0o666)
    await expect(trust('p')).rejects.toThrow(/config\.yaml:1:1: trust counts only in a file of yours: others may write/)
  })
})

describe('trust', () => {
  test('in another file is an error: a project cannot trust itself', async () => {
    const file = write('p/xec.config.yaml', `${HOSTS}\ntrust: [~/p]`)
    await expect(load('p')).rejects.toThrow(
      `${file}:2:8: trust counts in your own ${join(home, OWN)} only; move it there`,
    )
  })

  test('takes absolute paths alone', async () => {
    write(OWN, 'trust: [~/p, work]')
    await expect(load('.')).rejects.toThrow(
      /config\.yaml:1:14: trust\[1\]: must be an absolute path, or one that begins with ~\/, not "work"$/,
    )
  })
})
