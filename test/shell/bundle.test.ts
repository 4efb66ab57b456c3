/** The library and a program in one file, by the flags that docs/library.md gives. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startFleet, type Fleet } from '../../src/demo/fleet.js'
import { makePlace, type Place } from '../rig/place.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BANNER =
  'import { createRequire } from "node:module"; const require = createRequire(import.meta.url), __dirname = import.meta.dirname;'
const EXTERNAL = ['cpu-features', '*.node', 'typescript']

const PROGRAM = `
import { readFileSync, writeFileSync } from 'node:fs'
import { $, loadInventory } from 'xec'
async function main() {
  const { ME, PORT, KEY, NOWHERE } = process.env
  const ssh = $.ssh({ host: '127.0.0.1', port: Number(PORT), username: ME, privateKey: readFileSync(KEY, 'utf8'), strictHostKeyChecking: 'off' })
  const refused = await $.ssh({ host: '127.0.0.1', port: 1, username: 'x', password: 'x' })\`true\`.nothrow()
  const inventory = await loadInventory({ cwd: NOWHERE })
  console.log(await ssh\`echo \${"it's"}\`.text(), refused.outcome, inventory.hosts.length)
}
void main()
`

let fleet: Fleet
let place: Place
beforeAll(async () => {
  fleet = await startFleet(['web1'])
  place = makePlace()
})
afterAll(async () => {
  await fleet.stop()
  place.remove()
})

test.each([
  ['esm', 'mjs'],
  ['cjs', 'cjs'],
] as const)('one file of format %s runs commands and reads an inventory', async (format, ending) => {
  const outfile = place.path(`bundle-${format}.${ending}`)
  const { warnings, errors } = await build({
    stdin: { contents: PROGRAM, resolveDir: ROOT },
    alias: { xec: join(ROOT, 'src', 'index.ts') },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format,
    outfile,
    external: EXTERNAL,
    ...(format === 'esm' ? { banner: { js: BANNER } } : {}),
    logLevel: 'silent',
  })
  expect([...warnings, ...errors].map(({ text }) => text)).toEqual([])
  const key = place.path('key')
  writeFileSync(key, fleet.privateKey.reveal(), { mode: 0o600 })
  const child = spawn(process.execPath, [outfile], {
    cwd: place.home,
    env: { ...place.env, ME: fleet.user, PORT: String(fleet.target('web1').port), KEY: key, NOWHERE: place.home },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [said, trouble] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  expect(trouble).toBe('')
  expect(said).toBe("it's unreachable 0\n")
})

test('docs/library.md gives these flags', () => {
  const page = readFileSync(join(ROOT, 'docs', 'library.md'), 'utf8')
  for (const flag of [...EXTERNAL.map((each) => `--external:${each}`), `--banner:js='${BANNER}'`])
    expect(page).toContain(flag)
})
