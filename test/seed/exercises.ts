/** What each block is for, done with it and asserted. One exercise a block, by its number. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import {
  $,
  calculateOptimalPoolSize,
  optimizeKeepAlive,
  type CommandPromise,
  type PoolSnapshot,
  type ShellResult,
  type SSHAdapter,
  type SshContext,
} from '../../src/index.js'
import { startProxy } from '../rig/proxy.js'
import type { Block } from './blocks.js'
import { run, until, type Stage } from './stage.js'

type Exercise = (stage: Stage, block: Block) => Promise<void>

interface Login {
  readonly host: string
  readonly port: number
  readonly username: string
  readonly privateKey?: string
}

/** A port on which nobody listens: one that was just given back. */
async function deadPort(): Promise<number> {
  const proxy = await startProxy({ port: 1 })
  await proxy.stop()
  return proxy.port
}

const metricsOf = (adapter: SSHAdapter): PoolSnapshot => adapter.getConnectionPoolMetrics()

export const EXERCISES: Readonly<Record<number, Exercise>> = {
  // Connection Pooling
  async 1(stage, block) {
    const { made } = await run<{ ssh: SshContext }>(stage, block)
    expect(stage.calls()).toEqual(['free -h'])
    expect(stage.figures(stage.host(block, 1))).toMatchObject({
      connectionsCreated: 1,
      acquired: 3,
      reuseCount: 2,
      activeConnections: 0,
      idleConnections: 1,
    })
    expect((await made.ssh`uptime`).stdout).toMatch(/load average/)
  },

  async 2(stage, block) {
    const shared = metricsOf($.adapter).acquired
    const {
      made: { ssh, sshAdapter },
    } = await run<{ ssh: SshContext; sshAdapter: SSHAdapter }>(stage, block)
    expect(metricsOf(sshAdapter)).toMatchObject({ totalConnections: 0, limits: { maxConnections: 10 } })
    expect(await ssh`echo ${'its own pool'}`.text()).toBe('its own pool')
    expect(metricsOf(sshAdapter)).toMatchObject({
      connectionsCreated: 1,
      totalConnections: 1,
      idleConnections: 1,
      acquired: 1,
    })
    expect(metricsOf($.adapter).acquired).toBe(shared)
    await sshAdapter.dispose()
    expect(metricsOf(sshAdapter)).toMatchObject({ totalConnections: 0, connectionsDestroyed: 1 })
  },

  async 3(stage, block) {
    const { made } = await run<Record<'highFrequency' | 'resourceConstrained' | 'development', SSHAdapter>>(
      stage,
      block,
    )
    const figures = async (adapter: SSHAdapter): Promise<PoolSnapshot> => {
      // Five hosts, two commands each, all at once.
      await Promise.all(
        [1, 2, 3, 4, 5].flatMap((nth) => {
          const ssh = $.with({ adapter }).ssh(stage.host(block, nth))
          return [ssh`true`, ssh`true`]
        }),
      )
      await adapter.drain()
      return metricsOf(adapter)
    }
    expect(await figures(made.highFrequency)).toMatchObject({
      limits: { maxConnections: 20 },
      acquired: 10,
      connectionsCreated: 5,
    })
    expect(await figures(made.resourceConstrained)).toMatchObject({
      limits: { maxConnections: 3 },
      acquired: 10,
      commands: { ok: 10 },
      totalConnections: 0,
    })
    // Not pooled: a connection a command.
    expect(await figures(made.development)).toMatchObject({
      acquired: 10,
      connectionsCreated: 10,
      connectionsDestroyed: 10,
      reuseCount: 0,
    })
  },

  // Connection Reuse Patterns
  async 4(stage, block) {
    const { made } = await run<{ deployApplication(): Promise<void> }>(stage, block)
    expect(stage.figures(stage.host(block, 1)).acquired).toBe(0)
    await made.deployApplication()
    expect(stage.calls()).toEqual([
      'git pull origin main',
      'npm install --production',
      'npm run build',
      'pm2 restart app',
      'nginx -s reload',
    ])
    expect(stage.figures(stage.host(block, 1))).toMatchObject({
      connectionsCreated: 1,
      reuseCount: 4,
      idleConnections: 1,
      activeConnections: 0,
    })
  },

  async 5(stage, block) {
    const servers = [1, 2, 3].map((nth) => stage.host(block, nth))
    const {
      made: { manager },
    } = await run<{
      manager: {
        executeOnAll(servers: unknown[], command: string): Promise<ShellResult[]>
        getConnection(server: unknown): SshContext
      }
    }>(stage, block, { servers })
    expect(stage.calls()).toEqual(['systemctl status nginx', 'systemctl status nginx', 'systemctl status nginx'])
    const again = await manager.executeOnAll(servers, 'systemctl status nginx')
    expect(again.map(({ ok, stdout, host }) => ({ ok, stdout, host }))).toEqual(
      servers.map(({ host }) => ({ ok: true, stdout: 'active\n', host })),
    )
    for (const server of servers) {
      expect(manager.getConnection(server)).toBe(manager.getConnection(server))
      expect(stage.figures(server)).toMatchObject({ connectionsCreated: 1, acquired: 2, reuseCount: 1 })
    }
    stage.calls()
  },

  async 6(stage, block) {
    const downloadUrl = 'https://example.com/app v1.tar.gz'
    const {
      made: { DeploymentManager },
    } = await run<{ DeploymentManager: new (config: Login) => { fullDeploy(version: string): Promise<void> } }>(
      stage,
      block,
      { downloadUrl },
    )
    const server = stage.host(block, 1)
    await new DeploymentManager(server).fullDeploy('1.0.0')
    // The address, in which there is a space, came as one word.
    expect(stage.calls()).toEqual([
      `wget -O ${stage.place('deployment')}/app.tar.gz ${downloadUrl}`,
      'systemctl restart app',
    ])
    expect(readFileSync(stage.place('www', 'app'), 'utf8')).toBe('app\n')
    expect(() => readFileSync(stage.place('deployment'))).toThrow('ENOENT')
    expect(stage.figures(server)).toMatchObject({ connectionsCreated: 1, acquired: 6, reuseCount: 5 })
  },

  // Keep-Alive Mechanisms
  async 7(stage, block) {
    // Through a wire on which we can see the pings.
    const proxy = await startProxy(stage.host(block, 1))
    const wire = { host: '127.0.0.1', port: proxy.port }
    const {
      made: { longRunning, persistentSSH },
    } = await run<{ longRunning: SshContext; persistentSSH: SSHAdapter }>(
      stage,
      block,
      {},
      { 'build-server.example.com': wire },
    )
    expect(stage.calls()).toEqual(['long-build-process.sh'])
    const before = { ...proxy.bytes }
    await until(
      'the server answers pings while nothing runs',
      () => proxy.bytes.toClient > before.toClient + 100 && proxy.bytes.toServer > before.toServer + 100,
    )
    expect(await longRunning`echo still here`.text()).toBe('still here')
    expect(metricsOf(persistentSSH)).toMatchObject({ connectionsCreated: 1, connectionsDestroyed: 0, reuseCount: 1 })
    await persistentSSH.dispose()
    await proxy.stop()
  },

  async 8(stage, block) {
    interface Manager {
      getConnection(config: Login): Promise<SshContext>
      connections: Map<string, SshContext>
      removeConnection(key: string): void
    }
    const {
      made: { CustomSSHManager },
      said,
    } = await run<{ CustomSSHManager: new () => Manager }>(stage, block)
    const manager = new CustomSSHManager()
    const server = stage.host(block, 1)
    const key = `${server.username}@${server.host}:${server.port}`
    // A context can be returned from an async function.
    const ssh = await manager.getConnection(server)
    expect(await manager.getConnection(server)).toBe(ssh)
    await until('three commands that keep it alive', () => stage.figures(server).acquired >= 3)
    expect(stage.figures(server)).toMatchObject({ connectionsCreated: 1 })
    expect([...manager.connections.keys()]).toEqual([key])
    manager.removeConnection(key)

    const bad = { ...stage.host(block, 2), privateKey: stage.wrongKey }
    await manager.getConnection(bad)
    await until('the one that fails is removed', () => manager.connections.size === 0)
    expect(said[0]).toMatch(
      new RegExp(`^Keep-alive failed for ${bad.username}@${bad.host}:${bad.port}: ${bad.host}.*(publickey|key)`),
    )
  },

  // Auto-Reconnection
  async 9(stage, block) {
    const up = await run<{ ssh: SshContext; resilientSSH: SSHAdapter }>(stage, block)
    expect(stage.calls()).toEqual(['long-running-command'])
    expect([up.said, metricsOf(up.made.resilientSSH).connectionsFailed]).toEqual([[], 0])
    await up.made.resilientSSH.dispose()

    const down = await run<{ resilientSSH: SSHAdapter }>(
      stage,
      block,
      {},
      { 'unreliable-server.example.com': { host: '127.0.0.1', port: await deadPort() } },
    )
    // The first dial and five further ones; the command itself was never sent.
    expect(metricsOf(down.made.resilientSSH)).toMatchObject({
      connectionsFailed: 6,
      connectionsCreated: 0,
      acquired: 0,
      commands: { unreachable: 1 },
    })
    expect(down.said).toHaveLength(1)
    expect(down.said[0]).toMatch(/^Command failed after all reconnection attempts: 127\.0\.0\.1.*connection refused/)
    expect(stage.calls()).toEqual([])
    await down.made.resilientSSH.dispose()
  },

  async 10(stage, block) {
    interface Backoff {
      executeWithBackoff(config: Login, command: string, maxAttempts?: number): Promise<ShellResult>
      adapter: SSHAdapter
    }
    const {
      made: { ExponentialBackoffSSH },
      said,
    } = await run<{ ExponentialBackoffSSH: new () => Backoff }>(stage, block)
    const backoff = new ExponentialBackoffSSH()
    const server = stage.host(block, 1)
    expect((await backoff.executeWithBackoff(server, 'echo one two')).stdout).toBe('one two\n')
    await expect(backoff.executeWithBackoff(server, 'systemctl x; exit 7', 3)).rejects.toThrow(
      `Command failed after 3 attempts: ${server.host}: exit status 7`,
    )
    expect(said).toEqual(['Attempt 1 failed, retrying in 4ms...', 'Attempt 2 failed, retrying in 8ms...'])
    expect(stage.calls()).toHaveLength(3)
    expect(metricsOf(backoff.adapter)).toMatchObject({ connectionsCreated: 1, reuseCount: 3 })
    // Each attempt is a series of seven dials.
    await expect(backoff.executeWithBackoff({ ...server, port: await deadPort() }, 'true', 2)).rejects.toThrow(
      /^Command failed after 2 attempts: .*connection refused/,
    )
    expect(metricsOf(backoff.adapter).connectionsFailed).toBe(14)
    await backoff.adapter.dispose()
  },

  // Connection Limits and Management
  async 11(stage, block) {
    interface Limits {
      acquireConnection(config: Login): Promise<SshContext>
      currentConnections: number
      pendingRequests: unknown[]
      maxGlobalConnections: number
    }
    const {
      made: { ConnectionLimitManager },
    } = await run<{ ConnectionLimitManager: new () => Limits }>(stage, block)
    const manager = new ConnectionLimitManager()
    const server = stage.host(block, 1)
    const held = await Promise.all(Array.from({ length: 50 }, () => manager.acquireConnection(server)))
    let served = false
    const last = manager.acquireConnection(server).then((ssh) => {
      served = true
      return ssh
    })
    await Promise.resolve()
    expect([manager.currentConnections, manager.pendingRequests.length, served]).toEqual([50, 1, false])
    // A template call goes through the `execute` that the block put in the place of ours, and so gives its place back.
    expect((await held[0]!`echo through`).stdout).toBe('through\n')
    expect((await (await last)`echo after`).stdout).toBe('after\n')
    expect([manager.currentConnections, manager.pendingRequests.length]).toEqual([49, 0])
    await expect(held[1]!`exit 3`).rejects.toMatchObject({ exitCode: 3 })
    expect(manager.currentConnections).toBe(48)
    expect(stage.figures(server)).toMatchObject({ acquired: 3, connectionsCreated: 1 })
  },

  async 12(stage, block) {
    interface PerHost {
      executeWithHostLimit(config: Login, command: string): Promise<ShellResult>
      getHostConnectionCount(host: string): number
      getTotalConnections(): number
    }
    const {
      made: { PerHostConnectionManager },
    } = await run<{ PerHostConnectionManager: new () => PerHost }>(stage, block)
    const manager = new PerHostConnectionManager()
    const [server, other] = [stage.host(block, 1), stage.host(block, 2)]
    const gate = stage.place(`gate`)
    const five = Array.from({ length: 5 }, () =>
      manager.executeWithHostLimit(server, `until [ -e ${gate} ]; do sleep 0.02; done; echo through`),
    )
    await expect(manager.executeWithHostLimit(server, 'true')).rejects.toThrow(
      `Maximum connections (5) reached for host ${server.host}`,
    )
    expect((await manager.executeWithHostLimit(other, 'echo other')).stdout).toBe('other\n')
    expect([manager.getHostConnectionCount(server.host), manager.getTotalConnections()]).toEqual([5, 5])
    writeFileSync(gate, '')
    expect((await Promise.all(five)).map(({ stdout }) => stdout)).toEqual(Array(5).fill('through\n'))
    expect([manager.getHostConnectionCount(server.host), manager.getTotalConnections()]).toEqual([0, 0])
  },

  // Connection Metrics and Monitoring
  async 13(stage, block) {
    const {
      made: { adapter },
      said,
    } = await run<{ adapter: SSHAdapter }>(stage, block)
    const [title, json] = [said[0]?.slice(0, 25), said[0]?.slice(25)]
    expect(title).toBe('Connection Pool Metrics: ')
    expect(JSON.parse(json ?? '')).toEqual({
      totalConnections: 1,
      activeConnections: 0,
      idleConnections: 1,
      connectionsCreated: 1,
      connectionsDestroyed: 0,
      reuseCount: 1,
      connectionsFailed: 0,
    })
    await adapter.dispose()
    expect(metricsOf(adapter)).toMatchObject({ totalConnections: 0, connectionsDestroyed: 1, reuseCount: 1 })
  },

  async 14(stage, block) {
    interface Monitor {
      createSSH(config: Login): SshContext
      dispose(): void
      adapter: SSHAdapter
    }
    const {
      made: { monitor, ssh },
      said,
    } = await run<{ monitor: Monitor; ssh: SshContext }>(stage, block)
    await until('metrics before anything runs', () => said.includes('Connections: 0/0'))
    // Nothing of nothing is not a high utilization.
    expect(said.filter((line) => line !== 'Connections: 0/0')).toEqual([])
    const gate = stage.place(`monitored`)
    const busy = ssh`until [ -e ${gate} ]; do sleep 0.02; done`
    const done = busy.then(({ ok }) => ok)
    await until(
      'a busy connection',
      () => said.includes('Connections: 1/1') && said.includes('High connection utilization: 100.0%'),
    )
    writeFileSync(gate, '')
    expect(await done).toBe(true)
    await until('an idle one', () => said.includes('Connections: 0/1'))
    await expect(
      monitor.createSSH({ ...stage.host(block, 2), privateKey: stage.wrongKey })`true`,
    ).rejects.toMatchObject({ code: 'XEC_AUTH' })
    await until('the failure is told', () => said.includes('Connection failures detected: 1'))
    monitor.dispose() // which leaves the adapter's own dispose unawaited
    await until('everything is closed', () => metricsOf(monitor.adapter).totalConnections === 0)
    const last = said.length
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(said).toHaveLength(last)
  },

  async 15(stage, block) {
    interface Collector {
      monitoredExecute(config: Login, command: string): Promise<ShellResult>
      getMetrics(): Record<string, unknown>
      reset(): void
    }
    const {
      made: { ConnectionMetricsCollector },
    } = await run<{ ConnectionMetricsCollector: new () => Collector }>(stage, block)
    const collector = new ConnectionMetricsCollector()
    const server = stage.host(block, 1)
    for (let i = 0; i < 3; i++)
      expect((await collector.monitoredExecute(server, 'echo measured twice')).stdout).toBe('measured twice\n')
    await expect(collector.monitoredExecute(server, 'exit 4')).rejects.toMatchObject({ exitCode: 4, host: server.host })
    const metrics = collector.getMetrics()
    expect(metrics).toMatchObject({ commandCount: 3, connectionsFailed: 1, successRate: 2 / 3 })
    expect(metrics['averageCommandTime']).toBeGreaterThan(0)
    expect(metrics['averageConnectionTime']).toBeGreaterThan(0)
    expect(stage.figures(server)).toMatchObject({ connectionsCreated: 1, reuseCount: 3 })
    collector.reset()
    expect(collector.getMetrics()).toMatchObject({ commandCount: 0, successRate: 0, averageCommandTime: 0 })
  },

  // Resource Cleanup
  async 16(stage, block) {
    await run(stage, block)
    const server = stage.host(block, 1)
    expect(stage.figures(server)).toMatchObject({
      connectionsCreated: 1,
      acquired: 2,
      activeConnections: 0,
      idleConnections: 1,
    })
    // Idle time: the same, with less of it. That an idle pool keeps no process is in test/shell/ssh-adapter.test.ts.
    const brief = $.ssh({ ...stage.host(block, 2), pool: { idleTimeout: 20 } })
    await brief`uptime`
    await until('the idle connection is closed', () => stage.figures(stage.host(block, 2)).totalConnections === 0)
    expect(stage.figures(stage.host(block, 2))).toMatchObject({ connectionsCreated: 1 })
    expect((await brief`echo back`).stdout).toBe('back\n')
  },

  async 17(stage, block) {
    interface Managed {
      execute(config: Login, command: string): Promise<ShellResult>
      gracefulShutdown(): Promise<void>
      adapter: SSHAdapter
      activeConnections: Set<string>
    }
    const {
      made: { ManagedSSHConnection },
      said,
      process: own,
    } = await run<{ ManagedSSHConnection: new () => Managed }>(stage, block)
    const managed = new ManagedSSHConnection()
    const gate = stage.place(`managed`)
    const running = managed.execute(stage.host(block, 1), `until [ -e ${gate} ]; do sleep 0.02; done; echo finished`)
    await until('the command runs', () => metricsOf(managed.adapter).activeConnections === 1)
    own.emit('SIGTERM')
    await until('it waits', () => said.includes('⏳ Waiting for 1 active connections...'))
    expect(said).not.toContain('✅ All SSH connections closed')
    writeFileSync(gate, '')
    expect((await running).stdout).toBe('finished\n')
    await until('it is shut down', () => said.includes('✅ All SSH connections closed'))
    expect(metricsOf(managed.adapter)).toMatchObject({
      totalConnections: 0,
      connectionsDestroyed: 1,
      commands: { ok: 1 },
    })
    expect(own.listenerCount('SIGINT')).toBe(1)
  },

  async 18(stage, block) {
    interface Drainable {
      startDrain(): Promise<void>
      execute(config: Login, command: string): Promise<ShellResult>
      adapter: SSHAdapter
    }
    const {
      made: { DrainableConnectionPool },
      said,
    } = await run<{ DrainableConnectionPool: new () => Drainable }>(stage, block)
    const server = stage.host(block, 1)
    // As it stands: it waits for connections to end by themselves, and closes them when its time is over.
    const forced = new DrainableConnectionPool()
    await forced.execute(server, 'echo before')
    await forced.startDrain()
    expect(said.slice(0, 2)).toEqual(['🚰 Starting connection pool drain...', '📊 Pool state: 0 active, 1 idle'])
    await expect(forced.execute(server, 'echo after')).rejects.toThrow(
      'Connection pool is draining, no new connections accepted',
    )
    await until('its time is over', () => said.includes('🔚 Connection pool forcibly closed'))
    expect(said).toContain('⏳ Drain progress: 0 connections remaining')
    expect(said).not.toContain('✅ Connection pool drained')
    expect(metricsOf(forced.adapter).totalConnections).toBe(0)

    // With the drain that is built in, it sees the pool drained.
    const drained = new DrainableConnectionPool()
    const gate = stage.place(`drain`)
    const last = drained.execute(server, `until [ -e ${gate} ]; do sleep 0.02; done; echo last`)
    await until('the last command runs', () => metricsOf(drained.adapter).activeConnections === 1)
    await drained.startDrain()
    const report = drained.adapter.drain({ timeout: 20_000 })
    await expect($.with({ adapter: drained.adapter }).ssh(server)`true`).rejects.toMatchObject({
      code: 'XEC_POOL_CLOSED',
      executed: 'no',
    })
    writeFileSync(gate, '')
    expect((await last).stdout).toBe('last\n')
    expect(await report).toMatchObject({ completed: 1, revoked: 0 })
    await until('the block sees it', () => said.includes('✅ Connection pool drained'))
    await until(
      'its own timeout is over',
      () => said.filter((line) => line === '🔚 Connection pool forcibly closed').length === 2,
    )
  },

  // Best Practices
  async 19(stage, block) {
    const proxy = await startProxy(stage.host(block, 1))
    const serverConfig = { host: '127.0.0.1', port: proxy.port, username: stage.username }
    const calls: string[] = []
    const running = run<{ adapter: SSHAdapter; ssh: SshContext }>(stage, block, { serverConfig })
    const over = running.then(() => {})
    await until('the risky command runs', () => calls.push(...stage.calls()) > 0 && calls.includes('risky-command'))
    proxy.reset()
    await over
    const {
      made: { ssh, adapter },
      said,
    } = await running
    expect(calls).toEqual(['command1', 'command2', 'command3', 'risky-command'])
    expect(said).toEqual(['Connection lost, will auto-reconnect on next command'])
    expect((await ssh`echo on a new connection`).stdout).toBe('on a new connection\n')
    expect(stage.figures(serverConfig)).toMatchObject({ connectionsCreated: 2, acquired: 5 })
    await adapter.dispose()
    await proxy.stop()
  },

  async 20(stage, block) {
    const serverConfig = stage.host(block, 1)
    const {
      made: { bad, inefficient },
    } = await run<Record<'bad' | 'inefficient', SSHAdapter>>(stage, block, {
      serverConfig,
      commands: ['echo one', 'uptime', 'df -h'],
    })
    // Here a new context for each command costs nothing: they share the pool.
    expect(stage.figures(serverConfig)).toMatchObject({ acquired: 3, connectionsCreated: 1, reuseCount: 2 })
    expect(metricsOf(bad).limits).toMatchObject({ maxConnections: 1000, maxConnectionsPerHost: 2 })
    const ssh = $.with({ adapter: inefficient }).ssh(serverConfig)
    for (let i = 0; i < 3; i++) await ssh`true`
    expect(metricsOf(inefficient)).toMatchObject({ connectionsCreated: 3, reuseCount: 0 })
    await Promise.all([bad.dispose(), inefficient.dispose()])
  },

  // Performance Tuning
  async 21(stage, block) {
    const { made, said } = await run<{ calculateOptimalPoolSize: typeof calculateOptimalPoolSize; poolSize: number }>(
      stage,
      block,
    )
    expect([made.poolSize, said]).toEqual([20, ['Recommended pool size: 20']])
    for (const args of [
      [10, 2000, 20],
      [10, 2000, 50],
      [0.5, 300, 10],
      [100, 50, 64],
    ] as const) {
      expect(calculateOptimalPoolSize(args[0], args[1], args[2])).toBe(
        made.calculateOptimalPoolSize(args[0], args[1], args[2]),
      )
    }
  },

  async 22(stage, block) {
    const {
      made: { adapter, optimized, optimizeKeepAlive: written },
    } = await run<{ adapter: SSHAdapter; optimized: object; optimizeKeepAlive: typeof optimizeKeepAlive }>(stage, block)
    expect(optimized).toEqual({ keepAlive: true, keepAliveInterval: 15_000, idleTimeout: 240_000 })
    expect(optimizeKeepAlive(50, 300_000)).toEqual(optimized)
    for (const [latency, server] of [
      [2000, 300_000],
      [10, 20_000],
    ] as const)
      expect(optimizeKeepAlive(latency, server)).toEqual(written(latency, server))
    const command: CommandPromise = $.with({ adapter }).ssh(stage.host(block, 1))`echo tuned`
    expect(await command.text()).toBe('tuned')
    await adapter.dispose()
  },
}
