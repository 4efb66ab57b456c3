/** Hundreds of hosts behind one, over real servers: what is opened, and what becomes of them when that one goes. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Result } from '../../src/adapter/types.js'
import type { PoolTarget } from '../../src/pool/types.js'
import { createXec } from '../../src/xec.js'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, startSshd, type Sshd } from '../rig/sshd.js'
import { keyFile, makeTarget } from '../transport/fixture.js'
import { eventually, held } from '../wire/leaks.js'

describeWorld('behind one bastion', () => {
  let place: Place
  let bastion: Sshd
  let inner: Sshd
  beforeAll(async () => {
    place = makePlace()
    bastion = await startSshd({ config: ['LogLevel ERROR'] })
    inner = await startSshd({ config: ['LogLevel ERROR', 'MaxStartups 500'] })
  })
  afterAll(async () => {
    await bastion.stop()
    await inner.stop()
    place.remove()
  })
  const at = (server: Sshd, host: string, address: string, jump: PoolTarget | null): PoolTarget =>
    makeTarget(server, place.knownHosts, {
      credentials: { keys: [keyFile(server.privateKeyPath)] },
      hostKeys: { alias: `server-${server.port}` },
      target: { host, address, jump, connectTimeoutMs: 60_000 },
    })
  const behind = (n: number, jump = at(bastion, 'bastion', '127.0.0.1', null)): PoolTarget[] =>
    Array.from({ length: n }, (_, i) => at(inner, `h${i}`, `127.8.${Math.floor(i / 250)}.${(i % 250) + 1}`, jump))

  test('300 hosts take one connection to it, none of its sessions, and one each', async () => {
    await eventually(() => expect(held().sockets).toBe(0))
    const before = held()
    const xec = createXec({ pool: { maxConnections: 400 } })
    let most = 0
    const watch = setInterval(() => (most = Math.max(most, bastion.connections().length)), 100)
    const results = await Promise.all(
      behind(300).map((target) => xec.execute(target, { line: 'set -- $SSH_CONNECTION; echo "$3"' })),
    )
    clearInterval(watch)
    expect(results.map(({ outcome, stdout, error }) => [error?.message ?? outcome, String(stdout)])).toEqual(
      behind(300).map(({ address }) => ['ok', `${address}\n`]),
    )
    expect([most, bastion.connections().length]).toEqual([1, 1])
    expect(xec.snapshot()).toMatchObject({ connectionsCreated: 301, connectionsFailed: 0 })
    await xec.close()
    await eventually(
      () => expect([inner.connections(), bastion.connections(), held()]).toEqual([[], [], { ...before, timers: 0 }]),
      15_000,
    )
  })

  test('it is killed while they run: each is lost by its own name, and the next command goes through a new one', async () => {
    const xec = createXec({ pool: { reconnectDelay: 50 } })
    const hosts = behind(40)
    let running = 0
    const results = hosts.map((target) =>
      xec.execute(target, { line: 'echo begun; sleep 60' }, { onStdout: () => void running++ }),
    )
    await eventually(() => expect(running).toBe(40), 30_000)
    for (const pid of bastion.children()) process.kill(pid, 'SIGKILL')
    const lost: Result[] = await Promise.all(results)
    expect(lost.map(({ host, outcome, executed, stdout }) => [host, outcome, executed, String(stdout)])).toEqual(
      hosts.map(({ host }) => [host, 'lost', 'yes', 'begun\n']),
    )
    for (const { host, error } of lost) expect(error?.message).toMatch(new RegExp(`^${host}: Connection closed`))
    const again = await Promise.all(hosts.map((target) => xec.execute(target, { line: 'echo again' })))
    expect(again.map(({ outcome }) => outcome)).toEqual(hosts.map(() => 'ok'))
    expect(bastion.connections()).toHaveLength(1)
    await xec.close()
  })

  test('it forbids forwarding: each behind it is told so, and its own commands run', async () => {
    const closed = await startSshd({ config: ['AllowTcpForwarding no'] })
    const xec = createXec()
    const jump = at(closed, 'closed', '127.0.0.1', null)
    const [own, ...others] = await Promise.all(
      [jump, ...behind(20, jump)].map((target) => xec.execute(target, { line: 'true' })),
    )
    expect(own).toMatchObject({ outcome: 'ok' })
    for (const { host, outcome, executed, error } of others) {
      expect([outcome, executed]).toEqual(['unreachable', 'no'])
      expect(error?.message).toMatch(
        new RegExp(
          `^${host} \\(.* via closed\\): closed does not forward connections \\(".*"\\); see AllowTcpForwarding and PermitOpen there$`,
        ),
      )
    }
    expect(closed.connections()).toHaveLength(1)
    await xec.close()
    await closed.stop()
  })
})
