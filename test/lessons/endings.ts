/** How commands end: what a loss, a signal, a stop and a time limit are called, and whom they concern. */
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { startProxy } from '../rig/proxy.js'
import { reasonOf, until, type Stage } from './stage.js'

export async function aLossIsNoEndOfInput({ adapter, fleet, fresh, on, gate }: Stage): Promise<void> {
  const proxy = await startProxy({ port: fleet.target('web1').port })
  try {
    const pool = adapter()
    const [running, whole] = [gate(), fresh()]
    // The second command would take an end of its input for all there was.
    const pipe = reasonOf(
      on(pool, 'web1', proxy.port)`${running.line}`.pipe(
        on(pool, 'web2')`cat > ${whole}.part && mv ${whole}.part ${whole}`,
      ),
    )
    await until(() => running.begun && existsSync(`${whole}.part`))
    proxy.reset()
    expect(await pipe).toMatchObject({ outcome: 'lost', host: 'web1' })
    expect(existsSync(whole)).toBe(false)
  } finally {
    await proxy.stop()
  }
}

export async function aSignalIsNoSuccess({ adapter, on }: Stage): Promise<void> {
  const ssh = on(adapter())
  expect(await ssh`kill -9 $$`.nothrow()).toMatchObject({
    ok: false,
    outcome: 'signal',
    signal: 'KILL',
    exitCode: null,
  })
  expect(await reasonOf(ssh`kill -TERM $$`)).toMatchObject({ code: 'XEC_EXIT', signal: 'TERM' })
}

export async function whatWeStopIsNoSuccess({ adapter, on, gate }: Stage): Promise<void> {
  const ssh = on(adapter())
  const [killed, aborted] = [gate(), gate()]
  let speaking = 0
  // Output is the sign that the command runs here, too: a kill before that is a cancel.
  const heard = ssh.with({ onStdout: () => void speaking++ })
  const one = heard`${killed.line}`.nothrow()
  const stop = new AbortController()
  const two = heard`${aborted.line}`.signal(stop.signal).nothrow()
  const both = Promise.all([one, two])
  await until(() => speaking === 2)
  expect(one.kill()).toBe(true)
  stop.abort()
  expect(await both).toMatchObject([
    { ok: false, outcome: 'signal', signal: 'TERM' },
    { ok: false, outcome: 'cancelled', exitCode: null },
  ])
}

export async function aLossIsCalledALoss({ adapter, fleet, on, gate }: Stage): Promise<void> {
  const proxy = await startProxy({ port: fleet.target('web1').port })
  try {
    const running = gate()
    // Also with a time limit on it: what ended it was not the limit.
    let heard = false
    const ssh = on(adapter(), 'web1', proxy.port).with({ onStdout: () => void (heard = true) })
    const command = reasonOf(ssh`${running.line}`.timeout('20s'))
    await until(() => heard)
    proxy.reset()
    expect(await command).toMatchObject({
      code: 'XEC_CONNECTION_LOST',
      outcome: 'lost',
      exitCode: null,
      executed: 'yes',
      stdout: 'begun\n',
      message: expect.stringContaining('Connection closed') as unknown,
    })
  } finally {
    await proxy.stop()
  }
}

export async function whoGaveUpWaitingIsNeverSent({ adapter, on, gate, fresh }: Stage): Promise<void> {
  const pool = adapter({ connectionPool: { maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 } })
  const ssh = on(pool)
  const running = gate()
  const first = ssh`${running.line}`.text()
  await until(() => running.begun)
  const [stop, aborted, late] = [new AbortController(), fresh(), fresh()]
  const waits = Promise.all([
    ssh`touch ${aborted}`.signal(stop.signal).nothrow(),
    ssh.with({ queueTimeoutMs: 20 })`touch ${late}`.nothrow(),
  ])
  await until(() => pool.getConnectionPoolMetrics().waiting === 1)
  stop.abort()
  expect(await waits).toMatchObject([
    { outcome: 'cancelled', executed: 'no' },
    { outcome: 'timeout', executed: 'no', error: { code: 'XEC_QUEUE_TIMEOUT' } },
  ])
  running.open()
  await first
  await ssh`true`
  expect([existsSync(aborted), existsSync(late)]).toEqual([false, false])
}

export async function aTimeoutIsOnesOwn({ adapter, on, gate }: Stage): Promise<void> {
  const pool = adapter({ connectionPool: { maxConnectionsPerHost: 1 } })
  const ssh = on(pool)
  const sibling = gate()
  const other = ssh`${sibling.line}`.text()
  await until(() => sibling.begun)
  expect(await reasonOf(ssh`sleep 60`.timeout(50))).toMatchObject({ code: 'XEC_TIMEOUT' })
  sibling.open()
  expect(await other).toBe('begun\nthrough')
  expect(pool.getConnectionPoolMetrics()).toMatchObject({ connectionsCreated: 1, connectionsDestroyed: 0 })
}

export async function anOldTimeoutLeavesTheNewConnectionAlone({ adapter, fleet, on, gate }: Stage): Promise<void> {
  const proxy = await startProxy({ port: fleet.target('web1').port })
  try {
    const pool = adapter({ connectionPool: { maxConnectionsPerHost: 1 } })
    const ssh = on(pool, 'web1', proxy.port)
    const [old, young] = [gate(), gate()]
    const limit = 1_500
    const lost = reasonOf(ssh`${old.line}`.timeout(limit))
    await until(() => old.begun)
    proxy.reset()
    expect(await lost).toMatchObject({ outcome: 'lost' })
    const survivor = ssh`${young.line}`.text()
    await until(() => young.begun)
    // Until well after the first command's limit would have ended it.
    await sleep(limit + 100)
    young.open()
    expect(await survivor).toBe('begun\nthrough')
    expect(pool.getConnectionPoolMetrics()).toMatchObject({
      connectionsCreated: 2,
      connectionsDestroyed: 1,
      totalConnections: 1,
    })
  } finally {
    await proxy.stop()
  }
}

export async function noLimitUnlessOneIsSet({ adapter, on, gate }: Stage): Promise<void> {
  const running = gate()
  const lines: string[] = []
  for await (const line of on(adapter())`${running.line}`) {
    // The first line is here while the command still runs.
    if (lines.push(line) === 1) running.open()
  }
  expect(lines).toEqual(['begun', 'through'])
}

export async function durationsHaveUnits({ adapter, on }: Stage): Promise<void> {
  const ssh = on(adapter())
  for (const wrong of ['5', '5x', 'soon', '', '-1s'])
    expect(() => ssh`true`.timeout(wrong), wrong).toThrow('is not a duration')
  for (const wrong of [NaN, Infinity, -1]) expect(() => ssh.timeout(wrong), String(wrong)).toThrow('is not a duration')
  expect(await ssh.timeout('5m')`echo in time`.text()).toBe('in time')
  // The context's own limit holds for what is made of it.
  expect(await reasonOf(ssh.timeout('50ms').cd('/').env({ A: 'b' })`sleep 60`)).toMatchObject({
    code: 'XEC_TIMEOUT',
    message: expect.stringContaining('50ms') as unknown,
  })
}
