import { execFile } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startFleet, type Fleet } from '../../src/demo/fleet.js'
import {
  $,
  CommandError,
  SSHAdapter,
  type AdapterEventName,
  type SSHAdapterOptions,
  type SshContext,
} from '../../src/index.js'
import { ensureBuilt } from '../cli/binary.js'
import { ROOT } from '../docs/pages.js'
import { makePlace, type Place } from '../rig/place.js'
import { startProxy } from '../rig/proxy.js'
import { collectUncaught } from '../rig/uncaught.js'

describe('an adapter on a fleet', () => {
  let fleet: Fleet
  let place: Place
  const adapters: SSHAdapter[] = []
  beforeAll(async () => {
    place = makePlace()
    fleet = await startFleet(['web1', 'web2'])
  })
  afterEach(async () => void (await Promise.all(adapters.splice(0).map((adapter) => adapter.dispose()))))
  afterAll(async () => {
    await fleet.stop()
    place.remove()
  })

  const make = (options?: SSHAdapterOptions): SSHAdapter => {
    const adapter = new SSHAdapter(options)
    adapters.push(adapter)
    return adapter
  }
  const on = (adapter: SSHAdapter, name = 'web1', port?: number): SshContext => {
    const target = fleet.target(name)
    return $.with({ adapter }).ssh({
      target: port === undefined ? target : Object.freeze({ ...target, port }),
      env: {},
    })
  }
  let gates = 0
  /** A command that runs until `open` is called. */
  const gated = (): { line: string; open(): void } => {
    const file = place.path(`gate-${gates++}`)
    return { line: `until [ -e ${file} ]; do sleep 0.02; done; echo through`, open: () => writeFileSync(file, '') }
  }
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  test('pooling off: a connection a command', async () => {
    const adapter = make({ connectionPool: { enabled: false } })
    const ssh = on(adapter)
    await ssh`true`
    await ssh`true`
    await adapter.drain()
    expect(adapter.getConnectionPoolMetrics()).toMatchObject({
      connectionsCreated: 2,
      connectionsDestroyed: 2,
      reuseCount: 0,
      totalConnections: 0,
    })
  })

  test('a failure rejects in the shape of a result; a lost connection says Connection closed', async () => {
    const adapter = make()
    const ssh = on(adapter)
    const failure = await ssh`echo out; echo err >&2; exit 3`.catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(CommandError)
    expect(failure).toMatchObject({
      code: 'XEC_EXIT',
      exitCode: 3,
      stdout: 'out\n',
      stderr: 'err\n',
      ok: false,
      executed: 'yes',
      message: 'web1: exit status 3',
    })
    const lost = ssh`echo begun; sleep 60`.catch((error: unknown) => error)
    await until(() => adapter.getConnectionPoolMetrics().activeConnections === 1)
    await adapter.dispose()
    expect(await lost).toMatchObject({
      code: 'XEC_CONNECTION_LOST',
      outcome: 'lost',
      exitCode: null,
      message: expect.stringContaining('Connection closed') as unknown,
    })
  })

  test('drain lets finish what runs and waits, refuses what is new, and counts', async () => {
    const adapter = make({ connectionPool: { maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 } })
    const ssh = on(adapter)
    const gate = gated()
    const running = ssh`${gate.line}`.text()
    const waiting = ssh`echo waited`.text()
    await until(() => adapter.getConnectionPoolMetrics().activeConnections === 1)
    const drained = adapter.drain({ timeout: '20s' })
    await expect(ssh`true`).rejects.toMatchObject({ code: 'XEC_POOL_CLOSED', executed: 'no', safeToRetry: true })
    gate.open()
    expect([await running, await waiting]).toEqual(['through', 'waited'])
    // Nobody who waited was turned away; who comes later hears it at once.
    expect(await drained).toEqual({ completed: 2, rejected: 0, revoked: 0 })
    expect(adapter.getConnectionPoolMetrics()).toMatchObject({ totalConnections: 0, connectionsDestroyed: 1 })
  })

  test('drain cuts off at its timeout', async () => {
    const adapter = make()
    const lost = on(adapter)`sleep 60`.catch((error: unknown) => error)
    await until(() => adapter.getConnectionPoolMetrics().activeConnections === 1)
    expect(await adapter.drain({ timeout: 10 })).toMatchObject({ revoked: 1 })
    expect(await lost).toMatchObject({ outcome: 'lost' })
    await expect(adapter.drain({ timeout: '10' })).rejects.toThrow('timeout must be milliseconds, or a text')
  })

  test("onLimit throw: what would have to wait for its host's connections fails at once, and was not sent", async () => {
    const adapter = make({
      onLimit: 'throw',
      connectionPool: { maxConnectionsPerHost: 5, maxChannelsPerConnection: 1 },
    })
    const ssh = on(adapter)
    const gate = gated()
    const five = Array.from({ length: 5 }, () => ssh`${gate.line}`.text())
    for (const running of five) running.catch(() => {})
    await until(() => adapter.getConnectionPoolMetrics().activeConnections === 5)
    await expect(ssh`touch ${place.path('never')}`).rejects.toMatchObject({
      code: 'XEC_QUEUE_TIMEOUT',
      outcome: 'timeout',
      executed: 'no',
      safeToRetry: true,
      message:
        'Maximum connections (5) reached for host web1, with 5 channels in use; the command was not sent (onLimit is throw)',
    })
    expect(await on(adapter, 'web2')`echo other`.text()).toBe('other')
    gate.open()
    expect(await Promise.all(five)).toEqual(Array(5).fill('through'))
    expect(await ssh`echo room again`.text()).toBe('room again')
    expect(existsSync(place.path('never'))).toBe(false)
    expect(() => make({ onLimit: 'drop' as never })).toThrow("onLimit must be 'queue' or 'throw'")
  })

  test('onLimit throw: a tunnel and another user of the host take room as commands do, and transfers and tunnels are turned away too', async () => {
    const adapter = make({
      onLimit: 'throw',
      connectionPool: { maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 },
    })
    const ssh = on(adapter)
    const told: unknown[] = []
    adapter.on('queue', (payload) => told.push(payload))
    const tunnel = await ssh.tunnel({ remotePort: 9 })
    const full = {
      code: 'XEC_QUEUE_TIMEOUT',
      executed: 'no',
      message:
        'Maximum connections (1) reached for host web1, with 1 channel in use; the command was not sent (onLimit is throw)',
    }
    await expect(ssh`true`).rejects.toMatchObject(full)
    await expect(ssh.upload(Buffer.from('x'), place.path('never'))).rejects.toMatchObject(full)
    await expect(ssh.tunnel({ remotePort: 9 })).rejects.toMatchObject(full)
    const stranger = $.with({ adapter }).ssh({
      target: Object.freeze({ ...fleet.target('web1'), username: 'somebody-else' }),
      env: {},
    })
    await expect(stranger`true`).rejects.toMatchObject(full)
    expect(told).toEqual([])
    await tunnel.close()
    expect(await ssh`echo room again`.text()).toBe('room again')
  })

  test('a keep-alive leaves busy connections and their queue alone', async () => {
    const beats: string[] = []
    const adapter = make({
      keepAliveWith: async (its) => void beats.push((await its`echo $XEC_DEMO_HOST`).text()),
      connectionPool: { maxConnectionsPerHost: 1, maxChannelsPerConnection: 1, keepAliveInterval: 1_000 },
    })
    const ssh = on(adapter)
    await on(adapter, 'web2')`true`
    const gate = gated()
    const commands = [ssh`${gate.line}`.text(), ssh`echo second`.text()]
    const web1 = () => adapter.getConnectionPoolMetrics().hosts.find(({ host }) => host === 'web1')
    await until(() => web1()?.activeConnections === 1)
    // An idle one shows how many intervals have passed.
    beats.length = 0
    await until(() => beats.length >= 3)
    expect(new Set(beats)).toEqual(new Set(['web2']))
    expect(web1()).toMatchObject({ acquired: 1, waiting: 1, connectionsDestroyed: 0 })
    gate.open()
    expect(await Promise.all(commands)).toEqual(['through', 'second'])
  })

  test.each([null, '', ' ', 5, {}])('keepAliveWith %j is a TypeError', (keepAliveWith) => {
    expect(() => make({ keepAliveWith: keepAliveWith as never })).toThrow(TypeError)
    expect(() => make({ keepAliveWith: keepAliveWith as never })).toThrow(
      'keepAliveWith must be a command line or a function, not',
    )
  })

  test('events: connect, queue, disconnect with its reason, reconnect', async () => {
    const proxy = await startProxy({ port: fleet.target('web1').port })
    const adapter = make({
      connectionPool: { maxConnectionsPerHost: 1, maxChannelsPerConnection: 1, maxReconnectAttempts: 0 },
    })
    const told: unknown[] = []
    for (const name of ['connect', 'disconnect', 'reconnect', 'queue'] as AdapterEventName[])
      adapter.on(name, (payload) => told.push([name, payload]))
    const ssh = on(adapter, 'web1', proxy.port)
    const gate = gated()
    const both = [ssh`${gate.line}`.text(), ssh`echo second`.text()]
    await until(() => told.length === 2)
    gate.open()
    expect(await Promise.all(both)).toEqual(['through', 'second'])
    expect(told).toContainEqual(['connect', { host: 'web1', connection: 1, connectMs: expect.any(Number) as unknown }])
    expect(told).toContainEqual(['queue', { host: 'web1', limit: 'maxConnectionsPerHost', inHand: 2 }])
    told.length = 0

    const lost = ssh`sleep 60`.catch((error: unknown) => error)
    await until(() => adapter.getConnectionPoolMetrics().activeConnections === 1)
    proxy.reset()
    expect(await lost).toMatchObject({ outcome: 'lost' })
    await until(() => told.length === 1)
    expect(told).toEqual([['disconnect', { host: 'web1', connection: 1, reason: 'lost', inFlight: 1 }]])
    await ssh`true`
    expect(told.slice(1)).toEqual([
      ['connect', expect.anything()],
      ['reconnect', { host: 'web1', connection: 2, failedDials: 0, after: 'lost' }],
    ])
    told.length = 0
    await adapter.dispose()
    expect(told).toEqual([['disconnect', { host: 'web1', connection: 2, reason: 'closing', inFlight: 0 }]])
    await proxy.stop()
  })

  test('events can be left, heard once, and there is no error event', async () => {
    const adapter = make()
    const told: string[] = []
    const hear = (): void => void told.push('on')
    expect(
      adapter
        .on('connect', hear)
        .off('connect', hear)
        .once('connect', () => told.push('once')),
    ).toBe(adapter)
    await on(adapter)`true`
    await on(adapter, 'web2')`true`
    expect(told).toEqual(['once'])
    expect(() => adapter.on('error' as never, () => {})).toThrow(
      'an SSHAdapter has no event "error"; it has connect, disconnect, reconnect, queue',
    )
  })

  test('a monitor tells what happens until its adapter is closed', async () => {
    const adapter = make()
    const monitor = adapter.monitor({ interval: 5 })
    const told: string[] = []
    monitor.on('metrics', ({ activeConnections, totalConnections }) =>
      told.push(`${activeConnections}/${totalConnections}`),
    )
    monitor.on('high-utilization', ({ utilization }) => told.push(`high ${utilization}`))
    const gate = gated()
    const running = on(adapter)`${gate.line}`.text()
    await until(() => told.includes('high 1'))
    gate.open()
    await running
    await until(() => told.at(-1) === '0/1')
    await adapter.dispose()
    const { length } = told
    adapter.monitor({ interval: 5 }).on('metrics', () => told.push('after the end'))
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(told).toHaveLength(length)
  })

  test('a listener that throws disturbs no command, and is heard of where uncaught errors are', async () => {
    const uncaught = collectUncaught()
    const adapter = make({ connectionPool: { maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 } })
    adapter.on('queue', () => {
      throw new Error('no queues, please')
    })
    const ssh = on(adapter)
    const gate = gated()
    const both = [ssh`${gate.line}`.text(), ssh`echo second`.text()]
    await until(() => adapter.getConnectionPoolMetrics().waiting === 1)
    gate.open()
    expect(await Promise.all(both)).toEqual(['through', 'second'])
    expect(uncaught).toEqual([expect.objectContaining({ message: 'no queues, please' })])
  })

  test("a keep-alive of one's own: a command, or a function with a context; what fails loses its connection", async () => {
    const beats = place.path('beats')
    const adapter = make({ keepAliveWith: `echo beat >> ${beats}`, connectionPool: { keepAliveInterval: 1_000 } })
    await on(adapter)`true`
    await until(() => adapter.getConnectionPoolMetrics().acquired >= 3)
    expect(adapter.getConnectionPoolMetrics()).toMatchObject({ connectionsCreated: 1 })
    expect(existsSync(beats)).toBe(true)

    const hosts: string[] = []
    const failing = make({
      keepAliveWith: async (ssh) => {
        hosts.push((await ssh`echo $XEC_DEMO_HOST`).text())
        throw new Error('not as it should be')
      },
      connectionPool: { keepAliveInterval: 1_000 },
    })
    await on(failing, 'web2')`true`
    await until(() => failing.getConnectionPoolMetrics().connectionsDestroyed === 1)
    expect(hosts).toEqual(['web2'])
    expect(failing.getConnectionPoolMetrics()).toMatchObject({ closedByReason: { reset: 1 } })
  })

  test('shutdown hooks are there when they are asked for', async () => {
    const source = Object.assign(new EventEmitter(), { pid: 1, kill: () => {} })
    const adapter = new SSHAdapter({}, { signals: source })
    await on(adapter)`true`
    expect(source.eventNames()).toEqual([])
    adapter.drainOnSignals({ timeout: 100 })
    source.emit('SIGTERM')
    await until(() => adapter.getConnectionPoolMetrics().totalConnections === 0)
  })

  test('importing does nothing; a program whose work is done ends although a connection, a monitor and a keep-alive are there', async () => {
    ensureBuilt()
    const { port } = fleet.target('web1')
    const key = place.path('key')
    writeFileSync(key, fleet.privateKey.reveal(), { mode: 0o600 })
    const program = place.path('program.mjs')
    writeFileSync(
      program,
      `
      const before = process.eventNames().length
      const { $, SSHAdapter } = await import(${JSON.stringify(join(ROOT, 'dist', 'index.js'))})
      console.log(process.eventNames().length - before, process.getActiveResourcesInfo().filter((name) => /TCP|Timeout/.test(name)).length)
      const adapter = new SSHAdapter({ keepAliveWith: 'true' })
      adapter.monitor({ interval: 50 })
      const ssh = $.with({ adapter }).ssh({ host: '127.0.0.1', port: ${port}, username: ${JSON.stringify(fleet.user)}, privateKey: ${JSON.stringify(key)}, userKnownHostsFile: ${JSON.stringify(place.knownHosts)} })
      console.log((await ssh\`echo done\`).text(), adapter.getConnectionPoolMetrics().idleConnections)
    `,
    )
    const child = await new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, [program], { env: place.env, timeout: 20_000 }, (error, stdout, stderr) =>
        resolve({ status: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
      )
    })
    expect(child).toEqual({ status: 0, stdout: '0 0\ndone 1\n', stderr: '' })
  })
})
