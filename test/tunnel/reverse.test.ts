/** A reverse tunnel at the moments that a real server does not offer on demand. */
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { PassThrough, type Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import type { Lease, Pool } from '../../src/pool/types.js'
import type { Link, LinkEnd } from '../../src/transport/transport.js'
import { openReverseTunnel } from '../../src/tunnel/reverse.js'
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
