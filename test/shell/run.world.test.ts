import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  $,
  foldNames,
  isXecError,
  loadInventory,
  SSHAdapter,
  type LoadedInventory,
  type RunEvent,
  type SshTarget,
} from '../../src/index.js'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, startSshd, type Sshd } from '../rig/sshd.js'

describeWorld('one command on many hosts', () => {
  let sshd: Sshd
  let place: Place
  let inventory: LoadedInventory
  let adapter: SSHAdapter
  beforeAll(async () => {
    place = makePlace()
    sshd = await startSshd()
    writeFileSync(
      place.path('xec.config.yaml'),
      `
pool: { maxConnections: 8 }
defaults: { username: ${sshd.user}, port: ${sshd.port}, privateKey: ${sshd.privateKeyPath}, userKnownHostsFile: ${place.knownHosts} }
hosts:
${Array.from({ length: 12 }, (_, i) => `  web${String(i + 1).padStart(2, '0')}: { host: 127.0.2.${i + 1}, env: { ME: '${i + 1}' } }`).join('\n')}
  dead: { host: 127.0.0.1, port: 1 }
groups:
  web: ['web[01-12]']
`,
    )
    inventory = await loadInventory({ cwd: place.home, env: place.env })
    adapter = new SSHAdapter({ connectionPool: { ...inventory.pool, maxReconnectAttempts: 0 } })
  })
  afterAll(async () => {
    await adapter.dispose()
    await sshd.stop()
    place.remove()
  })

  test("the inventory is the command line's: its file, its selection, its targets", async () => {
    expect(inventory.source).toBe(place.path('xec.config.yaml'))
    expect(inventory.groups).toEqual(['web'])
    expect(inventory.select('@web&~/[13]$/')).toEqual(['web01', 'web03', 'web11'])
    expect(foldNames(inventory.select({ groups: ['web'], exclude: ['web04'] }))).toBe('web[01-03,05-12]')
    expect(inventory.select()).toHaveLength(13)
    expect((await inventory.target('web07')).target).toMatchObject({
      host: 'web07',
      address: '127.0.2.7',
      username: sshd.user,
    })
    expect(() => inventory.select('wbe01')).toThrow('did you mean web01?')
  })

  test('gives a result for each host, its own, in order, and a report as the command line has it', async () => {
    const report = await $.with({ adapter }).all(await inventory.targets('@web'))`echo "$ME of" ${'the house'}`
    expect(report.ok).toBe(true)
    expect(report.results.map(({ host, stdout }) => `${host} ${stdout}`)).toEqual(
      inventory.select('@web').map((name, i) => `${name} ${i + 1} of the house\n`),
    )
    const document = JSON.parse(JSON.stringify(report)) as {
      schemaVersion: number
      counts: object
      hosts: { host: string }[]
      pool: { limits: object }
    }
    expect(document).toMatchObject({
      schemaVersion: 1,
      command: `echo "$ME of" 'the house'`,
      counts: { total: 12, ok: 12 },
      pool: { limits: { maxConnections: 8 } },
    })
    expect(document.hosts.map(({ host }) => host)).toEqual(inventory.select('@web'))
  })

  test('never has more hosts in flight than the fanout', async () => {
    // They wait for a file that is made once three of them run, so that they all must run at once.
    const dir = mkdtempSync(join(tmpdir(), 'xec-gate-'))
    chmodSync(dir, 0o711)
    let now = 0
    let most = 0
    const onEvent = (event: RunEvent): void => {
      if (event.type === 'state' && event.state === 'running') most = Math.max(most, ++now)
      if (event.type === 'result') now--
      if (now === 3) writeFileSync(join(dir, 'go'), '')
    }
    const { ok } = await $.with({ adapter }).all(await inventory.targets('@web'), {
      fanout: 3,
      onEvent,
    })`until test -e ${join(dir, 'go')}; do sleep 0.02; done`
    rmSync(dir, { recursive: true })
    expect(ok).toBe(true)
    expect(most).toBe(3)
  })

  test('one dead host spoils nobody, and the report says which', async () => {
    const report = await $.with({ adapter }).all(
      await inventory.targets('web[01-03],dead'),
    )`hostname >/dev/null; exit $((ME == 2))`
    expect(report.ok).toBe(false)
    expect(report.results.map(({ host, outcome, exitCode }) => [host, outcome, exitCode])).toEqual([
      ['web01', 'ok', 0],
      ['web02', 'failed', 1],
      ['web03', 'ok', 0],
      ['dead', 'unreachable', null],
    ])
    expect(report.failed.map(({ host }) => host)).toEqual(['web02', 'dead'])
    expect(report.folded().map(({ hosts, outcome }) => [foldNames(hosts), outcome])).toEqual([
      ['web[01,03]', 'ok'],
      ['web02', 'failed'],
      ['dead', 'unreachable'],
    ])
  })

  test('runs once, however many wait for it', async () => {
    const run = $.with({ adapter }).all(await inventory.targets('web01'))`cat /proc/sys/kernel/random/uuid`
    const [first, second] = await Promise.all([run, run])
    expect(first).toBe(second)
    expect((await run).results[0]?.stdout).toBe(first.results[0]?.stdout)
  })

  test('results come as they are there, and leaving the loop cancels the rest', async () => {
    const run = $.with({ adapter }).all(await inventory.targets('@web'), {
      fanout: 12,
    })`test $ME = 5 || sleep 30; echo "$ME"`
    for await (const result of run) {
      expect(result).toMatchObject({ host: 'web05', stdout: '5\n' })
      break
    }
    const { counts } = await run
    expect(counts).toMatchObject({ total: 12, ok: 1, cancelled: 11 })
    expect(adapter.getConnectionPoolMetrics().activeConnections).toBe(0)
  })

  test('takes addresses and objects as well, with env, directory and a time limit for all', async () => {
    const server = (host: string): SshTarget => ({
      host,
      port: sshd.port,
      username: sshd.user,
      privateKey: sshd.privateKeyPath,
      userKnownHostsFile: place.knownHosts,
    })
    const all = $.with({ adapter })
      .all([server('127.0.2.1'), server('127.0.2.2')])
      .env({ GREETING: 'hi' })
      .cd('/')
      .timeout('200ms')
    expect((await all`echo "$GREETING $PWD"`).results.map(({ stdout }) => stdout)).toEqual(['hi /\n', 'hi /\n'])
    expect((await all`sleep 20`).counts).toMatchObject({ timeout: 2 })
  })

  test('an abort before it begins skips everybody', async () => {
    const report = await $.with({ adapter })
      .all(await inventory.targets('@web'))
      .signal(AbortSignal.abort())`echo no`
    expect(report.counts).toMatchObject({ total: 12, skipped: 12 })
  })

  test('what cannot be run as asked is refused before anything is dialled', async () => {
    const before = adapter.getConnectionPoolMetrics().acquired
    const refused = await $.with({ adapter }).all(await inventory.targets('@web'), { fanout: 0 })`true`.catch(
      (error: unknown) => error,
    )
    expect(isXecError(refused) && refused.message).toBe('fanout must be a whole number of at least 1, not 0')
    expect(adapter.getConnectionPoolMetrics().acquired).toBe(before)
  })
})
