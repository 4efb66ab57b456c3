/** Selections from elsewhere, on the command line: lists in files and on standard input, by chance, and `hosts` for scripts. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makePlace, type Place } from '../rig/place.js'
import { ensureBuilt, xec } from './binary.js'

const CONFIG = `hosts: { 'web[01-12]': 192.0.2.1, db1: 192.0.2.2 }
groups: { web: ['web[01-12]'], tail: ['web[11-12]', db1], none: [] }
`

let place: Place
beforeAll(() => {
  ensureBuilt()
  place = makePlace()
  const put = (name: string, text: string): void => writeFileSync(join(place.env['HOME'] ?? '', name), text)
  put('xec.config.yaml', CONFIG)
  put('list', 'web01\nweb[03-04], db1 # the rest\n\n')
  put('bad', 'web01\n@web\n')
})
afterAll(() => place.remove())

const hosts = async (argv: readonly string[], stdin = '') => {
  const { status, stdout, stderr } = await xec(['hosts', '-F', 'none', ...argv], { env: place.env, stdin })
  return { status, stdout, stderr }
}
const ok = (stdout: string, stderr = '') => ({ status: 0, stdout, stderr })

test('lists come from a file and from standard input, divided by newlines, blanks and commas', async () => {
  expect(await hosts(['-w', '^list', '--names'])).toEqual(ok('web01\nweb03\nweb04\ndb1\n'))
  expect(await hosts(['-w', '-!web03', '--fold'], 'web02\tdb1\nweb03')).toEqual(ok('web02,db1\n'))
  expect(await hosts(['-w', '^bad'])).toEqual({
    status: 2,
    stdout: '',
    stderr: 'xec: ^bad, line 2: @web is no name; a list holds names and ranges\n',
  })
  expect((await hosts(['-w', '^gone'])).stderr).toBe('xec: cannot read the hosts of ^gone: there is no such file\n')
})

test.each([
  [['-w', '-', '--stdin', 'cat'], 'a - in the selection and --stdin both read standard input'],
  [['-w', 'web01,-', '--script', '-'], 'a - in the selection and --script - both read standard input'],
  [['-w', 'web01', '--stdin', '--script', '-'], '--stdin and --script - both read standard input'],
])('%j are two users of standard input, and one is too many', async (argv, message) => {
  const { status, stderr } = await xec(['exec-all', '-F', 'none', ...argv], { env: place.env, stdin: 'x' })
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(message) as string })
})

test('what --pick and --order choose is repeated by the seed that they print', async () => {
  const first = await hosts(['@web', '--pick', '25%', '--names'])
  const seed = /^xec: picked 3 of 12 hosts; --pick-seed (\d+) repeats it\n$/.exec(first.stderr)?.[1] ?? 'none'
  expect(first.stdout.split('\n')).toHaveLength(4)
  expect(await hosts(['@web', '--pick', '3', '--pick-seed', seed, '--names'])).toEqual(first)
  const shuffled = await hosts(['@web', '--order', 'random', '--pick-seed', '5', '--names'])
  expect(shuffled.stdout).not.toBe((await hosts(['@web', '--names'])).stdout)
  expect((await hosts(['--pick', '0'])).stderr).toBe(
    'xec: --pick 0: a number of hosts from 1, or a share such as 10%\n',
  )
})

test('hosts answers with groups, and without a heading', async () => {
  expect(await hosts(['--groups', '-x', 'web12'])).toEqual(
    ok('GROUP  HOSTS  NAMES\nweb    11     web[01-11]\ntail   2      web11,db1\n'),
  )
  expect((await hosts(['-q', 'db1', '-l', 'me'])).stdout).toBe('db1   192.0.2.2:22  me    tail\n')
  expect((await hosts(['--names', '--fold'])).status).toBe(2)
})

test('an inventory of another tool becomes a configuration, and an editor finds its schema', async () => {
  writeFileSync(join(place.env['HOME'] ?? '', 'inv.ini'), '[web]\nw[1:2] ansible_user=ops\n')
  const cwd = join(place.env['HOME'] ?? '', 'new')
  mkdirSync(cwd)
  expect(await xec(['init', '--from', 'ansible', '../inv.ini'], { env: place.env, cwd })).toMatchObject({
    status: 0,
    stderr: '',
  })
  const text = readFileSync(join(cwd, 'xec.config.yaml'), 'utf8')
  expect(text).toMatch(
    /^# yaml-language-server: \$schema=\S*xec\.schema\.json\n# Hosts for xec, made from \.\.\/inv\.ini \(ansible\)/,
  )
  const listed = await xec(['hosts', '-F', 'none', '-q'], { env: place.env, cwd })
  expect(listed.stdout.replaceAll(/ +/g, ' ')).toBe('w1 w1:22 ops web\nw2 w2:22 ops web\n')
})
