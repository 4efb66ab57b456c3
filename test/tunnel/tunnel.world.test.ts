import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { XecError } from '../../src/errors.js'
import type { PoolTarget } from '../../src/pool/types.js'
import { openReverseTunnel } from '../../src/tunnel/reverse.js'
import { openTunnel } from '../../src/tunnel/tunnel.js'
import { createXec, type Xec } from '../../src/xec.js'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, startSshd, type Sshd } from '../rig/sshd.js'

/** Sends back what it gets, then its end. */
function startEcho(): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}
/** Takes what comes, slowly; how many bytes that were when they ended, or were cut off. */
function takeSlowly(socket: Socket): Promise<number> {
  let took = 0
  return new Promise((resolve) => {
    socket
      .on('data', (chunk) => {
        took += chunk.length
        socket.pause()
        void delay(12).then(() => socket.resume())
      })
      .on('end', () => resolve(took))
      .on('error', () => resolve(took))
  })
}

/** Waits for the other side's end before it sends a lot. */
function sendAfterTheEnd(socket: Socket, bytes: number): void {
  socket
    .on('error', () => {})
    .on('end', () => socket.end(Buffer.alloc(bytes)))
    .resume()
}

async function serve(onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, onConnection).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}
const portOf = (server: Server): number => (server.address() as AddressInfo).port

/** Everything that the other side says until its end; rejects when it is cut off. */
async function talk(port: number, text: string | Buffer): Promise<Buffer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.end(text)
  await once(socket, 'end')
  socket.destroy()
  return Buffer.concat(chunks)
}

describeWorld('forwarded ports', () => {
  let sshd: Sshd
  let place: Place
  let xec: Xec
  let echo: Server
  beforeAll(async () => {
    sshd = await startSshd()
    echo = await startEcho()
  })
  afterAll(async () => {
    echo.close()
    await sshd.stop()
  })
  beforeEach(() => {
    place = makePlace()
    xec = createXec({ pool: { maxReconnectAttempts: 0 } })
  })
  afterEach(async () => {
    await xec.close()
    place.remove()
  })
  const target = (more: Partial<PoolTarget> = {}): PoolTarget => ({
    host: 'web1',
    address: '127.0.0.1',
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
    ...more,
  })

  describe('a tunnel', () => {
    test('carries bytes both ways, each way to its own end', async () => {
      await using tunnel = await openTunnel(xec.pool, target(), { remotePort: portOf(echo) })
      const bytes = Buffer.alloc(3_000_000, 'abcdefghij')
      expect((await talk(tunnel.localPort, bytes)).equals(bytes)).toBe(true)
      expect(await Promise.all(Array.from({ length: 30 }, (_, i) => talk(tunnel.localPort, `hello ${i}`)))).toEqual(
        Array.from({ length: 30 }, (_, i) => Buffer.from(`hello ${i}`)),
      )
      expect(xec.snapshot()).toMatchObject({ connectionsCreated: 1, activeConnections: 1 })
    })

    test('keeps its connection from idling out, and gives it back when it is closed', async () => {
      const pooled = target({ pool: { idleTimeout: 50 } })
      const tunnel = await openTunnel(xec.pool, pooled, { remotePort: portOf(echo) })
      await delay(200)
      expect(String(await talk(tunnel.localPort, 'still here'))).toBe('still here')
      await tunnel.close()
      await tunnel.close()
      expect(await tunnel.closed).toBe(null)
      expect(tunnel.open).toBe(false)
      await expect(talk(tunnel.localPort, 'anyone?')).rejects.toThrow('ECONNREFUSED')
      expect(xec.snapshot()).toMatchObject({ activeConnections: 0 })
    })

    test('commands share its connection', async () => {
      await using tunnel = await openTunnel(xec.pool, target(), { remotePort: portOf(echo) })
      expect((await xec.execute(target(), { line: 'echo hi' })).connection).toBe(1)
      expect(tunnel.open).toBe(true)
    })

    test('a port where nobody listens resets the local side and is told', async () => {
      const told: XecError[] = []
      await using tunnel = await openTunnel(xec.pool, target(), { remotePort: 1, onError: (error) => told.push(error) })
      await expect(talk(tunnel.localPort, 'hello')).rejects.toThrow('ECONNRESET')
      expect(told.map(({ code, message }) => [code, message])).toEqual([
        ['XEC_REFUSED', 'web1: it did not connect to 127.0.0.1:1 ("Connection refused")'],
      ])
      expect(tunnel.open).toBe(true)
    })

    test('a lost connection resets what goes through it, and the next one dials again', async () => {
      await using tunnel = await openTunnel(xec.pool, target(), { remotePort: portOf(echo) })
      const socket = connect(tunnel.localPort, '127.0.0.1')
      socket.write('x')
      await once(socket, 'data')
      const reset = once(socket, 'close').then(
        () => 'closed',
        (error: Error) => error.message,
      )
      for (const pid of sshd.children()) process.kill(pid, 'SIGKILL')
      expect(await reset).toMatch(/ECONNRESET/)
      expect(String(await talk(tunnel.localPort, 'again'))).toBe('again')
      expect(xec.snapshot()).toMatchObject({ connectionsCreated: 2 })
    })

    test('closing the pool closes it', async () => {
      const tunnel = await openTunnel(xec.pool, target(), { remotePort: portOf(echo) })
      await xec.close()
      expect(await tunnel.closed).toBe(null)
      await expect(talk(tunnel.localPort, 'x')).rejects.toThrow('ECONNREFUSED')
    })

    test('an abort closes it', async () => {
      const stop = new AbortController()
      const tunnel = await openTunnel(xec.pool, target(), { remotePort: portOf(echo), signal: stop.signal })
      stop.abort()
      await tunnel.closed
      expect(tunnel.open).toBe(false)
    })

    test('what it cannot be is said before anything is dialled', async () => {
      await expect(openTunnel(xec.pool, target(), { remotePort: 0 })).rejects.toThrow(
        'web1: remotePort must be a whole number from 1 to 65535, not 0',
      )
      await expect(openTunnel(xec.pool, target(), { remotePort: 22, localPort: 70_000 })).rejects.toThrow('localPort')
      expect(xec.snapshot().acquired).toBe(0)
    })

    test('a local port that is taken is said so, and the channel is given back', async () => {
      await expect(openTunnel(xec.pool, target(), { remotePort: 22, localPort: portOf(echo) })).rejects.toMatchObject({
        code: 'XEC_CONFIG',
        message: expect.stringContaining('EADDRINUSE') as string,
      })
      expect(xec.snapshot()).toMatchObject({ activeConnections: 0 })
    })
  })

  describe('a reverse tunnel', () => {
    test('leads from a port of the host to one here, each way to its own end', async () => {
      await using tunnel = await openReverseTunnel(xec.pool, target(), { localPort: portOf(echo) })
      expect(tunnel.remotePort).toBeGreaterThan(0)
      // The host is this machine, so its port can be tried from here.
      const bytes = Buffer.alloc(3_000_000, 'abcdefghij')
      expect((await talk(tunnel.remotePort, bytes)).equals(bytes)).toBe(true)
      expect(await Promise.all(Array.from({ length: 20 }, (_, i) => talk(tunnel.remotePort, `${i}`)))).toHaveLength(20)
    })

    test('two of them on one connection do not mix', async () => {
      const other = createServer((socket) => void socket.end('other'))
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
      await using first = await openReverseTunnel(xec.pool, target(), { localPort: portOf(echo) })
      await using second = await openReverseTunnel(xec.pool, target(), { localPort: portOf(other) })
      expect([String(await talk(first.remotePort, 'echo')), String(await talk(second.remotePort, ''))]).toEqual([
        'echo',
        'other',
      ])
      await first.close()
      expect(String(await talk(second.remotePort, ''))).toBe('other')
      await expect(talk(first.remotePort, '')).rejects.toThrow('ECONNREFUSED')
      expect(xec.snapshot().connectionsCreated).toBe(1)
      other.close()
    })

    test('nobody here to take a connection: the remote side sees it closed, and it is told', async () => {
      const told: XecError[] = []
      await using tunnel = await openReverseTunnel(xec.pool, target(), {
        localPort: 1,
        onError: (error) => told.push(error),
      })
      expect(String(await talk(tunnel.remotePort, 'x').catch(() => ''))).toBe('')
      expect(told[0]?.code).toBe('XEC_CONNECT')
    })

    test('goes with its connection, and says so', async () => {
      const tunnel = await openReverseTunnel(xec.pool, target(), { localPort: portOf(echo) })
      for (const pid of sshd.children()) process.kill(pid, 'SIGKILL')
      expect((await tunnel.closed)?.message).toMatch(
        /^web1: Connection closed under a reverse tunnel \(.*\); nobody listens there any more$/,
      )
      expect(tunnel.open).toBe(false)
      await tunnel.close()
    })
  })

  describe('a far side that ends its half first and reads slowly gets all that is sent here', () => {
    const call = (port: number): Socket => connect({ port, host: '127.0.0.1', allowHalfOpen: true })

    test('through a tunnel', async () => {
      let took: (bytes: Promise<number>) => void = () => {}
      const all = new Promise<number>((resolve) => (took = resolve))
      const server = await serve((socket) => took(takeSlowly(socket.end('bye'))))
      await using tunnel = await openTunnel(xec.pool, target(), { remotePort: portOf(server) })
      sendAfterTheEnd(call(tunnel.localPort), 20_000_000)
      expect(await all).toBe(20_000_000)
      await expect.poll(() => tunnel.connections).toBe(0)
      server.close()
    })

    test('through a reverse tunnel', async () => {
      const server = await serve((socket) => sendAfterTheEnd(socket, 20_000_000))
      await using tunnel = await openReverseTunnel(xec.pool, target(), { localPort: portOf(server) })
      expect(await takeSlowly(call(tunnel.remotePort).end('GET /'))).toBe(20_000_000)
      await expect.poll(() => tunnel.connections).toBe(0)
      server.close()
    })
  })

  test('a server that forwards nothing is said to be one', async () => {
    const strict = await startSshd({ config: ['AllowTcpForwarding no'] })
    const there = target({
      port: strict.port,
      credentials: {
        ...target().credentials,
        keys: [
          { origin: strict.privateKeyPath, from: { path: strict.privateKeyPath }, passphrase: null, optional: false },
        ],
      },
    })
    const told: XecError[] = []
    try {
      await using tunnel = await openTunnel(xec.pool, there, {
        remotePort: portOf(echo),
        onError: (error) => told.push(error),
      })
      await expect(talk(tunnel.localPort, 'x')).rejects.toThrow('ECONNRESET')
      expect(told[0]?.message).toContain('see AllowTcpForwarding and PermitOpen there')
      await expect(openReverseTunnel(xec.pool, there, { localPort: portOf(echo) })).rejects.toMatchObject({
        code: 'XEC_REFUSED',
        message: expect.stringContaining('AllowTcpForwarding') as string,
      })
    } finally {
      await strict.stop()
    }
  })

  test('nothing is left when they are closed', async () => {
    // The echo's own ends of the connections are in this process too, and go when they hear of it.
    const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name.includes('TCP')).length
    const before = sockets()
    const tunnel = await openTunnel(xec.pool, target(), { remotePort: portOf(echo) })
    const open: Socket[] = [connect(tunnel.localPort, '127.0.0.1'), connect(tunnel.localPort, '127.0.0.1')]
    await Promise.all(
      open.map((socket) =>
        once(
          socket.on('error', () => {}),
          'connect',
        ),
      ),
    )
    await tunnel.close()
    await Promise.all(
      open.filter(({ closed }) => !closed).map((socket) => new Promise((resolve) => socket.once('close', resolve))),
    )
    await xec.close()
    await expect.poll(sockets).toBe(before)
  })
})
