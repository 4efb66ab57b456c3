import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createXec } from '../../src/xec.js'
import { describeWorld } from '../rig/sshd.js'
import { keyFile, makeTarget } from '../transport/fixture.js'
import { ended } from '../cli/binary.js'
import { linesOf, report, setStage, until, type Stage } from './stage.js'

describeWorld('a connection that dies under running commands', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage({ config: ['MaxSessions 30'] })
    stage.inventory(`
hosts:
  'job[01-20]': 127.0.0.1
pool: { maxConnectionsPerHost: 1, maxChannelsPerConnection: 20 }`)
  })
  afterAll(() => stage.stop())

  test('20 commands are 20 results, each lost, none run twice, and the status is 255', async () => {
    const oracle = join(stage.shared, 'executions')
    // One short line in append mode is one write: the host's own account of what ran.
    const child = stage.start(['exec-all', '--all', '--json', `echo "$$" >> ${oracle}; sleep 45.5`])
    const end = ended(child)
    await until('20 commands run', () => linesOf(oracle).length === 20)
    for (const pid of stage.sshd.children()) process.kill(pid, 'SIGKILL')
    const { status, stdout, stderr } = await end
    const { counts, hosts, pool } = report({ status, stdout, stderr, signal: null })
    expect(status).toBe(255)
    expect(counts).toMatchObject({ total: 20, lost: 20, ok: 0 })
    for (const { executed, remoteProcess, error } of hosts) {
      expect(['yes', 'maybe']).toContain(executed)
      expect(remoteProcess).toBe('maybe-running')
      expect(error).toMatchObject({
        code: 'XEC_CONNECTION_LOST',
        message: expect.stringContaining('Connection closed') as string,
      })
    }
    expect(pool).toMatchObject({ connectionsCreated: 1, closedByReason: { lost: 1 } })
    expect(linesOf(oracle)).toHaveLength(20)
    expect(new Set(linesOf(oracle)).size).toBe(20)
  })

  test('and the next command on the same pool works', async () => {
    const xec = createXec({ pool: { maxConnectionsPerHost: 1, maxChannelsPerConnection: 20 } })
    const target = makeTarget(stage.sshd, stage.place.knownHosts, {
      credentials: { keys: [keyFile(stage.sshd.privateKeyPath)] },
    })
    const running = Array.from({ length: 20 }, () => xec.execute(target, { line: 'sleep 45.6' }))
    await until('20 channels are in use', () => xec.snapshot().hosts[0]?.acquired === 20)
    for (const pid of stage.sshd.children()) process.kill(pid, 'SIGKILL')
    expect((await Promise.all(running)).map(({ outcome }) => outcome)).toEqual(Array<string>(20).fill('lost'))
    expect(await xec.execute(target, { line: 'echo works' })).toMatchObject({ outcome: 'ok', reused: false })
    await xec.close()
  })

  test('a stopped server is found by keepalive in time, and --timeout fires regardless', async () => {
    const [intervalMs, countMax] = [1_000, 2]
    stage.inventory(`
hosts: { one: 127.0.0.1 }
pool: { keepAliveInterval: ${intervalMs}ms, keepAliveCountMax: ${countMax}, maxReconnectAttempts: 0 }`)
    for (const [flags, outcome, limit] of [
      [[], 'lost', intervalMs * (countMax + 1) * 1.1],
      [['--timeout', '500ms'], 'timeout', 500 + 6_000],
    ] as const) {
      const gate = join(stage.shared, `up-${outcome}`)
      const child = stage.start(['run', '--json', ...flags, 'one', `touch ${gate}; sleep 45.7`])
      const end = ended(child)
      await until('the command runs', () => existsSync(gate))
      const stopped = stage.sshd.children().concat(stage.sshd.connections())
      const since = Date.now()
      for (const pid of stopped) process.kill(pid, 'SIGSTOP')
      try {
        const host = report(await end).hosts[0]
        const took = Date.now() - since
        expect(host).toMatchObject({ outcome, executed: 'yes', remoteProcess: 'maybe-running' })
        // Leaving takes its own time on a machine that is busy with other tests.
        expect(took).toBeLessThanOrEqual(limit + 5_000)
      } finally {
        for (const pid of stopped) process.kill(pid, 'SIGKILL')
      }
    }
  })
})
