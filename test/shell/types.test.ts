/** The types that programs rely on: checked by tsc, which refuses a line that is wrong, and one that is not wrong where it should be. */
import { expectTypeOf, test } from 'vitest'
import type { CommandPromise, RunReport } from '../../src/index.js'
import {
  $,
  CommandError,
  createXec,
  loadInventory,
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
