import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterAll, describe, expect, test } from 'vitest'
import { $, loadInventory, resolveTarget, Secret, SSHAdapter } from '../../src/index.js'
import { checkRunSettings, checkSettings, checkTransfer } from '../../src/shell/options.js'

/** Everything as plain JavaScript gives it: nothing is dialled, because nothing gets so far. */
const js = <T>(value: unknown): T => value as T

describe('a misspelt option or a value of the wrong kind is a TypeError that says what would be right', () => {
  const adapter = new SSHAdapter()
  const ssh = $.with({ adapter }).ssh('nobody@192.0.2.1')
  const all = $.with({ adapter }).all(['nobody@192.0.2.1'])
  const { target } = resolveTarget('nobody@192.0.2.1')
  afterAll(() => adapter.dispose())

  test.each<[string, () => unknown, string]>([
    [
      'execute(line, { timeoutMs: text })',
      () => ssh.execute('x', { timeoutMs: js('1s') }),
      'timeoutMs must be milliseconds, not a text',
    ],
    [
      'execute(line, { timeout, timeoutMs })',
      () => ssh.execute('x', { timeout: '1s', timeoutMs: 100 }),
      'timeout and timeoutMs are two names for one time; give one of them',
    ],
    [
      'execute(line, { maxBuffer: text })',
      () => ssh.execute('x', { maxBuffer: js('x') }),
      'maxBuffer must be a whole number of bytes, not a text',
    ],
    [
      'execute(line, { stdin: number })',
      () => ssh.execute('x', { stdin: js(5) }),
      'stdin must be a text, bytes or a Readable, not 5',
    ],
    ['execute(line, null)', () => ssh.execute('x', js(null)), 'settings are an object, not null'],
    ['execute(no line)', () => ssh.execute(js(['x'])), 'a command line is a text, not an array'],
    [
      'adapter.execute(…, { timeout })',
      () => adapter.execute(target, { line: 'x' }, js({ timeout: 5 })),
      'unknown option timeout; did you mean timeoutMs?',
    ],
    [
      'adapter.execute(…, { timeoutMs: text })',
      () => adapter.execute(target, { line: 'x' }, { timeoutMs: js('5s') }),
      'timeoutMs must be milliseconds, not a text',
    ],
    [
      'adapter.execute(…, { stdin: number })',
      () => adapter.execute(target, { line: 'x' }, { stdin: js(5) }),
      'stdin must be a text, bytes or a Readable, not 5',
    ],
    [
      'adapter.execute(target, text)',
      () => adapter.execute(target, js('uptime')),
      'keys of a command are an object, not a text',
    ],
    [
      'adapter.execute(target, { cmd })',
      () => adapter.execute(target, js({ cmd: 'x' })),
      'unknown key of a command cmd; did you mean line?',
    ],
    [
      'adapter.execute(target, no line)',
      () => adapter.execute(target, js({ cwd: '/' })),
      'line must be a text, not undefined',
    ],
    [
      'adapter.execute(target, { env })',
      () => adapter.execute(target, { line: 'x', env: js({ A: 1 }) }),
      'env has the variable A, which must be a text or a Secret, not 1',
    ],
    [
      'adapter.execute(text)',
      () => adapter.execute(js('web1'), { line: 'x' }),
      "a target is what resolveTarget('user@host').target or an inventory gives, not a text",
    ],
    [
      'upload(…, { timeout })',
      () => ssh.upload('a', 'b', { timeout: '5 parsecs' }),
      "timeout must be milliseconds, or a text such as '30s'",
    ],
    [
      'upload(…, { mode: text })',
      () => ssh.upload('a', 'b', { mode: js('644') }),
      'mode must be permissions such as 0o644, not a text',
    ],
    [
      'upload(…, { mode: 644 })',
      () => ssh.upload('a', 'b', { mode: 644 }),
      'mode must be permissions such as 0o644, and 644 is 0o1204; write 0o644',
    ],
    ['upload(…, null)', () => ssh.upload('a', 'b', js(null)), 'options are an object, not null'],
    [
      'download(…, { timeoutMs: text })',
      () => ssh.download('a', 'b', { timeoutMs: js('5s') }),
      'timeoutMs must be milliseconds, not a text',
    ],
    [
      'adapter.download(…, { fsyn })',
      () => adapter.download(target, 'a', 'b', js({ fsyn: true })),
      'unknown option fsyn; did you mean fsync?',
    ],
    [
      'adapter.upload(text)',
      () => adapter.upload(js('web1'), 'a', 'b'),
      "a target is what resolveTarget('user@host').target or an inventory gives, not a text",
    ],
    ['tunnel()', () => ssh.tunnel(js(undefined)), 'options are an object, not undefined'],
    ['tunnel({ port })', () => ssh.tunnel(js({ remotePot: 5 })), 'unknown option remotePot; did you mean remotePort?'],
    [
      'reverseTunnel({ onError })',
      () => ssh.reverseTunnel({ localPort: 5, onError: js('x') }),
      'onError must be a function, not a text',
    ],
    [
      'adapter.tunnel({ localHost })',
      () => adapter.tunnel(target, { remotePort: 5, localHost: js(5) }),
      'localHost must be a host name or an address, not 5',
    ],
    [
      'drain({ timeoutMs })',
      () => adapter.drain(js({ timeoutMs: 5 })),
      'unknown option timeoutMs; did you mean timeout?',
    ],
    [
      'drain({ timeout })',
      () => adapter.drain({ timeout: '5' }),
      "timeout must be milliseconds, or a text such as '30s', '500ms' or '5m', not \"5\"",
    ],
    [
      'monitor({ intervall })',
      () => adapter.monitor(js({ intervall: 5 })),
      'unknown option intervall; did you mean interval?',
    ],
    [
      'monitor({ highUtilization: text })',
      () => adapter.monitor({ highUtilization: js('0.8') }),
      'highUtilization must be a number, not a text',
    ],
    [
      'drainOnSignals({ signals: text })',
      () => adapter.drainOnSignals({ signals: js('SIGTERM') }),
      'signals must be an array of signal names, not a text',
    ],
    [
      'drainOnSignals({ timeoutMs })',
      () => adapter.drainOnSignals(js({ timeoutMs: 5 })),
      'unknown option timeoutMs; did you mean timeout?',
    ],
    ['$.with()', () => $.with(js(undefined)), 'options are an object, not undefined'],
    [
      '$.with({ timeout })',
      () => $.with(js({ adapter, timeout: 5 })),
      'unknown option timeout; settings of commands go to a context: $.ssh(target).with({ … })',
    ],
    [
      '$.with({ env })',
      () => $.with(js({ env: {} })),
      'unknown option env; settings of commands go to a context: $.ssh(target).with({ … })',
    ],
    ['$.with({ adapter: text })', () => $.with({ adapter: js('x') }), 'adapter must be an SSHAdapter, not a text'],
    [
      '$.all(…, { timeout })',
      () => $.all(['a'], js({ timeout: 5 })),
      'unknown option timeout; it is a setting: $.all(targets).timeout(…)',
    ],
    [
      '$.all(…, { failFast: text })',
      () => $.all(['a'], { failFast: js('yes') }),
      'failFast must be true or false, not a text',
    ],
    [
      '$.all(…).with({ stdin })',
      () => all.with(js({ stdin: 'x' })),
      'unknown setting of a run stdin; it belongs to commands on one host, $.ssh(target); a run tells its output by onEvent',
    ],
    [
      '$.all(…).with({ nothrow })',
      () => all.with(js({ nothrow: true })),
      'unknown setting of a run nothrow; a run resolves whatever became of its hosts',
    ],
    ['$.all(…).with({ maxBuffer })', () => all.with(js({ maxBuffer: 5 })), 'unknown setting of a run maxBuffer;'],
    ['.env({ A: 1 })', () => ssh.env(js({ A: 1 })), 'env has the variable A, which must be a text or a Secret, not 1'],
    [
      '.env({ A: undefined })',
      () => ssh`x`.env(js({ A: undefined })),
      'env has the variable A, which is undefined; leave it out, or give it a text',
    ],
    ['.timeout(undefined)', () => ssh.timeout(js(undefined)), 'undefined is not a duration; write milliseconds'],
    ['.timeout(NaN)', () => ssh`x`.timeout(NaN), 'NaN is not a duration; write milliseconds'],
    ['loadInventory({ file: number })', () => loadInventory({ file: js(5) }), 'file must be a text, not 5'],
  ])('%s', async (_, call, message) => {
    const failure = await (async () => call())().catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(TypeError)
    expect((failure as Error).message).toContain(message)
  })

  test.each<[object, string]>([
    [{ env: { A: 1 } }, 'web1: env has the variable A, which must be a text or a Secret, not 1'],
    [{ password: 5 }, 'web1: password must be a text or a Secret, not 5'],
    [{ userKnownHostsFile: 5 }, 'web1: userKnownHostsFile must be a text or an array of texts, not 5'],
    [{ identitiesOnly: 'yes' }, 'web1: identitiesOnly must be true or false, not a text'],
  ])('a host with %j is refused', (keys, message) => {
    expect(() => $.ssh(js({ host: 'web1', ...keys }))).toThrow(
      expect.objectContaining({ code: 'XEC_CONFIG', message }) as Error,
    )
  })

  test('undefined is the same as absent', async () => {
    const home = mkdtempSync(`${tmpdir()}/xec-options-`)
    expect(() => ssh.with({ timeoutMs: undefined, env: undefined })).not.toThrow()
    expect(() =>
      $.with({ adapter: undefined }).ssh({ host: 'web1', env: { A: new Secret('x') }, password: undefined }),
    ).not.toThrow()
    expect(() => adapter.monitor({ interval: undefined }).stop()).not.toThrow()
    expect(await loadInventory({ cwd: home, env: { HOME: home }, file: undefined })).toMatchObject({ source: null })
    rmSync(home, { recursive: true })
  })
})

test('a time is given as ms or with its unit, under the new name or the old one', () => {
  expect(checkSettings({ timeout: '2s', queueTimeout: 5 })).toEqual({ timeoutMs: 2_000, queueTimeoutMs: 5 })
  expect(checkSettings({ timeoutMs: 7 })).toEqual({ timeoutMs: 7 })
  expect(checkRunSettings({ timeout: '1m' })).toEqual({ timeoutMs: 60_000 })
  expect(checkTransfer({ timeout: 3, queueTimeout: '1s' })).toEqual({ timeoutMs: 3, queueTimeoutMs: 1_000 })
})
