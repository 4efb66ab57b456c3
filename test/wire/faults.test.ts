/**
 * What answers is broken, silent, slow or damaged: each command settles within its deadline, with the right phase and outcome.
 * XEC_FAULT_SEED repeats a run; XEC_FAULT_N is how many damaged conversations of each kind there are.
 */
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Result } from '../../src/adapter/types.js'
import { seededRandom } from '../../src/runtime/random.js'
import { createXec } from '../../src/xec.js'
import { makePlace, type Place } from '../rig/place.js'
import { startProxy } from '../rig/proxy.js'
import { describeWorld, keygen, startSshd, type Sshd } from '../rig/sshd.js'
import { startRawServer, type RawServer } from '../transport/raw-server.js'
import { keyFile, makeTarget } from '../transport/fixture.js'
import { eventually, held } from './leaks.js'
import { makeOracle, type Oracle } from './oracle.js'
import { expected } from './rule.js'
import { startTap, type Plan, type Tap, type Way } from './tap.js'
import { watchSsh2, type Witness } from './witness.js'

const SEED = Number(process.env['XEC_FAULT_SEED'] ?? Date.now() % 1_000_000)
const N = Number(process.env['XEC_FAULT_N'] ?? 16)

/** The same seed, the same whole numbers below a bound. */
function chance(seed: number): (below: number) => number {
  const random = seededRandom(seed)
  return (below) => Math.floor(random.next() * below)
}

let place: Place
beforeAll(() => {
  place = makePlace()
  keygen(place.path('key'), 'ed25519')
  process.stdout.write(`\n  faults: seed ${SEED}, ${N} damaged conversations of each kind\n`)
})
afterAll(() => place.remove())

describe('what answers is no SSH server, or a bad one', () => {
  let server: RawServer | null = null
  afterEach(async () => {
    await server?.stop()
    server = null
  })
  const CONNECT_MS = 400

  async function against(port: number, queueTimeoutMs?: number): Promise<{ result: Result; ms: number }> {
    const before = held()
    const xec = createXec({ pool: { maxReconnectAttempts: 0, reconnectDelay: 5, maxReconnectDelay: 20 } })
    const began = performance.now()
    const target = makeTarget({ port, user: 'nobody' }, place.knownHosts, {
      credentials: { keys: [keyFile(place.path('key'))] },
      target: { connectTimeoutMs: CONNECT_MS },
    })
    const result = await xec.execute(target, { line: 'true' }, queueTimeoutMs === undefined ? {} : { queueTimeoutMs })
    const ms = performance.now() - began
    await xec.close()
    await eventually(() => {
      const now = held()
      // The server's own sides of the sockets are counted too, until it hears of the end.
      expect([now.fds <= before.fds, now.timers <= before.timers], JSON.stringify({ now, before })).toEqual([
        true,
        true,
      ])
    })
    return { result, ms }
  }

  const random = chance(SEED)
  const noise = (size: number): Buffer => Buffer.from(Array.from({ length: size }, () => random(256)))
  const repeat = (socket: Socket, chunk: Buffer | string, everyMs: number): void => {
    const timer = setInterval(() => socket.write(chunk), everyMs)
    socket.once('close', () => clearInterval(timer))
  }
  const endless = (socket: Socket, chunk: Buffer): void => {
    const more = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    }
    socket.on('drain', more)
    more()
  }
  const ident = 'SSH-2.0-OpenSSH_9.2\r\n'
  /** A packet in the clear: length, padding length, type, no padding to speak of. */
  const plain = (type: number, size: number): Buffer =>
    Buffer.concat([Buffer.from([0, 0, 0, size + 6, 4, type]), noise(size), Buffer.alloc(4)])

  const rows: readonly [name: string, greet: (socket: Socket) => void, phase: 'banner' | 'kex', says: RegExp][] = [
    ['accepts and says nothing', () => {}, 'banner', /no answer within 400ms, waiting for the SSH banner/],
    [
      'drips its banner',
      (socket) => repeat(socket, 'S', 20),
      'banner',
      /no answer within 400ms, waiting for the SSH banner/,
    ],
    [
      'stops in the middle of its banner',
      (socket) => void socket.write('SSH-2.0-Open'),
      'banner',
      /no answer within 400ms, waiting for the SSH banner/,
    ],
    [
      'closes in the middle of its banner',
      (socket) => void socket.end('SSH-2.0-Open'),
      'banner',
      /ended in the middle of the SSH banner/,
    ],
    ['closes after two letters', (socket) => void socket.end('SS'), 'banner', /ended in the middle of the SSH banner/],
    [
      'resets in the middle of its banner',
      (socket) => void socket.write('SSH-2.0-Op', () => setTimeout(() => socket.resetAndDestroy(), 20)),
      'banner',
      /ended in the middle of the SSH banner/,
    ],
    [
      'sends random bytes and closes',
      (socket) => void socket.end(Buffer.concat([Buffer.from('\x80'), noise(200)])),
      'banner',
      /not an SSH server/,
    ],
    [
      'sends random bytes for ever',
      (socket) => endless(socket, Buffer.from(noise(16_384).map((byte) => (byte === 10 ? 11 : byte)))),
      'banner',
      /./,
    ],
    ['sends lines for ever', (socket) => endless(socket, Buffer.from('welcome\r\n'.repeat(2_000))), 'banner', /./],
    ['has a banner without end', (socket) => endless(socket, Buffer.from(`SSH-2.0-${'x'.repeat(16_000)}`)), 'kex', /./],
    ['speaks SSH 1', (socket) => void socket.write('SSH-1.5-OpenSSH_3.0\r\n'), 'kex', /./],
    [
      'identifies itself and says nothing',
      (socket) => void socket.write(ident),
      'kex',
      /no answer within 400ms, waiting for the key exchange/,
    ],
    [
      'identifies itself and closes',
      (socket) => void socket.end(ident),
      'kex',
      /closed the connection during the key exchange/,
    ],
    [
      'identifies itself and resets',
      (socket) => void socket.write(ident, () => setTimeout(() => socket.resetAndDestroy(), 20)),
      'kex',
      /broke during the key exchange|closed the connection during the key exchange/,
    ],
    [
      'sends random bytes in place of a packet',
      (socket) => void socket.write(Buffer.concat([Buffer.from(ident), Buffer.from([0xff]), noise(4_000)])),
      'kex',
      /./,
    ],
    [
      'sends a KEXINIT of random bytes',
      (socket) => void socket.write(Buffer.concat([Buffer.from(ident), plain(20, 300)])),
      'kex',
      /./,
    ],
    [
      'sends a packet of no length',
      (socket) => void socket.write(Buffer.concat([Buffer.from(ident), Buffer.alloc(64)])),
      'kex',
      /./,
    ],
    [
      'promises a packet of 4 GB',
      (socket) => void socket.write(Buffer.concat([Buffer.from(ident), Buffer.alloc(8, 0xff)])),
      'kex',
      /./,
    ],
    [
      'authenticates before the key exchange',
      (socket) => void socket.write(Buffer.concat([Buffer.from(ident), plain(52, 8)])),
      'kex',
      /./,
    ],
    ['mirrors what we send', (socket) => void socket.pipe(socket), 'kex', /./],
  ]
  test.each(rows)('a server that %s', async (name, greet, phase, says) => {
    server = await startRawServer(greet)
    const { result, ms } = await against(server.port)
    expect(
      { outcome: result.outcome, executed: result.executed, phase: result.error?.phase, code: result.error?.code },
      `${name}: ${result.error?.message ?? ''}`,
    ).toEqual({ outcome: 'unreachable', executed: 'no', phase, code: 'XEC_CONNECT' })
    expect(result.error?.message).toMatch(says)
    expect(result.error?.message.length).toBeLessThan(500)
    expect(ms).toBeLessThan(CONNECT_MS + 5_000)
    expect(server.accepted).toBe(1)
  })

  test.each<[string, (socket: Socket) => void]>([
    ['closes before its banner', (socket) => void socket.end()],
    ['resets before its banner', (socket) => void setImmediate(() => socket.resetAndDestroy())],
    ['says that it has too many logins', (socket) => void socket.end('Exceeded MaxStartups\r\n')],
    ['turns the address away', (socket) => void socket.end('Not allowed at this time\r\n')],
  ])("a server that %s is asked again, until the command's queue time is over", async (_, greet) => {
    server = await startRawServer(greet)
    const { result, ms } = await against(server.port, 300)
    expect(result).toMatchObject({
      outcome: 'timeout',
      executed: 'no',
      error: { code: 'XEC_QUEUE_TIMEOUT', phase: 'queue' },
    })
    expect(result.error?.message).toMatch(
      /last dial failed: .*(MaxStartups|turns this address away|before its SSH banner)/,
    )
    expect(server.accepted).toBeGreaterThan(1)
    expect(ms).toBeLessThan(5_000)
  })

  test('a web server is named by its own words', async () => {
    const web = createHttpServer((_, response) => void response.end('hello'))
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
    const { result } = await against((web.address() as AddressInfo).port)
    expect(result).toMatchObject({ outcome: 'unreachable', executed: 'no', error: { phase: 'banner' } })
    expect(result.error?.message).toContain('not an SSH server: it sent "HTTP/1.1 400 Bad Request')
    await new Promise<void>((resolve) => {
      web.closeAllConnections()
      web.close(() => resolve())
    })
  })
})

describeWorld('a real conversation, damaged', () => {
  let sshd: Sshd
  let tap: Tap
  let oracle: Oracle
  let witness: Witness
  beforeAll(async () => {
    sshd = await startSshd({ config: ['LogLevel INFO'] })
    oracle = makeOracle()
    tap = await startTap(sshd.port)
    witness = watchSsh2()
  })
  afterAll(async () => {
    witness.restore()
    await tap.stop()
    await sshd.stop()
    oracle.remove()
  })

  const CONNECT_MS = 2_000
  const KEEPALIVE = { keepAliveInterval: 300, keepAliveCountMax: 2 }
  /** The dial, then four silences of the keepalive and the waits at a command's end. */
  const DEADLINE_MS = CONNECT_MS + 6_000
  let next = 0
  let total = { toClient: 2_300, toServer: 1_600 }

  async function converse(plans: readonly (Plan | null)[]) {
    const xec = createXec({ pool: { maxReconnectAttempts: 0, reconnectDelay: 5, maxReconnectDelay: 50, ...KEEPALIVE } })
    const ran = await Promise.all(
      plans.map(async (plan) => {
        const id = `f${String(next++).padStart(5, '0')}`
        const address = `127.9.${Math.floor(next / 250)}.${1 + (next % 250)}`
        tap.plan(address, plan)
        const target = makeTarget({ port: tap.port, user: sshd.user }, place.path('real'), {
          credentials: { keys: [keyFile(sshd.privateKeyPath)] },
          hostKeys: { alias: 'real' },
          target: { host: id, address, connectTimeoutMs: CONNECT_MS },
        })
        const began = performance.now()
        const result = await xec.execute(target, { line: oracle.line(id, `echo out ${id}`) })
        return { id, address, result, ms: performance.now() - began, plan }
      }),
    )
    await xec.close()
    return ran
  }

  beforeAll(async () => {
    const [ran] = await converse([null])
    expect(ran?.result).toMatchObject({ outcome: 'ok' })
    total = { ...total, ...tap.passed(ran?.address ?? '')[0]?.bytes }
  })

  const random = chance(SEED + 1)
  const KINDS: readonly [string, () => Plan['by']][] = [
    ['swallowed from some byte on', () => 'hole'],
    [
      'with one bit of it flipped',
      () => {
        const bit = 1 << random(8)
        return (tail) => {
          tail[0] = (tail[0] ?? 0) ^ bit
          return tail
        }
      },
    ],
    ['with random bytes in place of the rest of a packet', () => (tail) => Buffer.from(tail.map(() => random(256)))],
    ['with a byte too many', () => (tail) => Buffer.concat([Buffer.from([random(256)]), tail])],
    ['with a byte missing', () => (tail) => tail.subarray(1)],
  ]
  const WAYS: readonly Way[] = ['toServer', 'toClient']
  for (const [kind, by] of KINDS) {
    for (const way of WAYS) {
      test(
        `${kind}, ${way === 'toServer' ? 'towards the server' : 'towards the client'}`,
        { timeout: 60_000 + N * 500 },
        async () => {
          const plans = Array.from({ length: N }, (): Plan => ({ way, at: random(total[way]), by: by() }))
          const damaged = typeof plans[0]?.by === 'function'
          witness.forget()
          const ran: Awaited<ReturnType<typeof converse>> = []
          for (let from = 0; from < plans.length; from += 25)
            ran.push(...(await converse(plans.slice(from, from + 25))))
          await eventually(() => expect([tap.open, sshd.connections()]).toEqual([0, []]))
          const runs = oracle.runs()
          for (const { id, address, result, ms, plan } of ran) {
            const [first] = tap.passed(address)
            const { sent, received } = witness.heard(address)[0] ?? { sent: [], received: [] }
            // What was damaged on its way is counted as arrived: the server may have taken it.
            const rule = expected({
              sent,
              arrived: damaged ? Infinity : (first?.packets ?? 0),
              received,
              heard: (first?.bytes.toClient ?? 0) > 0,
            })
            const where = `${kind}, ${way} at ${plan?.at ?? -1} (seed ${SEED}; ${rule.stage}; received ${received.join(' ')}): ${result.outcome} ${result.error?.message ?? ''}`
            const n = runs.get(id) ?? 0
            expect(ms, where).toBeLessThan(DEADLINE_MS)
            expect(n, where).toBeLessThanOrEqual(1)
            if (result.executed === 'no') expect(n, where).toBe(0)
            if (result.outcome === 'ok') {
              expect([n, result.exitCode], where).toEqual([1, 0])
              if (!result.truncated) expect(String(result.stdout), where).toBe(`out ${id}\n`)
            }
            if (
              rule.phase.includes('kex') ||
              rule.phase.includes('banner') ||
              rule.phase.includes('auth') ||
              rule.stage === 'before the banner'
            ) {
              // The handshake is not told by packets alone: damage to the banner or to a key shows where it is looked at.
              expect(['unreachable', ...(damaged && way === 'toClient' ? ['hostkey'] : [])], where).toContain(
                result.outcome,
              )
              expect(
                [result.executed, ['banner', 'kex', 'hostkey', 'auth', 'channel'].includes(result.error?.phase ?? '')],
                where,
              ).toEqual(['no', true])
            } else {
              expect(
                { outcome: result.outcome, executed: result.executed, truncated: result.truncated },
                where,
              ).toEqual({ outcome: rule.outcome, executed: rule.executed, truncated: rule.truncated })
            }
          }
        },
      )
    }
  }

  test("a damaged packet length does not hide the server's silence: pings are answered, and no answer is ever whole", async () => {
    const keepalive = { keepAliveInterval: 150, keepAliveCountMax: 2 }
    const sleeping = async (address: string, plan: Plan | null) => {
      tap.plan(address, plan)
      const xec = createXec({ pool: { maxReconnectAttempts: 0, ...keepalive, keepAlive: plan !== null } })
      const abort = new AbortController()
      const running = new Promise<number>((resolve) => {
        const target = makeTarget({ port: tap.port, user: sshd.user }, place.path('real'), {
          credentials: { keys: [keyFile(sshd.privateKeyPath)] },
          hostKeys: { alias: 'real' },
          target: { address },
        })
        settled = xec.execute(
          target,
          { line: 'sleep 60' },
          {
            signal: abort.signal,
            onState: (state) => {
              if (state === 'running') resolve(performance.now())
            },
          },
        )
      })
      const since = await running
      return { xec, since, abort }
    }
    let settled: Promise<Result | null> = Promise.resolve(null)
    const whole = await sleeping('127.8.0.1', null)
    const quiet = tap.passed('127.8.0.1')[0]?.bytes.toClient ?? 0
    whole.abort.abort()
    await settled
    await whole.xec.close()
    // The next packet's length, 4,096 bytes too much.
    const damaged = await sleeping('127.8.0.2', {
      way: 'toClient',
      at: quiet + 2,
      by: (tail) => {
        tail[0] = (tail[0] ?? 0) ^ 0x10
        return tail
      },
    })
    const result = await settled
    expect(result).toMatchObject({
      outcome: 'lost',
      executed: 'yes',
      error: { phase: 'run', message: expect.stringContaining('keepalive') },
    })
    expect(performance.now() - damaged.since).toBeLessThan(10_000)
    expect(tap.passed('127.8.0.2')[0]?.cutAt).not.toBeNull()
    await damaged.xec.close()
  })

  test('hosts that take connections and say nothing hold no permit that a healthy one could use', async () => {
    const silent = await startRawServer(() => {})
    const abort = new AbortController()
    const xec = createXec({ pool: { maxConcurrentDials: 1, maxReconnectAttempts: 0 } })
    const waiting = Array.from({ length: 5 }, (_, i) =>
      xec.execute(
        makeTarget({ port: silent.port, user: 'nobody' }, place.path('real'), {
          credentials: { keys: [keyFile(sshd.privateKeyPath)] },
          target: { host: `silent${i}`, username: `u${i}`, connectTimeoutMs: 100_000 },
        }),
        { line: 'true' },
        { signal: abort.signal },
      ),
    )
    await eventually(() => expect(silent.accepted).toBeGreaterThan(0))
    const healthy = makeTarget({ port: sshd.port, user: sshd.user }, place.path('real'), {
      credentials: { keys: [keyFile(sshd.privateKeyPath)] },
      hostKeys: { alias: 'real' },
    })
    expect(await xec.execute(healthy, { line: 'echo healthy' })).toMatchObject({
      outcome: 'ok',
      stdout: Buffer.from('healthy\n'),
    })
    abort.abort()
    expect((await Promise.all(waiting)).map(({ outcome }) => outcome)).toEqual(Array(5).fill('cancelled'))
    await xec.close()
    await silent.stop()
  })

  test('dripping byte by byte it is slow, and whole', async () => {
    const proxy = await startProxy({ port: sshd.port, dripMs: 0 })
    const xec = createXec({ pool: { maxReconnectAttempts: 0, ...KEEPALIVE } })
    const hurried = createXec({ pool: { maxReconnectAttempts: 0 } })
    const target = (connectTimeoutMs: number) =>
      makeTarget({ port: proxy.port, user: sshd.user }, place.path('real'), {
        credentials: { keys: [keyFile(sshd.privateKeyPath)] },
        hostKeys: { alias: 'real' },
        target: { connectTimeoutMs },
      })
    expect(await hurried.execute(target(100), { line: 'true' })).toMatchObject({
      outcome: 'unreachable',
      executed: 'no',
      error: { message: expect.stringContaining('no answer within 100ms') },
    })
    const result = await xec.execute(target(30_000), { line: 'echo whole' })
    expect(result).toMatchObject({ outcome: 'ok', truncated: false })
    expect(String(result.stdout)).toBe('whole\n')
    await Promise.all([xec.close(), hurried.close()])
    await proxy.stop()
  })
})
