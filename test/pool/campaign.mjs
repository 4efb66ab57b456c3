/**
 * The model, many times over: npm run test:sim [-- SEQUENCES]. In batches, each with a seed that is printed; a batch that
 * fails is run again by XEC_MODEL_SEED and shrinks to its shortest sequence. The figures go to bench/results/sim.txt.
 */
import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const sequences = Number(process.argv[2] ?? 200_000)
const batch = 20_000
mkdirSync(`${root}/bench/results`, { recursive: true })

let failed = 0
const began = Date.now()
for (let done = 0; done < sequences; done += batch) {
  const seed = Math.floor(Math.random() * 2 ** 31)
  const runs = Math.min(batch, sequences - done)
  console.log(`${done + runs} of ${sequences}: seed ${seed}`)
  const { status } = spawnSync('npx', ['vitest', 'run', 'test/pool/model.oracle.test.ts', '--reporter=dot'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, NO_COLOR: '1', XEC_MODEL_RUNS: String(runs), XEC_MODEL_SEED: String(seed) },
  })
  if (status !== 0) {
    failed++
    console.log(`FAILED: XEC_MODEL_SEED=${seed} XEC_MODEL_RUNS=${runs} npx vitest run test/pool/model.oracle.test.ts`)
  }
  appendFileSync(
    `${root}/bench/results/sim.txt`,
    `${new Date().toISOString()} seed ${seed} sequences ${runs} ${status === 0 ? 'ok' : 'FAILED'}\n`,
  )
}
console.log(`${sequences} sequences in ${Math.round((Date.now() - began) / 1000)} s, ${failed} batches failed`)
process.exitCode = failed > 0 ? 1 : 0
