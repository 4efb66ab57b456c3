/**
 * The roads not taken, measured: each variant of the pool's policy is put into a copy of the tree and runs what
 * `roads.bench.ts` measures of it, beside the one that is shipped. docs/design/pool.md says what follows.
 *   npm run roads [-- FILTER]
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const POLICY = 'src/pool/policy/policy.ts'
const RETRY = 'src/pool/policy/retry.ts'
const FAIRNESS = 'src/pool/policy/fairness.ts'
const timeSlice = (grants, ms) => [
  { file: FAIRNESS, before: 'TIME_SLICE_GRANTS = 8', after: `TIME_SLICE_GRANTS = ${grants}` },
  { file: FAIRNESS, before: 'TIME_SLICE_MS = 1_000', after: `TIME_SLICE_MS = ${ms}` },
]
const DIALS = 'dialLimit = Math.max(1, Math.floor(Math.min(dialLimit, endpoint.opening + 1) / 2))'
const AGAIN = 'Infinity : dialLimit + 1'

/** Each: what it is called, which measurement, and what to change. */
const ROADS = [
  { name: 'spread', measures: 'pick', edits: [] },
  {
    name: 'pack',
    measures: 'pick',
    edits: [
      { file: POLICY, before: 'connection.used < roomiest.used', after: 'connection.used > roomiest.used' },
      { file: POLICY, before: 'connection.used < ready.used', after: 'connection.used > ready.used' },
    ],
  },
  { name: '8 grants or 1 s', measures: 'quantum', edits: [] },
  { name: '1 grant', measures: 'quantum', edits: timeSlice(1, 0) },
  { name: '64 grants or 10 s', measures: 'quantum', edits: timeSlice(64, 10_000) },
  { name: 'never', measures: 'quantum', edits: timeSlice('Infinity', 'Infinity') },
  { name: 'halved, then +1', measures: 'throttle', edits: [] },
  {
    name: 'to 1, then +1',
    measures: 'throttle',
    edits: [{ file: RETRY, before: DIALS, after: 'dialLimit = 1' }],
  },
  {
    name: '× 0.9, then +1',
    measures: 'throttle',
    edits: [
      {
        file: RETRY,
        before: DIALS,
        after: 'dialLimit = Math.max(1, Math.floor(Math.min(dialLimit, endpoint.opening + 1) * 0.9))',
      },
    ],
  },
  {
    name: 'halved, then doubled',
    measures: 'throttle',
    edits: [{ file: RETRY, before: AGAIN, after: 'Infinity : dialLimit * 2' }],
  },
]

const root = new URL('..', import.meta.url).pathname
const filter = process.argv[2] ?? ''
let failed = 0
for (const { name, measures, edits } of ROADS.filter((road) => `${road.measures} ${road.name}`.includes(filter))) {
  const copy = mkdtempSync(join(tmpdir(), 'xec-roads-'))
  try {
    for (const each of ['src', 'test', 'bench', 'package.json', 'tsconfig.json'])
      cpSync(join(root, each), join(copy, each), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
    for (const { file, before, after } of edits) {
      const path = join(copy, file)
      const source = readFileSync(path, 'utf8')
      if (source.split(before).length !== 2)
        throw new Error(`${file}: "${before}" does not stand there exactly once; the list is out of date`)
      writeFileSync(
        path,
        source.replace(before, () => after),
      )
    }
    const { status } = spawnSync(
      'npx',
      ['vitest', 'run', '--config', 'bench/vitest.config.ts', 'bench/roads.bench.ts', '--reporter=dot', '-t', measures],
      { cwd: copy, stdio: 'inherit', env: { ...process.env, NO_COLOR: '1', XEC_ROAD: name } },
    )
    if (status !== 0) failed++
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}
process.exitCode = failed > 0 ? 1 : 0
