import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startFleet } from '../../src/demo/fleet.js'
import { createXec } from '../../src/xec.js'
import { ended } from '../cli/binary.js'
import { describeWorld } from '../rig/sshd.js'
import { setStage, type Stage } from './stage.js'

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
/** Keeps this process's loop from running. */
const block = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

test('a hundred queued commands do not fail for one handshake in which our own loop stood still', async () => {
  const fleet = await startFleet(['web1'], { web1: { handshakeDelayMs: 60 } })
  const xec = createXec()
  const target = { ...fleet.target('web1'), connectTimeoutMs: 400 }
  const before = performance.now()
  setTimeout(() => block(900), 20)
  const report = await xec.run(
    Array.from({ length: 100 }, (_, i) => ({ target, command: { line: `echo ${i}` } })),
    { fanout: 100, commandText: 'echo' },
  )
  expect(report.results.map(({ outcome, error }) => error?.message ?? outcome)).toEqual(Array(100).fill('ok'))
  expect(performance.now() - before).toBeGreaterThan(900)
  await xec.close()
  await fleet.stop()
})

describeWorld('xec is stopped, as by Ctrl-Z, and goes on', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage()
    stage.inventory('pool: { keepAliveInterval: 500ms, keepAliveCountMax: 1 }\nhosts:\n  web1: { host: 127.3.0.1 }')
  })
  afterAll(() => stage.stop())

  test('no timeout has struck meanwhile, and no connection is lost', async () => {
    const child = stage.start(['run', '--timeout', '2500ms', 'web1', 'echo up; sleep 1; echo done'])
    child.stdin.end()
    const end = ended(child)
    await once(child.stdout, 'data')
    child.kill('SIGSTOP')
    await sleep(4_000)
    child.kill('SIGCONT')
    expect(await end).toEqual({ status: 0, signal: null, stdout: 'up\ndone\n', stderr: '' })
  })
})
