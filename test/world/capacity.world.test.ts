import { afterAll, beforeAll, expect, test } from 'vitest'
import { createXec } from '../../src/xec.js'
import { describeWorld } from '../rig/sshd.js'
import { keyFile, makeTarget } from '../transport/fixture.js'
import { report, setStage, type Stage } from './stage.js'

describeWorld('a server that allows fewer sessions than we would use', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage({ config: ['MaxSessions 2'] })
  })
  afterAll(() => stage.stop())

  test('60 names of one address against MaxSessions 2: one connection, 60 ok', async () => {
    stage.inventory(`hosts: { 'name[01-60]': 127.0.0.1 }`)
    const { counts, hosts, pool } = report(
      await stage.run(['exec-all', '--all', '--max-connections-per-host', '1', '--json', 'echo "$$"; sleep 0.02']),
    )
    expect(counts).toMatchObject({ total: 60, ok: 60 })
    expect(new Set(hosts.map(({ stdout }) => stdout)).size).toBe(60)
    expect(pool).toMatchObject({ connectionsCreated: 1, acquired: 60 })
    expect(stage.sshd.log().match(/^Accepted publickey/gm)).toHaveLength(1)
  })
})

describeWorld('a server with MaxSessions 1', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage({ config: ['MaxSessions 1'] })
  })
  afterAll(() => stage.stop())

  test('1,000 commands, one after the other: one connection, 1,000 ok, no slot leaked', async () => {
    const xec = createXec()
    const target = makeTarget(stage.sshd, stage.place.knownHosts, {
      credentials: { keys: [keyFile(stage.sshd.privateKeyPath)] },
    })
    for (let i = 0; i < 1_000; i++) {
      const { outcome, stdout } = await xec.execute(target, { line: `echo ${i}` })
      expect([outcome, String(stdout)]).toEqual(['ok', `${i}\n`])
    }
    expect(xec.snapshot()).toMatchObject({
      connectionsCreated: 1,
      connectionsFailed: 0,
      acquired: 1_000,
      reuseCount: 999,
      activeConnections: 0,
      idleConnections: 1,
    })
    expect(stage.sshd.log().match(/^Accepted publickey/gm)).toHaveLength(1)
    await xec.close()
  })
})
