import { createRequire } from 'node:module'
import type { AddressInfo, Socket } from 'node:net'
import { Readable } from 'node:stream'
import ssh2, { type Connection, type Session as ServerSession } from 'ssh2'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { makeKey } from '../../src/demo/keys.js'
import { missingInternals } from '../../src/transport/internals.js'
import type { Link } from '../../src/transport/transport.js'
import { Secret } from '../../src/runtime/secret.js'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, startSshd } from '../rig/sshd.js'
import { dial, errorOf, keyFile, makeTarget, run, text } from './fixture.js'

const { Client, Server } = ssh2
let place: Place
beforeAll(() => {
  place = makePlace()
})
afterAll(() => place.remove())

describe('sessions on a server that misbehaves', () => {
  let stop: () => Promise<void>
  let link: Link
  let connection: Connection
  afterEach(() => stop())

  async function served(onSession: (session: ServerSession) => void): Promise<Link> {
    const server = new Server({ hostKeys: [makeKey().privateKey.reveal()] }, (client) => {
      connection = client
      client.on('error', () => {})
      client.on('authentication', (context) => context.accept())
      client.on('session', (accept) => onSession(accept()))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
    const { port } = server.address() as AddressInfo
    link = await dial(
      makeTarget({ port, user: 'u' }, place.path(`scripted.${port}`), { credentials: { password: new Secret('p') } }),
    )
    stop = async () => {
      link.destroy()
      await link.ended
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    }
    return link
  }

  test('a refused command is refused, on a link that lives, and its channel is closed', async () => {
    await served((session) => session.on('exec', (_accept, reject) => reject()))
    const channel = await link.openSession()
    const error = await errorOf(channel.exec('rm -rf /'))
    expect(error).toMatchObject({ code: 'XEC_REFUSED', phase: 'exec', executed: 'no' })
    expect(error.message).toBe(
      'web1: the server refused the command; the account may be restricted (ForceCommand, authorized_keys options, shell)',
    )
    expect(await errorOf(channel.exec('again'))).toMatchObject({
      code: 'XEC_REFUSED',
      executed: 'no',
      message: 'web1: the channel was closed before the command could be asked for',
    })
    expect(link.alive).toBe(true)
  })

  /** What ssh2's own server sends, below its manners. */
  interface Below {
    channelOpenConfirm(remote: number, local: number, window: number, packet: number): void
    channelData(id: number, data: Buffer): void
    channelWindowAdjust(id: number, amount: number): void
    exitSignal(id: number, name: string, core: boolean, message: string): void
  }
  const below = (): Below => (connection as unknown as { _protocol: Below })._protocol
  const idOf = (stream: unknown): number => (stream as { outgoing: { id: number } }).outgoing.id

  test('a channel that can carry nothing is a refused one: with packets of 0 bytes the first byte of stdin would never end', async () => {
    await served(() => {})
    const confirm = below().channelOpenConfirm.bind(below())
    below().channelOpenConfirm = (remote, local, window) => confirm(remote, local, window, 0)
    expect(await errorOf(link.openSession())).toMatchObject({
      code: 'XEC_REFUSED',
      phase: 'channel',
      executed: 'no',
      message: expect.stringContaining('packets too small to carry anything'),
    })
    expect(link.alive).toBe(true)
  })

  test('the name of a signal is a name, or unknown: it is shown to people', async () => {
    const names = ['KILL', 'LOCAL@EXAMPLE.COM', '\u001B]0;TITLE\u0007', 'TERM\nWEB1 OK', '\u202EX']
    // ssh2's own server sends only these.
    const { SIGNALS } = createRequire(createRequire(import.meta.url).resolve('ssh2'))('./protocol/constants.js') as {
      SIGNALS: Record<string, number>
    }
    for (const name of names) SIGNALS[name] = 1
    await served((session) =>
      session.on('exec', (accept, _reject, { command }) => {
        const stream = accept()
        below().exitSignal(idOf(stream), names[Number(command)] ?? '', false, '')
        stream.close()
      }),
    )
    const heard: unknown[] = []
    for (const index of names.keys()) heard.push((await run(link, String(index))).exit)
    expect(heard).toMatchObject(
      ['KILL', 'LOCAL@EXAMPLE.COM', 'unknown', 'unknown', 'unknown'].map((signal) => ({ kind: 'signal', signal })),
    )
  })

  test('a server that sends more than its window allows loses the connection, before it fills the memory', async () => {
    await served((session) =>
      session.on('exec', (accept) => {
        const id = idOf(accept())
        for (let sent = 0; sent < 4 * 1024 * 1024; sent += 32_768) below().channelData(id, Buffer.alloc(32_768))
      }),
    )
    const channel = await link.openSession()
    channel.stderr.resume()
    await channel.exec('x') // and nobody reads its stdout
    expect(await channel.exit).toMatchObject({
      kind: 'lost',
      end: { reason: 'lost', detail: 'the server sent more than it was allowed to' },
    })
  })

  test('stdin waits for the network, not only for the window that the server gives', async () => {
    await served((session) =>
      session.on('exec', (accept) => {
        below().channelWindowAdjust(idOf(accept()), 2 ** 31)
        ;(connection as unknown as { _sock: Socket })._sock.pause()
      }),
    )
    const channel = await link.openSession()
    channel.stdout.resume()
    channel.stderr.resume()
    await channel.exec('x')
    let taken = 0
    const source = new Readable({
      read() {
        this.push(taken < 500e6 ? Buffer.alloc(65_536) : null)
        taken += 65_536
      },
    })
    source.pipe(channel.stdin)
    for (let before = -1, still = 0; still < 20; before = taken) {
      still = before === taken ? still + 1 : 0
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    // What the kernel keeps on its way, and one MiB of ours.
    expect(taken).toBeLessThan(100e6)
    source.destroy()
    ;(connection as unknown as { _sock: Socket })._sock.resume()
  })

  test('a command that is given up while its terminal is asked for is not sent', async () => {
    let grant: (() => void) | undefined
    const seen: string[] = []
    await served((session) =>
      session
        .on('pty', (accept) => {
          grant = () => accept?.()
        })
        .on('exec', (accept, _reject, { command }) => {
          seen.push(command)
          accept().close()
        }),
    )
    let wanted = true
    const channel = await link.openSession()
    const failing = errorOf(channel.exec('shutdown', { term: 'xterm', rows: 24, cols: 80 }, () => wanted))
    while (!grant) await new Promise((resolve) => setImmediate(resolve))
    wanted = false
    grant()
    expect(await failing).toMatchObject({
      code: 'XEC_ABORTED',
      executed: 'no',
      message: 'web1: given up before the command was sent',
    })
    expect(await (await link.openSession()).exec('next')).toBeUndefined()
    expect(seen).toEqual(['next'])
  })

  test('a channel that closes without an exit status ends as none, not as success, not as lost', async () => {
    await served((session) =>
      session.on('exec', (accept) => {
        const stream = accept()
        stream.write('partial')
        stream.close()
      }),
    )
    const { stdout, exit } = await run(link, 'x')
    expect(stdout).toBe('partial')
    expect(exit).toEqual({ kind: 'none' })
    expect(link.alive).toBe(true)
  })

  test('a server that accepts and closes in one breath: who asked hears the acceptance before the end', async () => {
    await served((session) =>
      session.on('exec', (accept) => {
        const { _sock: socket } = connection as unknown as { _sock: Socket }
        socket.cork()
        accept().end('done')
        setImmediate(() => socket.uncork())
      }),
    )
    const channel = await link.openSession()
    channel.stdout.resume()
    channel.stderr.resume()
    const order: string[] = []
    const asked = channel.exec('x').then(() => order.push('accepted'))
    await Promise.all([asked, channel.exit.then(({ kind }) => order.push(kind))])
    expect(order).toEqual(['accepted', 'none'])
  })

  test('a connection that is closed instead of an answer to the command: it may have run', async () => {
    await served((session) => session.on('exec', () => void connection.end()))
    const channel = await link.openSession()
    const error = await errorOf(channel.exec('x'))
    expect(error).toMatchObject({ code: 'XEC_CONNECTION_LOST', executed: 'maybe' })
    expect((await channel.exit).kind).toBe('lost')
    expect(await text(channel.stdout)).toBe('')
  })

  test('many commands at once, each with its own output', async () => {
    await served((session) =>
      session.on('exec', (accept, _reject, { command }) => {
        const stream = accept()
        stream.stderr.write(`e${command}`)
        stream.write(`o${command}`)
        stream.exit(Number(command))
        stream.end()
      }),
    )
    const all = await Promise.all(Array.from({ length: 50 }, (_, i) => run(link, String(i))))
    expect(all).toEqual(
      Array.from({ length: 50 }, (_, i) => ({ stdout: `o${i}`, stderr: `e${i}`, exit: { kind: 'code', code: i } })),
    )
  })

  test('data in the last packets before a goodbye is not lost', async () => {
    await served((session) =>
      session.on('exec', (accept) => {
        const stream = accept()
        stream.write(Buffer.alloc(100_000, 'x'), () => connection.end())
      }),
    )
    const channel = await link.openSession()
    const out = text(channel.stdout)
    await channel.exec('x')
    expect((await out).length).toBe(100_000)
    expect((await channel.exit).kind).toBe('lost')
  })
})

describeWorld('a terminal that is refused', () => {
  test('is refused before the command is sent, and takes no slot with it', async () => {
    const sshd = await startSshd({ config: ['PermitTTY no', 'MaxSessions 1'] })
    const link = await dial(
      makeTarget(sshd, place.path('notty'), { credentials: { keys: [keyFile(sshd.privateKeyPath)] } }),
    )
    const channel = await link.openSession()
    const error = await errorOf(channel.exec('true', { term: 'xterm', rows: 24, cols: 80 }))
    expect(error).toMatchObject({ code: 'XEC_REFUSED', executed: 'no' })
    expect(error.message).toContain('the server refused a terminal')
    await channel.closed
    expect((await run(link, 'echo free')).stdout).toBe('free\n')
    link.end()
    await link.ended
    await sshd.stop()
  })
})

describe("the self-check of ssh2's internals", () => {
  test('finds all it needs in the installed version, and says what another one lacks', () => {
    const client = new Client()
    client.on('error', () => {})
    client.connect({ host: '127.0.0.1', port: 1, username: 'u' })
    expect(missingInternals(client)).toEqual([])
    expect(missingInternals({ _protocol: {} })).toEqual([
      '_chanMgr',
      '_protocol.session',
      '_protocol.exec',
      '_protocol.subsystem',
      '_protocol.pty',
      '_protocol.signal',
      '_protocol.windowChange',
      '_protocol.ping',
      '_protocol.start',
      '_protocol._handlers.CHANNEL_CLOSE',
      '_callbacks',
    ])
  })
})
