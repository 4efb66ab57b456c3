/** Every file of examples/, run as a user would run it (compiled, against the built package), on the embedded fleet. */
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startFleet, type Fleet } from '../src/demo/fleet.js'
import { ensureBuilt } from './cli/binary.js'
import { makePlace, type Place } from './rig/place.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
/** Inside the package, so that 'xec' is the package itself. */
const BUILT = join(ROOT, 'examples', '.built')

const SAID: Readonly<Record<string, string>> = {
  'failures.ts':
    'web1: failed, it ran: yes\nweb1: timeout, it ran: yes\ndown1: unreachable, it did not run, so it may be tried again\n',
  'first-script.ts': "web1 runs Linux\nit's a file; rm -rf /\nexit status 1, outcome failed\n",
  'many-hosts.ts':
    'web[1-3]: ok 2\ndown1: unreachable \ndown1: XEC_CONNECT\n3 of 4 ok\nweb1 is done: true\nweb2 is done: true\nweb3 is done: true\n',
  'monitoring.ts':
    'connected to web1\n1 connection, 1 at work\ndisconnected from web1: closing\ndrained: 0 completed meanwhile, 0 turned away\n',
  'pool-and-limits.ts': '0 1 2 3 4 5 6 7 8 9\n10 commands, 1 connection, reused 9 times, 0 waiting\n',
}
const names = readdirSync(join(ROOT, 'examples')).filter((name) => name.endsWith('.ts'))

let fleet: Fleet
let place: Place
beforeAll(async () => {
  ensureBuilt()
  fleet = await startFleet(['web1', 'web2', 'web3', 'down1'], { down1: { down: true } })
  place = makePlace()
  const hosts = fleet.targets.map(({ host, address, port }) => `  ${host}: { host: ${address}, port: ${port} }`)
  writeFileSync(place.path('key'), fleet.privateKey.reveal(), { mode: 0o600 })
  writeFileSync(
    place.path('xec.config.yaml'),
    `defaults: { username: ${fleet.user}, privateKey: ${place.path('key')} }\nhosts:\n${hosts.join('\n')}\ngroups:\n  web: ['web[1-3]']\n`,
  )
  mkdirSync(BUILT, { recursive: true })
})
afterAll(async () => {
  rmSync(BUILT, { recursive: true, force: true })
  await fleet.stop()
  place.remove()
})

test('each example is told what it says', () => expect(names).toEqual(Object.keys(SAID)))

test.each(names)('examples/%s', async (name) => {
  const built = join(BUILT, name.replace(/\.ts$/, '.mjs'))
  const { outputText } = ts.transpileModule(readFileSync(join(ROOT, 'examples', name), 'utf8'), {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  })
  writeFileSync(built, outputText)
  const child = spawn(process.execPath, [built], {
    cwd: place.home,
    env: { ...place.env, XEC_CONFIG: place.path('xec.config.yaml') },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let complaints = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text))
  const status = await new Promise((resolve) => child.once('close', resolve))
  expect({ status, out, complaints }).toEqual({ status: 0, out: SAID[name], complaints: '' })
})
