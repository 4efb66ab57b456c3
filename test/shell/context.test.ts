import { describe, expect, test } from 'vitest'
import type { Command, ExecuteOptions, Executor, Result } from '../../src/adapter/types.js'
import { XecError, isXecError } from '../../src/errors.js'
import type { PoolTarget } from '../../src/pool/types.js'
import { localRun, type HostCommand } from '../../src/run/local.js'
import { startRun, type Run, type StartRunOptions } from '../../src/run/start.js'
import { systemClock } from '../../src/runtime/clock.js'
import { Secret } from '../../src/runtime/secret.js'
import { CommandError, ShellResult } from '../../src/shell/result.js'
import { createShell } from '../../src/shell/shell.js'

/** Answers at once with what the line asks for: `exit N`, or `ok` on stdout. */
class Echo implements Executor {
  getConnectionPoolMetrics(): never {
    throw new Error('there is no pool here')
  }

  startRun(commands: readonly HostCommand[], options: Omit<StartRunOptions, 'clock'>): Run {
    const { items, dispatcher } = localRun(this, commands)
    return startRun(dispatcher, items, { ...options, clock: systemClock })
  }

  readonly sent: { target: PoolTarget; command: Command; options: ExecuteOptions }[] = []

  async execute(target: PoolTarget, command: Command, options: ExecuteOptions): Promise<Result> {
    this.sent.push({ target, command, options })
    const code = Number(/^exit (\d+)/.exec(command.line)?.[1] ?? 0)
    return {
      host: target.host,
      address: `${target.address}:22`,
      outcome: code ? 'failed' : 'ok',
      ok: code === 0,
      exitCode: code,
      signal: null,
      executed: 'yes',
      remoteProcess: null,
      stdout: Buffer.from('{"a":1}\r\nb\n\n'),
      stderr: Buffer.from('warn'),
      truncated: false,
      durationMs: 5,
      waitMs: 0,
      connectMs: 0,
      reused: false,
      connection: 1,
      attempts: [],
      error: code
        ? new XecError('XEC_EXIT', `${target.host}: exit status ${code}`, { host: target.host, executed: 'yes' })
        : null,
    }
  }
}

function setting(): {
  adapter: Echo
  ssh: ReturnType<ReturnType<typeof createShell<Echo>>['ssh']>
  lines: () => string[]
} {
  const adapter = new Echo()
  return {
    adapter,
    ssh: createShell(() => adapter).ssh('deploy@web1:2222'),
    lines: () => adapter.sent.map(({ command }) => command.line),
  }
}

describe('$', () => {
  test('runs nothing without a target', () => {
    const $ = createShell(() => new Echo())
    expect(() => $`uptime`).toThrow(TypeError)
    expect(() => $`uptime`).toThrow('$.ssh(target)')
  })

  test('with an adapter runs on that adapter; its own stays as it was', async () => {
    const [shared, own] = [new Echo(), new Echo()]
    const $ = createShell(() => shared)
    await $.with({ adapter: own }).ssh('web1')`true`
    expect([
      shared.sent.length,
      own.sent.length,
      $.adapter === shared,
      $.with({ adapter: own }).adapter === own,
    ]).toEqual([0, 1, true, true])
    await $.with({}).ssh('web1')`true`
    expect(shared.sent).toHaveLength(1)
  })
})

describe('a context', () => {
  test('is no thenable, and its tag works with a foreign this', async () => {
    const { ssh, lines } = setting()
    expect('then' in ssh).toBe(false)
    const holder = { ssh }
    await holder.ssh`uptime`
    await Promise.resolve(ssh)
    expect(lines()).toEqual(['uptime'])
  })

  test('collects env, directory and timeout without changing its parent', async () => {
    const { adapter, ssh } = setting()
    const secret = new Secret('s')
    await ssh.env({ A: '1' }).cd('/srv').env({ B: secret }).cd('app').timeout('30s')`make`
    await ssh`make`
    expect(adapter.sent[0]).toMatchObject({
      target: { host: 'web1', port: 2222, username: 'deploy' },
      command: { line: 'make', cwd: '/srv/app' },
      options: { timeoutMs: 30_000, retryCommands: 0 },
    })
    expect(adapter.sent[0]?.command.env).toEqual({ A: '1', B: secret })
    expect(adapter.sent[1]?.command).toEqual({ line: 'make' })
    await ssh.with({ idempotent: true }).timeout(500)`make`
    expect(adapter.sent[2]?.options).toMatchObject({ timeoutMs: 500, retryCommands: 1 })
    expect(() => ssh.timeout('30')).toThrow(TypeError)
  })

  test('execute can be replaced, and every template call of it and its children goes through it once', async () => {
    const { ssh, lines } = setting()
    const original = ssh.execute.bind(ssh)
    const seen: string[] = []
    ssh.execute = async (...args) => {
      seen.push(args[0])
      try {
        return await original(...args)
      } finally {
        seen.push('released')
      }
    }
    await ssh`one`
    await ssh.cd('/x').timeout(5)`two`
    await ssh.raw`three ${'a b'}`
    await expect(ssh`exit 4`).rejects.toMatchObject({ exitCode: 4 })
    expect(seen).toEqual(['one', 'released', 'two', 'released', 'three a b', 'released', 'exit 4', 'released'])
    expect(lines()).toEqual(['one', 'two', 'three a b', 'exit 4'])
  })

  test('the original rejects on a non-zero exit', async () => {
    const { ssh } = setting()
    await expect(ssh.execute('exit 2')).rejects.toBeInstanceOf(CommandError)
    expect(await ssh.execute('exit 2', { nothrow: true })).toMatchObject({ ok: false, exitCode: 2 })
  })

  test('a target brings its environment', async () => {
    const adapter = new Echo()
    await createShell(() => adapter)
      .ssh({ host: 'web1', env: { ROLE: 'web' } })
      .env({ X: '1' })`true`
    expect(adapter.sent[0]?.command.env).toEqual({ ROLE: 'web', X: '1' })
  })
})

describe('a command promise', () => {
  test('starts when somebody waits, and only once', async () => {
    const { ssh, lines } = setting()
    const command = ssh`uptime`
    await new Promise((resolve) => setImmediate(resolve))
    expect(lines()).toEqual([])
    const [one, two] = await Promise.all([command, command, command.finally(() => {})])
    expect(one).toBe(two)
    expect([one.exitCode, await command.text()]).toEqual([0, '{"a":1}\r\nb'])
    expect(lines()).toEqual(['uptime'])
    expect(() => command.quiet()).toThrow('the command has started')
  })

  test('rejects with an error in the shape of a result; nothrow resolves; catch catches, without a second rejection', async () => {
    const { ssh } = setting()
    const unheard: unknown[] = []
    const hear = (reason: unknown): void => void unheard.push(reason)
    process.on('unhandledRejection', hear)
    const error: unknown = await ssh`exit 3`.quiet().catch((reason: unknown) => reason)
    await ssh`exit 3`.finally(() => {}).catch(() => {})
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', hear)
    expect(unheard).toEqual([])
    expect(isXecError(error)).toBe(true)
    expect(error).toMatchObject({
      code: 'XEC_EXIT',
      host: 'web1',
      phase: 'run',
      executed: 'yes',
      safeToRetry: false,
      ok: false,
      outcome: 'failed',
      exitCode: 3,
      signal: null,
      stderr: 'warn',
      durationMs: 5,
      message: 'web1: exit status 3',
    })
    expect(await ssh`exit 3`.nothrow()).toMatchObject({ ok: false, exitCode: 3, error: { code: 'XEC_EXIT' } })
  })

  test('options give new promises, and reach the command', async () => {
    const { adapter, ssh } = setting()
    const abort = new AbortController()
    await ssh.cd('/srv').env({ A: '1' })`cat`
      .stdin('data')
      .timeout('2s')
      .signal(abort.signal)
      .cd('app')
      .env({ B: '2' })
      .maxBuffer(5)
      .nothrow()
    expect(adapter.sent[0]).toMatchObject({
      command: { cwd: '/srv/app', env: { A: '1', B: '2' } },
      options: { stdin: 'data', timeoutMs: 2_000, captureBytes: 5 },
    })
    abort.abort()
    await expect(ssh`cat`.signal(abort.signal)).resolves.toBeDefined()
    expect(adapter.sent[1]?.options.signal?.aborted).toBe(true)
    expect(() => ssh`cat`.maxBuffer(-1)).toThrow('maxBuffer must be a whole number of bytes, not -1')
  })

  test("signals add up: a context's and a command's own, whichever is first", async () => {
    const { adapter, ssh } = setting()
    for (const first of [0, 1, 2]) {
      const aborts = [new AbortController(), new AbortController(), new AbortController()] as const
      await ssh.with({ signal: aborts[0].signal })`cat`.signal(aborts[1].signal).signal(aborts[2].signal)
      const given = adapter.sent.at(-1)?.options.signal
      expect(given?.aborted).toBe(false)
      aborts[first]?.abort()
      await ssh.with({ signal: aborts[0].signal })`cat`.signal(aborts[1].signal).signal(aborts[2].signal)
      expect(adapter.sent.at(-1)?.options.signal?.aborted).toBe(true)
    }
  })

  test('a signal that lives long keeps nothing of what it was given to', async () => {
    const { ssh } = setting()
    const long = new AbortController()
    /** Whatever Node keeps on a signal for those who follow it, by way of a listener or of AbortSignal.any. */
    const kept = (): number =>
      Object.getOwnPropertySymbols(long.signal).reduce((n, name) => {
        const value: unknown = Reflect.get(long.signal, name)
        return n + (/Events|Dependant/.test(String(name)) ? (value as { readonly size: number }).size : 0)
      }, 0)
    const followed = AbortSignal.any([long.signal])
    expect([kept(), followed.aborted]).toEqual([1, false])
    const own = ssh.with({ signal: long.signal })
    for (let i = 0; i < 10; i++) await own`cat`.signal(new AbortController().signal)
    expect(kept()).toBe(1)
  })

  test('readers', async () => {
    const { ssh } = setting()
    expect(await ssh`x`.lines()).toEqual(['{"a":1}', 'b', ''])
    expect((await ssh`x`.buffer()).length).toBe(12)
    await expect(ssh`x`.json()).rejects.toThrow(SyntaxError)
    const result = await ssh`x`
    expect(result).toBeInstanceOf(ShellResult)
    expect(`${result.toString()}|${result.stderr}`).toBe('{"a":1}\r\nb|warn')
  })
})
