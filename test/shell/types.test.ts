/** The types that programs rely on: checked by tsc, which refuses a line that is wrong, and one that is not wrong where it should be. */
import { expectTypeOf, test } from 'vitest'
import type { CommandPromise, RunReport } from '../../src/index.js'
import {
  $,
  CommandError,
  createXec,
  loadInventory,
  Secret,
  SSHAdapter,
  XecError,
  type ErrorCode,
  type Executed,
  type LoadedInventory,
  type Outcome,
  type PoolSnapshot,
  type Result,
  type ShellResult,
  type SshContext,
  type Tunnel,
} from '../../src/index.js'

/** Never called: what is in it only has to have the right types. */
const unused = async (): Promise<void> => {
  const ssh = $.ssh('web1')
  expectTypeOf(ssh).toExtend<SshContext>()
  expectTypeOf(ssh`uptime`).toEqualTypeOf<CommandPromise>()
  expectTypeOf(await ssh`uptime`).toEqualTypeOf<ShellResult>()
  expectTypeOf(await ssh`uptime`.quiet().nothrow().timeout('5s').text()).toEqualTypeOf<string>()
  expectTypeOf(await ssh`x`.json<{ a: number }>()).toEqualTypeOf<{ a: number }>()
  expectTypeOf(await ssh`x`.json()).toEqualTypeOf<unknown>()
  for await (const line of ssh`x`) expectTypeOf(line).toEqualTypeOf<string>()
  expectTypeOf(await $.all(['web1', 'web2'])`uptime`).toEqualTypeOf<RunReport>()
  expectTypeOf(await ssh.tunnel({ remoteHost: 'db', remotePort: 5432 })).toEqualTypeOf<Tunnel>()
  expectTypeOf(await loadInventory()).toEqualTypeOf<LoadedInventory>()
  expectTypeOf(
    await createXec().execute((await (await loadInventory()).target('web1')).target, { line: 'x' }),
  ).toEqualTypeOf<Result>()

  const { stdout } = await ssh`x`
  void ssh`x ${stdout} ${1} ${1n} ${true} ${new Date()} ${await ssh`y`} ${Buffer.from('z')} ${{ a: [null] }} ${['a', 1]}`
  void $.all(['web1'])`x ${['a', { b: 1 }] as const}`
  // @ts-expect-error what may be undefined has to be looked at first: `rm -rf /srv/app/${dir}`
  void ssh`x ${process.env['DIR']}`
  // @ts-expect-error null is no word
  void ssh`x ${null}`
  // @ts-expect-error a command that nobody has waited for
  void ssh`x ${ssh`y`}`
  // @ts-expect-error a class with a text of its own
  void ssh`x ${new URL('http://x/')}`
  // @ts-expect-error a secret is not for a command line
  void ssh.raw`x ${new Secret('y')}`
  // @ts-expect-error a function
  void $.all(['web1'])`x ${() => 'y'}`
  // @ts-expect-error words of words
  void ssh`x ${[['y']]}`

  const adapter = new SSHAdapter()
  expectTypeOf(adapter.getConnectionPoolMetrics()).toEqualTypeOf<PoolSnapshot>()
  adapter.on('connect', (event) => expectTypeOf(event.host).toEqualTypeOf<string>())
  // @ts-expect-error there is no such event
  adapter.on('conect', () => {})
  // @ts-expect-error a limit is a number
  new SSHAdapter({ connectionPool: { maxConnections: '5' } })
  // @ts-expect-error there is no such option
  new SSHAdapter({ connectionPol: {} })
  // @ts-expect-error a context is for one host
  $.ssh(['web1'])
  // @ts-expect-error a signal is one that a process knows
  ssh`x`.kill('SIGNAL')
  // @ts-expect-error a snapshot is not to be changed
  adapter.getConnectionPoolMetrics().totalConnections = 0

  const error = new XecError('XEC_AUTH', 'x')
  expectTypeOf(error.code).toEqualTypeOf<ErrorCode>()
  expectTypeOf(error.executed).toEqualTypeOf<Executed>()
  // @ts-expect-error there is no such code
  expectTypeOf(error.code === 'XEC_NOTHING').toBeBoolean()
  try {
    await ssh`x`
  } catch (thrown) {
    if (thrown instanceof CommandError) {
      expectTypeOf(thrown.outcome).toEqualTypeOf<Outcome>()
      expectTypeOf(thrown.exitCode).toEqualTypeOf<number | null>()
    }
  }
}

test('the types are as programs rely on them', () => {
  expectTypeOf(unused).returns.resolves.toBeVoid()
})
