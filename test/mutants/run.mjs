/**
 * Breaks one guard at a time in a copy of the tree and runs the tests that ought to notice.
 * Prints which test caught each mutant; a survivor is a hole in the tests (or a guard that is not needed).
 *   npm run mutants [-- FILTER]
 */
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MUTANTS } from './list.mjs'

const root = new URL('../..', import.meta.url).pathname
const copy = mkdtempSync(join(tmpdir(), 'xec-mutants-'))
const filter = process.argv[2] ?? ''
for (const name of ['src', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts']) cpSync(join(root, name), join(copy, name), { recursive: true })
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))

const survivors = []
let caught = 0
try {
  for (const { file, tests, before, after } of MUTANTS.filter((mutant) => mutant.file.includes(filter))) {
    const path = join(copy, file)
    const source = readFileSync(path, 'utf8')
    const label = `${file}: ${before.trim().split('\n')[0]} → ${after.trim().split('\n')[0] || '(nothing)'}`
    if (source.split(before).length !== 2) {
      survivors.push(`${label}\n    does not stand there exactly once; the list is out of date`)
      continue
    }
    writeFileSync(path, source.replace(before, () => after))
    const report = join(copy, 'report.json')
    rmSync(report, { force: true })
    const inTime = await runTests(tests, report)
    writeFileSync(path, source)
    const by = inTime ? firstFailure(report) : 'the time limit'
    if (by) {
      caught++
      console.log(`caught    ${label}\n    by ${by}`)
    } else {
      survivors.push(label)
      console.log(`SURVIVED  ${label}`)
    }
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
console.log(`\n${caught} caught, ${survivors.length} survived`)
for (const each of survivors) console.log(`  ${each}`)
process.exitCode = survivors.length > 0 ? 1 : 0

/** A mutant may run for ever: the time limit is a way of being caught, too. False when it struck. */
function runTests(tests, report) {
  const child = spawn('npx', ['vitest', 'run', ...tests, '--bail', '1', '--reporter=json', `--outputFile=${report}`], { cwd: copy, stdio: 'ignore', detached: true, env: { ...process.env, XEC_MODEL_RUNS: '500', XEC_MODEL_SEED: '1' } })
  return new Promise((resolve) => {
    let inTime = true
    // The whole group: a worker in an endless loop does not hear of its parent's end.
    const timer = setTimeout(() => {
      inTime = false
      process.kill(-child.pid, 'SIGKILL')
    }, 90_000)
    child.once('close', () => {
      clearTimeout(timer)
      resolve(inTime)
    })
  })
}

function firstFailure(report) {
  try {
    for (const suite of JSON.parse(readFileSync(report, 'utf8')).testResults) {
      for (const test of suite.assertionResults) if (test.status === 'failed') return test.fullName.trim()
      if (suite.status === 'failed') return suite.message?.split('\n')[0] || suite.name
    }
    return undefined
  } catch {
    return 'a crash of the test run'
  }
}
