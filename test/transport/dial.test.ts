import { connect as connectTcp, type Socket } from 'node:net'
import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { connectFailed } from '../../src/transport/dial-error.js'
import { Ssh2Transport } from '../../src/transport/ssh2.js'
import type { Link, Target } from '../../src/transport/transport.js'
import { makePlace, type Place } from '../rig/place.js'
import { startProxy } from '../rig/proxy.js'
import { describeWorld, keygen, startSshd, type Sshd } from '../rig/sshd.js'
import { startTurnstile } from '../rig/turnstile.js'
import { startRawServer, type RawServer } from './raw-server.js'
import { dial, errorOf, keyFile, makeTarget, quiet } from './fixture.js'

let place: Place
beforeAll(() => {
  place = makePlace()
  keygen(place.path('key'), 'ed25519')
})
afterAll(() => place.remove())

describe('what answers is not an SSH server, or not for us', () => {
  let server: RawServer
  afterEach(() => server.stop())
  const target = (more: Partial<Target> = {}): Target =>
    makeTarget({ port: server.port, user: 'nobody' }, place.knownHosts, {
      credentials: { keys: [keyFile(place.path('key'))] },
      target: more,
    })
  const failure = async (greet: (socket: Socket) => void, more: Partial<Target> = {}) => {
    server = await startRawServer(greet)
    return errorOf(dial(target(more)))
  }
  const at = (): string => `web1 (127.0.0.1:${server.port})`

  test('MaxStartups (OpenSSH 8.2 to 9.7) is throttling', async () => {
    const error = await failure((socket) => socket.end('Exceeded MaxStartups\r\n'))
    expect(error).toMatchObject({ code: 'XEC_CONNECT', verdict: 'throttled', phase: 'banner', executed: 'no' })
    expect(error.message).toBe(
      `${at()}: the server has too many logins in progress ("Exceeded MaxStartups"); try fewer at once, or raise MaxStartups in its sshd_config`,
    )
  })

  test('a penalty (OpenSSH from 9.8) is throttling', async () => {
    expect(await failure((socket) => socket.end('Not allowed at this time\r\n'))).toMatchObject({
      verdict: 'throttled',
      phase: 'banner',
    })
  })

  test('a close before the banner is throttling, a reset too', async () => {
    const error = await failure((socket) => socket.end())
    expect(error).toMatchObject({ code: 'XEC_CONNECT', verdict: 'throttled', phase: 'banner' })
    expect(error.message).toContain('closed the connection before its SSH banner')
    await server.stop()
    expect(await failure((socket) => void setImmediate(() => socket.resetAndDestroy()))).toMatchObject({
      code: 'XEC_CONNECT',
      verdict: 'throttled',
      phase: 'banner',
    })
  })

  test('another protocol is named by its own words, without their control characters', async () => {
    const error = await failure((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\x1b[31mServer: x\u202e\r\n\r\n'))
    expect(error).toMatchObject({ code: 'XEC_CONNECT', verdict: 'final', phase: 'banner' })
    expect(error.message).toBe(
      `${at()}: what answers there is not an SSH server: it sent "HTTP/1.1 400 Bad Request [31mServer: x"; check the port`,
    )
  })

  test('SSH 1 is final', async () => {
    expect(await failure((socket) => socket.end('SSH-1.5-OldServer\r\n'))).toMatchObject({
      code: 'XEC_CONNECT',
      verdict: 'final',
      phase: 'kex',
    })
  })

  test('silence ends at the connect timeout, and the socket is shut', async () => {
    const error = await failure(() => {}, { connectTimeoutMs: 200 })
    expect(error).toMatchObject({ code: 'XEC_CONNECT', verdict: 'final', phase: 'banner' })
    expect(error.message).toBe(`${at()}: no answer within 200ms, waiting for the SSH banner (connect timeout)`)
    for (const socket of server.sockets) await once(socket, 'close')
  })

  test('a banner that drips ends at the connect timeout all the same', async () => {
    const error = await failure(
      (socket) => {
        const drip = setInterval(() => socket.write('x'), 20)
        socket.on('close', () => clearInterval(drip))
      },
      { connectTimeoutMs: 200 },
    )
    expect(error).toMatchObject({ verdict: 'final', phase: 'banner' })
  })

  test('garbage after the banner is an error of the key exchange', async () => {
    const error = await failure((socket) =>
      socket.write(Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), Buffer.alloc(64, 0xff)])),
    )
    expect(error).toMatchObject({ code: 'XEC_CONNECT', phase: 'kex' })
  })

  test('nobody listens: refused, worth another dial', async () => {
    server = await startRawServer(() => {})
    const it = target()
    await server.stop()
    const error = await errorOf(dial(it))
    expect(error).toMatchObject({ code: 'XEC_CONNECT', verdict: 'transient', phase: 'tcp' })
    expect(error.message).toBe(`${at()}: connection refused: nothing listens there; check the port and that sshd runs`)
  })

  test('a dial is cancelled in any phase, at once, and the socket is shut', async () => {
    server = await startRawServer((socket) => void socket.write('SSH-2.0-slow\r\n'))
    const abort = new AbortController()
    const transport = new Ssh2Transport(quiet)
    const reached = await transport.reach(target(), { signal: abort.signal, keepAlive: null })
    const failing = errorOf(reached.authenticate(abort.signal))
    abort.abort()
    expect(await failing).toMatchObject({ code: 'XEC_ABORTED', verdict: 'final' })
    expect(await errorOf(transport.reach(target(), { signal: abort.signal, keepAlive: null }))).toMatchObject({
      code: 'XEC_ABORTED',
    })
    for (const socket of server.sockets) await once(socket, 'close')
  })

  test('nor is a server that says nothing reached: the time for the dial ends that, or a cancel', async () => {
    const accepted: Socket[] = []
    server = await startRawServer((socket) => void accepted.push(socket))
    const transport = new Ssh2Transport(quiet)
    const reach = (connectTimeoutMs: number, signal: AbortSignal) =>
      errorOf(transport.reach(target({ connectTimeoutMs }), { signal, keepAlive: null }))
    expect(await reach(200, new AbortController().signal)).toMatchObject({
      code: 'XEC_CONNECT',
      verdict: 'final',
      phase: 'banner',
      answered: true,
      message: expect.stringContaining('no answer within 200ms, waiting for the SSH banner'),
    })
    const abort = new AbortController()
    const reaching = reach(60_000, abort.signal)
    while (accepted.length < 2) await new Promise((resolve) => setImmediate(resolve))
    abort.abort()
    expect(await reaching).toMatchObject({ code: 'XEC_ABORTED', verdict: 'final' })
    for (const socket of server.sockets) await once(socket, 'close')
  })

  test('a dial that is cancelled while its keys are read connects to nothing', async () => {
    let connections = 0
    server = await startRawServer(() => void connections++)
    const abort = new AbortController()
    const reaching = errorOf(new Ssh2Transport(quiet).reach(target(), { signal: abort.signal, keepAlive: null }))
    abort.abort()
    expect(await reaching).toMatchObject({ code: 'XEC_ABORTED', verdict: 'final' })
    expect(connections).toBe(0)
  })

  test('a path that is abandoned is shut, and authenticating it fails', async () => {
    server = await startRawServer((socket) => void socket.write('SSH-'))
    const signal = new AbortController().signal
    const reached = await new Ssh2Transport(quiet).reach(target(), { signal, keepAlive: null })
    reached.abandon()
    reached.abandon()
    expect(await errorOf(reached.authenticate(signal))).toMatchObject({ code: 'XEC_ABORTED', verdict: 'final' })
  })

  test('the time between reaching and authenticating is not counted', async () => {
    server = await startRawServer((socket) => void socket.write('SSH-'))
    const signal = new AbortController().signal
    const reached = await new Ssh2Transport(quiet).reach(target({ connectTimeoutMs: 300 }), { signal, keepAlive: null })
    await new Promise((resolve) => setTimeout(resolve, 400))
    const began = performance.now()
    expect((await errorOf(reached.authenticate(signal))).message).toContain('no answer within 300ms')
    expect(performance.now() - began).toBeGreaterThan(200)
  })
})

describe('names and numbers of failed sockets', () => {
  const target = makeTarget({ port: 22, user: 'u' }, '/nonexistent', { target: { address: 'db.internal' } })
  const failed = (code: string, syscall = 'connect') =>
    connectFailed(target, Object.assign(new Error(`${syscall} ${code}`), { code, syscall }))

  test('an unknown name is final, a name server that does not answer is not', () => {
    expect(failed('ENOTFOUND', 'getaddrinfo')).toMatchObject({
      phase: 'dns',
      verdict: 'final',
      message: 'web1 (db.internal:22): the name is unknown (ENOTFOUND)',
    })
    expect(failed('EAI_AGAIN', 'getaddrinfo')).toMatchObject({ phase: 'dns', verdict: 'transient' })
  })

  test('an unreachable host is worth another dial, a timeout is not', () => {
    expect(failed('EHOSTUNREACH')).toMatchObject({ phase: 'tcp', verdict: 'transient' })
    expect(failed('ETIMEDOUT')).toMatchObject({ phase: 'tcp', verdict: 'final' })
  })

  test('the empty message of a failed multi-address connect is unwrapped', () => {
    const error = new AggregateError([new Error('connect EX 10.0.0.1'), new Error('connect EX 10.0.0.2')], '')
    expect(connectFailed(target, error).message).toBe(
      'web1 (db.internal:22): the connection failed: connect EX 10.0.0.1; connect EX 10.0.0.2',
    )
  })
})

describeWorld('dialling a real server', () => {
  let sshd: Sshd
  beforeAll(async () => {
    sshd = await startSshd({ config: ['LoginGraceTime 60'] })
  })
  afterAll(() => sshd.stop())
  const target = (port: number, more: Partial<Target> = {}): Target =>
    makeTarget({ port, user: sshd.user }, place.path('real'), {
      credentials: { keys: [keyFile(sshd.privateKeyPath)] },
      hostKeys: { alias: 'real' },
      target: more,
    })

  test('the parts of the dial are timed', async () => {
    const link = await dial(target(sshd.port))
    expect(link.timing.kexMs).toBeGreaterThan(0)
    expect(link.timing.authMs).toBeGreaterThan(0)
    link.end()
    await link.ended
  })

  test('an IPv6 address is dialled as given and bracketed in messages', async () => {
    const error = await errorOf(dial(target(1, { address: '::1' })))
    expect(error.message).toContain('web1 ([::1]:1): ')
  })

  test('cut at any byte, by FIN or RST: one error, no hang, nothing left open', async () => {
    const whole = await startProxy({ port: sshd.port })
    const link = await dial(target(whole.port))
    link.end()
    await link.ended
    const { toClient, toServer } = whole.bytes
    await whole.stop()
    for (const [way, total] of [
      ['toClient', toClient],
      ['toServer', toServer],
    ] as const) {
      for (const cutBy of ['fin', 'rst'] as const) {
        // The last 200 bytes are the authentication's end, and goodbye.
        for (let at = 1; at < total - 200; at += Math.ceil(total / 12)) {
          const proxy = await startProxy({ port: sshd.port, cutAt: { [way]: at }, cutBy })
          const error = await errorOf(dial(target(proxy.port, { connectTimeoutMs: 5_000 })))
          expect(error, `${way} ${cutBy} at ${at}: ${error.message}`).toMatchObject({
            code: 'XEC_CONNECT',
            executed: 'no',
            verdict: expect.stringMatching(/^(transient|throttled|final)$/),
          })
          expect(error.message, `${way} ${cutBy} at ${at}`).not.toContain('no answer within')
          await proxy.stop()
        }
      }
    }
  })

  test('swallowed at any byte: the connect timeout ends it', async () => {
    for (const at of [1, 30, 600, 1_500]) {
      const proxy = await startProxy({ port: sshd.port, cutAt: { toClient: at }, cutBy: 'hole' })
      const error = await errorOf(dial(target(proxy.port, { connectTimeoutMs: 300 })))
      expect(error, `at ${at}`).toMatchObject({ code: 'XEC_CONNECT', verdict: 'final' })
      await proxy.stop()
    }
  })

  test('MaxStartups of a real server is throttling', async () => {
    const tight = await startSshd({ config: ['MaxStartups 1:100:1'] })
    // The rig's own probe may still be counted: one of the next connections gets the only place.
    let taken = connectTcp(tight.port, '127.0.0.1')
    for (let i = 0; i < 50 && !String((await once(taken, 'data'))[0]).startsWith('SSH-'); i++) {
      taken.destroy()
      taken = connectTcp(tight.port, '127.0.0.1')
    }
    expect(
      await errorOf(
        dial(makeTarget(tight, place.path('tight'), { credentials: { keys: [keyFile(tight.privateKeyPath)] } })),
      ),
    ).toMatchObject({ code: 'XEC_CONNECT', verdict: 'throttled', phase: 'banner' })
    taken.destroy()
    await tight.stop()
  })

  test('a cold command takes six round trips from TCP to its first byte, a warm one two', async () => {
    const turnstile = await startTurnstile(sshd.port)
    // Everything is loaded and known, as in a fan-out.
    const transport = new Ssh2Transport(quiet)
    const links = [await dial(target(turnstile.port), { transport })]
    // A trip may come in two on a machine that halts in its middle, and never two in one: the least is the figure.
    const least = async (hoped: number, work: () => Promise<unknown>): Promise<number> => {
      let figure = Infinity
      for (let i = 0; i < 10 && figure > hoped; i++) {
        const before = turnstile.trips
        await work()
        figure = Math.min(figure, (turnstile.trips - before) / 2)
      }
      return figure
    }
    const firstByte = async (link: Link): Promise<void> => {
      const channel = await link.openSession()
      channel.stderr.resume()
      const data = once(channel.stdout, 'data')
      await channel.exec('echo x')
      await data
      channel.close()
    }
    // The turnstile's own connect is immediate: TCP's round trip is not in this figure.
    const cold = await least(5, async () => {
      const link = await dial(target(turnstile.port), { transport })
      links.push(link)
      await firstByte(link)
    })
    const warm = await least(2, () => firstByte(links[0] as Link))
    expect([cold, warm]).toEqual([5, 2])
    for (const each of links) {
      each.destroy()
      await each.ended
    }
    await turnstile.stop()
  })
})
