/** What the pool does to those who share it. */
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { $ } from '../../src/index.js'
import { startProxy } from '../rig/proxy.js'
import { HOSTS, reasonOf, until, type Stage } from './stage.js'

export async function onlyIdleConnectionsMakeRoom({ adapter, on, gate }: Stage): Promise<void> {
  const pool = adapter({ connectionPool: { maxConnections: 2 } })
  const long = gate()
  // The oldest in the pool by far when the others need room.
  const first = on(pool, 'web1')`${long.line}`.text()
  await until(() => long.begun)
  const others = await Promise.all(HOSTS.slice(1).map((host) => on(pool, host)`echo $XEC_DEMO_HOST`.text()))
  expect(others).toEqual(HOSTS.slice(1))
  long.open()
  expect(await first).toBe('begun\nthrough')
  const { connectionsCreated, closedByReason } = pool.getConnectionPoolMetrics()
  expect({ connectionsCreated, evicted: closedByReason.evicted }).toEqual({ connectionsCreated: 6, evicted: 4 })
}

export async function lifetimeIsAnOptionThatCounts({ adapter, on, gate }: Stage): Promise<void> {
  const pool = adapter({ connectionPool: { maxLifetime: 1_000 } })
  const ssh = on(pool)
  const long = gate()
  const running = ssh`${long.line}`.text()
  await until(() => long.begun)
  await sleep(1_050)
  // The old connection finishes what it does, and takes nothing new.
  await ssh`true`
  expect(pool.getConnectionPoolMetrics()).toMatchObject({ connectionsCreated: 2, connectionsDestroyed: 0 })
  long.open()
  expect(await running).toBe('begun\nthrough')
  await until(() => pool.getConnectionPoolMetrics().closedByReason.lifetime === 1)
}

export async function everyDialVerifiesTheHost({ adapter, fleet, place }: Stage): Promise<void> {
  const proxy = await startProxy({ port: fleet.target('web1').port })
  try {
    const [right, wrong] = fleet.knownHosts.split('\n').map((line) => line.replace(/^\S+/, `[127.0.0.1]:${proxy.port}`))
    writeFileSync(place.knownHosts, `${right}\n`)
    const pool = adapter()
    const ssh = $.with({ adapter: pool }).ssh({
      host: '127.0.0.1',
      port: proxy.port,
      username: fleet.user,
      privateKey: fleet.privateKey,
      strictHostKeyChecking: 'yes',
      userKnownHostsFile: place.knownHosts,
      globalKnownHostsFile: 'none',
    })
    expect(await ssh`echo strict`.text()).toBe('strict')
    writeFileSync(place.knownHosts, `${wrong}\n`)
    proxy.reset()
    await until(() => pool.getConnectionPoolMetrics().totalConnections === 0)
    expect(await reasonOf(ssh`echo never`)).toMatchObject({ code: 'XEC_HOST_KEY', outcome: 'hostkey', executed: 'no' })
  } finally {
    await proxy.stop()
  }
}

export async function failingCommandsSayNothingOfTheConnection({ adapter, on }: Stage): Promise<void> {
  const pool = adapter()
  const ssh = on(pool)
  for (let i = 0; i < 10; i++) expect(await ssh`exit 1`.nothrow()).toMatchObject({ outcome: 'failed', exitCode: 1 })
  expect(pool.getConnectionPoolMetrics()).toMatchObject({
    connectionsCreated: 1,
    connectionsDestroyed: 0,
    connectionsFailed: 0,
    totalConnections: 1,
  })
}

export async function firstCommandsShareOneDial({ adapter, on }: Stage): Promise<void> {
  const pool = adapter()
  const ssh = on(pool)
  expect(await Promise.all(Array.from({ length: 8 }, (_, i) => ssh`echo ${i}`.text()))).toEqual(
    Array.from({ length: 8 }, (_, i) => String(i)),
  )
  expect(pool.getConnectionPoolMetrics()).toMatchObject({ connectionsCreated: 1 })
}

export async function anAdapterEndsAlone({ adapter, on }: Stage): Promise<void> {
  const [one, other] = [adapter(), adapter()]
  const [ssh, stays] = [on(one), on(other)]
  await Promise.all([ssh`true`, stays`true`])
  // What is derived has nothing of its own to end: contexts are settings.
  expect(Object.keys(ssh.cd('/').env({ A: 'b' }))).not.toEqual(expect.arrayContaining(['dispose']))
  await one.dispose()
  expect(await reasonOf(ssh.cd('/')`true`)).toMatchObject({ code: 'XEC_POOL_CLOSED', safeToRetry: true })
  expect(await stays`echo here`.text()).toBe('here')
  expect(other.getConnectionPoolMetrics()).toMatchObject({ connectionsCreated: 1, totalConnections: 1 })
}

export async function everyHostAnswersForItself({ adapter, fleet, fresh }: Stage): Promise<void> {
  const count = fresh()
  const pool = adapter()
  const all = $.with({ adapter: pool }).all(fleet.targets.map((target) => ({ target, env: {} })))
  // The same command on other hosts, and twice on each.
  for (let round = 1; round <= 2; round++) {
    const report = await all`echo . >> ${count}; echo $XEC_DEMO_HOST`
    expect(report.results.map(({ stdout }) => stdout.trim())).toEqual([...HOSTS])
    expect(
      (await $.with({ adapter: pool }).ssh({ target: fleet.target('web1'), env: {} })`wc -l < ${count}`.text()).trim(),
    ).toBe(String(round * HOSTS.length))
  }
}

export async function aFailureIsCountedAsOne({ adapter, fleet }: Stage): Promise<void> {
  const report = await $.with({ adapter: adapter() }).all(
    fleet.targets.map((target) => ({ target, env: {} })),
  )`[ $XEC_DEMO_HOST != web3 ]`
  expect(report).toMatchObject({ ok: false, counts: { total: 6, ok: 5, failed: 1 } })
  expect(report.failed.map(({ host, ok }) => [host, ok])).toEqual([['web3', false]])
}
