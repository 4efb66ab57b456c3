import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Ssh2Transport } from '../../src/transport/ssh2.js'
import type { KeepAlive, Link } from '../../src/transport/transport.js'
import { makePlace, type Place } from '../rig/place.js'
import { startProxy, type Proxy } from '../rig/proxy.js'
import { describeWorld, startSshd, type Sshd } from '../rig/sshd.js'
import { FakeClock } from './fake-clock.js'
import { dial, errorOf, keyFile, makeTarget, quiet, run, text } from './fixture.js'

describeWorld('a link that is lost', () => {
  let sshd: Sshd
  let place: Place
  let proxy: Proxy
  const links: Link[] = []
  beforeAll(async () => {
    place = makePlace()
    sshd = await startSshd()
  })
  afterEach(async () => {
    for (const link of links.splice(0)) link.destroy()
    await proxy?.stop()
  })
  afterAll(async () => {
    await sshd.stop()
    place.remove()
  })

  async function connect(keepAlive?: KeepAlive, transport = new Ssh2Transport(quiet)): Promise<Link> {
    proxy = await startProxy({ port: sshd.port })
    const target = makeTarget({ ...sshd, port: proxy.port }, place.path(`known_hosts.${proxy.port}`), {
      credentials: { keys: [keyFile(sshd.privateKeyPath)] },
    })
    const link = await dial(target, { transport, ...(keepAlive ? { keepAlive } : {}) })
    links.push(link)
    return link
  }

  test("the server's child is killed: output so far, then the streams end, the exit is lost, and all is settled", async () => {
    const link = await connect()
    const channel = await link.openSession()
    let aliveAtEnd: boolean | undefined
    channel.stdout.once('end', () => (aliveAtEnd = link.alive))
    let out = ''
    const said = new Promise<void>((resolve) =>
      channel.stdout.on('data', (chunk: Buffer) => {
        out += chunk.toString()
        resolve()
      }),
    )
    const outEnded = once(channel.stdout, 'end')
    const err = text(channel.stderr)
    await channel.exec('echo $PPID; sleep 60')
    await said
    for (const pid of sshd.children()) process.kill(pid, 'SIGKILL')
    expect(await channel.exit).toEqual({ kind: 'lost', end: { reason: 'lost', detail: 'the server closed it' } })
    await outEnded
    expect(Number(out)).toBeGreaterThan(1)
    expect(await err).toBe('')
    await channel.closed
    expect(aliveAtEnd).toBe(false)
    expect(await link.ended).toEqual({ reason: 'lost', detail: 'the server closed it' })
    expect(await errorOf(link.openSession())).toMatchObject({ code: 'XEC_CONNECTION_LOST', executed: 'no' })
    expect((await errorOf(channel.exec('again'))).message).toBe(
      'web1: Connection closed before the command was sent (the server closed it)',
    )
    channel.signal('TERM')
    channel.close()
  })

  test('an end in the middle of output that nobody read yet loses none of what had arrived', async () => {
    const link = await connect()
    const channel = await link.openSession()
    channel.stderr.resume()
    await channel.exec('head -c 100000000 /dev/zero')
    // The window fills, and the rest stays there.
    let before = -1
    while (before !== proxy.bytes.toClient) {
      before = proxy.bytes.toClient
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    proxy.halfClose()
    expect((await channel.exit).kind).toBe('lost')
    // All that passed the proxy, less the packets' own dress; never more than the buffers and the window together.
    const received = (await text(channel.stdout)).length
    expect(received).toBeGreaterThan(proxy.bytes.toClient * 0.99 - 10_000)
    expect(received).toBeLessThan(5 * 1024 * 1024)
    expect((await link.ended).reason).toBe('lost')
  })

  test('stdin that waits for the window is let go, and its pipe ends', async () => {
    const link = await connect()
    const channel = await link.openSession()
    channel.stdout.resume()
    channel.stderr.resume()
    await channel.exec('sleep 60')
    const pumped = pipeline(
      Readable.from(
        (function* () {
          for (let i = 0; i < 200; i++) yield Buffer.alloc(65_536)
        })(),
      ),
      channel.stdin,
    )
    let before = -1
    while (before !== proxy.bytes.toServer) {
      before = proxy.bytes.toServer
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    proxy.reset()
    await pumped
    expect((await channel.exit).kind).toBe('lost')
  })

  test('a command whose confirmation never came may have run; one that was not sent has not', async () => {
    const link = await connect()
    const [first, second] = [await link.openSession(), await link.openSession()]
    const opening = errorOf(link.openSession())
    proxy.blackHole()
    const asked = errorOf(first.exec('touch /tmp/never-mind'))
    link.destroy()
    expect(await asked).toMatchObject({ code: 'XEC_CONNECTION_LOST', executed: 'maybe' })
    expect((await asked).message).toContain(
      'Connection closed after the command was sent, before the server confirmed it',
    )
    expect(await errorOf(second.exec('true'))).toMatchObject({ code: 'XEC_CONNECTION_LOST', executed: 'no' })
    expect(await opening).toMatchObject({ code: 'XEC_CONNECTION_LOST', executed: 'no', phase: 'channel' })
    expect((await first.exit).kind).toBe('lost')
    expect(await link.ended).toEqual({ reason: 'closed', detail: 'closed by this side' })
  })

  test('a pty that is never confirmed: the command was not sent', async () => {
    const link = await connect()
    const channel = await link.openSession()
    proxy.blackHole()
    const asked = errorOf(channel.exec('true', { term: 'xterm', rows: 24, cols: 80 }))
    link.destroy()
    expect(await asked).toMatchObject({ code: 'XEC_CONNECTION_LOST', executed: 'no' })
  })

  test('the exit status counts although the link is lost right after it', async () => {
    const link = await connect()
    const channel = await link.openSession()
    channel.stdout.resume()
    channel.stderr.resume()
    await channel.exec('sleep 60 & exit 5')
    await channel.exit
    proxy.reset()
    expect(await channel.exit).toEqual({ kind: 'code', code: 5 })
    await channel.closed
  })

  test('a half-closed connection is lost at once, not when we next write', async () => {
    const link = await connect()
    proxy.halfClose()
    expect((await link.ended).reason).toBe('lost')
  })

  test('end() towards a black hole is bounded, and the socket is shut', async () => {
    const link = await connect()
    proxy.blackHole()
    const began = performance.now()
    link.end()
    link.end()
    expect(link.alive).toBe(false)
    expect((await link.ended).reason).toBe('closed')
    expect(performance.now() - began).toBeGreaterThan(900)
  })

  test('end() with a server that listens waits for nothing but the server', async () => {
    // No timer fires on a clock that stands still.
    const link = await connect(undefined, new Ssh2Transport({ ...quiet, clock: new FakeClock() }))
    link.end()
    expect((await link.ended).reason).toBe('closed')
  })

  test('a server that is stopped is found by keepalive within interval × (count + 1)', async () => {
    const link = await connect({ intervalMs: 200, countMax: 2 })
    const channel = await link.openSession()
    channel.stdout.resume()
    channel.stderr.resume()
    await channel.exec('sleep 60')
    const stopped = [...sshd.connections(), ...sshd.children()]
    for (const pid of stopped) process.kill(pid, 'SIGSTOP')
    const began = performance.now()
    expect(await channel.exit).toMatchObject({ kind: 'lost', end: { reason: 'keepalive' } })
    // To the millisecond: keepalive.test.ts. Here the machine may be busy.
    expect(performance.now() - began).toBeLessThan(10_000)
    expect(await link.ended).toEqual({
      reason: 'keepalive',
      detail: 'the server has been silent for 0.6s and left 2 keepalive pings unanswered',
    })
    for (const pid of stopped) process.kill(pid, 'SIGCONT')
  })

  test('keepalive leaves a quiet server that answers alone', async () => {
    const link = await connect({ intervalMs: 50, countMax: 1 })
    expect((await run(link, 'sleep 0.5; echo ok')).stdout).toBe('ok\n')
    expect(link.alive).toBe(true)
  })

  test('the listener may go: links that are open live on', async () => {
    const other = await startSshd()
    const link = await dial(
      makeTarget(other, place.path('other'), { credentials: { keys: [keyFile(other.privateKeyPath)] } }),
    )
    process.kill(other.pid, 'SIGTERM')
    expect((await run(link, 'echo on')).stdout).toBe('on\n')
    link.end()
    await link.ended
    await other.stop()
  })

  test('only what is held holds the process open', async () => {
    const held = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap' || name === 'Timeout').length
    const direct = await dial(
      makeTarget(sshd, place.path('held'), { credentials: { keys: [keyFile(sshd.privateKeyPath)] } }),
      { keepAlive: { intervalMs: 60_000, countMax: 3 } },
    )
    const withLink = held()
    direct.setRef(false)
    expect(held()).toBe(withLink - 2)
    direct.setRef(true)
    expect(held()).toBe(withLink)
    direct.end()
    await direct.ended
    expect(held()).toBe(withLink - 2)
  })
})
