import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makePlace, type Place } from './place.js'
import { startProxy } from './proxy.js'
import { describeWorld, killTree, startSshd, type Sshd } from './sshd.js'

describeWorld('the rig', () => {
  let sshd: Sshd
  let place: Place
  beforeAll(async () => {
    sshd = await startSshd()
    place = makePlace()
  })
  afterAll(async () => {
    await sshd.stop()
    place.remove()
  })

  const ssh = async (port: number, host: string, command: string): Promise<string> => {
    const child = promisify(execFile)(
      'ssh',
      [
        '-F',
        'none',
        '-n',
        '-i',
        sshd.privateKeyPath,
        '-o',
        'StrictHostKeyChecking=no',
        '-o',
        `UserKnownHostsFile=${place.knownHosts}`,
        '-p',
        String(port),
        `${sshd.user}@${host}`,
        command,
      ],
      { env: place.env },
    )
    return (await child).stdout
  }

  test('a server logs its user in under every loopback address', async () => {
    expect(await ssh(sshd.port, '127.0.3.7', 'id -un; pwd')).toBe(`${sshd.user}\n${sshd.home}\n`)
    expect(sshd.log()).toContain('Accepted publickey')
  })

  test('a proxy passes bytes on and counts connections', async () => {
    const proxy = await startProxy({ port: sshd.port })
    expect(await ssh(proxy.port, '127.0.0.1', 'echo through')).toBe('through\n')
    expect(proxy.accepted).toBe(1)
    await proxy.stop()
  })

  test('a stopped server leaves no process and no directory', async () => {
    const other = await startSshd({ hostKeyTypes: ['ed25519', 'ecdsa'], config: ['MaxSessions 1'] })
    expect(other.hostKeysPublic).toHaveLength(2)
    await other.stop()
    expect(existsSync(other.dir)).toBe(false)
    expect(() => process.kill(other.pid, 0)).toThrow()
  })
})

test('a tree of processes is ended whole, also while it forks', async () => {
  // Their parent's end closes nobody's stdout: `close` comes when the last of them has ended.
  const tree = spawn('sh', ['-c', 'echo begun; for each in $(seq 500); do sleep 20 & done; wait'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await once(tree.stdout, 'data')
  killTree(tree.pid!)
  await once(tree, 'close')
})
