/** What an error of a command tells: host, command, status, stderr, and the place in the program. */
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { neverSent } from '../../src/adapter/execute.js'
import type { Command, Result } from '../../src/adapter/types.js'
import { isXecError, XecError } from '../../src/errors.js'
import { Secret } from '../../src/runtime/secret.js'
import { sshContext, type SshContext } from '../../src/shell/context.js'
import { CommandError, ShellResult } from '../../src/shell/result.js'
import { resolveTarget } from '../../src/shell/target.js'
import { result } from '../cli/output/samples.js'

type Ending = Omit<Partial<Result>, 'stdout' | 'stderr'> & { stdout?: string; stderr?: string }

/** A context on a host whose commands end in a certain way. */
function ending(how: Ending | ((command: Command) => Ending), message = 'web1: exit status 1'): SshContext {
  const { target } = resolveTarget({ host: 'web1', username: 'u', password: 'pass word', identityAgent: 'none' })
  return sshContext(
    () => ({
      execute: async (_, command) => {
        const given = typeof how === 'function' ? how(command) : how
        const error = new XecError('XEC_EXIT', message, { host: 'web1', executed: 'yes' })
        return result('web1', { outcome: 'failed', exitCode: 1, ok: false, error, ...given })
      },
    }),
    target,
    {},
  )
}

const failure = async (work: PromiseLike<unknown>): Promise<CommandError> => {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(CommandError)
  return error as CommandError
}

/** The stack in front of its frames. */
const headOf = ({ stack = '' }: Error): string => stack.slice(0, stack.search(/\n {4}at /))

test('the message has host and status, the stack the command and the last lines of stderr as well', async () => {
  const stderr = 'one\ntwo\nthree\nfour\nfive\ncat: /etc/shadow: Permission denied\n\n'
  const error = await failure(ending({ stderr })`cat ${'/etc/shadow'}`)
  expect(error.message).toBe('web1: exit status 1')
  const lines = ['two', 'three', 'four', 'five', 'cat: /etc/shadow: Permission denied'].map((line) => `stderr: ${line}`)
  expect(headOf(error)).toBe(['CommandError: web1: exit status 1', 'command: cat /etc/shadow', ...lines].join('\n  '))
  expect(error.command).toBe('cat /etc/shadow')
})

test.each([
  [126, 'exit status 126 (the command was found, but could not be executed)'],
  [127, 'exit status 127 (command not found)'],
  [137, 'exit status 137 (128+9: killed by SIGKILL)'],
  [143, 'exit status 143 (128+15: killed by SIGTERM)'],
  [138, 'exit status 138 (128+10: killed by signal 10)'],
])('a status of the shell is told with its meaning: %d', async (exitCode, text) => {
  const error = await failure(ending({ exitCode }, `web1: exit status ${exitCode}`)`x`)
  expect(error.message).toBe(`web1: ${text}`)
})

test.each([1, 125, 128, 193, 255])('a status of the command has no meaning but its own: %d', async (exitCode) => {
  const error = await failure(ending({ exitCode }, `web1: exit status ${exitCode}`)`x`)
  expect(error.message).toBe(`web1: exit status ${exitCode}`)
})

test('the stack begins with the message, and shows the place of the command first', async () => {
  const ssh = ending({})
  const written = new Error('here').stack?.split('\n')[1] ?? ''
  const line = Number(/command-error\.test\.ts:(\d+)/.exec(written)?.[1])
  for (const [work, at] of [
    [ssh`x`, 3],
    [ssh`x`.text(), 4],
    [ssh.cd('/a').env({ A: 'b' })`x`.timeout('5s'), 5],
    [ssh.raw`x`, 6],
  ].map(([work, at]) => [work as PromiseLike<unknown>, line + (at as number)] as const)) {
    const error = await failure(work)
    expect(headOf(error)).toBe('CommandError: web1: exit status 1\n  command: x')
    const frames = (error.stack ?? '').slice(headOf(error).length + 1).split('\n')
    expect(frames[0]).toMatch(new RegExp(`command-error\\.test\\.ts:${at}:\\d+`))
    expect(frames.length).toBeLessThanOrEqual(6)
  }
})

test("the program's own setting of stacks holds", async () => {
  const { stackTraceLimit } = Error
  try {
    Error.stackTraceLimit = 0
    const command = ending({})`x`
    expect(Error.stackTraceLimit).toBe(0)
    expect((await failure(command)).stack ?? '').not.toContain('command-error.test.ts')
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
})

test('a long command is shortened in the message, and whole in the field', async () => {
  const long = `start ${'x'.repeat(5_000)} end`
  const error = await failure(ending({}).execute(long))
  expect(headOf(error).length).toBeLessThan(200)
  expect(headOf(error)).toMatch(/command: start x+ … x+ end$/)
  expect(error.command).toBe(long)
})

test('no secret of the command or its host is in the message, the stack, the command or what console.log prints', async () => {
  const ssh = ending(({ line }) => ({ stderr: `${line}: canary-7 pass word abc` }))
  const env = { TOKEN: new Secret('canary-7'), SHORT: new Secret('abc'), QUOTED: new Secret("it's") }
  const error = await failure(ssh.env(env)`login --with ${'pass word'} canary-7 ${"it's"}`)
  for (const shown of [error.message, error.stack ?? '', error.command, inspect(error)])
    expect(shown).not.toMatch(/canary|pass word/)
  expect(error.command).toBe('login --with [secret] [secret] [secret]')
  expect(headOf(error)).toContain('[secret] abc')
})

test('what a remote side says plays no tricks with a terminal, and is bounded', async () => {
  const stderr = `\u001b[2J\u001b]0;title\u0007red\u202e\u0000 ${'y'.repeat(20_000)}\nlast\r\n`
  const head = headOf(await failure(ending({ stderr })`x ${'\u001b[31m\n'}`))
  expect(head.replaceAll('\n  ', '')).not.toMatch(/[\p{C}]/u)
  expect(head.length).toBeLessThan(600)
  expect(head).toMatch(/stderr: last$/)
})

test('only the message of a lost connection says Connection closed, whatever the command and its stderr say', async () => {
  const error = await failure(ending({ stderr: 'Connection closed by 10.0.0.1' })`grep ${'Connection closed'} log`)
  expect(error.message).toBe('web1: exit status 1')
  expect(headOf(error)).toContain('stderr: Connection closed by 10.0.0.1')
})

test('an error prints without its output, which may be megabytes', async () => {
  const error = await failure(ending({ stdout: 'o'.repeat(100_000), stderr: 'e'.repeat(100_000) })`x`)
  expect(inspect(error).length).toBeLessThan(3_000)
  expect([error.stdout.length, error.stderr.length]).toEqual([100_000, 100_000])
})

test('nothrow resolves whatever became of the command, also when it could not be sent', async () => {
  const { target } = resolveTarget('web1')
  const unusable = new XecError('XEC_CONFIG', 'the command holds a NUL byte', { phase: 'exec' })
  const ssh = sshContext(() => ({ execute: async () => Promise.reject(unusable) }), target, {})
  for (const work of [ssh`a\0b`.nothrow(), ssh.nothrow()`a\0b`]) {
    const told = await work
    expect(told).toBeInstanceOf(ShellResult)
    expect(told).toMatchObject({
      host: 'web1',
      ok: false,
      outcome: 'skipped',
      executed: 'no',
      exitCode: null,
      stdout: '',
    })
    expect(told.error).toMatchObject({ code: 'XEC_CONFIG', command: 'a\0b' })
  }
  expect(await failure(ssh`a\0b`)).toMatchObject({ code: 'XEC_CONFIG', outcome: 'skipped', safeToRetry: true })
})

test('output that is cut is a failure in every field', async () => {
  const ssh = ending({ outcome: 'ok', ok: true, exitCode: 0, error: null, truncated: true, stdout: 'abcd' })
  const told = await ssh`x`.maxBuffer(4).nothrow()
  expect(told).toMatchObject({ ok: false, outcome: 'failed', exitCode: 0, error: { code: 'XEC_MAX_BUFFER' } })
  expect(await failure(ssh`x`.maxBuffer(4))).toMatchObject({ ok: false, outcome: 'failed', code: 'XEC_MAX_BUFFER' })
})

test('a key that cannot be read is no host that cannot be reached', async () => {
  const { judgeUnsent } = await import('../../src/adapter/result.js')
  expect(judgeUnsent('web1', new XecError('XEC_CONFIG', 'web1: cannot use a key'))).toMatchObject({ outcome: 'auth' })
})

test('isXecError is enough to ask for the outcome, and a handler may name its type', async () => {
  const told = await ending({})`x`.catch((error: Error) => error)
  expect(told).toBeInstanceOf(Error)
  expect(isXecError(told) && told.outcome).toBe('failed')
  expect(new XecError('XEC_AUTH', 'x').outcome).toBe('auth')
  expect(neverSent(resolveTarget('web1').target, 'skipped', new XecError('XEC_CONFIG', 'x')).outcome).toBe('skipped')
})
