/**
 * P8 and P3 as a person has them, a process each: what it takes to start, and a fan-out over 200 hosts against the plain
 * loop as a program of its own. Rounds alternate, so that what else the machine does hits all; read the ratios.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makePlace, type Place } from '../test/rig/place.js'
import { keygen, startSshd } from '../test/rig/sshd.js'

const BIN = fileURLToPath(new URL('../bin/xec.js', import.meta.url))
const LOOP = fileURLToPath(new URL('loop.mjs', import.meta.url))
const ROUNDS = 9

let place: Place
beforeAll(() => {
  place = makePlace()
  // Without anything to log in with, nothing is dialled.
  keygen(place.path('key'), 'ed25519')
})
afterAll(() => place.remove())

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN

/** Milliseconds of a whole process. */
async function timed(...argv: string[]): Promise<number> {
  const start = performance.now()
  const child = spawn(process.execPath, argv, {
    env: { ...place.env },
    cwd: place.home,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [status] = (await once(child, 'close')) as [number | null]
  expect(status).toBe(0)
  return performance.now() - start
}

/** Milliseconds from the start of `xec run` to its first packet. */
async function toFirstPacket(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const start = performance.now()
  const child = spawn(
    process.execPath,
    [
      BIN,
      'run',
      '-F',
      'none',
      '-i',
      place.path('key'),
      '--retries',
      '0',
      '-p',
      String((server.address() as AddressInfo).port),
      '127.0.0.1',
      'true',
    ],
    { env: { ...place.env }, cwd: place.home, stdio: 'ignore' },
  )
  const ended = once(child, 'close')
  const [socket] = (await Promise.race([
    once(server, 'connection'),
    ended.then(() => {
      throw new Error('xec ended without a packet')
    }),
  ])) as [{ destroy(): void }]
  const took = performance.now() - start
  socket.destroy()
  await ended
  server.close()
  return took
}

test('P8: start-up', async () => {
  const times = { node: [] as number[], version: [] as number[], help: [] as number[], run: [] as number[] }
  for (let round = 0; round < ROUNDS; round++) {
    times.node.push(await timed('-e', '0'))
    times.version.push(await timed(BIN, '--version'))
    times.help.push(await timed(BIN, '--help'))
    times.run.push(await toFirstPacket())
  }
  const node = median(times.node)
  const row = (name: string, values: readonly number[]): string =>
    `${name} ${median(values).toFixed(0)} ms (×${(median(values) / node).toFixed(2)})`
  console.log(
    `P8 start-up, median of ${ROUNDS} processes: node -e 0 ${node.toFixed(0)} ms, ${row('--version', times.version)}, ${row('--help', times.help)}, ${row('run up to the first packet', times.run)}`,
  )
})

test('P3: exec-all over 200 hosts, whole processes', async () => {
  const sshd = await startSshd()
  try {
    const hosts = Array.from({ length: 200 }, (_, i) => `127.0.1.${i + 1}`)
    writeFileSync(
      place.path('xec.config.yaml'),
      `defaults: { username: ${sshd.user}, port: ${sshd.port}, privateKey: ${sshd.privateKeyPath} }\nhosts:\n${hosts.map((host) => `  ${host}:\n`).join('')}`,
      { mode: 0o600 },
    )
    const times = { xec: [] as number[], loop: [] as number[] }
    const runs = {
      xec: () => timed(BIN, 'exec-all', '-a', '-q', '--fanout', '32', 'true'),
      loop: () => timed(LOOP, String(sshd.port), sshd.user, sshd.privateKeyPath, '32', ...hosts),
    }
    for (let round = 0; round < 6; round++) {
      for (const who of round % 2 ? (['xec', 'loop'] as const) : (['loop', 'xec'] as const)) {
        const took = await runs[who]()
        if (round > 0) times[who].push(took) // the first round warms files and known_hosts
      }
    }
    const [xec, loop] = [median(times.xec), median(times.loop)]
    console.log(
      `P3 whole process, 200 hosts × true, 32 at once, median of ${times.xec.length}: xec ${xec.toFixed(0)} ms, plain ssh2 loop ${loop.toFixed(0)} ms, ratio ${(xec / loop).toFixed(2)}`,
    )
  } finally {
    await sshd.stop()
  }
})
