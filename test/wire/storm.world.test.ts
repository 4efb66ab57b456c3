/**
 * Many names behind one server that lets few log in at a time. XEC_STORM_RUNS=20 repeats each storm so often
 * (npm test: the milder one, once); XEC_STORM_RESULTS names a file for the figures.
 */
import { appendFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PoolTarget } from '../../src/pool/types.js'
import { createXec } from '../../src/xec.js'
import { makePlace, type Place } from '../rig/place.js'
import { startProxy } from '../rig/proxy.js'
import { describeWorld, startSshd, type Sshd } from '../rig/sshd.js'
import { startRawServer } from '../transport/raw-server.js'
import { keyFile, makeTarget } from '../transport/fixture.js'

const RUNS = Number(process.env['XEC_STORM_RUNS'] ?? 1)

let place: Place
beforeAll(() => {
  place = makePlace()
})
afterAll(() => place.remove())

const behind = (sshd: Sshd, port: number, address: string): PoolTarget =>
  makeTarget({ port, user: sshd.user }, place.path(`known.${sshd.pid}`), {
    credentials: { keys: [keyFile(sshd.privateKeyPath)] },
    hostKeys: { alias: 'storm' },
    target: { host: address, address, connectTimeoutMs: 30_000 },
  })

describeWorld('a storm', () => {
  describe.each(RUNS > 1 ? [60, 120] : [60])('handshakes slowed down by %i ms each way', (delayMs) => {
    test.each(Array.from({ length: RUNS }, (_, i) => i + 1))(
      '50 names behind MaxStartups 2:50:4: all of them (%i)',
      async (run) => {
        const sshd = await startSshd({ config: ['MaxStartups 2:50:4'] })
        const proxy = await startProxy({ port: sshd.port, delayMs, listen: '0.0.0.0' })
        const xec = createXec()
        const began = performance.now()
        const results = await Promise.all(
          Array.from({ length: 50 }, (_, i) =>
            xec.execute(behind(sshd, proxy.port, `127.0.1.${i + 1}`), { line: `echo ${i}` }),
          ),
        )
        const seconds = (performance.now() - began) / 1_000
        const { connectionsCreated, connectionsFailed } = xec.snapshot()
        const turnedAway = sshd.log().match(/drop connection|MaxStartups|exceeded/gi)?.length ?? 0
        await xec.close()
        await proxy.stop()
        await sshd.stop()
        const bad = results
          .filter(({ outcome }) => outcome !== 'ok')
          .map(({ outcome, error }) => `${outcome}: ${error?.message ?? ''}`)
        if (process.env['XEC_STORM_RESULTS']) {
          appendFileSync(
            process.env['XEC_STORM_RESULTS'],
            `${JSON.stringify({ delayMs, run, ok: 50 - bad.length, seconds: Math.round(seconds * 10) / 10, opened: connectionsCreated, turnedAway: connectionsFailed })}\n`,
          )
        }
        expect(bad).toEqual([])
        expect(results.map(({ stdout }) => String(stdout))).toEqual(results.map((_, i) => `${i}\n`))
        // It was a storm, or this shows nothing.
        expect(connectionsFailed + turnedAway).toBeGreaterThan(0)
        expect(connectionsCreated).toBe(50)
      },
    )
  })

  test.each([
    ['Not allowed at this time\r\n', /turns this address away for a while/],
    ['Exceeded MaxStartups\r\n', /too many logins in progress/],
  ])('a server that turns us away holds the endpoint, and is asked until it lets us in', async (words, says) => {
    const sshd = await startSshd()
    const accepts: number[] = []
    const let_in: Socket[] = []
    let open = 0
    let most = 0
    const server = await startRawServer((socket) => {
      accepts.push(performance.now())
      if (accepts.length <= 6) {
        most = Math.max(most, ++open)
        socket.once('close', () => open--)
        socket.end(words)
        return
      }
      const inner = connect(sshd.port, '127.0.0.1')
      let_in.push(inner)
      inner.on('error', () => socket.destroy())
      socket.pipe(inner).pipe(socket)
    })
    // No jitter: each dial comes at its time, not before.
    const delayMs = 60
    const xec = createXec({
      pool: { maxReconnectAttempts: 0, reconnectDelay: delayMs, maxReconnectDelay: 500 },
      random: { next: () => 0.999 },
    })
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, i) => xec.execute(behind(sshd, server.port, '127.0.0.1'), { line: `echo ${i}` })),
    )
    expect(results.map(({ outcome, executed, stdout }) => `${outcome} ${executed} ${String(stdout)}`)).toEqual(
      results.map((_, i) => `ok yes ${i}\n`),
    )
    // One at a time, each after its delay, whoever waits.
    const gaps = accepts.slice(1, 7).map((at, i) => at - (accepts[i] ?? 0))
    expect(Math.min(...gaps)).toBeGreaterThan(delayMs * 0.9)
    expect(most).toBeLessThanOrEqual(2)
    const told = results[0]?.attempts ?? []
    expect(
      told.filter(({ outcome }) => outcome === 'unreachable').map(({ message }) => says.test(message ?? '')),
    ).toContain(true)
    expect(told.at(-1)).toMatchObject({ phase: 'connect', outcome: 'ok' })
    await xec.close()
    await server.stop()
    for (const socket of let_in) socket.destroy()
    await sshd.stop()
  })
})
