/** What is given to xec: values, numbers, names, options, files. */
import { existsSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import { $, loadInventory, resolveTarget, SSHAdapter, type SshTarget } from '../../src/index.js'
import type { Stage } from './stage.js'

export function numbersAreChecked(): void {
  for (const wrong of [NaN, 0, -1, 1.5, '10' as never]) {
    expect(() => new SSHAdapter({ connectionPool: { maxConnections: wrong } }), String(wrong)).toThrow('maxConnections')
    expect(() => resolveTarget({ host: 'web1', pool: { maxConnectionsPerHost: wrong } }), String(wrong)).toThrow(
      'maxConnectionsPerHost',
    )
  }
}

export async function aFanoutThatIsNoneIsRefused({ adapter, fleet }: Stage): Promise<void> {
  const targets = fleet.targets.map((target) => ({ target, env: {} }))
  const pool = adapter()
  for (const fanout of [NaN, 0, -1, 1.5]) {
    await expect($.with({ adapter: pool }).all(targets, { fanout })`true`, String(fanout)).rejects.toMatchObject({
      code: 'XEC_CONFIG',
    })
  }
  expect(pool.getConnectionPoolMetrics()).toMatchObject({ connectionsCreated: 0 })
}

export function addressesAreReadAlike(): void {
  const read = (given: SshTarget): unknown[] => {
    const { target } = resolveTarget(given)
    return [target.username, target.address, target.port]
  }
  expect(read('deploy@server.example.com')).toEqual(['deploy', 'server.example.com', 22])
  expect(read('deploy@server.example.com:2222')).toEqual(['deploy', 'server.example.com', 2222])
  expect(read('deploy@[2001:db8::1]:2222')).toEqual(['deploy', '2001:db8::1', 2222])
  expect(read('deploy@[::1]')).toEqual(['deploy', '::1', 22])
  expect(read({ host: 'local', username: 'deploy' })).toEqual(['deploy', 'local', 22])
  for (const wrong of ['', 'deploy@', 'web1:0', 'web1:65536', 'web1:ssh', '-oProxyCommand=x', 'two words'])
    expect(() => resolveTarget(wrong), wrong).toThrow()
}

export function userIsUsername(): void {
  expect(resolveTarget({ host: 'web1', user: 'deploy' }).target.username).toBe('deploy')
  expect(resolveTarget({ host: 'web1', username: 'deploy' }).target.username).toBe('deploy')
  // A key that would be ignored is an error, with the one that was meant.
  expect(() => resolveTarget({ host: 'web1', usrname: 'deploy' } as SshTarget)).toThrow('did you mean username?')
}

export async function valuesNeverBecomeCode({ adapter, on, fresh }: Stage): Promise<void> {
  const ssh = on(adapter())
  const trace = fresh()
  for (const value of [
    `$(touch ${trace})`,
    `\`touch ${trace}\``,
    `'; touch ${trace}; '`,
    `"$(touch ${trace})"`,
    `a b\n; touch ${trace}`,
  ]) {
    expect((await ssh`printf %s ${value}`).stdout).toBe(value)
    // The second half of a pipe is quoted by the same rule.
    expect((await ssh`true`.pipe(ssh`printf %s ${value}`)).stdout).toBe(value)
  }
  expect(existsSync(trace)).toBe(false)
  // What is missing is told, and nothing runs without it.
  const missing = undefined as unknown as string
  expect(() => ssh`printf '<%s>' a ${missing} b`).toThrow('value 1 of the template is undefined')
}

export async function pathsAreOneWord({ adapter, on, place }: Stage): Promise<void> {
  const ssh = on(adapter())
  const name = 'a b; rm -rf $HOME; #'
  await ssh.cd(place.home)`printf kept > ${name}`
  expect(await ssh.cd(place.home)`cat ${name}`.text()).toBe('kept')
  await ssh.cd(place.home)`mkdir -p ${[`${name} dir`, 'other']}`
  expect(await ssh.cd(place.path(`${name} dir`))`pwd`.text()).toBe(place.path(`${name} dir`))
}

export async function aMissingDirectoryRunsNothing({ adapter, on, fresh }: Stage): Promise<void> {
  const trace = fresh()
  const result = await on(adapter()).cd('/no/such/directory')`touch ${trace}; echo ran || echo ran`.nothrow()
  expect(result).toMatchObject({ ok: false, outcome: 'failed', stdout: '' })
  expect(result.stderr).toContain('/no/such/directory')
  expect(existsSync(trace)).toBe(false)
}

export async function readingAConfigurationRunsNothing({ place, fresh }: Stage): Promise<void> {
  const trace = fresh()
  const file = place.path('with-commands.yaml')
  writeFileSync(
    file,
    `
hosts:
  web1:
    host: 127.0.0.1
    password: { command: [touch, ${trace}] }
    env: { TOKEN: { command: [touch, ${trace}] }, PLAIN: '$(touch ${trace})' }
`,
  )
  const inventory = await loadInventory({ file, env: place.env, sshConfig: 'none' })
  expect(inventory.select('web*')).toEqual(['web1'])
  expect(existsSync(trace)).toBe(false)
}

export async function secretsAreReadBeforeAnyHost({ place }: Stage): Promise<void> {
  const file = place.path('with-secret.yaml')
  writeFileSync(
    file,
    `
hosts:
  web1: { host: 127.0.0.1, port: 1, password: { env: XEC_TEST_NOT_SET } }
`,
  )
  const inventory = await loadInventory({ file, env: place.env, sshConfig: 'none' })
  await expect(inventory.targets()).rejects.toMatchObject({
    code: 'XEC_CONFIG',
    message: expect.stringContaining('XEC_TEST_NOT_SET') as unknown,
  })
}
