import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadConfig, type Config, type LoadConfigOptions } from '../../src/config/load.js'
import { makePlace, type Place } from '../rig/place.js'

let place: Place
beforeEach(() => {
  place = makePlace()
})
afterEach(() => place.remove())

function put(name: string, text: string, mode = 0o600): string {
  const path = place.path(name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text, { mode })
  return path
}
const load = (cwd = 'a/b/c', options: Partial<LoadConfigOptions> = {}): Promise<Config> => {
  mkdirSync(place.path(cwd), { recursive: true })
  return loadConfig({ cwd: place.path(cwd), home: place.home, env: {}, ...options })
}
const host = (name: string): string => `hosts: { ${name}: 192.0.2.1 }`
const names = ({ inventory }: Config): string[] => [...inventory.hosts.keys()]

describe('the configuration is found', () => {
  test('nowhere: an empty one, without a word', async () => {
    expect(await load()).toMatchObject({ source: null, pool: {}, warnings: [] })
  })

  test.each<[string, string]>([
    ['xec.config.yaml', host('here')],
    ['xec.config.yml', host('here')],
    ['xec.config.json', '{ "hosts": { "here": "192.0.2.1" } }'],
    ['.xecrc', host('here')],
    ['.xecrc', '{ "hosts": { "here": "192.0.2.1" } }'],
    ['package.json', '{ "xec": { "hosts": { "here": "192.0.2.1" } } }'],
  ])('in %s: %s', async (name, text) => {
    const path = put(`a/${name}`, text)
    const config = await load()
    expect([config.source, names(config)]).toEqual([path, ['here']])
  })

  test('in the nearest directory upwards', async () => {
    put('xec.config.yaml', host('far'))
    put('a/b/.xecrc', host('near'))
    expect(names(await load())).toEqual(['near'])
    expect(names(await load('a'))).toEqual(['far'])
  })

  test('in one directory by the order of names', async () => {
    put('a/package.json', '{ "xec": { "hosts": { "last": "x" } } }')
    put('a/.xecrc', host('second'))
    put('a/xec.config.yaml', host('first'))
    expect(names(await load())).toEqual(['first'])
  })

  test('a package.json without the key, or a broken one, is not ours', async () => {
    put('xec.config.yaml', host('far'))
    put('a/package.json', '{ "name": "x" }')
    put('a/b/package.json', '{ broken')
    expect(names(await load())).toEqual(['far'])
  })

  test('a package.json that speaks of us is not passed over, however broken: to go on would be to use another inventory', async () => {
    put('xec.config.yaml', host('far'))
    put('a/package.json', '{ "name": "x", "xec": { "hosts": { "here": "192.0.2.1" } }, }')
    expect(names(await load())).toEqual(['here'])
    put('a/package.json', '{ "name": "x", "xec": { "hosts": { "here"')
    await expect(load()).rejects.toMatchObject({
      code: 'XEC_CONFIG',
      message: expect.stringContaining('package.json:1:') as string,
    })
  })

  test('an empty file ends the search', async () => {
    put('xec.config.yaml', host('far'))
    const path = put('a/xec.config.yaml', '')
    expect(await load()).toMatchObject({ source: path })
  })

  test("in the user's configuration, when nothing is upwards", async () => {
    put('.config/xec/config.yaml', host('mine'))
    expect(names(await load())).toEqual(['mine'])
    put('elsewhere/xec/config.yaml', host('xdg'))
    expect(names(await load('a', { env: { XDG_CONFIG_HOME: place.path('elsewhere') } }))).toEqual(['xdg'])
    // A relative one is none.
    expect(
      names(await load('a', { env: { XDG_CONFIG_HOME: relative(process.cwd(), place.path('elsewhere')) } })),
    ).not.toEqual(['xdg'])
    put('a/xec.config.yaml', host('nearer'))
    expect(names(await load())).toEqual(['nearer'])
  })

  test.runIf(process.getuid?.() === 0)('not when it belongs to somebody else, unless it is named', async () => {
    const path = put('a/xec.config.yaml', host('theirs'))
    chownSync(path, 54_321, 54_321)
    await expect(load()).rejects.toMatchObject({
      code: 'XEC_CONFIG',
      message: `${path} belongs to another user (uid 54321), and a configuration can run programs; if you trust it, name it: -c ${path}`,
    })
    expect(names(await load('a', { file: path }))).toEqual(['theirs'])
  })

  test('by name: -c before XEC_CONFIG before the search, relative to the working directory', async () => {
    put('xec.config.yaml', host('found'))
    put('a/one.yaml', host('flag'))
    const two = put('two.yaml', host('variable'))
    expect(names(await load('a', { env: { XEC_CONFIG: two } }))).toEqual(['variable'])
    expect(names(await load('a', { file: 'one.yaml', env: { XEC_CONFIG: two } }))).toEqual(['flag'])
    expect(names(await load('a', { env: { XEC_CONFIG: '' } }))).toEqual(['found'])
  })

  test('a named file that is missing, a directory, or code, is an error', async () => {
    await expect(load('a', { file: 'gone.yaml' })).rejects.toThrow(
      'cannot read the configuration gone.yaml: there is no such file',
    )
    await expect(load('a', { file: '.' })).rejects.toThrow('cannot read the configuration .: it is a directory')
    put('a/xec.config.js', 'throw new Error("it ran")')
    await expect(load('a', { file: 'xec.config.js' })).rejects.toThrow(
      'xec.config.js: a configuration is data, YAML or JSON; no code is run',
    )
  })
})

describe('what lies nearest and cannot be used ends the search: another inventory is never used in its place', () => {
  beforeEach(() => {
    put('xec.config.yaml', host('far'))
  })

  test('a directory of that name', async () => {
    mkdirSync(place.path('a/.xecrc'), { recursive: true })
    await expect(load()).rejects.toMatchObject({
      code: 'XEC_CONFIG',
      message: `${place.path('a/.xecrc')} is a directory, and a configuration of that name is looked for there: rename it, or name a configuration: -c FILE`,
    })
  })

  test('a named pipe, which would hold its reader for good', async () => {
    mkdirSync(place.path('a'))
    spawnSync('mkfifo', [place.path('a/.xecrc')])
    await expect(load()).rejects.toThrow(`${place.path('a/.xecrc')} is not a regular file, and`)
  })

  test('links that lead nowhere, or in a circle', async () => {
    mkdirSync(place.path('a/b'), { recursive: true })
    symlinkSync('gone', place.path('a/xec.config.yaml'))
    await expect(load()).rejects.toThrow(`cannot read ${place.path('a/xec.config.yaml')}: there is no such file`)
    symlinkSync('xec.config.yml', place.path('a/b/xec.config.yml'))
    await expect(load()).rejects.toThrow(`cannot read ${place.path('a/b/xec.config.yml')}: its links go in a circle`)
  })

  test("a link to a file of one's own is followed", async () => {
    mkdirSync(place.path('a'))
    symlinkSync(put('dotfiles/xec.yaml', host('linked')), place.path('a/xec.config.yaml'))
    expect(await load()).toMatchObject({ source: place.path('a/xec.config.yaml') })
  })

  test('a file that is too large, before it is read', async () => {
    const path = put('a/xec.config.yaml', '')
    truncateSync(path, 500_000_001)
    await expect(load()).rejects.toThrow(`cannot read ${path}: it is larger than 500 MB`)
  })

  test('a large file is read', async () => {
    put('a/xec.config.yaml', `hosts: { web1: x }\n${'# x\n'.repeat(1_500_000)}`)
    expect([...(await load()).inventory.hosts.keys()]).toEqual(['web1'])
  })

  test('a file that may not be read', async () => {
    const path = put('a/xec.config.yaml', host('near'), 0o000)
    await unprivileged(async () => {
      await expect(load()).rejects.toMatchObject({
        code: 'XEC_CONFIG',
        message: `cannot read ${path}: permission denied`,
      })
    })
  })

  test('an empty package.json is not ours', async () => {
    put('a/package.json', '')
    expect(names(await load())).toEqual(['far'])
  })
})

/** Root may read everything, so that a test of what may not be read is somebody else for its time. */
async function unprivileged(work: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return work()
  mkdirSync(place.path('a/b/c'), { recursive: true })
  spawnSync('chown', ['-R', '54321', place.home])
  process.seteuid?.(54_321)
  try {
    await work()
  } finally {
    process.seteuid?.(0)
  }
}

test('code is never run, by whatever name it lies there', async () => {
  const ran = place.path('ran')
  const code = `require('fs').writeFileSync(${JSON.stringify(ran)}, '')`
  const module = `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(ran)}, '')`
  for (const dir of ['a/b/c', 'a']) {
    for (const name of [
      'xec.config.js',
      'xec.config.cjs',
      '.xecrc.js',
      '.xecrc.cjs',
      '.config/config.js',
      '.config/config.cjs',
      '.config/xecrc.js',
      'config.js',
    ])
      put(`${dir}/${name}`, code)
    for (const name of ['xec.config.mjs', 'xec.config.ts', '.xecrc.mjs', '.config/config.mjs', '.config/config.ts'])
      put(`${dir}/${name}`, module)
    put(`${dir}/package.json`, '{ "cosmiconfig": { "searchPlaces": ["xec.config.js"] } }')
    put(`${dir}/.config/config.yaml`, 'cosmiconfig: { searchPlaces: [xec.config.js] }')
  }
  expect(await load()).toMatchObject({ source: null })
  expect(existsSync(ran)).toBe(false)
})

describe('a secret in a file that others can read', () => {
  test("is a warning that says what to do, and none in a file of one's own", async () => {
    const path = put('a/xec.config.yaml', 'hosts: { a: { password: canary } }', 0o600)
    expect((await load()).warnings).toEqual([])
    chmodSync(path, 0o640)
    expect((await load()).warnings).toEqual([
      `${path} holds a password, passphrase or key and can be read by others: chmod 600 it, or use { env: NAME } or { command: [...] }`,
    ])
  })

  test('is no matter when there is none', async () => {
    put('a/xec.config.yaml', 'hosts: { a: { password: { env: P } } }', 0o644)
    expect((await load()).warnings).toEqual([])
  })
})

test('what is wrong in a file is told with its path', async () => {
  const path = put('a/xec.config.yaml', 'hosts:\n  a: { prot: 1 }\n')
  await expect(load()).rejects.toThrow(`${path}:2:8: unknown key prot in hosts.a; did you mean port?`)
})
