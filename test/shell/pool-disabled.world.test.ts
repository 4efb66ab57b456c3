import { afterAll, beforeAll, expect, test } from 'vitest'
import { $, resolveTarget, SSHAdapter, type ResolvedTarget } from '../../src/index.js'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, startSshd, type Sshd } from '../rig/sshd.js'

describeWorld('a pool with `enabled: false`', () => {
  let sshd: Sshd
  let place: Place
  beforeAll(async () => {
    place = makePlace()
    sshd = await startSshd()
  })
  afterAll(async () => {
    await sshd.stop()
    place.remove()
  })

  test('shows no connection in its metrics once a command has settled, also one over a jump host', async () => {
    await using adapter = new SSHAdapter({ connectionPool: { enabled: false } })
    const targetAt = (host: string): ResolvedTarget['target'] =>
      resolveTarget({
        host,
        port: sshd.port,
        username: sshd.user,
        privateKey: sshd.privateKeyPath,
        userKnownHostsFile: place.knownHosts,
        strictHostKeyChecking: 'accept-new',
      }).target
    const [far, jump] = [targetAt('127.0.2.1'), targetAt('127.0.2.2')]
    const none = { totalConnections: 0, activeConnections: 0, idleConnections: 0 }
    const ssh = $.with({ adapter }).ssh({ target: far, env: {} })
    for (let i = 0; i < 3; i += 1) {
      await ssh`true`
      expect(adapter.getConnectionPoolMetrics()).toMatchObject({ ...none, connectionsCreated: i + 1 })
    }
    await expect(ssh`exit 3`).rejects.toThrow('exit status 3')
    expect(adapter.getConnectionPoolMetrics()).toMatchObject(none)
    await $.with({ adapter }).ssh({ target: { ...far, jump }, env: {} })`true`
    expect(adapter.getConnectionPoolMetrics()).toMatchObject({ ...none, connectionsCreated: 6 })
  })
})
