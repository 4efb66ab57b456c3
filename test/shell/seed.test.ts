import { afterAll, beforeAll, expect, test } from 'vitest'
import { $, CommandError, SSHAdapter } from '../../src/index.js'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, startSshd, type Sshd } from '../rig/sshd.js'

// The first, second and thirteenth code block of the guide, with only host, credentials and commands adapted.
describeWorld('the guide, on a real server', () => {
  let sshd: Sshd
  let place: Place
  beforeAll(async () => {
    place = makePlace()
    sshd = await startSshd()
  })
  afterAll(async () => {
    await $.adapter.dispose()
    await sshd.stop()
    place.remove()
  })

  /** What every block writes as `{ host, username }`, plus the way to this server. */
  const server = (): { host: string; port: number; username: string; privateKey: string; userKnownHostsFile: string } =>
    ({ host: sshd.host, port: sshd.port, username: sshd.user, privateKey: sshd.privateKeyPath, userKnownHostsFile: place.knownHosts })

  test('automatic pooling: commands reuse the same connection', async () => {
    const ssh = $.ssh(server())
    const uptime = await ssh`uptime`
    const free = await ssh`free -h`
    const df = await ssh`df -h`
    expect([uptime.ok, free.ok, df.ok]).toEqual([true, true, true])
    expect(uptime.stdout).toMatch(/load average/)
    expect(df.stdout).toMatch(/\//)
    expect($.adapter.getConnectionPoolMetrics()).toMatchObject({ connectionsCreated: 1, reuseCount: 2, totalConnections: 1, activeConnections: 0, idleConnections: 1 })
    expect(sshd.connections()).toHaveLength(1)
  })

  test('custom pool: commands of an adapter run on its own pool', async () => {
    const sshAdapter = new SSHAdapter({
      connectionPool: {
        enabled: true,
        maxConnections: 10,
        idleTimeout: 300000,
        keepAlive: true,
        keepAliveInterval: 30000,
        autoReconnect: true,
        maxReconnectAttempts: 3,
        reconnectDelay: 1000,
      },
    })
    const shared = $.adapter.getConnectionPoolMetrics()
    const ssh = $.with({ adapter: sshAdapter }).ssh(server())
    expect((await ssh`echo from the pool of its own`).stdout).toBe('from the pool of its own\n')
    expect(sshAdapter.getConnectionPoolMetrics()).toMatchObject({ connectionsCreated: 1, acquired: 1, limits: { maxConnections: 10 } })
    expect($.adapter.getConnectionPoolMetrics().acquired).toBe(shared.acquired)
    await sshAdapter.dispose()
    expect(sshAdapter.getConnectionPoolMetrics()).toMatchObject({ totalConnections: 0, connectionsDestroyed: 1 })
  })

  test('built-in metrics', async () => {
    const adapter = new SSHAdapter({ connectionPool: { enabled: true } })
    const before = adapter.getConnectionPoolMetrics()
    expect(before).toMatchObject({ totalConnections: 0, connectionsCreated: 0, reuseCount: 0, commands: {} })

    const ssh = $.with({ adapter }).ssh(server())
    await ssh`uptime`
    await ssh`df -h`

    const metrics = adapter.getConnectionPoolMetrics()
    expect({
      totalConnections: metrics.totalConnections,
      activeConnections: metrics.activeConnections,
      idleConnections: metrics.idleConnections,
      connectionsCreated: metrics.connectionsCreated,
      connectionsDestroyed: metrics.connectionsDestroyed,
      reuseCount: metrics.reuseCount,
      connectionsFailed: metrics.connectionsFailed,
    }).toEqual({ totalConnections: 1, activeConnections: 0, idleConnections: 1, connectionsCreated: 1, connectionsDestroyed: 0, reuseCount: 1, connectionsFailed: 0 })
    expect(metrics.commands).toEqual({ ok: 2 })
    await adapter.dispose()
  })

  test('a pool that is not enabled opens and closes one connection a command', async () => {
    const adapter = new SSHAdapter({ connectionPool: { enabled: false } })
    const ssh = $.with({ adapter }).ssh(server())
    await ssh`true`
    await ssh`true`
    await adapter.drain()
    expect(adapter.getConnectionPoolMetrics()).toMatchObject({ connectionsCreated: 2, connectionsDestroyed: 2, reuseCount: 0, totalConnections: 0 })
  })

  test('a command that fails rejects with an error in the shape of a result; a lost connection says Connection closed', async () => {
    const adapter = new SSHAdapter()
    const ssh = $.with({ adapter }).ssh(server())
    const failure = await ssh`echo out; echo err >&2; exit 3`.catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(CommandError)
    expect(failure).toMatchObject({ code: 'XEC_EXIT', exitCode: 3, stdout: 'out\n', stderr: 'err\n', ok: false, executed: 'yes', message: `${sshd.host}: exit status 3` })

    const running = ssh`echo begun; sleep 60`
    const lost = running.catch((error: unknown) => error)
    while (adapter.getConnectionPoolMetrics().activeConnections === 0) await new Promise((resolve) => setImmediate(resolve))
    await adapter.dispose()
    expect(await lost).toMatchObject({ code: 'XEC_CONNECTION_LOST', outcome: 'lost', exitCode: null })
    expect((await lost as Error).message).toContain('Connection closed')
  })
})
