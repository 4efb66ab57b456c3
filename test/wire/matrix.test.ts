/**
 * The 30 faults of docs/faults.md. Each row of that table names the tests that show it; those of this file also say what
 * they saw, and the row must say the same.
 */
import dns from 'node:dns'
import { existsSync, readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ssh2, { type Connection } from 'ssh2'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Result } from '../../src/adapter/types.js'
import { makeKey } from '../../src/demo/keys.js'
import type { PoolOptions } from '../../src/pool/options.js'
import { Secret } from '../../src/runtime/secret.js'
import { createXec, type Xec } from '../../src/xec.js'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, keygen, startSshd, type Sshd, type SshdOptions } from '../rig/sshd.js'
import { keyFile, makeTarget } from '../transport/fixture.js'
import { hostsOf, report, setStage, until } from '../world/stage.js'
import { eventually } from './leaks.js'
import { startTap } from './tap.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

interface Row {
  readonly n: number
  readonly fault: string
  readonly expected: string
  readonly seen: string
  readonly tests: readonly { file: string; name: string }[]
}

const rows: readonly Row[] = readFileSync(join(ROOT, 'docs/faults.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| \d+ \|/.test(line))
  .map((line) => {
    const [n, fault, expected, seen, tests] = line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, ''))
    return {
      n: Number(n),
      fault: fault ?? '',
      expected: expected ?? '',
      seen: seen ?? '',
      tests: (tests ?? '').split(' · ').map((cell) => {
        // Not a link: the package has the page, and not the tests.
        const [, file = '', name = ''] = /^`test\/([^`]+)` › (.+?) *$/.exec(cell) ?? []
        return { file, name }
      }),
    }
  })

/** Holds what was seen against the row of the table. */
function saw(n: number, text: string): void {
  expect(rows.find((row) => row.n === n)?.seen.split('; '), `row ${n} of docs/faults.md`).toContain(text)
}
const told = ({ outcome, executed, error }: Result): string =>
  `\`${outcome}\`, executed ${executed}${error ? `, phase ${error.phase}` : ''}`

describe('the table', () => {
  test('has the 30 cases, each with what is expected, what was seen, and where', () => {
    expect(rows.map(({ n }) => n)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
    for (const { n, fault, expected, seen, tests } of rows) {
      expect(Math.min(fault.length, expected.length, seen.length), `row ${n}`).toBeGreaterThan(3)
      expect(tests.length, `row ${n}`).toBeGreaterThan(0)
    }
  })

  test.each(rows.flatMap(({ n, tests }) => tests.map(({ file, name }) => ({ n, file, name }))))(
    'case $n is shown by "$name"',
    ({ file, name }) => {
      const path = join(ROOT, 'test', file)
      expect(existsSync(path)).toBe(true)
      const source = readFileSync(path, 'utf8').replaceAll("\\'", "'")
      // As the name of a test, or of a row of a table of tests.
      const quoted = ["'", '"', '`'].map((quote) => `${quote}${name}`)
      // Cases of `each` may have more behind the name.
      expect(
        quoted.some((form) => source.includes(form)),
        `${file} has "${name}"`,
      ).toBe(true)
    },
  )

  test('what is shown here is in the table', () => {
    const here = [
      ...readFileSync(fileURLToPath(import.meta.url), 'utf8').matchAll(/^ {2}test\('case (\d+): ([^']+)'/gm),
    ]
    expect(here.length).toBeGreaterThan(8)
    for (const [, n, name] of here) {
      expect(rows.find((row) => row.n === Number(n))?.tests).toContainEqual({
        file: 'wire/matrix.test.ts',
        name: `case ${n ?? ''}: ${name ?? ''}`,
      })
    }
  })
})

describe('a scripted server', () => {
  let place: Place
  beforeAll(() => {
    place = makePlace()
  })
  afterAll(() => place.remove())

  async function against(
    script: (client: Connection) => void,
    pool: Partial<PoolOptions> = {},
  ): Promise<{ result: Result; logins: number }> {
    let logins = 0
    const clients = new Set<Connection>()
    const server = new ssh2.Server({ hostKeys: [makeKey().privateKey.reveal()] }, (client) => {
      clients.add(client)
      client
        .on('error', () => {})
        .on('authentication', (context) => context.accept())
        .on('ready', () => {
          logins++
          script(client)
        })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
    const { port } = server.address() as AddressInfo
    const xec = createXec({ pool: { reconnectDelay: 5, maxReconnectDelay: 20, ...pool } })
    const result = await xec.execute(
      makeTarget({ port, user: 'u' }, place.path(`scripted.${port}`), { credentials: { password: new Secret('p') } }),
      { line: 'x' },
    )
    await xec.close()
    for (const client of clients) client.end()
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
    })
    return { result, logins }
  }

  test('case 17: a server that lets in and hangs up', async () => {
    const { result, logins } = await against((client) => setImmediate(() => client.end()), { maxReconnectAttempts: 2 })
    expect(result.error?.message).toContain(
      'accepted the login and closed the connection before any command could be sent',
    )
    saw(17, `${told(result)}, ${logins} logins of 3 allowed`)
  })

  test('case 30: a server that gives no exit status', async () => {
    const { result } = await against((client) =>
      client.on(
        'session',
        (accept) =>
          void accept().on('exec', (agree) => {
            const stream = agree()
            stream.write('done')
            stream.end()
          }),
      ),
    )
    expect([result.exitCode, String(result.stdout), result.truncated]).toEqual([null, 'done', false])
    saw(30, `${told(result)}, exitCode null`)
  })
})

describeWorld('a real server', () => {
  let place: Place
  beforeAll(() => {
    place = makePlace()
  })
  afterAll(() => place.remove())

  async function on(
    options: SshdOptions,
    pool: Partial<PoolOptions>,
    work: (sshd: Sshd, xec: Xec, run: (line: string, address?: string) => Promise<Result>) => Promise<void>,
  ): Promise<void> {
    const sshd = await startSshd(options)
    const xec = createXec({ pool: { reconnectDelay: 5, maxReconnectDelay: 20, ...pool } })
    const run = (line: string, address = '127.0.0.1'): Promise<Result> =>
      xec.execute(
        makeTarget(sshd, place.path(`known.${sshd.pid}`), {
          credentials: { keys: [keyFile(sshd.privateKeyPath)] },
          target: { address },
        }),
        { line },
      )
    try {
      await work(sshd, xec, run)
    } finally {
      await xec.close()
      await sshd.stop()
    }
  }

  test('case 2: the listener is killed alone', () =>
    on({}, { maxReconnectAttempts: 0 }, async (sshd, _, run) => {
      expect((await run('true')).outcome).toBe('ok')
      const [connection] = sshd.connections()
      process.kill(sshd.pid, 'SIGKILL')
      await eventually(() => expect(alive(sshd.pid)).toBe(false))
      const old = await run('echo still here')
      expect(old).toMatchObject({ reused: true, stdout: Buffer.from('still here\n') })
      saw(2, `open connections: ${told(old)}`)
      saw(2, `new ones: ${told(await run('true', '127.0.0.2'))}`)
      if (connection !== undefined) process.kill(connection, 'SIGKILL')
    }))

  test('case 9: a reset in the middle of output', () =>
    on({}, { maxReconnectAttempts: 0 }, async (sshd) => {
      const tap = await startTap(sshd.port)
      const xec = createXec({ pool: { maxReconnectAttempts: 0 } })
      let first: () => void = () => {}
      const flowing = new Promise<void>((resolve) => (first = resolve))
      const target = makeTarget({ ...sshd, port: tap.port }, place.path('reset'), {
        credentials: { keys: [keyFile(sshd.privateKeyPath)] },
      })
      const running = xec.execute(target, { line: 'yes' }, { captureBytes: 1_000, onStdout: () => first() })
      await flowing
      for (const key of tap.keys()) tap.reset(key)
      const result = await running
      expect(String(result.stdout)).toMatch(/^(y\n)+$/)
      expect(result).toMatchObject({ truncated: true, remoteProcess: 'maybe-running', exitCode: null })
      saw(9, `${told(result)}, what had come is kept, truncated`)
      await xec.close()
      await tap.stop()
    }))

  test('case 13: MaxSessions 0', () =>
    on({ config: ['MaxSessions 0'] }, {}, async (sshd, xec, run) => {
      const result = await run('true')
      expect(xec.snapshot().connectionsCreated).toBe(1)
      saw(13, `MaxSessions 0: ${told(result)}`)
    }))

  test('case 15: four times the wrong key, then the right one', () =>
    on({}, {}, async (sshd, xec, run) => {
      keygen(place.path('wrong'), 'ed25519')
      const wrong = makeTarget(sshd, place.path(`known.${sshd.pid}`), {
        credentials: { keys: [keyFile(place.path('wrong'))] },
      })
      const refused: Result[] = []
      for (let i = 0; i < 4; i++) refused.push(await xec.execute(wrong, { line: 'true' }))
      expect(new Set(refused.map(told)).size).toBe(1)
      const dialled = xec.snapshot().connectionsFailed
      saw(15, `${told(refused[0] as Result)}, ${dialled} login for 4 commands`)
      saw(15, `then ${told(await run('true'))}`)
    }))

  test(
    'case 17: a server that closes idle connections',
    () =>
      on({ config: ['UnusedConnectionTimeout 1'] }, {}, async (_, xec, run) => {
        expect((await run('true')).outcome).toBe('ok')
        await eventually(
          () => expect(xec.snapshot()).toMatchObject({ totalConnections: 0, closedByReason: { lost: 1 } }),
          15_000,
        )
        const again = await run('true')
        expect(again).toMatchObject({ reused: false, attempts: [{ phase: 'connect', outcome: 'ok' }] })
        saw(17, `an idle connection that is closed: the next command ${told(again)}`)
      }),
    40_000,
  )

  test('case 19: a command that is not there, and one that says 255', () =>
    on({}, {}, async (_, __, run) => {
      const [missing, loud] = [await run('no-such-command-here'), await run('exit 255')]
      expect([missing.error?.code, loud.error?.code]).toEqual(['XEC_EXIT', 'XEC_EXIT'])
      saw(19, `not found: \`${missing.outcome}\` ${missing.exitCode ?? ''}`)
      saw(19, `255: \`${loud.outcome}\` ${loud.exitCode ?? ''}, executed ${loud.executed}`)
    }))

  test('case 25: a name that is unknown, and one whose first address is dead', () =>
    on({ address: '127.0.0.1' }, { maxReconnectAttempts: 0 }, async (sshd, _, run) => {
      const lookup = vi.spyOn(dns, 'lookup') as unknown as {
        mockImplementation(
          fn: (name: string, options: { all?: boolean }, reply: (error: Error | null, found?: unknown) => void) => void,
        ): void
        mockRestore(): void
      }
      try {
        lookup.mockImplementation((name, _options, reply) =>
          setImmediate(
            reply,
            Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), {
              code: 'ENOTFOUND',
              syscall: 'getaddrinfo',
              hostname: name,
            }),
          ),
        )
        saw(25, `unknown: ${told(await run('true', 'nowhere.invalid'))}`)
        lookup.mockImplementation((_name, _options, reply) =>
          setImmediate(reply, null, [
            { address: '127.0.0.9', family: 4 },
            { address: '127.0.0.1', family: 4 },
          ]),
        )
        saw(25, `first address refused: ${told(await run('true', 'two.invalid'))}`)
      } finally {
        lookup.mockRestore()
      }
      expect(sshd.log()).toContain('Accepted publickey')
    }))

  test('case 27: our own process is suspended', async () => {
    const stage = await setStage()
    stage.inventory('hosts: { one: 127.0.0.1 }\npool: { keepAliveInterval: 500ms, keepAliveCountMax: 2 }')
    const child = stage.start([
      'run',
      '--json',
      '--timeout',
      '30s',
      'one',
      `touch ${stage.shared}/up; sleep 4; echo awake`,
    ])
    child.stdin.end()
    let stdout = ''
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    const closed = new Promise<number | null>((resolve) => child.once('close', (status) => resolve(status)))
    await until('it runs', () => existsSync(join(stage.shared, 'up')))
    child.kill('SIGSTOP')
    // Longer than the keepalive's patience: 500 ms × (2 + 1).
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    child.kill('SIGCONT')
    expect(await closed).toBe(0)
    const [host] = report({ status: 0, signal: null, stdout, stderr: '' }).hosts
    expect(host).toMatchObject({ outcome: 'ok', stdout: 'awake\n' })
    saw(27, `\`${host?.outcome ?? ''}\`, executed ${host?.executed ?? ''}, over the same connection`)
    await stage.stop()
  })

  test('case 28: file descriptors run out', async () => {
    const stage = await setStage()
    const { execFile } = await import('node:child_process')
    const { BIN } = await import('../cli/binary.js')
    stage.inventory(`${hostsOf('n', 150)}\npool: { reconnectDelay: 200ms, maxReconnectAttempts: 1 }`)
    const { stdout } = await new Promise<{ stdout: string; status: unknown }>((resolve) => {
      execFile(
        '/bin/sh',
        ['-c', `ulimit -n 110; exec "${process.execPath}" "${BIN}" exec-all --all --fanout 150 --json true`],
        { env: stage.place.env, cwd: stage.place.home, timeout: 60_000, maxBuffer: 1e8 },
        (error, out) => resolve({ stdout: out, status: error?.code ?? 0 }),
      )
    })
    const { hosts, counts } = report({ status: 0, signal: null, stdout, stderr: '' })
    expect(hosts).toHaveLength(150)
    // What idles is closed, and every host has its turn.
    expect([counts['ok'], hosts.filter(({ outcome }) => outcome !== 'ok')]).toEqual([150, []])
    saw(28, 'every host is `ok`, and one warning names `ulimit -n`')
    await stage.stop()
  })
})

function alive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
