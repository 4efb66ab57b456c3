import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import type { Link } from '../../src/transport/transport.js'
import { Connections } from '../../src/tunnel/join.js'

test('an answer that had come to its end is delivered whole, although the connection is lost while it is still taken', async () => {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' })
  client.pause()
  const [socket] = (await once(server, 'connection')) as [Socket]
  const link = { alive: true }
  const connections = new Connections()
  connections.add(socket)
  const remote = new PassThrough({ highWaterMark: 64 * 1024 * 1024 })
  // What the client says is not read by the far side; what the far side says is more than the kernel takes at once.
  const answer = Buffer.alloc(16 * 1024 * 1024, 'x')
  const far = Object.assign(remote, { _write: (_chunk: Buffer, _encoding: string, done: () => void) => done() })
  connections.join(socket, far, link as Link)
  remote.push(answer)
  remote.push(null)
  await once(remote, 'end')
  expect(socket.writableFinished).toBe(false)
  link.alive = false
  remote.destroy()
  await once(remote, 'close')
  let taken = 0
  for await (const chunk of client) taken += (chunk as Buffer).length
  expect(taken).toBe(answer.length)
  server.close()
})
