import { createHash } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Command, ExecuteOptions, Result } from '../../src/adapter/types.js'
import type { PoolTarget } from '../../src/pool/types.js'
import { Secret } from '../../src/runtime/secret.js'
import { createXec, type Xec } from '../../src/xec.js'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, startSshd, type Sshd } from '../rig/sshd.js'
import { keyFile, makeTarget } from '../transport/fixture.js'

describeWorld('commands on a real server', () => {
  let sshd: Sshd
  let place: Place
  let xec: Xec
  beforeAll(async () => {
    place = makePlace()
    sshd = await startSshd()
  })
  afterAll(async () => {
    await sshd.stop()
    place.remove()
  })
  beforeEach(() => {
    xec = createXec()
  })
  afterEach(async () => {
    expect(xec.snapshot()).toMatchObject({ activeConnections: 0, waiting: 0 })
    await xec.close()
  })

  const target = (): PoolTarget =>
    makeTarget(sshd, place.knownHosts, { credentials: { keys: [keyFile(sshd.privateKeyPath)] } })
  const run = (command: string | Partial<Command>, options: ExecuteOptions = {}): Promise<Result> =>
    xec.execute(target(), typeof command === 'string' ? { line: command } : { line: '', ...command }, options)
  /** Whether a process whose id the command printed is still there (as anything but a zombie). */
  const alive = (pid: string): boolean => {
    try {
      return !/\) Z /.test(readFileSync(`/proc/${pid.trim()}/stat`, 'utf8'))
    } catch {
      return false
    }
  }
  /** A killed process group ends one process after the other: the leader, whose end the server reports, is not always the last. */
  const gone = (pid: string): Promise<void> => expect.poll(() => alive(pid), { timeout: 30_000 }).toBe(false)
  /** The first line of output, as soon as it is there. */
  const firstLine = (): { sink: (chunk: Buffer) => void; line: Promise<string> } => {
    let tell: (line: string) => void = () => {}
    const line = new Promise<string>((resolve) => (tell = resolve))
    return { sink: (chunk) => tell(String(chunk).split('\n')[0] ?? ''), line }
  }

  test('outcomes: ok, failed, signal', async () => {
    expect(await run('echo out; echo err >&2')).toMatchObject({
      outcome: 'ok',
      exitCode: 0,
      stdout: Buffer.from('out\n'),
      stderr: Buffer.from('err\n'),
    })
    expect(await run('exit 255')).toMatchObject({ outcome: 'failed', exitCode: 255 })
    expect(await run('kill -9 $$')).toMatchObject({ outcome: 'signal', signal: 'KILL', exitCode: null })
    expect(xec.snapshot()).toMatchObject({
      commands: { ok: 1, failed: 1, signal: 1 },
      connectionsCreated: 1,
      reuseCount: 2,
    })
  })

  test('10 MB through cat, byte for byte', async () => {
    const data = Buffer.from(Array.from({ length: 10_000 }, (_, index) => `${index} ${'x'.repeat(1_000)}`).join('\0'))
    const sum = createHash('sha256')
    const result = await run('cat', {
      stdin: Readable.from(
        Array.from({ length: Math.ceil(data.length / 50_000) }, (_, index) =>
          data.subarray(index * 50_000, (index + 1) * 50_000),
        ),
      ),
      captureBytes: 0,
      onStdout: (chunk) => void sum.update(chunk),
    })
    expect(result).toMatchObject({ outcome: 'ok', truncated: false })
    expect(sum.digest('hex')).toBe(createHash('sha256').update(data).digest('hex'))
  })

  test('a remote side that closes its stdin early is no crash', async () => {
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(16_384))
      },
    })
    expect(await run('head -c 10 >/dev/null; exec <&-; echo done', { stdin: endless })).toMatchObject({
      outcome: 'ok',
      stdout: Buffer.from('done\n'),
    })
    expect(endless.destroyed).toBe(false)
    endless.destroy()
  })

  describe('a stop ends the remote process', () => {
    const commands: [string, string, number][] = [
      ['sleep', 'echo $$; exec sleep 60', 0],
      ['one that ignores TERM', `trap '' TERM; echo $$; while :; do sleep 0.2; done`, 5_000],
      ['a pipe', `sh -c 'echo $$; sleep 60 | cat'`, 0],
    ]
    test.each(commands)('%s, by timeout', async (_, line, atLeast) => {
      const started = performance.now()
      const result = await run(line, { timeoutMs: 1_000 })
      const took = performance.now() - started
      expect(result).toMatchObject({
        outcome: 'timeout',
        executed: 'yes',
        remoteProcess: 'exited',
        error: { code: 'XEC_TIMEOUT' },
      })
      await gone(String(result.stdout))
      expect(took).toBeGreaterThan(1_000 + atLeast - 50)
    })

    test('by cancel, and a sibling on the same connection goes on', async () => {
      const abort = new AbortController()
      const { sink, line } = firstLine()
      const sibling = run('sleep 1; echo still here')
      const stopped = run('echo $$; exec sleep 60', { signal: abort.signal, onStdout: sink })
      const pid = await line
      expect(alive(pid)).toBe(true)
      abort.abort()
      expect(await stopped).toMatchObject({ outcome: 'cancelled', remoteProcess: 'exited' })
      await gone(pid)
      expect(await sibling).toMatchObject({ outcome: 'ok', stdout: Buffer.from('still here\n') })
      expect(xec.snapshot().connectionsCreated).toBe(1)
    })

    test('after its stdin has ended, too', async () => {
      const result = await run('cat; echo $$; exec sleep 60', { timeoutMs: 1_000, stdin: 'data' })
      expect(result).toMatchObject({ outcome: 'timeout', remoteProcess: 'exited' })
    })

    test('a process that outlives its shell is not called ended', async () => {
      // The login shell dies of TERM, its child ignores it and holds the output.
      const result = await run(
        `sh -c 'trap "" TERM; echo $$; n=0; while [ $n -lt 150 ]; do sleep 0.1; n=$((n+1)); done' ; true`,
        { timeoutMs: 1_000 },
      )
      expect(result).toMatchObject({
        outcome: 'timeout',
        remoteProcess: 'maybe-running',
        error: { message: expect.stringContaining('keeps the output open') },
      })
      expect(alive(String(result.stdout))).toBe(true)
    })
  })

  test('a child that keeps the output open: settled 2 s after the exit, and said', async () => {
    const started = performance.now()
    const result = await run('sleep 44 & echo $!; exit 3')
    expect(performance.now() - started).toBeGreaterThan(1_900)
    expect(process.kill(Number(result.stdout), 'SIGKILL')).toBe(true)
    expect(result).toMatchObject({
      outcome: 'failed',
      exitCode: 3,
      truncated: true,
      attempts: [{ phase: 'connect' }, { phase: 'run', message: expect.stringContaining('keeps the output open') }],
    })
  })

  test('a killed connection: lost, executed, never a success, and the next command works', async () => {
    const { sink, line } = firstLine()
    const running = run('echo started; sleep 60', { onStdout: sink })
    await line
    for (const pid of sshd.children()) process.kill(pid, 'SIGKILL')
    expect(await running).toMatchObject({
      outcome: 'lost',
      executed: 'yes',
      exitCode: null,
      truncated: true,
      remoteProcess: 'maybe-running',
      error: { message: expect.stringContaining('Connection closed') },
    })
    expect(await run('echo again')).toMatchObject({ outcome: 'ok' })
  })

  test('a command restricted by the server is refused or failed, never ok', async () => {
    const other = await startSshd({ config: ['ForceCommand /no/such/program'] })
    try {
      const forced = makeTarget(other, place.path('other_hosts'), {
        credentials: { keys: [keyFile(other.privateKeyPath)] },
      })
      expect((await xec.execute(forced, { line: 'echo hi' })).ok).toBe(false)
    } finally {
      await xec.close()
      await other.stop()
    }
  })

  test('env, secrets, cwd and scripts, with stdin free', async () => {
    const content = Buffer.from(`#!/bin/sh\necho "$ROLE $TOKEN $1"; pwd; cat\n${'# filler\n'.repeat(30_000)}`)
    const result = await run(
      {
        script: { name: 'job.sh', content, args: ['a b'] },
        env: { ROLE: 'web', TOKEN: new Secret('canary') },
        cwd: '/usr',
      },
      { stdin: 'DATA' },
    )
    expect(String(result.stderr)).toBe('')
    expect(String(result.stdout)).toBe('web canary a b\n/usr\nDATA')
    expect(result.outcome).toBe('ok')
  })

  test('a script leaves nothing behind after a timeout', async () => {
    // The place that a shell would use for a here-document or a temporary file.
    const dir = mkdtempSync(join(tmpdir(), 'xec-behind-'))
    chmodSync(dir, 0o777)
    try {
      const content = Buffer.from(`echo $$; ls -A "$TMPDIR"; sleep 60\n${'# filler\n'.repeat(30_000)}`)
      const result = await run(
        { script: { name: 'job.sh', content, args: [] }, env: { TMPDIR: dir } },
        { timeoutMs: 3_000 },
      )
      expect(result).toMatchObject({ outcome: 'timeout', remoteProcess: 'exited' })
      expect(String(result.stdout)).toMatch(/^\d+\n$/)
      await gone(String(result.stdout))
      await expect.poll(() => readdirSync(dir), { timeout: 30_000 }).toEqual([])
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  test('a pty is a terminal, and its size can change', async () => {
    let control: { resize(rows: number, cols: number): void; signal(name: 'INT'): void } | undefined
    const { sink, line } = firstLine()
    const running = run(
      {
        line: `trap 'stty size; exit 0' WINCH; tty >/dev/null && stty size; while :; do sleep 0.05; done`,
        pty: { term: 'xterm', rows: 24, cols: 80 },
      },
      {
        onStarted: (given) => (control = given),
        onStdout: sink,
        stdin: new Readable({ read() {} }),
        timeoutMs: 10_000,
      },
    )
    expect((await line).trim()).toBe('24 80')
    control?.resize(40, 100)
    const result = await running
    expect(String(result.stdout).split('\r\n').filter(Boolean)).toEqual(['24 80', '40 100'])
  })

  test('1,000 commands one after the other on a server with one session: one connection, no slot leaked', async () => {
    const narrow = await startSshd({ config: ['MaxSessions 1'] })
    try {
      const one = makeTarget(narrow, place.path('narrow_hosts'), {
        credentials: { keys: [keyFile(narrow.privateKeyPath)] },
      })
      for (let i = 0; i < 1_000; i++) {
        const result = await xec.execute(one, { line: `echo ${i}` })
        if (String(result.stdout) !== `${i}\n`)
          throw new Error(`command ${i}: ${result.outcome} ${result.error?.message ?? ''}`)
      }
      expect(xec.snapshot()).toMatchObject({ connectionsCreated: 1, acquired: 1_000, commands: { ok: 1_000 } })
    } finally {
      await xec.close()
      await narrow.stop()
    }
  }, 300_000)

  test('a run over 60 names of one address shares its connections; each gets its own output', async () => {
    const items = Array.from({ length: 60 }, (_, index) => ({
      target: { ...target(), host: `web${index}` },
      command: { line: 'echo $N', env: { N: String(index) } },
    }))
    const report = await xec.run(items, { commandText: 'echo $N' })
    expect(report.results.map(({ host, stdout }) => `${host} ${String(stdout).trim()}`)).toEqual(
      items.map((_, index) => `web${index} ${index}`),
    )
    expect(report).toMatchObject({ ok: true, counts: { total: 60, ok: 60 } })
    expect(xec.snapshot().connectionsCreated).toBeLessThanOrEqual(2)
  })

  test('one stdin for 20 names, fanout 3', async () => {
    const items = Array.from({ length: 20 }, (_, index) => ({
      target: { ...target(), host: `web${index}` },
      command: { line: 'sha256sum' },
    }))
    const data = Buffer.alloc(300_000, 'abc')
    const report = await xec.run(items, {
      commandText: 'sha256sum',
      fanout: 3,
      stdin: Readable.from([data.subarray(0, 100_000), data.subarray(100_000)]),
    })
    const sum = createHash('sha256').update(data).digest('hex')
    expect(new Set(report.results.map(({ stdout }) => String(stdout).split(' ')[0]))).toEqual(new Set([sum]))
    expect(report.ok).toBe(true)
  })
})
