import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { KnownHosts, defaultUserKnownHosts, type KnownHostsFiles } from '../../src/openssh/known-hosts-file.js'
import { KnownHostsIndex } from '../../src/openssh/known-hosts.js'
import { ed25519, onLine, rsa } from './keys.js'

const A = ed25519('a')
const B = ed25519('b')
let dir: string
let file: string
let files: KnownHostsFiles
let known: KnownHosts
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'xec-known-file-'))
  file = join(dir, 'known_hosts')
  files = { userFiles: [file, join(dir, 'known_hosts2')], globalFiles: [join(dir, 'global')], alias: null }
  known = new KnownHosts()
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))
const lines = (): string[] => readFileSync(file, 'utf8').trimEnd().split('\n')

/** A KnownHosts that says how often it parsed the file. */
function counting(): { known: KnownHosts; parsed: () => number } {
  let count = 0
  const known = new KnownHosts((path, text) => {
    if (path === file) count++
    return new KnownHostsIndex(path, text)
  })
  return { known, parsed: () => count }
}

describe('a look-up', () => {
  test('reads all the files there are; a revocation in any of them wins', async () => {
    writeFileSync(file, `web1 ${onLine(A)}\n`)
    writeFileSync(join(dir, 'known_hosts2'), `web2 ${onLine(B)}\n`)
    const web1 = await known.lookup(files, 'WEB1', 22)
    expect(web1).toMatchObject({ name: 'web1', knownTypes: ['ssh-ed25519'], warnings: [] })
    expect(web1.verdict(A)).toEqual({ kind: 'known' })
    expect((await known.lookup(files, 'web2', 22)).verdict(B)).toEqual({ kind: 'known' })
    writeFileSync(join(dir, 'global'), `@revoked * ${onLine(A)}\n`)
    expect((await known.lookup(files, 'web1', 22)).verdict(A)).toEqual({
      kind: 'revoked',
      at: { file: join(dir, 'global'), line: 1 },
    })
  })

  test('by alias has no port', async () => {
    writeFileSync(file, `pet ${onLine(A)}\n`)
    const host = await known.lookup({ ...files, alias: 'Pet' }, '10.0.0.1', 2222)
    expect(host.name).toBe('pet')
    expect(host.verdict(A)).toEqual({ kind: 'known' })
  })

  test('of another port accepts the key on file without one, asks for no type because of it, and calls no other key changed', async () => {
    writeFileSync(file, `web1 ${onLine(rsa('r'))}\n`)
    const host = await known.lookup(files, 'web1', 2222)
    expect(host.knownTypes).toEqual([])
    expect(host.verdict(rsa('r'))).toEqual({ kind: 'known' })
    expect(host.verdict(A)).toEqual({ kind: 'new' })
  })

  test('sees a file that changed, also when only its time did', async () => {
    writeFileSync(file, `web1 ${onLine(A)}\n`)
    utimesSync(file, 1, 1)
    expect((await known.lookup(files, 'web1', 22)).verdict(B)).toMatchObject({ kind: 'changed' })
    writeFileSync(file, `web1 ${onLine(B)}\n`)
    utimesSync(file, 2, 2)
    expect((await known.lookup(files, 'web1', 22)).verdict(B)).toEqual({ kind: 'known' })
    rmSync(file)
    expect((await known.lookup(files, 'web1', 22)).verdict(B)).toEqual({ kind: 'new' })
  })

  test('of two hundred hosts at once reads ten thousand lines once', async () => {
    writeFileSync(file, Array.from({ length: 10_000 }, (_, i) => `h${i} ${onLine(A)}\n`).join(''))
    const { known, parsed } = counting()
    await Promise.all(Array.from({ length: 200 }, (_, i) => known.lookup(files, `h${i}`, 22)))
    for (let i = 0; i < 200; i++) expect((await known.lookup(files, `h${i}`, 22)).verdict(A)).toEqual({ kind: 'known' })
    expect(parsed()).toBe(1)
  })

  test('of a file that is there and cannot be read warns', async () => {
    mkdirSync(file)
    const host = await known.lookup(
      { ...files, userFiles: [join(dir, 'known_hosts', 'below', 'x'), '\0bad'] },
      'web1',
      22,
    )
    expect(host.verdict(A)).toEqual({ kind: 'new' })
    expect(host.warnings).toEqual([expect.stringMatching(/^cannot read \0bad: /)])
  })
})

describe('recording', () => {
  test('writes one line to the first user file, makes ~/.ssh 0700 and the file 0600', async () => {
    const [first = '', second = ''] = defaultUserKnownHosts(dir)
    const host = await known.lookup({ ...files, userFiles: [first, second] }, 'Web1', 2222)
    expect(host.verdict(A)).toEqual({ kind: 'new' })
    expect(await host.record(A)).toEqual({ verdict: { kind: 'new' }, written: true })
    expect(readFileSync(first, 'utf8')).toBe(`[web1]:2222 ${onLine(A)}\n`)
    expect(statSync(first).mode & 0o777).toBe(0o600)
    expect(statSync(join(dir, '.ssh')).mode & 0o777).toBe(0o700)
    expect(existsSync(second)).toBe(false)
    expect(host.verdict(A)).toEqual({ kind: 'known' })
    expect(host.verdict(B)).toMatchObject({ kind: 'changed', known: [{ file: first, line: 1 }] })
  })

  test('leaves what is there as it is, permissions too, and adds the newline that is missing', async () => {
    writeFileSync(file, `# mine\r\nweb0 ${onLine(B)}`)
    chmodSync(file, 0o644)
    await (await known.lookup(files, 'web1', 22)).record(A)
    expect(readFileSync(file, 'utf8')).toBe(`# mine\r\nweb0 ${onLine(B)}\nweb1 ${onLine(A)}\n`)
    expect(statSync(file).mode & 0o777).toBe(0o644)
    expect((await known.lookup(files, 'web1', 22)).verdict(B)).toMatchObject({ known: [{ line: 3 }] })
  })

  test('of parallel first contacts of one host writes one line', async () => {
    const hosts = await Promise.all(Array.from({ length: 50 }, () => known.lookup(files, 'web1', 22)))
    const recorded = await Promise.all(hosts.map((host) => host.record(A)))
    expect(recorded.filter(({ written }) => written)).toHaveLength(1)
    expect(recorded.filter(({ verdict }) => verdict.kind === 'known')).toHaveLength(49)
    expect(lines()).toEqual([`web1 ${onLine(A)}`])
    expect(hosts.every((host) => host.verdict(A).kind === 'known')).toBe(true)
  })

  test('of a second first contact with another key says changed and writes nothing', async () => {
    const [one, two] = await Promise.all([known.lookup(files, 'web1', 22), known.lookup(files, 'web1', 22)])
    const [first, second] = await Promise.all([one.record(A), two.record(B)])
    expect(first).toEqual({ verdict: { kind: 'new' }, written: true })
    expect(second).toMatchObject({ verdict: { kind: 'changed', known: [{ file, line: 1 }] }, written: false })
    expect(lines()).toEqual([`web1 ${onLine(A)}`])
  })

  test('while other look-ups are reading never writes a host twice', async () => {
    const contact = async (i: number): Promise<void> => {
      const host = await known.lookup(files, `h${i % 10}`, 22)
      if (host.verdict(ed25519(String(i % 10))).kind === 'new') await host.record(ed25519(String(i % 10)))
      await known.lookup(files, `h${(i + 1) % 10}`, 22)
    }
    await Promise.all(Array.from({ length: 200 }, (_, i) => contact(i)))
    expect(lines().sort()).toEqual(Array.from({ length: 10 }, (_, i) => `h${i} ${onLine(ed25519(String(i)))}`))
  })

  test('two hundred new hosts beside ten thousand lines does not read those again', async () => {
    writeFileSync(file, Array.from({ length: 10_000 }, (_, i) => `old${i} ${onLine(B)}\n`).join(''))
    const { known, parsed } = counting()
    await Promise.all(Array.from({ length: 200 }, async (_, i) => (await known.lookup(files, `new${i}`, 22)).record(A)))
    expect(parsed()).toBe(1)
    expect(lines()).toHaveLength(10_200)
    const fresh = new KnownHosts()
    for (let i = 0; i < 200; i++) {
      const place = (await known.lookup(files, `new${i}`, 22)).verdict(B)
      expect(place).toMatchObject({ kind: 'changed' })
      expect(place).toEqual((await fresh.lookup(files, `new${i}`, 22)).verdict(B))
    }
  })

  test('takes in what another process has written meanwhile', async () => {
    const host = await known.lookup(files, 'web1', 22)
    appendFileSync(file, `web1 ${onLine(B)}\n`)
    expect(await host.record(A)).toMatchObject({ verdict: { kind: 'changed' }, written: false })
    expect(await host.record(B)).toEqual({ verdict: { kind: 'known' }, written: false })
    expect(lines()).toHaveLength(1)
  })

  test('keeps to hashes where every name is hashed', async () => {
    writeFileSync(file, `|1|c2FsdHNhbHRzYWx0c2FsdHNhbHQ=|${'A'.repeat(27)}= ${onLine(B)}\n`)
    const host = await known.lookup(files, 'web1', 22)
    await host.record(A)
    expect(lines()[1]).toMatch(/^\|1\|[^|]+\|\S+ ssh-ed25519 /)
    expect(host.verdict(A)).toEqual({ kind: 'known' })
    expect(new KnownHostsIndex(file, readFileSync(file, 'utf8')).matches('web1')).toHaveLength(1)
  })

  test('without a user file writes nothing and is no error', async () => {
    const host = await known.lookup({ ...files, userFiles: [] }, 'web1', 22)
    expect(await host.record(A)).toEqual({ verdict: { kind: 'new' }, written: false })
  })

  test('to /dev/null is as if it had been written, and forgotten', async () => {
    const host = await known.lookup({ ...files, userFiles: ['/dev/null'] }, 'web1', 22)
    expect(await host.record(A)).toEqual({ verdict: { kind: 'new' }, written: true })
    expect(await host.record(B)).toEqual({ verdict: { kind: 'new' }, written: true })
  })

  test('that fails is a warning, and the key still holds for this process', async () => {
    const device = { ...files, userFiles: ['/dev/full'] }
    const host = await known.lookup(device, 'web1', 22)
    expect(await host.record(A)).toEqual({
      verdict: { kind: 'new' },
      written: false,
      warning: expect.stringMatching(/^the host key of web1 could not be added to \/dev\/full: ENOSPC/),
    })
    expect(host.verdict(A)).toEqual({ kind: 'known' })
    expect(await (await known.lookup(device, 'web1', 22)).record(B)).toMatchObject({
      verdict: { kind: 'changed' },
      written: false,
    })

    writeFileSync(join(dir, 'plain'), '')
    for (const path of [join(dir, 'plain', 'known_hosts'), join(dir, 'a', 'b', 'known_hosts'), dir]) {
      const bad = await known.lookup({ ...files, userFiles: [path] }, 'web1', 22)
      expect(await bad.record(A)).toMatchObject({
        written: false,
        warning: expect.stringMatching(
          new RegExp(`^the host key of web1 could not be added to ${path}: E(NOTDIR|NOENT|ISDIR)`),
        ),
      })
    }
  })

  test('refuses a name that would stand for other hosts', async () => {
    const host = await known.lookup({ ...files, alias: '*' }, 'web1', 22)
    expect(await host.record(A)).toEqual({
      verdict: { kind: 'new' },
      written: false,
      warning: `the host key of * is not recorded: such a name cannot stand in ${file}`,
    })
    expect(existsSync(file)).toBe(false)
  })
})
