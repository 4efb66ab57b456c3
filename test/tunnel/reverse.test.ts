/** A reverse tunnel at the moments that a real server does not offer on demand. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { Duplex, PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import type { Lease, Pool } from '../../src/pool/types.js'
import type { Link, LinkEnd } from '../../src/transport/transport.js'
import { openReverseTunnel } from '../../src/tunnel/reverse.js'
import type { Tunnel } from '../../src/tunnel/tunnel.js'
import { settle } from '../adapter/fakes.js'
import { target } from '../pool/sim.js'
import { collectUncaught } from '../rig/uncaught.js'

/** A pool of one link, whose far side connects when it is told to. */
function oneLink(ended: Promise<LinkEnd> = new Promise(() => {})): { readonly pool: Pool; readonly comes: (remote: Duplex) => void } {
  let take: (remote: Duplex) => void = () => {}
  const link = {
    alive: true,
    ended,
    listen: (_host: string, _port: number, onConnection: (remote: Duplex) => void) => {
      take = onConnection
      return Promise.resolve({ port: 4000, close: () => Promise.resolve() })
    },
  } as unknown as Link
  const lease = { link, channel: { stdout: new PassThrough(), stderr: new PassThrough() }, release: () => {} } as unknown as Lease
  return { pool: { acquire: () => Promise.resolve(lease) } as unknown as Pool, comes: (remote) => take(remote) }
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
  override _read(): void { this.push(null) }
  override _write(_chunk: Buffer, _encoding: BufferEncoding, done: () => void): void { this.#held = done }
  takeIt(): void { this.#held?.() }
}

/** A connection whose local side has said all and is gone, with a far side that has not taken it yet. */
async function draining(): Promise<{ readonly tunnel: Tunnel; readonly remote: Slow }> {
  const server = createServer((socket) => void socket.end('the tail')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { pool, comes } = oneLink()
  const tunnel = await openReverseTunnel(pool, target('web1'), { localPort: (server.address() as AddressInfo).port })
  const remote = new Slow()
  comes(remote)
  const [local] = await once(server, 'connection') as [Socket]
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
  const tunnel = await openReverseTunnel(pool, target('web1'), { localPort: 1, onError: () => { throw new Error('mine') } })
  const remote = new PassThrough()
  comes(remote)
  await once(remote, 'close')
  await new Promise((resolve) => setImmediate(resolve))
  expect([thrown.map(String), tunnel.open]).toEqual([['Error: mine'], true])
  await tunnel.close()
})

test('a link that ends as it is granted: told, and nothing else', async () => {
  const { pool } = oneLink(Promise.resolve({ reason: 'lost', detail: 'reset' } as unknown as LinkEnd))
  const tunnel = await openReverseTunnel(pool, target('web1'), { localPort: 1, signal: new AbortController().signal })
  expect((await tunnel.closed)?.message).toContain('Connection closed under a reverse tunnel (reset)')
})
