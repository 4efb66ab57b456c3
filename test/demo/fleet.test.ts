import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import ssh2, { type ParsedKey, type PublicKeyAuthMethod } from 'ssh2'
import { afterEach, describe, expect, test } from 'vitest'
import { startFleet, type Fleet, type HostKnobs } from '../../src/demo/fleet.js'
import { makeKey } from '../../src/demo/keys.js'
import type { Result } from '../../src/adapter/types.js'
import { createXec, type Xec } from '../../src/xec.js'
import { makePlace } from '../rig/place.js'
import { dial, errorOf, run, runOn, text } from '../transport/fixture.js'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

async function fleetOf(names: readonly string[], knobs: Readonly<Record<string, HostKnobs>> = {}): Promise<Fleet> {
  const fleet = await startFleet(names, knobs)
  cleanups.push(() => fleet.stop())
  return fleet
}

function xecOf(pool: Parameters<typeof createXec>[0] = {}): Xec {
  const xec = createXec(pool)
  cleanups.push(() => xec.close())
  return xec
}

const out = (result: Result): string => result.stdout.toString('utf8')

/** What Linux knows of a process; undefined when it is gone, also as a zombie that nobody has collected. */
function stateOf(pid: number): string | undefined {
  try {
    const state = /^\d+ \(.*\) (\S)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]
    return state === 'Z' ? undefined : state
  } catch {
    return undefined
  }
}

async function gone(pid: number): Promise<boolean> {
  for (let at = 0; at < 500; at++) {
    if (stateOf(pid) === undefined) return true
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return false
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

const openFiles = (): string[] => readdirSync('/proc/self/fd')

describe('who gets in', () => {
  test('the user, with the key of this run', async () => {
    const fleet = await fleetOf(['web1'])
    const link = await dial(fleet.target('web1'))
    expect(await run(link, 'echo in')).toEqual({ stdout: 'in\n', stderr: '', exit: { kind: 'code', code: 0 } })
    expect(fleet.seen()).toMatchObject({ logins: 1, commands: 1 })
    link.destroy()
  })

  test('nobody with another key', async () => {
    const fleet = await fleetOf(['web1'])
    const target = fleet.target('web1')
    const keys = [{ origin: 'a key', from: { text: makeKey().privateKey }, passphrase: null, optional: false }]
    expect(await errorOf(dial({ ...target, credentials: { ...target.credentials, keys } }))).toMatchObject({
      code: 'XEC_AUTH',
    })
    expect(fleet.seen()).toMatchObject({ connections: 1, logins: 0 })
  })

  test('nobody under another name', async () => {
    const fleet = await fleetOf(['web1'])
    expect(await errorOf(dial({ ...fleet.target('web1'), username: 'root' }))).toMatchObject({ code: 'XEC_AUTH' })
    expect(fleet.seen()).toMatchObject({ logins: 0 })
  })

  test('nobody who knows the public key only: the signature is verified', async () => {
    const fleet = await fleetOf(['web1'])
    const known = ssh2.utils.parseKey(fleet.privateKey.reveal()) as ParsedKey
    const stranger = ssh2.utils.parseKey(makeKey().privateKey.reveal()) as ParsedKey
    // It shows the right key, and signs with another.
    const forged: ParsedKey = Object.assign(Object.create(known) as ParsedKey, {
      sign: (data: Buffer, algorithm?: string) => stranger.sign(data, algorithm),
    })
    const client = new ssh2.Client()
    const ended = new Promise<string>((resolve) =>
      client.on('ready', () => resolve('in')).on('error', (error) => resolve(error.message)),
    )
    client.connect({
      host: '127.0.0.1',
      port: fleet.target('web1').port,
      username: fleet.user,
      authHandler: [{ type: 'publickey', username: fleet.user, key: forged } as PublicKeyAuthMethod],
    })
    expect(await ended).toBe('All configured authentication methods failed')
    client.end()
    expect(fleet.seen()).toMatchObject({ connections: 1, logins: 0 })
  })

  test('nobody with a password, or with nothing', async () => {
    const fleet = await fleetOf(['web1'])
    for (const method of [{ type: 'none' }, { type: 'password', password: '' }] as const) {
      const client = new ssh2.Client()
      const ended = new Promise<string>((resolve) =>
        client.on('ready', () => resolve('in')).on('error', (error) => resolve(error.message)),
      )
      client.connect({
        host: '127.0.0.1',
        port: fleet.target('web1').port,
        username: fleet.user,
        authHandler: [{ username: fleet.user, ...method }],
      })
      expect(await ended).toBe('All configured authentication methods failed')
      client.end()
    }
    expect(fleet.seen()).toMatchObject({ logins: 0 })
  })

  test('each host shows a key of its own, and knownHosts lists them', async () => {
    const fleet = await fleetOf(['web1', 'web2'])
    const lines = fleet.knownHosts.trim().split('\n')
    expect(lines.map((line) => line.split(' ')[0])).toEqual(fleet.targets.map(({ port }) => `[127.0.0.1]:${port}`))
    expect(new Set(lines.map((line) => line.split(' ')[2])).size).toBe(2)
    for (const target of fleet.targets) {
      const client = new ssh2.Client()
      const shown = new Promise<Buffer>((resolve) => {
        client
          .on('error', () => {})
          .connect({
            host: '127.0.0.1',
            port: target.port,
            username: fleet.user,
            hostVerifier: (key: Buffer) => (resolve(Buffer.from(key)), false),
          })
      })
      expect(fleet.knownHosts).toContain(`[127.0.0.1]:${target.port} ssh-ed25519 ${(await shown).toString('base64')}\n`)
    }
  })
})

describe('keys', () => {
  test('every one of 500 can be read and signs', () => {
    for (let at = 0; at < 500; at++) {
      const { privateKey, publicBlob } = makeKey()
      const key = ssh2.utils.parseKey(privateKey.reveal()) as ParsedKey
      expect(key).not.toBeInstanceOf(Error)
      expect(key.getPublicSSH().equals(publicBlob)).toBe(true)
      expect(key.verify('x', key.sign('x'))).toBe(true)
    }
  })
})

describe('commands', () => {
  test('run here, each with the name of its host, and nothing else of our environment but what a login gives', async () => {
    process.env['XEC_TEST_CANARY'] = 'canary'
    cleanups.push(async () => {
      delete process.env['XEC_TEST_CANARY']
    })
    const fleet = await fleetOf(['web1', 'web2'], { web2: { env: { ROLE: 'web' } } })
    const xec = xecOf()
    const report = await xec.run(
      fleet.targets.map((target) => ({
        target,
        command: { line: 'echo "$XEC_DEMO_HOST ${ROLE-} ${XEC_TEST_CANARY-}"; id -un' },
      })),
      { commandText: '' },
    )
    const me = out(await xec.execute(fleet.target('web1'), { line: 'id -un' }))
    expect(report.results.map(out)).toEqual([`web1  \n${me}`, `web2 web \n${me}`])
  })

  test('give their exit status, any of them', async () => {
    const fleet = await fleetOf(['web1'])
    const xec = xecOf()
    const statuses = [0, 1, 2, 124, 127, 128, 255]
    expect(
      await Promise.all(
        statuses.map(async (status) => (await xec.execute(fleet.target('web1'), { line: `exit ${status}` })).exitCode),
      ),
    ).toEqual(statuses)
    expect(await xec.execute(fleet.target('web1'), { line: '/no/such/program' })).toMatchObject({
      outcome: 'failed',
      exitCode: 127,
    })
  })

  test('give the signal that ended them', async () => {
    const fleet = await fleetOf(['web1'])
    const xec = xecOf()
    for (const name of ['TERM', 'KILL', 'SEGV']) {
      expect(await xec.execute(fleet.target('web1'), { line: `kill -${name} $$` })).toMatchObject({
        outcome: 'signal',
        signal: name,
        exitCode: null,
      })
    }
  })

  test('take a signal, the whole group of it, also when their input has ended', async () => {
    const fleet = await fleetOf(['web1'])
    const link = await dial(fleet.target('web1'))
    const channel = await link.openSession()
    const errors = text(channel.stderr)
    await channel.exec('echo $$; sleep 600 | sleep 600')
    channel.stdin.end()
    const [pid] = (await once(channel.stdout, 'data')) as [Buffer]
    channel.stdout.resume()
    channel.signal('TERM')
    expect(await channel.exit).toEqual({ kind: 'signal', signal: 'TERM', coreDumped: false })
    await errors
    await channel.closed
    expect(await gone(Number(pid))).toBe(true)
    link.destroy()
  })

  test('a megabyte on stdin comes back as it went', async () => {
    const fleet = await fleetOf(['web1'])
    const data = randomBytes(1024 * 1024)
    const result = await xecOf().execute(fleet.target('web1'), { line: 'cat' }, { stdin: data })
    expect(result.outcome).toBe('ok')
    expect(result.stdout.equals(data)).toBe(true)
  })

  test('input that nobody reads holds nothing up', async () => {
    const fleet = await fleetOf(['web1'])
    const result = await xecOf().execute(
      fleet.target('web1'),
      { line: 'exec <&-; echo done' },
      { stdin: Buffer.alloc(8 * 1024 * 1024) },
    )
    expect([result.outcome, out(result)]).toEqual(['ok', 'done\n'])
  })

  test('stdout and stderr stay apart, whole and unrepeated, far beyond a window', async () => {
    const fleet = await fleetOf(['web1'])
    const half = 5 * 1024 * 1024
    const line = `head -c ${half} /dev/zero | tr '\\0' o; head -c ${half} /dev/zero | tr '\\0' e >&2`
    // A slow reader, so that the server waits for window again and again, first for one stream and then for the other.
    const slow = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))
    const result = await xecOf().execute(fleet.target('web1'), { line }, { onStdout: slow, onStderr: slow })
    expect(result).toMatchObject({ outcome: 'ok', truncated: false })
    expect(result.stdout.equals(Buffer.alloc(half, 'o'))).toBe(true)
    expect(result.stderr.equals(Buffer.alloc(half, 'e'))).toBe(true)
  })

  test('a command stops writing when nobody reads', async () => {
    const fleet = await fleetOf(['web1'])
    const link = await dial(fleet.target('web1'))
    const channel = await link.openSession()
    await channel.exec('echo $$; exec cat /dev/zero')
    const [first] = (await once(channel.stdout, 'data')) as [Buffer]
    channel.stdout.pause()
    const pid = Number(first.toString('latin1').split('\n')[0])
    const written = (): number => Number(/wchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])
    let before = -1
    for (let at = 0; at < 200 && written() !== before; at++) {
      before = written()
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(written()).toBe(before)
    expect(before).toBeLessThan(16 * 1024 * 1024)
    channel.close()
    channel.stdout.resume()
    channel.stderr.resume()
    expect(await gone(pid)).toBe(true)
    link.destroy()
  })

  test('what still runs ends with its channel', async () => {
    const fleet = await fleetOf(['web1'])
    const link = await dial(fleet.target('web1'))
    const channel = await link.openSession()
    channel.stderr.resume()
    await channel.exec("trap '' TERM HUP; echo $$; sleep 600; sleep 600")
    const [pid] = (await once(channel.stdout, 'data')) as [Buffer]
    channel.stdout.resume()
    channel.close()
    await channel.closed
    expect(await gone(Number(pid))).toBe(true)
    await until(() => fleet.seen().sessions === 0)
    expect(fleet.seen()).toMatchObject({ open: 1 })
    link.destroy()
  })

  test('what still runs ends with its connection', async () => {
    const fleet = await fleetOf(['web1'])
    const link = await dial(fleet.target('web1'))
    const channel = await link.openSession()
    channel.stderr.resume()
    await channel.exec('echo $$; exec sleep 600')
    const [pid] = (await once(channel.stdout, 'data')) as [Buffer]
    channel.stdout.resume()
    link.destroy()
    expect(await gone(Number(pid))).toBe(true)
  })

  test('many at once on one connection, each its own output', async () => {
    const fleet = await fleetOf(['web1'])
    const xec = xecOf({ pool: { maxConnectionsPerHost: 1, maxChannelsPerConnection: 50 } })
    const target = fleet.target('web1')
    const place = makePlace()
    cleanups.push(async () => place.remove())
    const outputs = Array.from({ length: 50 }, async (_, at) =>
      out(await xec.execute(target, { line: `until [ -e ${place.path('go')} ]; do sleep 0.1; done; echo ${at}` })),
    )
    await until(() => fleet.seen().commands === 50)
    writeFileSync(place.path('go'), '')
    expect(await Promise.all(outputs)).toEqual(Array.from({ length: 50 }, (_, at) => `${at}\n`))
    // The server hears of a channel's end after the client.
    await until(() => fleet.seen().sessions === 0)
    expect(fleet.seen()).toMatchObject({ connections: 1, commands: 50, mostSessions: 50 })
  })

  test('a terminal is refused, and the connection goes on', async () => {
    const fleet = await fleetOf(['web1'])
    const xec = xecOf()
    expect(
      await xec.execute(fleet.target('web1'), { line: 'tty', pty: { term: 'xterm', rows: 24, cols: 80 } }),
    ).toMatchObject({ outcome: 'refused', executed: 'no' })
    expect(await xec.execute(fleet.target('web1'), { line: 'true' })).toMatchObject({ outcome: 'ok', reused: true })
    await until(() => fleet.seen().sessions === 0)
    expect(fleet.seen()).toMatchObject({ connections: 1 })
  })

  test('a session on which nothing was started closes and frees its slot', async () => {
    const fleet = await fleetOf(['web1'], { web1: { maxSessions: 1 } })
    const link = await dial(fleet.target('web1'))
    for (let at = 0; at < 3; at++) {
      const channel = await link.openSession()
      channel.stdout.resume()
      channel.stderr.resume()
      channel.close()
      await channel.closed
    }
    expect(await runOn(await link.openSession(), 'echo free')).toMatchObject({ stdout: 'free\n' })
    await until(() => fleet.seen().sessions === 0)
    expect(fleet.seen()).toMatchObject({ refused: 0 })
    link.destroy()
  })
})

describe('knobs', () => {
  test('delayMs: the command starts later, and can be stopped before it does', async () => {
    const fleet = await fleetOf(['db1', 'db2'], { db1: { delayMs: 300 }, db2: { delayMs: 600_000 } })
    const xec = xecOf()
    const result = await xec.execute(fleet.target('db1'), { line: 'echo late' })
    expect([result.outcome, out(result)]).toEqual(['ok', 'late\n'])
    expect(result.durationMs).toBeGreaterThan(290)
    expect(await xec.execute(fleet.target('db2'), { line: 'echo never' }, { timeoutMs: 50 })).toMatchObject({
      outcome: 'timeout',
      remoteProcess: 'exited',
    })
    expect(fleet.processes).toBe(0)
  })

  test('failing and says: a status and a word, in place of the command', async () => {
    const fleet = await fleetOf(['cache1'], { cache1: { failing: 3, says: 'out of order' } })
    const result = await xecOf().execute(
      fleet.target('cache1'),
      { line: 'echo ok' },
      { stdin: Buffer.alloc(4 * 1024 * 1024) },
    )
    expect(result).toMatchObject({ outcome: 'failed', exitCode: 3, executed: 'yes' })
    expect([out(result), result.stderr.toString('utf8')]).toEqual(['', 'out of order\n'])
  })

  test('maxSessions: further channels are refused, and the pool learns it', async () => {
    const fleet = await fleetOf(['web1'], { web1: { maxSessions: 2 } })
    const xec = xecOf({ pool: { maxConnectionsPerHost: 1 } })
    const target = fleet.target('web1')
    const results = await Promise.all(Array.from({ length: 12 }, () => xec.execute(target, { line: 'sleep 0.05' })))
    expect(results.map(({ outcome }) => outcome)).toEqual(Array(12).fill('ok'))
    expect(fleet.seen('web1')).toMatchObject({ connections: 1, mostSessions: 2, commands: 12 })
    expect(fleet.seen('web1').refused).toBeGreaterThan(0)
    expect(xec.snapshot().hosts[0]?.learnedCapacity).toBe(2)
  })

  test('down: the connection is refused', async () => {
    const fleet = await fleetOf(['web1', 'web2'], { web2: { down: true } })
    const xec = xecOf({ pool: { maxReconnectAttempts: 0 } })
    const report = await xec.run(
      fleet.targets.map((target) => ({ target, command: { line: 'true' } })),
      { commandText: 'true' },
    )
    expect(report.results.map(({ outcome }) => outcome)).toEqual(['ok', 'unreachable'])
  })

  test('handshakeDelayMs: the server is silent at first', async () => {
    const fleet = await fleetOf(['web1', 'web2'], {
      web1: { handshakeDelayMs: 200 },
      web2: { handshakeDelayMs: 600_000 },
    })
    const xec = xecOf({ pool: { maxReconnectAttempts: 0 } })
    const slow = await xec.execute(fleet.target('web1'), { line: 'true' })
    expect(slow.outcome).toBe('ok')
    expect(slow.connectMs).toBeGreaterThan(190)
    expect(await xec.execute({ ...fleet.target('web2'), connectTimeoutMs: 100 }, { line: 'true' })).toMatchObject({
      outcome: 'unreachable',
      executed: 'no',
    })
  })

  test('a name that is no host is refused with the names that are', async () => {
    await expect(startFleet(['web1', 'web2'], { web3: {} })).rejects.toMatchObject({
      code: 'XEC_CONFIG',
      message: 'knobs for web3, which is no host of the fleet; its hosts are web1, web2',
    })
    await expect(startFleet(['web1', 'web1'])).rejects.toMatchObject({
      code: 'XEC_CONFIG',
      message: 'web1 is named twice; a host of the fleet has one server',
    })
    const fleet = await fleetOf(['web1'])
    expect(() => fleet.target('web2')).toThrow('web2 is no host of the fleet; its hosts are web1')
  })
})

describe('stop', () => {
  test('abandon kills what runs, at once, for a process that is on its way out', async () => {
    const fleet = await fleetOf(['web1'])
    const xec = xecOf()
    let pid = 0
    const running = xec.execute(
      fleet.target('web1'),
      { line: "trap '' TERM; echo $$; sleep 600; sleep 600" },
      {
        onStdout: (chunk) => {
          pid = Number(chunk)
        },
      },
    )
    await until(() => pid > 0)
    fleet.abandon()
    expect(await running).toMatchObject({ outcome: 'signal', signal: 'KILL' })
    expect(await gone(pid)).toBe(true)
  })

  test('leaves nothing: no process, socket, listener or timer', async () => {
    const before = openFiles().length
    const resources = process.getActiveResourcesInfo().length
    const fleet = await startFleet(['web1', 'db1', 'slow1'], {
      db1: { delayMs: 600_000 },
      slow1: { handshakeDelayMs: 600_000 },
    })
    const xec = createXec({ pool: { maxReconnectAttempts: 0 } })
    const pids: number[] = []
    const hear = (chunk: Buffer): void => {
      pids.push(...chunk.toString('utf8').trim().split('\n').map(Number))
    }
    const running = [
      // A child that ignores everything, one left behind with our output, and one left behind without.
      xec.execute(
        fleet.target('web1'),
        { line: "trap '' TERM HUP INT; echo $$; sleep 600; sleep 600" },
        { onStdout: hear },
      ),
      xec.execute(fleet.target('web1'), { line: 'sleep 600 & echo $!' }, { onStdout: hear }),
      xec.execute(fleet.target('web1'), { line: 'sleep 600 >/dev/null 2>&1 </dev/null & echo $!' }, { onStdout: hear }),
      xec.execute(fleet.target('db1'), { line: 'echo never' }),
      xec.execute(fleet.target('slow1'), { line: 'echo never' }),
    ]
    await until(() => pids.length === 3 && fleet.seen().open === 3 && fleet.seen('db1').commands === 1)
    await running[2]
    await fleet.stop()
    expect(fleet.processes).toBe(0)
    expect(fleet.seen()).toMatchObject({ open: 0, sessions: 0 })
    for (const pid of pids) expect(await gone(pid)).toBe(true)
    for (const { port } of fleet.targets) {
      const [error] = (await once(connect(port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException]
      expect(error.code).toBe('ECONNREFUSED')
    }
    const ended = (await Promise.all(running)).map(({ outcome }) => outcome)
    // The second's exit status had come.
    expect(ended).toEqual(['lost', 'ok', 'ok', 'lost', 'unreachable'])
    await xec.close()
    await fleet.stop()
    expect(openFiles().length).toBeLessThanOrEqual(before)
    expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(resources)
  })
})
