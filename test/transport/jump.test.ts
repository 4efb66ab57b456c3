import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Ssh2Transport } from '../../src/transport/ssh2.js'
import type { Link, Target } from '../../src/transport/transport.js'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, startSshd, type Sshd } from '../rig/sshd.js'
import { startRawServer } from './raw-server.js'
import { dial, errorOf, keyFile, makeTarget, quiet, run } from './fixture.js'

describeWorld('through a jump host', () => {
  let bastion: Sshd
  let inner: Sshd
  let place: Place
  beforeAll(async () => {
    place = makePlace()
    bastion = await startSshd({ config: ['MaxSessions 1'] })
    inner = await startSshd()
  })
  afterAll(async () => {
    await bastion.stop()
    await inner.stop()
    place.remove()
  })

  const hop = (server = bastion): Target =>
    makeTarget(server, place.knownHosts, {
      credentials: { keys: [keyFile(server.privateKeyPath)] },
      target: { host: 'bastion' },
    })
  const behind = (more: Partial<Target> = {}): Target =>
    makeTarget(inner, place.knownHosts, {
      credentials: { keys: [keyFile(inner.privateKeyPath)] },
      target: { host: 'db1', jump: hop(), ...more },
    })

  test('commands run on the far host, many hosts over one hop, none of its session slots taken', async () => {
    const via = await dial(hop())
    const links = await Promise.all([1, 2, 3].map(() => dial(behind(), { via })))
    for (const link of links) {
      const { stdout } = await run(link, 'echo $SSH_CONNECTION; head -c 3000000 /dev/zero | wc -c')
      expect(stdout).toContain(` ${inner.port}\n3000000\n`)
    }
    expect((await run(via, 'echo hop')).stdout).toBe('hop\n')
    for (const link of links) {
      link.end()
      expect(await link.ended).toEqual({ reason: 'closed', detail: 'closed by this side' })
    }
    expect(via.alive).toBe(true)
    via.end()
    await via.ended
  })

  test('a lost hop loses what it carries', async () => {
    const via = await dial(hop())
    const link = await dial(behind(), { via })
    const channel = await link.openSession()
    channel.stdout.resume()
    channel.stderr.resume()
    await channel.exec('sleep 60')
    via.destroy()
    expect((await channel.exit).kind).toBe('lost')
    expect(await link.ended).toEqual({
      reason: 'lost',
      detail: 'the connection to bastion was lost: closed by this side',
    })
    const error = await errorOf(dial(behind(), { via }))
    expect(error).toMatchObject({ code: 'XEC_CONNECT', verdict: 'transient', phase: 'tcp' })
    expect(error.message).toBe(
      `db1 (127.0.0.1:${inner.port} via bastion): the connection to bastion was lost (closed by this side)`,
    )
  })

  test('a hop whose server is killed is named for what it carried, not the far host', async () => {
    const server = await startSshd()
    const via = await dial(hop(server))
    const link = await dial(behind({ jump: hop(server) }), { via })
    for (const pid of server.children()) process.kill(pid, 'SIGKILL')
    expect((await link.ended).detail).toMatch(/^the connection to bastion was lost: /)
    await server.stop()
  })

  test('a hop that dies during the handshake fails the dial', async () => {
    const silent = await startRawServer((socket) => void socket.write('SSH-'))
    const via = await dial(hop())
    const { signal } = new AbortController()
    const reached = await new Ssh2Transport(quiet).reach(behind({ port: silent.port }), {
      via,
      signal,
      keepAlive: null,
    })
    const failing = errorOf(reached.authenticate(signal))
    via.destroy()
    expect(await failing).toMatchObject({
      code: 'XEC_CONNECT',
      phase: 'banner',
      verdict: 'transient',
      answered: false,
      message: `db1 (127.0.0.1:${silent.port} via bastion): the connection to bastion was lost (closed by this side)`,
    })
    await silent.stop()
  })

  test('a far host that refuses, and a hop that does not forward, are told apart', async () => {
    const via = await dial(hop())
    const refused = await errorOf(dial(behind({ port: 1 }), { via }))
    expect(refused).toMatchObject({ code: 'XEC_CONNECT', verdict: 'transient' })
    expect(refused.message).toBe(
      'db1 (127.0.0.1:1 via bastion): bastion could not connect to it ("Connection refused")',
    )
    via.end()
    await via.ended
    const closed = await startSshd({ config: ['AllowTcpForwarding no'] })
    const shut = await dial(hop(closed))
    const error = await errorOf(dial(behind(), { via: shut }))
    expect(error).toMatchObject({ code: 'XEC_CONNECT', verdict: 'final' })
    expect(error.message).toBe(
      `db1 (127.0.0.1:${inner.port} via bastion): bastion does not forward connections ("open failed"); see AllowTcpForwarding and PermitOpen there`,
    )
    shut.end()
    await shut.ended
    await closed.stop()
  })

  test('a far host that says nothing times out, and a cancelled dial gives its carrier back', async () => {
    const silent = await startRawServer(() => {})
    const via = await dial(hop())
    expect((await errorOf(dial(behind({ port: silent.port, connectTimeoutMs: 200 }), { via }))).message).toContain(
      'no answer within 200ms, waiting for the SSH banner',
    )
    const abort = new AbortController()
    const reaching = errorOf(
      new Ssh2Transport(quiet).reach(behind({ port: silent.port }), { via, signal: abort.signal, keepAlive: null }),
    )
    while (silent.accepted < 2) await new Promise((resolve) => setImmediate(resolve))
    abort.abort()
    expect(await reaching).toMatchObject({ code: 'XEC_ABORTED' })
    for (const socket of silent.sockets) await once(socket, 'close')
    via.end()
    await via.ended
    await silent.stop()
  })

  test("a carrier that is held holds the hop's socket, and no longer", async () => {
    const held = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
    const before = held()
    const via: Link = await dial(hop())
    via.setRef(false)
    expect(held()).toBe(before)
    const link = await dial(behind(), { via })
    expect(held()).toBe(before + 1)
    link.setRef(false)
    expect(held()).toBe(before)
    link.setRef(true)
    link.end()
    await link.ended
    expect(held()).toBe(before)
    via.end()
    await via.ended
  })
})
