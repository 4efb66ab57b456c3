/**
 * P9: an inventory of 100,000 hosts, loaded, validated and selected from, in a process of its own; and how that grows
 * from 10,000. Growth of ten times the hosts is 10 when it is linear.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const dir = mkdtempSync(join(tmpdir(), 'xec-bench-'))
afterAll(() => rmSync(dir, { recursive: true }))

const DIST = fileURLToPath(new URL('../dist', import.meta.url))
const PROGRAM = `
import { loadConfig } from '${DIST}/config/load.js'
import { select } from '${DIST}/inventory/selector.js'
const started = performance.now()
const { inventory } = await loadConfig({ cwd: '/', home: '/', env: {}, file: process.argv[1] })
const loaded = performance.now()
const chosen = select(inventory, { hosts: ['@web&~/7$/'] }, () => { throw new Error('outside') })
const done = performance.now()
console.log(JSON.stringify({ hosts: inventory.hosts.size, chosen: chosen.length, loadMs: loaded - started, selectMs: done - loaded, rss: process.resourceUsage().maxRSS * 1024 }))
`
interface Figures {
  readonly hosts: number
  readonly chosen: number
  readonly loadMs: number
  readonly selectMs: number
  readonly rss: number
}

/** The best of five: what the machine does besides only adds. */
function measure(text: string): Figures {
  const file = join(dir, 'xec.config.yaml')
  writeFileSync(file, text)
  const all = Array.from(
    { length: 5 },
    () =>
      JSON.parse(
        execFileSync(process.execPath, ['--input-type=module', '-e', PROGRAM, file], { encoding: 'utf8' }),
      ) as Figures,
  )
  return all.sort((a, b) => a.loadMs + a.selectMs - b.loadMs - b.selectMs)[0] as Figures
}

/** In ranges, as one writes so many. */
const inRanges = (count: number): string =>
  `hosts: { 'web[000001-${String(count).padStart(6, '0')}]': { host: '{name}.example.com' } }\ngroups: { web: ['web[000001-${String(count).padStart(6, '0')}]'] }\n`
/** A line a host, as programs write them. */
const inLines = (count: number): string =>
  `hosts:\n${Array.from({ length: count }, (_, i) => `  w${i}: 10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`).join('\n')}\ngroups: { web: ['w[0-${count - 1}]'] }\n`
/** A map a host, and every host again in a group: 7 MB for 100,000. */
const inMaps = (count: number): string =>
  `hosts:\n${Array.from({ length: count }, (_, i) => `  w${i}: { host: 10.${i >> 16}.${(i >> 8) & 255}.${i & 255}, username: deploy }`).join('\n')}\ngroups:\n  web:\n${Array.from({ length: count }, (_, i) => `    - w${i}`).join('\n')}\n`
/** The same where one host is more than plain lines, so that the YAML library reads the file. */
const byLibrary = (count: number): string => inLines(count).replace('w0: ', 'w0: &first ')

test.each([
  ['ranges', inRanges],
  ['a line a host', inLines],
  ['a map a host', inMaps],
  ['a line a host, by the YAML library', byLibrary],
] as const)(
  '100,000 hosts, %s',
  (name, write) => {
    const small = measure(write(10_000))
    const large = measure(write(100_000))
    expect([small.hosts, small.chosen, large.hosts, large.chosen]).toEqual([10_000, 1_000, 100_000, 10_000])
    const total = (figures: Figures): number => figures.loadMs + figures.selectMs
    console.log(
      `inventory, ${name}: 10,000 hosts ${total(small).toFixed(0)} ms; 100,000 hosts ${total(large).toFixed(0)} ms (load ${large.loadMs.toFixed(0)}, select ${large.selectMs.toFixed(0)}; target ≤ 1000), ` +
        `${(large.rss / 1e6).toFixed(0)} MB (target ≤ 400); growth ${(total(large) / total(small)).toFixed(1)} (target ≤ 12)`,
    )
  },
  120_000,
)
