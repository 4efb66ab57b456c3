/**
 * P1 and P3 inside one process: a warm command, and a fan-out over 200 hosts, against the plain ssh2 client in the same
 * run. As whole processes: process.bench.ts. Rounds alternate between the two, so that what else the machine does hits both; read the ratios, not the times.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createXec } from '../dist/xec.js'
import type { PoolTarget } from '../dist/pool/types.js'
import { makePlace, type Place } from '../test/rig/place.js'
import { startSshd, type Sshd } from '../test/rig/sshd.js'
import { plainConnect, plainExec } from './peer.js'

let sshd: Sshd
let place: Place
beforeAll(async () => {
  sshd = await startSshd()
  place = makePlace()
})
afterAll(async () => {
  await sshd.stop()
  place.remove()
})

const target = (address: string): PoolTarget => ({
  host: address,
  address,
  port: sshd.port,
  username: sshd.user,
  jump: null,
  credentials: {
    keys: [{ origin: sshd.privateKeyPath, from: { path: sshd.privateKeyPath }, passphrase: null, optional: false }],
    agent: null,
    identitiesOnly: false,
    password: null,
  },
  hostKeys: { mode: 'accept-new', userFiles: [place.knownHosts], globalFiles: [], alias: null },
  connectTimeoutMs: 15_000,
})
const quantile = (values: readonly number[], q: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * q)] ?? NaN

test('warm command', async () => {
  const xec = createXec()
  const plain = await plainConnect(sshd, '127.0.0.1')
  const ours = target('127.0.0.1')
  const times = { xec: [] as number[], plain: [] as number[] }
  for (let round = 0; round < 12; round++) {
    for (const who of round % 2 ? (['xec', 'plain'] as const) : (['plain', 'xec'] as const)) {
      for (let i = 0; i < 50; i++) {
        const start = performance.now()
        const status =
          who === 'xec' ? (await xec.execute(ours, { line: 'true' })).exitCode : await plainExec(plain, 'true')
        expect(status).toBe(0)
        if (round > 1) times[who].push(performance.now() - start)
      }
    }
  }
  const p50 = { xec: quantile(times.xec, 0.5), plain: quantile(times.plain, 0.5) }
  console.log(
    `P1 warm command through the library, p50 of ${times.xec.length}: xec ${p50.xec.toFixed(2)} ms, plain ssh2 ${p50.plain.toFixed(2)} ms, ratio ${(p50.xec / p50.plain).toFixed(2)} (target ≤ 1.30)`,
  )
  plain.end()
  await xec.close()
})

test('fan-out over 200 hosts', async () => {
  const hosts = Array.from({ length: 200 }, (_, i) => `127.0.1.${i + 1}`)
  const fanout = 32
  const withXec = async (): Promise<void> => {
    const xec = createXec()
    const report = await xec.run(
      hosts.map((host) => ({ target: target(host), command: { line: 'true' } })),
      { fanout, commandText: 'true' },
    )
    expect(report.counts.ok).toBe(hosts.length)
    await xec.close()
  }
  const withPlain = async (): Promise<void> => {
    let next = 0
    const lane = async (): Promise<void> => {
      while (next < hosts.length) {
        const connection = await plainConnect(sshd, hosts[next++] ?? '')
        expect(await plainExec(connection, 'true')).toBe(0)
        connection.end()
      }
    }
    await Promise.all(Array.from({ length: fanout }, lane))
  }
  const times = { xec: [] as number[], plain: [] as number[] }
  for (let round = 0; round < 7; round++) {
    for (const who of round % 2 ? (['xec', 'plain'] as const) : (['plain', 'xec'] as const)) {
      const start = performance.now()
      await (who === 'xec' ? withXec() : withPlain())
      if (round > 0) times[who].push(performance.now() - start)
    }
  }
  const median = { xec: quantile(times.xec, 0.5), plain: quantile(times.plain, 0.5) }
  console.log(
    `P3 through the library, 200 hosts × true, ${fanout} at once, median of ${times.xec.length}: xec ${Math.round(median.xec)} ms, plain ssh2 ${Math.round(median.plain)} ms, ratio ${(median.xec / median.plain).toFixed(2)} (target ≤ 1.25)`,
  )
})
