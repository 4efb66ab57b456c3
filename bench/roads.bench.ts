/**
 * What the pool's policy costs and brings, on a real server: which connection gets a command, when a stranger gets its
 * turn, how a server that throttles is approached. `npm run roads` measures the roads not taken beside it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PoolTarget } from '../src/pool/types.js'
import { createXec } from '../src/xec.js'
import { makePlace, type Place } from '../test/rig/place.js'
import { startProxy } from '../test/rig/proxy.js'
import { startSshd, type Sshd } from '../test/rig/sshd.js'
import { keyFile, makeTarget } from '../test/transport/fixture.js'

const ROAD = process.env['XEC_ROAD'] ?? 'as shipped'

let place: Place
beforeAll(() => {
  place = makePlace()
})
afterAll(() => place.remove())

const quantile = (values: readonly number[], q: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * q)] ?? NaN
const targetAt = (server: Sshd, port: number, address: string): PoolTarget =>
  makeTarget({ port, user: server.user }, place.path(`known.${server.pid}`), {
    credentials: { keys: [keyFile(server.privateKeyPath)] },
    hostKeys: { alias: 'road' },
    target: { host: address, address, connectTimeoutMs: 30_000 },
  })

test('pick: the connection with the fewest commands, or the one with the most', async () => {
  const sshd = await startSshd()
  const host = targetAt(sshd, sshd.port, '127.0.0.1')
  const xec = createXec({ pool: { idleTimeout: 1_500 } })
  const burst = (line: string): Promise<unknown> =>
    Promise.all(Array.from({ length: 16 }, () => xec.execute(host, { line })))
  await burst('sleep 0.2')
  // A command that pours, and small ones beside it.
  const pouring = new AbortController()
  const pour = xec.execute(
    host,
    { line: 'cat /dev/zero' },
    { signal: pouring.signal, onStdout: () => {}, captureBytes: 0 },
  )
  await sleep(300)
  const beside: number[] = []
  for (let i = 0; i < 200; i++) {
    const began = performance.now()
    expect((await xec.execute(host, { line: 'true' })).ok).toBe(true)
    beside.push(performance.now() - began)
  }
  pouring.abort()
  await pour
  // A burst, and then two at a time for longer than the idle timeout.
  await burst('sleep 0.2')
  const until = performance.now() + 4_000
  await Promise.all(
    [0, 1].map(async () => {
      while (performance.now() < until) await xec.execute(host, { line: 'sleep 0.01' })
    }),
  )
  const kept = xec.snapshot().totalConnections
  // Eight run, and the server's busiest process is killed.
  await burst('sleep 0.2')
  const on: string[] = []
  const eight = Array.from({ length: 8 }, () =>
    xec.execute(host, { line: 'echo $PPID; sleep 1' }, { onStdout: (chunk) => void on.push(String(chunk).trim()) }),
  )
  while (on.length < 8) await sleep(10)
  const [busiest] = [...new Set(on)].sort(
    (a, b) => on.filter((pid) => pid === b).length - on.filter((pid) => pid === a).length,
  )
  process.kill(Number(busiest), 'SIGKILL')
  const lost = (await Promise.all(eight)).filter(({ outcome }) => outcome === 'lost').length
  console.log(
    `pick, ${ROAD}: a small command beside one that pours p50 ${quantile(beside, 0.5).toFixed(1)} ms, p95 ${quantile(beside, 0.95).toFixed(1)} ms; connections left by two at a time ${kept}; of 8 commands one killed connection took ${lost}`,
  )
  await xec.close()
  await sshd.stop()
})

test('quantum: four hosts that never pause, one connection', async () => {
  const sshd = await startSshd()
  const proxy = await startProxy({ port: sshd.port, delayMs: 20, listen: '0.0.0.0' })
  const xec = createXec({ pool: { maxConnections: 1, maxChannelsPerConnection: 1 } })
  const SECONDS = 12
  const until = performance.now() + SECONDS * 1_000
  const served = [0, 0, 0, 0]
  const waits: number[] = []
  const over = AbortSignal.timeout(SECONDS * 1_000)
  await Promise.all(
    served.map(async (_, i) => {
      const host = targetAt(sshd, proxy.port, `127.0.2.${i + 1}`)
      // Two at a time, so that somebody of this host always waits.
      await Promise.all(
        [0, 1].map(async () => {
          while (performance.now() < until) {
            const began = performance.now()
            const { ok } = await xec.execute(host, { line: 'true' }, { signal: over })
            waits.push(performance.now() - began)
            if (ok) served[i] = (served[i] ?? 0) + 1
          }
        }),
      )
    }),
  )
  const all = served.reduce((a, b) => a + b, 0)
  console.log(
    `quantum, ${ROAD}: ${(all / SECONDS).toFixed(1)} commands/s over ${xec.snapshot().connectionsCreated} connections; most and least served host ${Math.max(...served)} and ${Math.min(...served)}; longest wait ${(Math.max(...waits) / 1_000).toFixed(1)} s`,
  )
  await xec.close()
  await proxy.stop()
  await sshd.stop()
})

test('throttle: forty connections to a server that takes two logins at a time', async () => {
  const took: number[] = []
  const refused: number[] = []
  for (let run = 0; run < 5; run++) {
    const sshd = await startSshd({ config: ['MaxStartups 2:50:4'] })
    const proxy = await startProxy({ port: sshd.port, delayMs: 30 })
    const xec = createXec({ pool: { maxConnectionsPerHost: 40, maxChannelsPerConnection: 1, reconnectDelay: 200 } })
    const began = performance.now()
    const host = targetAt(sshd, proxy.port, '127.0.0.1')
    const ready: number[] = []
    // Each holds its connection until all are there.
    let open: () => void = () => {}
    const all = new Promise<void>((resolve) => (open = resolve))
    await Promise.all(
      Array.from({ length: 40 }, async () => {
        const lease = await xec.pool.acquire(host)
        ready.push(performance.now() - began)
        if (ready.length === 40) open()
        await all
        lease.release()
      }),
    )
    took.push(Math.max(...ready))
    refused.push(xec.snapshot().connectionsFailed)
    await xec.close()
    await proxy.stop()
    await sshd.stop()
  }
  console.log(
    `throttle, ${ROAD}: 40 connections in ${took.map((ms) => (ms / 1_000).toFixed(1)).join(', ')} s (median ${(quantile(took, 0.5) / 1_000).toFixed(1)} s), turned away ${refused.join(', ')}`,
  )
})
