/** How a channel may end (RFC 4254 §5.3): EOF is not the end, whoever sends it first. */
import type { AddressInfo } from 'node:net'
import ssh2, { type Connection, type Session as ServerSession } from 'ssh2'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { makeKey } from '../../src/demo/keys.js'
import { Secret } from '../../src/runtime/secret.js'
import type { Channel, Link } from '../../src/transport/transport.js'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, startSshd, type Sshd } from '../rig/sshd.js'
import { dial, keyFile, makeTarget, run, text } from './fixture.js'

const { Server } = ssh2

/** What ssh2's own server sends, below its manners. */
interface Below {
  channelEOF(id: number): void
  channelClose(id: number): void
  exitStatus(id: number, code: number): void
  exitSignal(id: number, name: string, core: boolean, message: string): void
}

/** A command on the server, ended by hand. */
interface Served {
  readonly below: Below
  readonly id: number
  /** The client sent CHANNEL_CLOSE. */
  clientClosed: boolean
}

let place: Place
beforeAll(() => {
  place = makePlace()
})
afterAll(() => place.remove())

describe('EOF from the server, and its exit status later', () => {
  let link: Link
  let stop: () => Promise<void>
  const commands = new Map<string, Served>()

  beforeEach(async () => {
    commands.clear()
    let connection: Connection | undefined
    const server = new Server({ hostKeys: [makeKey().privateKey.reveal()] }, (client) => {
      connection = client
      client.on('error', () => {}).on('authentication', (context) => context.accept())
      client.on('session', (accept) => serve(accept(), client))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
    const { port } = server.address() as AddressInfo
    link = await dial(
      makeTarget({ port, user: 'u' }, place.path(`endings.${port}`), { credentials: { password: new Secret('p') } }),
    )
    stop = async () => {
      link.destroy()
      await link.ended
      connection?.end()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    }
  })
  afterEach(() => stop())

  function serve(session: ServerSession, client: Connection): void {
    const { _protocol: below } = client as unknown as { _protocol: Below }
    session.on('exec', (accept, _reject, { command }) => {
      const stream = accept()
      const { id } = (stream as unknown as { outgoing: { id: number } }).outgoing
      const served: Served = { below, id, clientClosed: false }
      commands.set(command, served)
      session.on('close', () => (served.clientClosed = true))
      stream.resume().on('error', () => {})
      if (command === 'true') end(served, 0)
    })
  }
  function end({ below, id }: Served, code: number): void {
    below.exitStatus(id, code)
    below.channelEOF(id)
    below.channelClose(id)
  }
  async function started(command: string): Promise<{ channel: Channel; served: Served; over: Promise<unknown> }> {
    const channel = await link.openSession()
    const over = Promise.all([text(channel.stdout), text(channel.stderr)])
    await channel.exec(command)
    const served = commands.get(command)
    if (!served) throw new Error('the server did not hear the command')
    return { channel, served, over }
  }
  /** Round trips on the same connection: whatever was sent before has arrived. */
  async function roundTrips(): Promise<void> {
    for (let i = 0; i < 3; i++) expect((await run(link, 'true')).exit).toEqual({ kind: 'code', code: 0 })
  }

  test.each(['ended before the EOF', 'ended after the EOF', 'never ended'])(
    'is heard, with stdin %s, and no CHANNEL_CLOSE goes out meanwhile',
    async (stdin) => {
      const { channel, served, over } = await started('late')
      if (stdin === 'ended before the EOF') {
        channel.stdin.end()
        await roundTrips()
      }
      served.below.channelEOF(served.id)
      await over
      if (stdin === 'ended after the EOF') channel.stdin.end()
      await roundTrips()
      expect(served.clientClosed).toBe(false)
      end(served, 3)
      expect(await channel.exit).toEqual({ kind: 'code', code: 3 })
      await channel.closed
      await roundTrips()
      expect(served.clientClosed).toBe(true)
    },
  )

  test('is heard also when it is a signal', async () => {
    const { channel, served, over } = await started('killed')
    channel.stdin.end()
    served.below.channelEOF(served.id)
    await over
    await roundTrips()
    served.below.exitSignal(served.id, 'KILL', false, '')
    served.below.channelClose(served.id)
    expect(await channel.exit).toEqual({ kind: 'signal', signal: 'KILL', coreDumped: false })
    await channel.closed
  })

  test('may never come: then the CLOSE of the server ends the channel, without a status', async () => {
    const { channel, served, over } = await started('none')
    channel.stdin.end()
    served.below.channelEOF(served.id)
    await over
    await roundTrips()
    served.below.channelClose(served.id)
    expect(await channel.exit).toEqual({ kind: 'none' })
    await channel.closed
    await roundTrips()
    expect(served.clientClosed).toBe(true)
  })

  test('a server that never sends EOF ends the streams by its CLOSE', async () => {
    const { channel, served, over } = await started('no EOF')
    channel.stdin.end()
    served.below.exitStatus(served.id, 4)
    expect(await channel.exit).toEqual({ kind: 'code', code: 4 })
    await roundTrips()
    expect(served.clientClosed).toBe(false)
    served.below.channelClose(served.id)
    await over
    await channel.closed
  })

  test('our own close still ends it at once, after EOF in both directions', async () => {
    const { channel, served, over } = await started('given up')
    channel.stdin.end()
    served.below.channelEOF(served.id)
    await over
    await roundTrips()
    channel.close()
    await roundTrips()
    expect(served.clientClosed).toBe(true)
    served.below.channelClose(served.id)
    expect(await channel.exit).toEqual({ kind: 'none' })
    await channel.closed
  })
})

describeWorld('EOF before the exit status on a real server', () => {
  let sshd: Sshd
  beforeAll(async () => {
    sshd = await startSshd()
  })
  afterAll(() => sshd.stop())

  test('a command that shuts its own output and goes on has its exit status', async () => {
    const link = await dial(
      makeTarget(sshd, place.knownHosts, { credentials: { keys: [keyFile(sshd.privateKeyPath)] } }),
    )
    const ran = await run(link, 'echo last words; exec >&- 2>&-; sleep 0.1; exit 3')
    expect(ran).toEqual({ stdout: 'last words\n', stderr: '', exit: { kind: 'code', code: 3 } })
    link.end()
    await link.ended
  })
})
