import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { download } from '../../src/files/download.js'
import { upload } from '../../src/files/upload.js'
import { Secret } from '../../src/runtime/secret.js'
import type { PoolTarget } from '../../src/pool/types.js'
import { createXec, type Xec } from '../../src/xec.js'
import { makePlace, type Place } from '../rig/place.js'
import { makeTarget } from '../transport/fixture.js'
import { FakeClock } from '../transport/fake-clock.js'
import { DIRECTORY, FILE, LINK, startOddServer, type OddFile, type OddOptions, type OddServer } from './odd-server.js'
import { failed } from './world.js'

let place: Place
let xec: Xec
let server: OddServer
let target: PoolTarget
beforeEach(() => {
  place = makePlace()
  xec = createXec({ pool: { maxReconnectAttempts: 0 } })
  mkdirSync(place.path('work'))
})
afterEach(async () => {
  expect(xec.snapshot()).toMatchObject({ activeConnections: 0, waiting: 0 })
  await xec.close()
  await server.stop()
  place.remove()
})
const start = async (options: OddOptions): Promise<void> => {
  server = await startOddServer(options)
  target = makeTarget({ port: server.port, user: 'u' }, place.knownHosts, {
    credentials: { password: new Secret('x') },
  })
}
const file = (content = 'x'): OddFile => ({ mode: FILE, content: Buffer.from(content) })
const here = (): string => place.path('work', 'tree')

describe('a server that wants to write elsewhere', () => {
  test.each(['../evil', '..\u0000', 'sub/evil', '/etc/evil', 'evil\0', '', 'a/../../evil'])(
    'the name %j is refused, and nothing is written at all',
    async (name) => {
      await start({
        list: () => [
          ['good', file()],
          [name, file()],
        ],
      })
      const error = await failed(download(xec.pool, target, '/tree', here()))
      expect(error).toMatchObject({
        code: 'XEC_FILE',
        executed: 'no',
        host: 'web1',
        message: expect.stringContaining('which is no name for a file') as string,
      })
      expect(readdirSync(place.path('work'))).toEqual([])
      expect(existsSync(place.path('evil'))).toBe(false)
      expect(server.requests).not.toContain('OPEN')
    },
  )

  test('. and .. are what every directory has, and left out', async () => {
    await start({
      list: () => [
        ['.', { mode: DIRECTORY }],
        ['..', { mode: DIRECTORY }],
        ['good', file()],
      ],
    })
    expect(await download(xec.pool, target, '/tree', here())).toMatchObject({ files: 1 })
    expect(readdirSync(here())).toEqual(['good'])
  })

  test('one name twice, as a link and as a directory, is refused', async () => {
    await start({
      list: (path) =>
        path === '/tree'
          ? [
              ['out', { mode: LINK }],
              ['out', { mode: DIRECTORY }],
            ]
          : [['passwd', file()]],
    })
    expect(await failed(download(xec.pool, target, '/tree', here()))).toMatchObject({
      code: 'XEC_FILE',
      message: expect.stringContaining('the server lists out twice in one directory') as string,
    })
    expect(readdirSync(place.path('work'))).toEqual([])
  })

  test('links are made after all files, so that none is written through one', async () => {
    await start({
      list: (path) =>
        path === '/tree'
          ? [
              ['a-link', { mode: LINK }],
              ['file', file()],
            ]
          : [],
    })
    await download(xec.pool, target, '/tree', here())
    expect(readdirSync(here()).sort()).toEqual(['a-link', 'file'])
  })

  test('directories without end', async () => {
    await start({ list: () => [['deeper', { mode: DIRECTORY }]] })
    expect(await failed(download(xec.pool, target, '/tree', here()))).toMatchObject({
      code: 'XEC_FILE',
      message: expect.stringContaining('more than 256 deep') as string,
    })
    expect(existsSync(here())).toBe(false)
  })
})

describe('a server that lists more than a memory holds', () => {
  test('is bounded by the bytes of the names too', async () => {
    let names = 0
    const file = { mode: FILE, size: 1, uid: 0, gid: 0, atime: 0, mtime: 0 }
    await start({
      list: () => [],
      instead: (request, sftp, id) =>
        request === 'READDIR' &&
        (sftp.name(id, [{ filename: String(names++).padStart(200_000, 'x'), longname: '', attrs: file }]), true),
    })
    expect(await failed(download(xec.pool, target, '/tree', here()))).toMatchObject({
      code: 'XEC_FILE',
      message: expect.stringContaining('/tree on the host has more than 128 MiB of names; take it in parts') as string,
    })
    expect(names).toBeLessThan(700)
    expect(existsSync(here())).toBe(false)
  })
})

describe('while a file comes in', () => {
  test('nobody else can read it; then it has the mode of the host less the umask, or the one that was asked for', async () => {
    const before = process.umask(0o027)
    try {
      for (const [options, mode] of [
        [{}, 0o640],
        [{ mode: 0o666 }, 0o666],
      ] as const) {
        let during: number[] = []
        const content = Buffer.from('secret')
        await start({
          list: () => [],
          files: new Map([['/a', { mode: 0o100666, content }]]),
          instead: (request) => {
            if (request === 'READ')
              during = readdirSync(place.path('work')).map((name) => statSync(place.path('work', name)).mode & 0o777)
            return false
          },
        })
        await download(xec.pool, target, '/a', here(), options)
        expect([during, statSync(here()).mode & 0o777, readdirSync(place.path('work'))]).toEqual([
          [0o600],
          mode,
          ['tree'],
        ])
        rmSync(here())
        if (mode === 0o640) await server.stop()
      }
    } finally {
      process.umask(before)
    }
  })
})

describe('a server that cannot set permissions', () => {
  const cannot: OddOptions['instead'] = (request, sftp, id) =>
    ['FSETSTAT', 'SETSTAT'].includes(request) && (sftp.status(id, 8), true)

  test('takes files all the same', async () => {
    const files = new Map<string, OddFile>()
    await start({ list: () => [], files, instead: cannot })
    expect(await upload(xec.pool, target, Buffer.from('new'), '/a')).toMatchObject({ files: 1 })
    expect([...files.keys()]).toEqual(['/a'])
  })

  test('but not with the permissions that were asked for', async () => {
    const files = new Map<string, OddFile>()
    await start({ list: () => [], files, instead: cannot })
    expect(await failed(upload(xec.pool, target, Buffer.from('new'), '/a', { mode: 0o600 }))).toMatchObject({
      code: 'XEC_FILE',
      message: 'web1: upload to /a: /a: the server does not support this',
    })
    expect([...files.keys()]).toEqual([])
  })
})

describe('a server that does not keep its word', () => {
  test('fewer bytes than it said leave no file', async () => {
    await start({
      list: () => [],
      files: new Map([['/a', { mode: FILE, content: Buffer.alloc(100_000), size: 200_000 }]]),
    })
    expect(await failed(download(xec.pool, target, '/a', here()))).toMatchObject({
      code: 'XEC_FILE',
      message: `web1: download of /a to ${here()}: /a on the host became shorter while it was read`,
    })
    expect(readdirSync(place.path('work'))).toEqual([])
  })

  test('more bytes in one answer than were asked for', async () => {
    await start({
      list: () => [],
      files: new Map([['/a', { mode: FILE, content: Buffer.alloc(10), size: 10 }]]),
      instead: (request, sftp, id) => request === 'READ' && (sftp.data(id, Buffer.alloc(11)), true),
    })
    expect(await failed(download(xec.pool, target, '/a', here()))).toMatchObject({
      code: 'XEC_EXIT',
      message: expect.stringContaining('what the server sends is not SFTP (more bytes than were asked for)') as string,
    })
    expect(readdirSync(place.path('work'))).toEqual([])
  })

  test('fewer bytes in one answer are asked for again', async () => {
    const content = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251))
    await start({
      list: () => [],
      files: new Map([['/a', { mode: FILE, content }]]),
      instead: (request, sftp, id, _handle, offset, length) =>
        request === 'READ' &&
        (sftp.data(id, content.subarray(Number(offset), Number(offset) + Math.ceil(Number(length) / 3))), true),
    })
    await download(xec.pool, target, '/a', here())
    expect(readFileSync(here()).equals(content)).toBe(true)
  })

  test('a size there that is not what was sent puts nothing in its place', async () => {
    const files = new Map<string, OddFile>([['/a', file('old')]])
    await start({
      list: () => [],
      files,
      instead: (request, sftp, id) =>
        request === 'FSTAT' && (sftp.attrs(id, { mode: FILE, size: 7, uid: 0, gid: 0, atime: 0, mtime: 0 }), true),
    })
    expect(await failed(upload(xec.pool, target, Buffer.alloc(10), '/a'))).toMatchObject({
      code: 'XEC_FILE',
      executed: 'no',
      message: 'web1: upload to /a: /a: 10 bytes were sent and 7 are there; nothing was put in its place',
    })
    expect([...files.keys()]).toEqual(['/a'])
    expect(String(files.get('/a')?.content)).toBe('old')
  })

  test('one that does not answer is left after a while, and the message names what may stay there', async () => {
    const clock = new FakeClock()
    const files = new Map<string, OddFile>()
    let silent = (): void => {}
    const asked = new Promise<void>((resolve) => (silent = resolve))
    await start({ list: () => [], files, instead: (request) => request === 'WRITE' && (silent(), true) })
    const abort = new AbortController()
    const error = failed(upload(xec.pool, target, Buffer.alloc(10), '/dir/a', { signal: abort.signal }, { clock }))
    await asked
    abort.abort()
    clock.advance(5_000)
    expect((await error).message).toBe(
      `web1: upload to /dir/a: cancelled; a temporary file may be left: ${[...files.keys()][0] ?? ''}`,
    )
    expect(await error).toMatchObject({ code: 'XEC_ABORTED', executed: 'no' })
  })
})

describe('a server without extensions', () => {
  test('a file that is there is replaced in two steps', async () => {
    const files = new Map<string, OddFile>([['/a', file('old')]])
    await start({ list: () => [], files })
    expect(await upload(xec.pool, target, Readable.from(['new']), '/a', { fsync: true })).toMatchObject({
      files: 1,
      bytes: 3,
    })
    expect([...files].map(([name, { content }]) => `${name} ${String(content)}`)).toEqual(['/a new'])
    expect(server.requests.filter((request) => ['RENAME', 'REMOVE'].includes(request))).toEqual([
      'RENAME',
      'REMOVE',
      'RENAME',
    ])
  })

  test('a new one that then does not get its name is the only copy: it stays, and is named', async () => {
    const files = new Map<string, OddFile>([['/a', file('old')]])
    await start({
      list: () => [],
      files,
      instead: (request, sftp, id) => request === 'RENAME' && (sftp.status(id, 4), true),
    })
    const error = await failed(upload(xec.pool, target, Buffer.from('new'), '/a'))
    const [left] = [...files.keys()]
    expect(error).toMatchObject({
      code: 'XEC_FILE',
      executed: 'yes',
      message: expect.stringContaining(
        `/a was removed to make room, and then the new one could not be given its name`,
      ) as string,
    })
    expect(error.message).toContain(`a temporary file may be left: ${left ?? '?'}`)
    expect(String(files.get(left ?? '')?.content)).toBe('new')
  })

  test('data keep to requests of 32 KiB', async () => {
    const files = new Map<string, OddFile>()
    await start({ list: () => [], files })
    const content = Buffer.alloc(100_000, 'y')
    writeFileSync(here(), content)
    await upload(xec.pool, target, here(), '/b')
    expect(files.get('/b')?.content?.equals(content)).toBe(true)
    expect(server.requests.filter((request) => request === 'WRITE')).toHaveLength(4)
  })
})
