import { afterAll, beforeAll, expect, test } from 'vitest'
import { startProxy } from '../rig/proxy.js'
import { describeWorld } from '../rig/sshd.js'
import { addressOf, hostsOf, report, setStage, type Stage } from './stage.js'

const HOSTS = 200

describeWorld('exec-all on 200 hosts', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage()
    stage.inventory(`${hostsOf('web', HOSTS)}\ngroups: { web: ['web[001-${HOSTS}]'] }`)
  })
  afterAll(() => stage.stop())
  const names = Array.from({ length: HOSTS }, (_, i) => `web${String(i + 1).padStart(3, '0')}`)
  /** The address that the server was reached at: its third field, by sshd. */
  const WHO = 'set -- $SSH_CONNECTION; echo "$3"'

  test("200 right outputs, each host's own, in a pipe", async () => {
    const { status, stdout, stderr } = await stage.run(['exec-all', '-g', 'web', WHO])
    expect(stdout.trim().split('\n').sort()).toEqual(names.map((name, i) => `${name}: ${addressOf(i)}`))
    expect(stderr).toMatch(/^200 hosts · 200 ok · /m)
    expect(status).toBe(0)
  })

  test('and in JSON, in the order of the inventory', async () => {
    const { hosts, counts, pool } = report(await stage.run(['exec-all', '--all', '--json', WHO]))
    expect(hosts.map(({ host, stdout, exitCode }) => [host, stdout, exitCode])).toEqual(
      names.map((name, i) => [name, `${addressOf(i)}\n`, 0]),
    )
    expect(counts).toMatchObject({ total: HOSTS, ok: HOSTS })
    expect(pool).toMatchObject({ connectionsCreated: HOSTS, connectionsFailed: 0, waiting: 0 })
  })

  test('with maxConnections 5 the server never has more than 5', async () => {
    const door = await startProxy({ port: stage.sshd.port, listen: '0.0.0.0' })
    try {
      const ended = report(
        await stage.run([
          'exec-all',
          '-g',
          'web',
          '-p',
          String(door.port),
          '--max-connections',
          '5',
          '--json',
          'echo "$$"',
        ]),
      )
      expect(ended.counts).toMatchObject({ total: HOSTS, ok: HOSTS })
      expect(new Set(ended.hosts.map(({ stdout }) => stdout)).size).toBe(HOSTS)
      expect(ended.pool).toMatchObject({ connectionsCreated: HOSTS })
      expect(door.accepted).toBe(HOSTS)
      expect(door.most).toBe(5)
    } finally {
      await door.stop()
    }
  })
})
