import type { AddressInfo, Socket } from 'node:net'
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
beforeAll(() => { place = makePlace() })
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
    link = await dial(makeTarget({ port, user: 'u' }, place.path(`scripted.${port}`), { credentials: { password: new Secret('p') } }))
    stop = async () => {
      link.destroy()
      await link.ended
      await new Promise<void>((resolve) => { server.close(() => resolve()) })
    }
    return link
  }

  test('a refused command is refused, on a link that lives, and its channel is closed', async () => {
    await served((session) => session.on('exec', (_accept, reject) => reject()))
    const channel = await link.openSession()
    const error = await errorOf(channel.exec('rm -rf /'))
    expect(error).toMatchObject({ code: 'XEC_REFUSED', phase: 'exec', executed: 'no' })
    expect(error.message).toBe('web1: the server refused the command; the account may be restricted (ForceCommand, authorized_keys options, shell)')
    expect(await errorOf(channel.exec('again'))).toMatchObject({ code: 'XEC_REFUSED', executed: 'no', message: 'web1: the channel was closed before the command could be asked for' })
    expect(link.alive).toBe(true)
  })

  test('a channel that closes without an exit status ends as none, not as success, not as lost', async () => {
    await served((session) => session.on('exec', (accept) => {
      const stream = accept()
      stream.write('partial')
      stream.close()
    }))
    const { stdout, exit } = await run(link, 'x')
    expect(stdout).toBe('partial')
    expect(exit).toEqual({ kind: 'none' })
    expect(link.alive).toBe(true)
  })

  test('a server that accepts and closes in one breath: who asked hears the acceptance before the end', async () => {
    await served((session) => session.on('exec', (accept) => {
      const { _sock: socket } = connection as unknown as { _sock: Socket }
      socket.cork()
      accept().end('done')
      setImmediate(() => socket.uncork())
    }))
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
    await served((session) => session.on('exec', (accept, _reject, { command }) => {
      const stream = accept()
      stream.stderr.write(`e${command}`)
      stream.write(`o${command}`)
      stream.exit(Number(command))
      stream.end()
    }))
    const all = await Promise.all(Array.from({ length: 50 }, (_, i) => run(link, String(i))))
    expect(all).toEqual(Array.from({ length: 50 }, (_, i) => ({ stdout: `o${i}`, stderr: `e${i}`, exit: { kind: 'code', code: i } })))
  })

  test('data in the last packets before a goodbye is not lost', async () => {
    await served((session) => session.on('exec', (accept) => {
      const stream = accept()
      stream.write(Buffer.alloc(100_000, 'x'), () => connection.end())
    }))
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
    const link = await dial(makeTarget(sshd, place.path('notty'), { credentials: { keys: [keyFile(sshd.privateKeyPath)] } }))
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

describe('the self-check of ssh2\'s internals', () => {
  test('finds all it needs in the installed version, and says what another one lacks', () => {
    const client = new Client()
    client.on('error', () => {})
    client.connect({ host: '127.0.0.1', port: 1, username: 'u' })
    expect(missingInternals(client)).toEqual([])
    expect(missingInternals({ _protocol: {} })).toEqual(['_chanMgr', '_protocol.session', '_protocol.exec', '_protocol.subsystem', '_protocol.pty', '_protocol.signal', '_protocol.windowChange', '_protocol.ping', '_protocol._handlers.CHANNEL_CLOSE', '_callbacks'])
  })
})
