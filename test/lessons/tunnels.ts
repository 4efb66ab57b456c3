/** Forwarded ports, on a real server. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { XecError } from '../../src/errors.js'
import { resolveTarget } from '../../src/index.js'
import { openTunnel } from '../../src/tunnel/tunnel.js'
import { createXec } from '../../src/xec.js'
import { startSshd, type Sshd } from '../rig/sshd.js'
import type { Stage } from './stage.js'

async function withEcho(show: (port: number) => Promise<void>): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await show((server.address() as AddressInfo).port)
  } finally {
    server.close()
  }
}

async function echoes(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.write('hello')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  expect(String(answer)).toBe('hello')
}

export const targetOf = (sshd: Sshd, { place }: Stage, host: string) => ({
  ...resolveTarget({
    host: sshd.host,
    port: sshd.port,
    username: sshd.user,
    privateKey: sshd.privateKeyPath,
    identityAgent: 'none',
    userKnownHostsFile: place.path('tunnel_hosts'),
    globalKnownHostsFile: 'none',
  }).target,
  host,
})

export async function aTunnelBelongsToItsHost(stage: Stage): Promise<void> {
  // Told at this level: which channels a server was asked for.
  const [one, other] = await Promise.all([
    startSshd({ config: ['LogLevel DEBUG1'] }),
    startSshd({ config: ['LogLevel DEBUG1'] }),
  ])
  const xec = createXec()
  try {
    await withEcho(async (port) => {
      const busy = Array.from({ length: 10 }, () => xec.execute(targetOf(other, stage, 'other'), { line: 'true' }))
      await using tunnel = await openTunnel(xec.pool, targetOf(one, stage, 'one'), { remotePort: port })
      await Promise.all(busy)
      await echoes(tunnel.localPort)
      expect(one.log()).toContain('direct-tcpip')
      expect(other.log()).not.toContain('direct-tcpip')
      await other.stop()
      await echoes(tunnel.localPort)
    })
  } finally {
    await xec.close()
    await Promise.all([one.stop(), other.stop()])
  }
}

export async function aTunnelSurvivesItsGuests(stage: Stage): Promise<void> {
  const sshd = await startSshd()
  const xec = createXec()
  try {
    await withEcho(async (port) => {
      const told: XecError[] = []
      await using tunnel = await openTunnel(xec.pool, targetOf(sshd, stage, 'web1'), {
        remotePort: port,
        onError: (error) => told.push(error),
      })
      for (let i = 0; i < 20; i++) {
        const guest = connect(tunnel.localPort, '127.0.0.1')
        guest.write(Buffer.alloc(100_000))
        // Some in the middle of an answer, some before the far side was reached.
        await once(guest, i % 2 === 0 ? 'data' : 'connect')
        guest.resetAndDestroy()
        await once(guest, 'close')
      }
      while (tunnel.connections > 0) await sleep(5)
      expect(told).toEqual([])
      expect(tunnel.open).toBe(true)
      await echoes(tunnel.localPort)
    })
  } finally {
    await xec.close()
    await sshd.stop()
  }
}
