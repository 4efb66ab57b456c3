import { createHash, randomBytes } from 'node:crypto'
import { createWriteStream, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createGzip, gunzipSync } from 'node:zlib'
import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startFleet, type Fleet } from '../../src/demo/fleet.js'
import { $, CommandPromise, SSHAdapter, type RemoteControl, type SshContext } from '../../src/index.js'
import { makePlace, type Place } from '../rig/place.js'

describe('a command promise on a fleet', () => {
  let fleet: Fleet
  let place: Place
  let adapter: SSHAdapter
  let ssh: SshContext
  let other: SshContext
  beforeAll(async () => {
    place = makePlace()
    fleet = await startFleet(['web1', 'web2'])
    adapter = new SSHAdapter()
    const on = (name: string): SshContext => $.with({ adapter }).ssh({ target: fleet.target(name), env: {} })
    ssh = on('web1')
    other = on('web2')
  })
  afterAll(async () => {
    await adapter.dispose()
    await fleet.stop()
    place.remove()
  })
  const reason = (command: PromiseLike<unknown>): Promise<unknown> =>
    Promise.resolve(command).then(
      () => {
        throw new Error('it succeeded')
      },
      (error: unknown) => error,
    )

  test('an unawaited failure is one unhandled rejection', async () => {
    const unheard: unknown[] = []
    const hear = (error: unknown): void => void unheard.push(error)
    // Vitest listens too, and would count them as failures of its own.
    const before = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection').on('unhandledRejection', hear)
    try {
      void ssh`exit 5`.then(() => {})
      while (unheard.length === 0) await sleep(5)
      void ssh`exit 6`.text()
      while (unheard.length === 1) await sleep(5)
      void ssh`exit 7`.finally(() => {})
      while (unheard.length === 2) await sleep(5)
      await ssh`exit 8`.catch(() => {})
      await sleep(20)
    } finally {
      process.removeAllListeners('unhandledRejection')
      for (const listener of before) process.on('unhandledRejection', listener)
    }
    expect(unheard).toMatchObject([{ exitCode: 5 }, { exitCode: 6 }, { exitCode: 7 }])
  })

  test('bytes stay bytes, both ways', async () => {
    const bytes = randomBytes(300_000)
    expect((await ssh`cat`.stdin(bytes).buffer()).equals(bytes)).toBe(true)
  })

  describe('maxBuffer', () => {
    test('is an error that has the beginning; the command ran to its end', async () => {
      const done = place.path('done')
      const command = ssh`printf 0123456789; touch ${done}`.maxBuffer(4)
      expect(await reason(command)).toMatchObject({
        code: 'XEC_MAX_BUFFER',
        ok: false,
        outcome: 'failed',
        exitCode: 0,
        executed: 'yes',
        stdout: '0123',
        truncated: true,
        message:
          'web1: stdout is longer than maxBuffer (4 bytes); the command ran to its end with exit status 0, and its result has the beginning. Raise it with .maxBuffer(bytes), or read the output as it comes: for await, or .pipe()',
      })
      expect(existsSync(done)).toBe(true)
      expect(await ssh`printf 0123456789`.maxBuffer(4).nothrow()).toMatchObject({
        ok: false,
        stdout: '0123',
        error: { code: 'XEC_MAX_BUFFER' },
      })
      expect(await reason(ssh`printf 01234 >&2`.maxBuffer(4))).toMatchObject({
        message: expect.stringContaining('stderr is longer') as unknown,
      })
    })

    test('what fits is no error, and 0 keeps nothing', async () => {
      expect(await ssh`printf 0123`.maxBuffer(4)).toMatchObject({ ok: true, stdout: '0123', truncated: false })
      expect(await ssh`printf 0123`.maxBuffer(0)).toMatchObject({ ok: true, stdout: '' })
    })
  })

  describe('its lines', () => {
    const read = async (command: CommandPromise): Promise<string[]> => {
      const lines: string[] = []
      for await (const line of command) lines.push(line)
      return lines
    }

    test('come as they are written', async () => {
      const go = place.path('go')
      const lines: string[] = []
      for await (const line of ssh`echo one; until [ -e ${go} ]; do sleep 0.02; done; printf 'two\r\n\nthree'`) {
        lines.push(line)
        // The command goes on only when its first line has been read here.
        if (line === 'one') writeFileSync(go, '')
      }
      expect(lines).toEqual(['one', 'two', '', 'three'])
      expect(await read(ssh`true`)).toEqual([])
    })

    test('characters that are cut between two packets are whole', async () => {
      expect(await read(ssh`printf '\\303'; sleep 0.05; printf '\\251\\n'`)).toEqual(['é'])
    })

    test('a failure comes after the last line; not with nothrow', async () => {
      const lines: string[] = []
      const command = ssh`echo one; echo why >&2; exit 3`
      expect(
        await reason(
          (async () => {
            for await (const line of command) lines.push(line)
          })(),
        ),
      ).toMatchObject({ exitCode: 3, stderr: 'why\n' })
      expect(lines).toEqual(['one'])
      expect(await reason(command)).toMatchObject({ exitCode: 3 })
      expect(await read(ssh`echo one; exit 3`.nothrow())).toEqual(['one'])
    })

    test('a loop that is left stops the remote command, and waits for that', async () => {
      const command = ssh`echo $$; while :; do echo more; sleep 0.01; done`
      let pid = ''
      for await (const line of command) {
        pid = line
        break
      }
      expect(existsSync(`/proc/${pid}`)).toBe(false)
      expect(await reason(command)).toMatchObject({ outcome: 'cancelled', remoteProcess: 'exited' })
      expect(adapter.getConnectionPoolMetrics()).toMatchObject({ activeConnections: 0, waiting: 0 })
    })

    test('a slow loop holds the remote command back', async () => {
      const counter = place.path('counter')
      let lines = 0
      for await (const line of ssh`i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo "$i "${'x'.repeat(2_000)}; echo $i > ${counter}; done`) {
        if (++lines === 1) {
          // It has stopped by itself, far from its end, when the number no longer changes.
          for (let last = ''; ;) {
            await sleep(100)
            const now = readFileSync(counter, 'utf8')
            if (now === last && now !== '') break
            last = now
          }
          expect(Number(readFileSync(counter, 'utf8'))).toBeLessThan(2_900)
        }
        expect(line.startsWith(`${lines} `)).toBe(true)
      }
      expect(lines).toBe(3_000)
    })

    test('more than any buffer passes through, and the result keeps a beginning without an error', async () => {
      const command = ssh`i=0; while [ $i -lt 300 ]; do i=$((i+1)); head -c 9999 /dev/zero | tr '\\0' x; echo; done`
      expect(await read(command)).toHaveLength(300)
      expect(await command).toMatchObject({ ok: true, truncated: true })
    })

    test('are there once: a command that has started has them in lines()', async () => {
      const command = ssh`echo one`
      await command
      await expect(read(command)).rejects.toThrow('the command has started')
      expect(await command.lines()).toEqual(['one'])
    })
  })

  describe('kill', () => {
    test('signals the remote process', async () => {
      const command = ssh`echo running; exec sleep 60`
      expect(command.kill()).toBe(false)
      expect(() => command.kill(9 as never)).toThrow(
        new TypeError('a signal is one of HUP, INT, KILL, QUIT, TERM, USR1, USR2, not 9'),
      )
      const lines = command[Symbol.asyncIterator]()
      expect(await lines.next()).toEqual({ value: 'running', done: false })
      expect(command.kill('SIGINT')).toBe(true)
      expect(await reason(lines.next())).toMatchObject({ outcome: 'signal', signal: 'INT' })
      expect(command.kill()).toBe(false)
    })

    test('cancels what waits to be sent once more', async () => {
      let control: RemoteControl | undefined
      let stop: AbortSignal | undefined
      const over = { signal: () => false }
      const command = new CommandPromise((settings) => {
        settings.onStarted?.((control = over))
        stop = settings.stop
        return new Promise(() => {})
      }, {})
      command.catch(() => {})
      await Promise.resolve()
      expect([control, stop?.aborted]).toEqual([over, false])
      expect(command.kill()).toBe(true)
      expect(stop?.aborted).toBe(true)
    })

    test('cancels what was not sent yet', async () => {
      const own = new SSHAdapter()
      const command = $.with({ adapter: own }).ssh({
        target: fleet.target('web1'),
        env: {},
      })`touch ${place.path('killed')}`
      const ended = reason(command)
      await Promise.resolve()
      expect(command.kill()).toBe(true)
      expect(await ended).toMatchObject({ outcome: 'cancelled', executed: 'no' })
      expect(existsSync(place.path('killed'))).toBe(false)
      await own.dispose()
    })
  })

  describe('pipe', () => {
    test('to a command on another host, bytes and all', async () => {
      const bytes = randomBytes(1_000_000)
      const file = place.path('bytes')
      writeFileSync(file, bytes)
      const sum = createHash('sha256').update(bytes).digest('hex')
      expect(await ssh`cat ${file}`.pipe(other`sha256sum; echo $XEC_DEMO_HOST`).lines()).toEqual([`${sum}  -`, 'web2'])
    })

    test('through three', async () => {
      expect(
        await ssh`printf '3\n1\n2\n'`
          .pipe(other`sort`)
          .pipe(ssh`head -n 1`)
          .text(),
      ).toBe('1')
    })

    test('a source that fails rejects it, with what came before; not with nothrow', async () => {
      const seen = place.path('seen')
      expect(await reason(ssh`echo some; exit 4`.pipe(other`cat > ${seen}`))).toMatchObject({
        host: 'web1',
        exitCode: 4,
      })
      expect(readFileSync(seen, 'utf8')).toBe('some\n')
      expect(
        await ssh`echo some; exit 4`
          .nothrow()
          .pipe(other`cat`)
          .text(),
      ).toBe('some')
      expect(await reason(ssh`echo some`.pipe(other`cat; exit 5`))).toMatchObject({ host: 'web2', exitCode: 5 })
    })

    test('a reader that has enough stops the source', async () => {
      expect(await ssh`while :; do echo y; done`.pipe(other`head -n 1`).text()).toBe('y')
      while (fleet.processes > 0) await sleep(5)
    })

    test('to a stream, which is ended; one that breaks stops the command', async () => {
      const file = place.path('written')
      const result = await ssh`head -c 500000 /dev/zero; echo end >&2`.pipe(createWriteStream(file))
      expect([result.ok, result.stderr, readFileSync(file).length]).toEqual([true, 'end\n', 500_000])
      const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('disk full')) })
      expect(await reason(ssh`while :; do echo y; done`.pipe(broken))).toMatchObject({
        outcome: 'cancelled',
        message: expect.stringContaining('disk full') as unknown,
      })
      expect(await reason(ssh`true`.pipe(createWriteStream(place.path('no/such/file'))))).toMatchObject({
        code: 'ENOENT',
      })
    })

    test(
      'to a stream that is read as well: its own end is enough, whoever reads the other',
      { timeout: 10_000 },
      async () => {
        const through = createGzip()
        expect((await ssh`echo x`.pipe(through)).ok).toBe(true)
        const parts: Buffer[] = []
        for await (const part of through) parts.push(part as Buffer)
        expect(String(gunzipSync(Buffer.concat(parts)))).toBe('x\n')
      },
    )

    test('starts nothing by itself, and takes nothing that has started', async () => {
      const before = fleet.seen().commands
      const [left, right] = [ssh`echo a`, other`cat`]
      const piped = left.pipe(right)
      await sleep(10)
      expect(fleet.seen().commands).toBe(before)
      await right.stdin('').text()
      expect(await piped.text()).toBe('a')
      await left
      expect(() => left.pipe(other`cat`)).toThrow('has started')
    })
  })
})
