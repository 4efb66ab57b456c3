import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.js'
import { makePlace, type Place } from '../rig/place.js'
import { BIN, ensureBuilt, xec } from './binary.js'

let place: Place
beforeAll(() => {
  ensureBuilt()
  place = makePlace()
})
afterAll(() => place.remove())

/** The packages that a command line loads, by what V8 saw. */
async function loaded(...argv: string[]): Promise<string[]> {
  const dir = mkdtempSync(join(tmpdir(), 'xec-loaded-'))
  try {
    await xec(argv, { env: { ...place.env, NODE_V8_COVERAGE: dir } })
    const urls = readdirSync(dir).flatMap((file) =>
      (JSON.parse(readFileSync(join(dir, file), 'utf8')) as { result: { url: string }[] }).result.map(({ url }) => url),
    )
    expect(urls.some((url) => url.endsWith('/dist/cli/main.js'))).toBe(true)
    return [...new Set(urls.flatMap((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? []))].sort()
  } finally {
    rmSync(dir, { recursive: true })
  }
}

describe('nothing is loaded that is not needed', () => {
  test('for --version and --help', async () => {
    expect(await loaded('--version')).toEqual([])
    expect(await loaded('--help')).toEqual([])
  })
  test('for the help of a command', async () => expect(await loaded('exec-all', '--help')).toEqual(['commander']))
  test('of what reads a configuration, where there is none', async () =>
    expect(await loaded('run', '-F', 'none', 'nowhere', 'id')).toEqual(['chalk', 'commander']))
  test('for a wrong option', async () => expect(await loaded('run', '--tiemout', 'web1', 'id')).toEqual(['commander']))
})

test("--version is the package's", async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  expect(await xec(['--version'], { env: place.env })).toEqual({
    status: 0,
    signal: null,
    stdout: `${version}\n`,
    stderr: '',
  })
})

test.each([[['--help']], [['-h']], [['help']]])('%j is the overview, on stdout', async (argv) => {
  const { status, stdout, stderr } = await xec(argv, { env: place.env })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  for (const { name } of COMMANDS) expect(stdout).toContain(`  ${name} `)
})

test.each(COMMANDS.map(({ name }) => name))('xec help %s is xec %s --help', async (name) => {
  const words = name.split(' ')
  const help = await xec(['help', ...words], { env: place.env })
  expect(help).toMatchObject({ status: 0, stderr: '' })
  expect(help.stdout).toContain('Examples:')
  expect(await xec([...words, '--help'], { env: place.env })).toEqual(help)
})

test('no command at all is a usage error with the overview', async () => {
  const { status, stdout, stderr } = await xec([], { env: place.env })
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  expect(stderr).toContain('Commands:')
})

test('--help behind the host is ours, behind the command it is not', async () => {
  expect((await xec(['run', 'web1', '--help'], { env: place.env })).stdout).toContain('Usage: xec run')
  expect(await xec(['run', '-F', 'none', 'nowhere', 'ls', '--help'], { env: place.env })).toMatchObject({
    status: 2,
    stdout: '',
  })
})

describe('what a configuration makes of a command line', () => {
  const at = (name: string, text: string): string => {
    mkdirSync(place.path(name, '..'), { recursive: true })
    writeFileSync(place.path(name), text, { mode: 0o600 })
    return place.path(name)
  }

  test('a forgotten selection: the hint takes the first word for a group only where it is one', async () => {
    const config = at('hint.yaml', 'hosts: { web1: 192.0.2.1 }\ngroups: { web: [web1] }')
    const { stderr } = await xec(['exec-all', '-c', config, 'web', 'uptime', '-p'], { env: place.env })
    expect(stderr).toBe('xec: which hosts? Say -g GROUP, -w EXPR or --all, as in: xec exec-all -g web uptime -p\n')
    expect((await xec(['exec-all', '-c', config, 'reboot', 'now'], { env: place.env })).stderr).toBe(
      'xec: which hosts? Say -g GROUP, -w EXPR or --all, as in: xec exec-all -g web uptime\n',
    )
  })

  test('no hosts: which file has none, or that there is no file', async () => {
    const config = at('none.yaml', '')
    expect((await xec(['hosts', '-c', config], { env: place.env })).stderr).toBe(
      `xec: no hosts: ${config} defines none\n`,
    )
    expect((await xec(['hosts'], { env: place.env })).stderr).toBe(
      'xec: no hosts: no xec.config.yaml was found from here upwards (xec init writes one)\n',
    )
  })

  test('--dry-run --json says where a command would run and with which variables, without their values', async () => {
    const config = at('dry.yaml', 'hosts: { web1: { host: 192.0.2.1, username: ops, env: { ROLE: canary } } }')
    const { stdout } = await xec(
      ['exec-all', '-F', 'none', '-c', config, '-a', '--dry-run', '--json', '--cwd', '/srv', '-e', 'A=canary', 'id'],
      { env: place.env },
    )
    expect(JSON.parse(stdout)).toEqual({
      schemaVersion: 1,
      dryRun: true,
      command: 'id',
      cwd: '/srv',
      hosts: [{ host: 'web1', address: '192.0.2.1:22', user: 'ops', env: ['ROLE', 'A'] }],
    })
  })

  test('init leaves a configuration of another name alone, and writes none that would be read in its place', async () => {
    const config = at('other/.xecrc', 'hosts: { web1: 192.0.2.1 }')
    expect(await xec(['init'], { env: place.env, cwd: place.path('other') })).toMatchObject({
      status: 2,
      stdout: '',
      stderr: `xec: ${config} is the configuration here, and xec.config.yaml would be read in its place; it is left as it is\n`,
    })
    expect(readdirSync(place.path('other'))).toEqual(['.xecrc'])
  })
})

describe('in a working directory that has been removed', () => {
  const removed = (...argv: string[]) =>
    spawnSync(
      '/bin/sh',
      ['-c', 'mkdir gone && cd gone && rmdir ../gone && exec "$@"', 'sh', process.execPath, BIN, ...argv],
      { cwd: place.home, env: { ...place.env }, encoding: 'utf8' },
    )

  test('a configuration that is named is used', () => {
    writeFileSync(place.path('named.yaml'), 'hosts: { web1: 192.0.2.1 }', { mode: 0o600 })
    expect(removed('hosts', '-F', 'none', '-c', place.path('named.yaml'))).toMatchObject({
      status: 0,
      stderr: '',
      stdout: expect.stringContaining('192.0.2.1'),
    })
  })

  test('a search is refused in a sentence', () => {
    expect(removed('hosts')).toMatchObject({
      status: 2,
      stdout: '',
      stderr:
        'xec: the working directory does not exist any more: cd to one that does, or name the configuration by its whole path: -c /path/to/FILE\n',
    })
  })
})

test('a copy that is not built says so', () => {
  const bin = place.path('copy', 'bin')
  mkdirSync(bin, { recursive: true })
  cpSync(BIN, join(bin, 'xec.js'))
  cpSync(new URL('../../package.json', import.meta.url), place.path('copy', 'package.json'))
  const { status, stderr } = spawnSync(process.execPath, [join(bin, 'xec.js'), '--version'], { encoding: 'utf8' })
  expect(status).toBe(2)
  expect(stderr).toBe('xec: this copy is not built: dist/cli/main.js is missing; run "npm run build" in it first\n')
})
