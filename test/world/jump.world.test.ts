import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWorld } from '../rig/sshd.js'
import { report, setStage, type Stage } from './stage.js'

describeWorld('hosts behind others', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage()
    stage.inventory(`
hosts:
  bastion: 127.4.0.1
  inner: { host: 127.4.0.2, proxyJump: bastion }
  dead: { host: 127.0.0.1, port: 1 }
  behind-dead: { host: 127.4.0.3, proxyJump: dead }
  near: 127.4.0.4
${Array.from({ length: 20 }, (_, i) => `  app${String(i + 1).padStart(2, '0')}: { host: 127.4.1.${i + 1}, proxyJump: bastion }`).join('\n')}
  deep: { host: 127.4.0.5, proxyJump: inner }
  deepest: { host: 127.4.0.6, proxyJump: deep }
pool: { maxReconnectAttempts: 0 }`)
  })
  afterAll(() => stage.stop())
  /** Who connected, and at which address. */
  const WHO = 'set -- $SSH_CONNECTION; echo "$3"'

  test('one hop, two, and three, from the inventory', async () => {
    expect(await stage.run(['run', 'inner', WHO])).toMatchObject({ status: 0, stdout: '127.4.0.2\n', stderr: '' })
    expect(await stage.run(['run', 'deep', WHO])).toMatchObject({ status: 0, stdout: '127.4.0.5\n', stderr: '' })
    const { hosts, pool } = report(await stage.run(['run', '--json', 'deepest', WHO]))
    expect(hosts[0]).toMatchObject({ outcome: 'ok', stdout: '127.4.0.6\n' })
    expect(pool).toMatchObject({ connectionsCreated: 4, acquired: 1 })
  })

  test('and by -J, in the order of travel', async () => {
    const { hosts, pool } = report(await stage.run(['run', '-J', 'bastion,inner', '--json', 'near', WHO]))
    expect(hosts[0]).toMatchObject({ outcome: 'ok', stdout: '127.4.0.4\n' })
    expect(pool).toMatchObject({ connectionsCreated: 3, acquired: 1 })
  })

  test('20 hosts behind one bastion go over one connection to it', async () => {
    const { counts, hosts, pool } = report(await stage.run(['exec-all', '-w', 'app*', '--json', WHO]))
    expect(counts).toMatchObject({ total: 20, ok: 20 })
    expect(hosts.map(({ stdout }) => stdout.trim())).toEqual(Array.from({ length: 20 }, (_, i) => `127.4.1.${i + 1}`))
    expect(pool).toMatchObject({ connectionsCreated: 21, connectionsFailed: 0 })
  })

  test('a dead bastion fails what is behind it, by name, and nothing else', async () => {
    const ended = await stage.run(['exec-all', '-w', 'behind-dead,near,inner', '--json', 'true'])
    expect(ended.status).toBe(255)
    const { hosts } = report(ended)
    expect(hosts.map(({ host, outcome, executed }) => [host, outcome, executed])).toEqual([
      ['inner', 'ok', 'yes'],
      ['behind-dead', 'unreachable', 'no'],
      ['near', 'ok', 'yes'],
    ])
    expect(hosts[1]?.error?.message).toMatch(/^behind-dead: jump host dead \(127\.0\.0\.1:1\): connection refused/)
  })
})
