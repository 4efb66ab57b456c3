import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TransferOptions, Transfers } from '../../src/files/types.js'
import { contextFiles } from '../../src/shell/files.js'
import { createShell } from '../../src/shell/shell.js'
import { resolveTarget } from '../../src/shell/target.js'
import { SSHAdapter } from '../../src/ssh-adapter.js'
import { failed, makeWorld, type World } from '../files/world.js'
import { describeWorld, startSshd, type Sshd } from '../rig/sshd.js'

describe('what a context makes of its settings', () => {
  const { target } = resolveTarget('web1')
  const asked = async (
    settings: Parameters<typeof contextFiles>[2],
    remote: string,
    options?: TransferOptions,
  ): Promise<unknown[]> => {
    let heard: unknown[] = []
    const adapter: Partial<Transfers> = {
      upload: async (_target, local, to, how) => {
        heard = [local, to, how?.timeoutMs, how?.mode]
        return { files: 1, bytes: 0, durationMs: 0, skipped: [] }
      },
      download: async () => {
        throw new Error('not asked for')
      },
    }
    await contextFiles(() => adapter, target, settings).upload('a', remote, options)
    return heard
  }

  test('a relative path is in its directory, and what ends with a slash still does', async () => {
    expect(await asked({}, 'b')).toEqual(['a', 'b', undefined, undefined])
    expect(await asked({ cwd: '/srv' }, 'b/')).toEqual(['a', '/srv/b/', undefined, undefined])
    expect(await asked({ cwd: '~/app' }, 'b')).toEqual(['a', '~/app/b', undefined, undefined])
    expect(await asked({ cwd: '/srv' }, '~/b')).toEqual(['a', '~/b', undefined, undefined])
    expect(await asked({ cwd: '/srv' }, '/b')).toEqual(['a', '/b', undefined, undefined])
  })

  test('its time is the transfer’s, unless that has its own', async () => {
    expect(await asked({ timeoutMs: 5 }, 'b', { mode: 0o600 })).toEqual(['a', 'b', 5, 0o600])
    expect(await asked({ timeoutMs: 5 }, 'b', { timeoutMs: 7 })).toEqual(['a', 'b', 7, undefined])
  })

  test('its signal and the transfer’s add up', async () => {
    for (const first of ['context', 'transfer'] as const) {
      const aborts = { context: new AbortController(), transfer: new AbortController() }
      let given: AbortSignal | undefined
      const adapter: Partial<Transfers> = {
        // It goes on until it is cancelled.
        upload: (_target, _local, _to, how) =>
          new Promise((_resolve, reject) => {
            given = how?.signal
            given?.addEventListener('abort', () => reject(new Error('cancelled')))
          }),
        download: async () => {
          throw new Error('not asked for')
        },
      }
      const transfer = contextFiles(() => adapter, target, { signal: aborts.context.signal }).upload('a', 'b', {
        signal: aborts.transfer.signal,
      })
      expect(given?.aborted).toBe(false)
      aborts[first].abort()
      await expect(transfer).rejects.toThrow('cancelled')
      expect(given?.aborted).toBe(true)
    }
  })

  test('a stream that was read already is refused before anything is dialled: it would be an empty file', async () => {
    const spent = Readable.from(['once'])
    await spent.toArray()
    const closed = new PassThrough().destroy()
    const adapter = new SSHAdapter()
    const context = createShell(() => adapter).ssh('web1')
    await expect(context.upload(spent, 'b')).rejects.toMatchObject({
      code: 'XEC_CONFIG',
      message:
        'web1: the stream was read already, and there is nothing in it to upload; give each upload a stream of its own, or the bytes themselves',
    })
    await expect(context.upload(closed, 'b')).rejects.toMatchObject({
      code: 'XEC_CONFIG',
      message: expect.stringContaining('the stream was closed already') as unknown,
    })
    await expect(context`cat`.stdin(spent)).rejects.toMatchObject({
      code: 'XEC_CONFIG',
      message: expect.stringContaining('stdin: the stream was read already') as unknown,
    })
    expect(adapter.getConnectionPoolMetrics()).toMatchObject({ acquired: 0, connectionsFailed: 0 })
  })

  test('an adapter without transfers says so', async () => {
    await expect(contextFiles(() => ({}), target, {}).upload('a', 'b')).rejects.toThrow(TypeError)
  })
})

describeWorld('files through $', () => {
  let sshd: Sshd
  let world: World
  let adapter: SSHAdapter
  beforeAll(async () => {
    sshd = await startSshd()
    world = makeWorld(sshd)
    adapter = new SSHAdapter({
      connectionPool: { maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 },
      onLimit: 'throw',
    })
  })
  afterAll(async () => {
    await adapter.dispose()
    await world.end()
    await sshd.stop()
  })

  test('up and down, in the directory of the context, with commands in between', async () => {
    const ssh = createShell(() => adapter).ssh({
      host: '127.0.0.1',
      port: sshd.port,
      username: sshd.user,
      privateKey: sshd.privateKeyPath,
      userKnownHostsFile: world.place.knownHosts,
    })
    const there = ssh.cd(world.there)
    writeFileSync(join(world.here, 'a'), 'content')
    expect(await there.upload(join(world.here, 'a'), 'b')).toMatchObject({ files: 1, bytes: 7 })
    expect((await there`cat b`).stdout).toBe('content')
    await there.download('b', join(world.here, 'c'))
    expect(readFileSync(join(world.here, 'c'), 'utf8')).toBe('content')
    expect(adapter.getConnectionPoolMetrics()).toMatchObject({
      connectionsCreated: 1,
      acquired: 3,
      activeConnections: 0,
    })
  })

  test('a transfer counts for onLimit as a command does', async () => {
    const running = adapter.execute(world.target, { line: 'sleep 5' })
    expect(await failed(adapter.upload(world.target, Buffer.alloc(1), join(world.there, 'x')))).toMatchObject({
      code: 'XEC_QUEUE_TIMEOUT',
      executed: 'no',
      message: expect.stringContaining('Maximum connections (1) reached for host web1') as string,
    })
    await adapter.dispose()
    await running
  })
})
