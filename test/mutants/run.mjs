/**
 * Breaks one guard at a time in a copy of the tree and runs the tests that ought to notice.
 * Prints which test caught each mutant; a survivor is a hole in the tests (or a guard that is not needed). First the tests
 * must pass as they are: what fails without a mutant catches none. The time they take then decides when a run is given up;
 * a mutant that only makes the tests endless is told apart from one that a test names.
 *   npm run mutants [-- FILTER...]      FILTER: a part of a file's name; results go to bench/results/mutants.txt
 */
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MUTANTS } from './list.mjs'
import { locate } from './locate.mjs'

/** A busy machine may be this many times slower than it was for the control, before a run counts as endless. */
const PATIENCE = 6

const root = new URL('../..', import.meta.url).pathname
const copy = mkdtempSync(join(tmpdir(), 'xec-mutants-'))
const filters = process.argv.slice(2)
const chosen = MUTANTS.filter(({ file }) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
for (const name of ['src', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts'])
  cpSync(join(root, name), join(copy, name), { recursive: true })
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))

const lines = []
const counts = { caught: 0, endless: 0, survived: 0 }
try {
  const limits = new Map()
  for (const { tests } of chosen) {
    const key = tests.join(' ')
    if (limits.has(key)) continue
    const began = Date.now()
    const { failure } = await runTests(tests, Infinity)
    if (failure) throw new Error(`the tests fail without a mutant, so they cannot catch one: ${failure}`)
    const took = Date.now() - began
    say(`control   ${key} passes, in ${Math.round(took / 1000)} s`)
    limits.set(key, Math.max(60_000, took * PATIENCE))
  }
  for (const { file, tests, before, after } of chosen) {
    const path = join(copy, file)
    const source = readFileSync(path, 'utf8')
    const label = `${file}: ${before.trim().split('\n')[0]} → ${after.trim().split('\n')[0] || '(nothing)'}`
    const [place, ...more] = locate(source, before)
    if (!place || more.length > 0) {
      counts.survived++
      say(`SURVIVED  ${label}\n    does not stand there exactly once; the list is out of date`)
      continue
    }
    writeFileSync(path, source.slice(0, place.start) + after + source.slice(place.end))
    const { inTime, failure } = await runTests(tests, limits.get(tests.join(' ')))
    writeFileSync(path, source)
    if (!inTime) {
      counts.endless++
      say(`endless   ${label}\n    no test failed within the time limit`)
    } else if (failure) {
      counts.caught++
      say(`caught    ${label}\n    by ${failure}`)
    } else {
      counts.survived++
      say(`SURVIVED  ${label}`)
    }
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
say(`\n${counts.caught} caught, ${counts.endless} endless, ${counts.survived} survived`)
mkdirSync(join(root, 'bench/results'), { recursive: true })
writeFileSync(
  join(root, 'bench/results/mutants.txt'),
  `${new Date().toISOString()} ${filters.join(' ') || 'all'}\n${lines.join('\n')}\n`,
)
process.exitCode = counts.survived > 0 ? 1 : 0

function say(line) {
  lines.push(line)
  console.log(line)
}

/** A mutant may run for ever: `inTime` is false when the limit struck. `failure` is the first test that failed. */
function runTests(tests, limitMs) {
  const report = join(copy, 'report.json')
  rmSync(report, { force: true })
  const child = spawn('npx', ['vitest', 'run', ...tests, '--bail', '1', '--reporter=json', `--outputFile=${report}`], {
    cwd: copy,
    stdio: 'ignore',
    detached: true,
    env: { ...process.env, XEC_MODEL_RUNS: '500', XEC_MODEL_SEED: '1' },
  })
  return new Promise((resolve) => {
    let inTime = true
    // The whole group: a worker in an endless loop does not hear of its parent's end.
    const timer =
      limitMs === Infinity
        ? undefined
        : setTimeout(() => {
            inTime = false
            process.kill(-child.pid, 'SIGKILL')
          }, limitMs)
    child.once('close', (code) => {
      clearTimeout(timer)
      resolve({ inTime, failure: firstFailure(report, code) })
    })
  })
}

function firstFailure(report, code) {
  try {
    for (const suite of JSON.parse(readFileSync(report, 'utf8')).testResults) {
      for (const test of suite.assertionResults) if (test.status === 'failed') return test.fullName.trim()
      if (suite.status === 'failed') return suite.message?.split('\n')[0] || suite.name
    }
    return code === 0 ? undefined : `exit status ${code}`
  } catch {
    return 'a crash of the test run'
  }
}
