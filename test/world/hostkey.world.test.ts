import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { describeWorld } from '../rig/sshd.js'
import { linesOf, report, setStage, type Stage } from './stage.js'

const OTHER = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl'

describeWorld('host keys', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage({ hostKeyTypes: ['ed25519', 'rsa'] })
    stage.inventory(`
hosts:
  one: 127.5.0.1
  'many[1-8]': 127.5.0.2
pool: { maxConnectionsPerHost: 8, maxChannelsPerConnection: 1, maxReconnectAttempts: 0 }`)
  })
  afterAll(() => stage.stop())
  afterEach(() => writeFileSync(stage.place.knownHosts, ''))
  const place = (address: string): string => `[${address}]:${stage.sshd.port}`
  const fingerprint = /SHA256:[\w+/]{43}/g

  test('a new host is recorded, with a line in known_hosts, and known from then on', async () => {
    expect((await stage.run(['run', 'one', 'true'])).status).toBe(0)
    expect(linesOf(stage.place.knownHosts)).toEqual([`${place('127.5.0.1')} ${stage.sshd.hostKeyPublic}`])
    expect((await stage.run(['run', '-o', 'StrictHostKeyChecking=yes', 'one', 'true'])).status).toBe(0)
  })

  test('a changed key is refused with both fingerprints and the place of the old one', async () => {
    writeFileSync(stage.place.knownHosts, `# mine\n${place('127.5.0.1')} ${OTHER}\n`)
    const { status, stdout, stderr } = await stage.run(['run', 'one', 'true'])
    expect({ status, stdout }).toEqual({ status: 255, stdout: '' })
    expect(stderr).toContain('HOST KEY CHANGED')
    expect(stderr.match(fingerprint)).toHaveLength(2)
    expect(stderr).toContain(`${stage.place.knownHosts}:2`)
    const { hosts } = report(await stage.run(['exec-all', '-w', 'one', '--json', 'true']))
    expect(hosts[0]).toMatchObject({
      outcome: 'hostkey',
      executed: 'no',
      exitCode: null,
      error: { code: 'XEC_HOST_KEY' },
    })
    expect(readFileSync(stage.place.knownHosts, 'utf8')).toBe(`# mine\n${place('127.5.0.1')} ${OTHER}\n`)
  })

  test('a revoked key is refused, by whatever option', async () => {
    writeFileSync(stage.place.knownHosts, `@revoked * ${stage.sshd.hostKeyPublic}\n`)
    const { status, stderr } = await stage.run(['run', '-o', 'StrictHostKeyChecking=no', 'one', 'true'])
    expect(status).toBe(255)
    expect(stderr).toContain(`is marked @revoked at ${stage.place.knownHosts}:1`)
  })

  test('an unknown host is refused where checking is strict, and nothing is recorded', async () => {
    const { status, stderr } = await stage.run(['run', '-o', 'StrictHostKeyChecking=yes', 'one', 'true'])
    expect(status).toBe(255)
    expect(stderr.match(fingerprint)).toHaveLength(1)
    expect(linesOf(stage.place.knownHosts)).toEqual([])
  })

  test('a host known by its RSA key alone is not called changed', async () => {
    const rsa = stage.sshd.hostKeysPublic.find((key) => key.startsWith('ssh-rsa')) ?? ''
    writeFileSync(stage.place.knownHosts, `${place('127.5.0.1')} ${rsa}\n`)
    expect(await stage.run(['run', '-o', 'StrictHostKeyChecking=yes', 'one', 'echo fine'])).toMatchObject({
      status: 0,
      stdout: 'fine\n',
      stderr: '',
    })
  })

  test('parallel first contacts of one process write one line', async () => {
    const { counts, pool } = report(await stage.run(['exec-all', '-w', 'many*', '--json', 'sleep 0.5']))
    expect(counts).toMatchObject({ total: 8, ok: 8 })
    expect(pool['connectionsCreated']).toBeGreaterThan(1)
    expect(linesOf(stage.place.knownHosts)).toEqual([`${place('127.5.0.2')} ${stage.sshd.hostKeyPublic}`])
  })
})
