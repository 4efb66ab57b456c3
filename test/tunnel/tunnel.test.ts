/** Tunnels at the moments that a real server does not offer on demand. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { Duplex, PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { Lease, Pool } from '../../src/pool/types.js'
import type { Link, LinkEnd } from '../../src/transport/transport.js'
import { openReverseTunnel } from '../../src/tunnel/reverse.js'
import { openTunnel, type Tunnel } from '../../src/tunnel/tunnel.js'
import { settle } from '../adapter/fakes.js'
import { target } from '../pool/sim.js'
import { collectUncaught } from '../rig/uncaught.js'

interface OneLink {
  readonly pool: Pool
  readonly comes: (remote: Duplex) => void
  /** Listeners that the far side was told to give up; leases that are back. */
  readonly closes: () => number
  readonly released: () => number
}

/** A pool of one link, whose far side connects when it is told to; `answer` is when it says that it listens. */
function oneLink({
  ended = new Promise(() => {}),
  answer = Promise.resolve(),
}: { readonly ended?: Promise<LinkEnd>; readonly answer?: Promise<void> } = {}): OneLink {
  let closes = 0
  let released = 0
  let take: (remote: Duplex) => void = () => {}
  const link = {
    alive: true,
    ended,
    listen: (_host: string, _port: number, onConnection: (remote: Duplex) => void) => {
      take = onConnection
      return answer.then(() => ({ port: 4000, close: () => Promise.resolve(void closes++) }))
    },
  } as unknown as Link
  const lease = {
    link,
    channel: { stdout: new PassThrough(), stderr: new PassThrough() },
    release: () => void released++,
  } as unknown as Lease
  return {
    pool: { acquire: () => Promise.resolve(lease) } as unknown as Pool,
    comes: (remote) => take(remote),
    closes: () => closes,
    released: () => released,
  }
}

test('closed while its connection here is being made: the far side does not wait for it', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { pool, comes } = oneLink()
  const tunnel = await openReverseTunnel(pool, target('web1'), { localPort: (server.address() as AddressInfo).port })
  const remote = new PassThrough()
  comes(remote)
  const gone = once(remote, 'close')
  await tunnel.close()
  await gone
  server.close()
})

/** A far side that has ended its half and takes what is sent to it only when it is told to. */
class Slow extends Duplex {
  #held: (() => void) | null = null
  override _read(): void {
    this.push(null)
  }
  override _write(_chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#held = done
  }
  takeIt(): void {
    this.#held?.()
  }
}

/** A connection whose local side has said all and is gone, with a far side that has not taken it yet. */
async function draining(): Promise<{ readonly tunnel: Tunnel; readonly remote: Slow }> {
  const server = createServer((socket) => void socket.end('the tail')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { pool, comes } = oneLink()
  const tunnel = await openReverseTunnel(pool, target('web1'), { localPort: (server.address() as AddressInfo).port })
  const remote = new Slow()
  comes(remote)
  const [local] = (await once(server, 'connection')) as [Socket]
  await once(local, 'close')
  server.close()
  await expect.poll(() => remote.writableEnded).toBe(true)
  await settle()
  return { tunnel, remote }
}

test('what the far side has not taken when the local side is gone still counts as a connection, until it is taken', async () => {
  const { tunnel, remote } = await draining()
  expect([tunnel.connections, remote.destroyed]).toEqual([1, false])
  remote.takeIt()
  await once(remote, 'close')
  expect([tunnel.connections, remote.writableFinished]).toEqual([0, true])
  await tunnel.close()
})

test('and is cut with the tunnel', async () => {
  const { tunnel, remote } = await draining()
  const cut = once(remote, 'close')
  await tunnel.close()
  await cut
  expect([tunnel.connections, remote.writableFinished]).toEqual([0, false])
})

test('what its listener for errors throws is reported as uncaught, and the tunnel goes on', async () => {
  const thrown = collectUncaught()
  const { pool, comes } = oneLink()
  const tunnel = await openReverseTunnel(pool, target('web1'), {
    localPort: 1,
    onError: () => {
      throw new Error('mine')
    },
  })
  const remote = new PassThrough()
  comes(remote)
  await once(remote, 'close')
  await new Promise((resolve) => setImmediate(resolve))
  expect([thrown.map(String), tunnel.open]).toEqual([['Error: mine'], true])
  await tunnel.close()
})

test('a link that ends before the port is forwarded: no tunnel', async () => {
  const { pool } = oneLink({
    ended: Promise.resolve({ reason: 'lost', detail: 'reset' }),
    answer: new Promise(() => {}),
  })
  await expect(openReverseTunnel(pool, target('web1'), { localPort: 1 })).rejects.toMatchObject({
    code: 'XEC_CONNECTION_LOST',
    message: expect.stringContaining('Connection closed under a reverse tunnel (reset)') as string,
  })
})

test('one that ends once it is open is told', async () => {
  let end: (end: LinkEnd) => void = () => {}
  const { pool } = oneLink({ ended: new Promise((resolve) => (end = resolve)) })
  const tunnel = await openReverseTunnel(pool, target('web1'), { localPort: 1, signal: new AbortController().signal })
  end({ reason: 'lost', detail: 'reset' })
  expect((await tunnel.closed)?.message).toContain('Connection closed under a reverse tunnel (reset)')
})

test('an abort does not wait for a server that does not answer, and what it grants later is given back', async () => {
  let grant: () => void = () => {}
  const abort = new AbortController()
  const { pool, closes, released } = oneLink({ answer: new Promise((resolve) => (grant = resolve)) })
  const opening = openReverseTunnel(pool, target('web1'), { localPort: 1, signal: abort.signal })
  opening.catch(() => {})
  await settle()
  abort.abort('enough')
  await expect(opening).rejects.toMatchObject({
    code: 'XEC_ABORTED',
    cause: 'enough',
    message: 'web1: cancelled before the tunnel was open',
  })
  expect([released(), closes()]).toEqual([1, 0])
  grant()
  await settle()
  expect(closes()).toBe(1)
})

test('one that was aborted before it began asks for no port', async () => {
  const { pool, closes, released } = oneLink()
  await expect(
    openReverseTunnel(pool, target('web1'), { localPort: 1, signal: AbortSignal.abort() }),
  ).rejects.toMatchObject({ code: 'XEC_ABORTED' })
  await settle()
  expect([released(), closes()]).toEqual([1, 0])
})

describe('a tunnel that is given up while the name of its local address is looked up', () => {
  test('by the pool', async () => {
    let end: (end: LinkEnd) => void = () => {}
    const { pool, released } = oneLink({ ended: new Promise((resolve) => (end = resolve)) })
    const opening = openTunnel(pool, target('web1'), { remotePort: 80, localHost: 'localhost' })
    opening.catch(() => {})
    // The lookup is behind a turn of the loop; these are only microtasks.
    for (let i = 0; i < 20; i++) await Promise.resolve()
    end({ reason: 'closed', detail: 'closed by this side' })
    await expect(opening).rejects.toMatchObject({
      code: 'XEC_POOL_CLOSED',
      message: 'web1: the connection pool was closed before the tunnel was open',
    })
    expect(released()).toBeGreaterThan(0)
  })

  test('by an abort', async () => {
    const abort = new AbortController()
    const opening = openTunnel(oneLink().pool, target('web1'), {
      remotePort: 80,
      localHost: 'localhost',
      signal: abort.signal,
    })
    opening.catch(() => {})
    for (let i = 0; i < 20; i++) await Promise.resolve()
    abort.abort()
    await expect(opening).rejects.toMatchObject({
      code: 'XEC_ABORTED',
      message: 'web1: cancelled before the tunnel was open',
    })
  })
})
