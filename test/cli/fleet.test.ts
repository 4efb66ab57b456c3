import { writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.js'
import { openFleet } from '../../src/cli/fleet.js'
import type { Io } from '../../src/cli/io.js'
import { createNotices } from '../../src/cli/notices.js'
import { parseCommand } from '../../src/cli/parse.js'
import { makeKey } from '../../src/demo/keys.js'
import type { PoolTarget } from '../../src/pool/types.js'
import { makePlace, type Place } from '../rig/place.js'

let place: Place
beforeEach(() => {
  place = makePlace()
})
afterEach(() => place.remove())

/** The target of `w`, as `xec run` would dial it. */
async function target(
  options: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<PoolTarget & { readonly poolOptions: object }> {
  writeFileSync(
    place.path('xec.config.yaml'),
    'hosts: { w: { host: 192.0.2.1, privateKey: ~/inventory, pool: { keepAliveInterval: 9s } }, b: 192.0.2.2, c: 192.0.2.3 }',
    { mode: 0o600 },
  )
  const spec = COMMANDS.find(({ name }) => name === 'run')
  const parsed = spec && parseCommand(spec, ['-F', 'none', ...options, 'w', 'true'], env)
  if (!parsed || 'help' in parsed) throw new Error('no help was asked for')
  const io = { env, cwd: place.home, home: place.home, stderr: process.stderr } as unknown as Io
  const fleet = await openFleet(io, parsed, createNotices(io, parsed.options))
  const [found] = await fleet.resolve(['w'], true)
  if (!found) throw new Error('one name in, one target out')
  return { ...found.target, poolOptions: fleet.pool }
}

describe('a flag wins over a variable, in whichever words', () => {
  const keys = async (...given: Parameters<typeof target>): Promise<string[]> =>
    (await target(...given)).credentials.keys.map(({ origin }) => origin)

  test('-J and -o ProxyJump over XEC_JUMP', async () => {
    expect((await target([], { XEC_JUMP: 'c' })).jump?.host).toBe('c')
    expect((await target(['-o', 'ProxyJump=b'], { XEC_JUMP: 'c' })).jump?.host).toBe('b')
    expect((await target(['-J', 'b', '-o', 'ProxyJump=c'], { XEC_JUMP: 'c' })).jump?.host).toBe('b')
  })

  test('--connect-timeout and -o ConnectTimeout over XEC_CONNECT_TIMEOUT', async () => {
    expect((await target([], { XEC_CONNECT_TIMEOUT: '7s' })).connectTimeoutMs).toBe(7_000)
    expect((await target(['-o', 'ConnectTimeout=3'], { XEC_CONNECT_TIMEOUT: '7s' })).connectTimeoutMs).toBe(3_000)
    expect((await target(['--connect-timeout', '2s', '-o', 'ConnectTimeout=3'])).connectTimeoutMs).toBe(2_000)
  })

  test("-i and -o IdentityFile over XEC_IDENTITY, each in place of the inventory's key", async () => {
    expect(await keys([])).toEqual([place.path('inventory')])
    const [variable, flag] = ['variable', 'flag'].map((name) => {
      writeFileSync(place.path(name), makeKey().privateKey.reveal(), { mode: 0o600 })
      return place.path(name)
    }) as [string, string]
    expect(await keys([], { XEC_IDENTITY: variable })).toEqual([variable])
    expect(await keys(['-o', 'IdentityFile=/option'], { XEC_IDENTITY: variable })).toEqual(['/option'])
    expect(await keys(['-i', flag], { XEC_IDENTITY: variable })).toEqual([flag])
  })

  test('a key that is not there is a mistake of the flag or variable that names it', async () => {
    await expect(keys(['-i', '/gone'])).rejects.toMatchObject({
      code: 'XEC_CONFIG',
      message: '-i /gone: /gone does not exist',
    })
    await expect(keys([], { XEC_IDENTITY: '/gone' })).rejects.toThrow('XEC_IDENTITY /gone: /gone does not exist')
  })

  test('a public key needs an agent that has the private one', async () => {
    const path = place.path('id.pub')
    writeFileSync(path, `ssh-ed25519 ${makeKey().publicBlob.toString('base64')} me\n`)
    await expect(keys(['-i', path])).rejects.toThrow(
      `-i ${path} is a public key, which only says which key of an agent to use, and SSH_AUTH_SOCK names none; did you mean ${place.path('id')}?`,
    )
    expect(await keys(['-i', path], { SSH_AUTH_SOCK: '/agent' })).toEqual([path])
  })

  test('-o ServerAliveInterval over the variable, and over the host', async () => {
    const found = await target(['-o', 'ServerAliveInterval=5'], {
      XEC_KEEP_ALIVE_INTERVAL: '20s',
      XEC_KEEP_ALIVE_COUNT_MAX: '7',
    })
    expect([found.pool, found.poolOptions]).toEqual([
      { keepAlive: true, keepAliveInterval: 5_000 },
      { keepAliveCountMax: 7 },
    ])
    expect((await target([], { XEC_KEEP_ALIVE_INTERVAL: '20s' })).pool).toEqual({})
  })
})
