import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { download } from '../../src/files/download.js'
import type { TransferOptions, TransferProgress, TransferResult, UploadSource } from '../../src/files/types.js'
import { upload } from '../../src/files/upload.js'
import { makePlace } from '../rig/place.js'
import { describeWorld, startSshd, type Sshd } from '../rig/sshd.js'
import { failed, leftovers, makeWorld, type World } from './world.js'

describeWorld('files to and from a real server', () => {
  let sshd: Sshd
  let world: World
  beforeAll(async () => {
    sshd = await startSshd()
  })
  afterAll(() => sshd.stop())
  beforeEach(() => {
    world = makeWorld(sshd)
  })
  afterEach(async () => {
    expect(world.xec.snapshot()).toMatchObject({ activeConnections: 0, waiting: 0 })
    await world.end()
  })
  const put = (local: UploadSource, remote: string, options?: TransferOptions): Promise<TransferResult> =>
    upload(world.xec.pool, world.target, local, remote, options)
  const get = (remote: string, local: string, options?: TransferOptions): Promise<TransferResult> =>
    download(world.xec.pool, world.target, remote, local, options)
  const there = (...names: string[]): string => join(world.there, ...names)
  const here = (...names: string[]): string => join(world.here, ...names)
  const modeOf = (path: string): number => statSync(path).mode & 0o7777
  /** By the account, as its own files are. */
  const owned = (path: string): void => {
    const { uid, gid } = statSync(sshd.home)
    chownSync(path, uid, gid)
  }

  test('leaves no timer behind, so that the program can end', async () => {
    writeFileSync(here('a'), 'x')
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    await put(here('a'), there('a'))
    await get(there('a'), here('b'))
    await new Promise((resolve) => setTimeout(resolve, 100))
    // What idles is looked at by one timer, which holds nothing.
    await world.xec.close()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(timers()).toBe(0)
  })

  test.each([0, 1, 32 * 1024 - 1, 32 * 1024, 32 * 1024 + 1, 255 * 1024, 255 * 1024 + 1, 30_000_000])(
    '%i bytes, there and back',
    async (size) => {
      const data = randomBytes(size)
      writeFileSync(here('a'), data)
      expect(await put(here('a'), there('a'))).toMatchObject({ files: 1, bytes: size, skipped: [] })
      expect(readFileSync(there('a')).equals(data)).toBe(true)
      expect(await get(there('a'), here('b'))).toMatchObject({ files: 1, bytes: size, skipped: [] })
      expect(readFileSync(here('b')).equals(data)).toBe(true)
      expect([...leftovers(world.there), ...leftovers(world.here)]).toEqual([])
    },
  )

  test('a file keeps its permissions, or gets those that are given; never the right to run as somebody else', async () => {
    writeFileSync(here('tool'), 'x')
    chmodSync(here('tool'), 0o4755)
    await put(here('tool'), there('tool'))
    expect(modeOf(there('tool'))).toBe(0o755)
    await put(here('tool'), there('secret'), { mode: 0o600 })
    expect(modeOf(there('secret'))).toBe(0o600)
    await put(Buffer.from('x'), there('bytes'))
    expect(modeOf(there('bytes'))).toBe(0o644)
    chmodSync(there('tool'), 0o6750)
    await get(there('tool'), here('back'))
    expect(modeOf(here('back'))).toBe(0o750)
    await get(there('tool'), here('back'), { mode: 0o400 })
    expect(modeOf(here('back'))).toBe(0o400)
  })

  test('what comes is as open as the umask lets new files be, whatever the host says', async () => {
    mkdirSync(there('tree', 'in'), { recursive: true })
    writeFileSync(there('tree', 'in', 'x'), 'x')
    for (const [path, mode] of [
      [there('tree'), 0o777],
      [there('tree', 'in'), 0o755],
      [there('tree', 'in', 'x'), 0o666],
    ] as const)
      chmodSync(path, mode)
    const before = process.umask(0o027)
    try {
      await get(there('tree'), here('back'))
      await get(there('tree'), here('asked'), { mode: 0o666 })
    } finally {
      process.umask(before)
    }
    expect(
      [here('back'), here('back', 'in'), here('back', 'in', 'x'), here('asked', 'in', 'x')].map((path) =>
        modeOf(path).toString(8),
      ),
    ).toEqual(['750', '750', '640', '666'])
  })

  test('bytes and streams are sources too', async () => {
    await put(Buffer.from('some bytes'), there('bytes'))
    expect(readFileSync(there('bytes'), 'utf8')).toBe('some bytes')
    const chunks = Array.from({ length: 500 }, (_, index) => Buffer.alloc(1_000 + index, index))
    expect(await put(Readable.from(chunks), there('stream'))).toMatchObject({
      files: 1,
      bytes: 500 * 1_000 + (499 * 500) / 2,
    })
    expect(readFileSync(there('stream')).equals(Buffer.concat(chunks))).toBe(true)
    await put(Readable.from(['täxt ', 'in pieces']), there('text'))
    expect(readFileSync(there('text'), 'utf8')).toBe('täxt in pieces')
  })

  test('a stream that fails leaves what was there', async () => {
    writeFileSync(there('a'), 'old')
    const broken = Readable.from(
      (async function* () {
        yield Buffer.alloc(600_000)
        throw new Error('the disk makes a noise')
      })(),
    )
    const error = await failed(put(broken, there('a')))
    expect(error).toMatchObject({
      code: 'XEC_FILE',
      executed: 'no',
      host: 'web1',
      message: `web1: upload to ${there('a')}: the disk makes a noise`,
    })
    expect(readFileSync(there('a'), 'utf8')).toBe('old')
    expect(leftovers(world.there)).toEqual([])
    expect(broken.destroyed).toBe(true)
  })

  test('what is there is replaced, and nobody sees half of it', async () => {
    writeFileSync(there('a'), 'old')
    const before = statSync(there('a')).ino
    await put(Buffer.alloc(1_000_000, 'new'), there('a'), { fsync: true })
    expect(statSync(there('a')).ino).not.toBe(before)
    expect(statSync(there('a')).size).toBe(1_000_000)
    writeFileSync(here('b'), 'old')
    await get(there('a'), here('b'), { fsync: true })
    expect(statSync(here('b')).size).toBe(1_000_000)
  })

  describe('a directory', () => {
    /** 200 small files, an empty directory, one that nobody may write in, links. */
    const grow = (root: string, closed = 0o555): void => {
      mkdirSync(root)
      for (let i = 0; i < 200; i++) {
        mkdirSync(join(root, `d${i % 10}`, 'in'), { recursive: true })
        writeFileSync(join(root, `d${i % 10}`, 'in', `file ${i} ä`), `content of ${i}`)
      }
      mkdirSync(join(root, 'empty'))
      mkdirSync(join(root, 'closed'))
      writeFileSync(join(root, 'closed', 'x'), 'x', { mode: 0o440 })
      chmodSync(join(root, 'closed'), closed)
      writeFileSync(Buffer.concat([Buffer.from(`${root}/raw-`), Buffer.of(0xff, 0xfe)]), 'no text for a name')
      symlinkSync('d1/in', join(root, 'to-directory'))
      symlinkSync('/nowhere/at all', join(root, 'dangling'))
    }
    const listing = (root: string | Buffer): string[] =>
      readdirSync(root, 'buffer')
        .flatMap((name) => {
          const path = Buffer.concat([Buffer.from(root), Buffer.from('/'), name])
          const found = lstatSync(path)
          const content = found.isFile()
            ? [readFileSync(path, 'utf8')]
            : found.isSymbolicLink()
              ? [readlinkSync(path)]
              : ['', ...listing(path).map((line) => `/${line}`)]
          return content.map(
            (line) => `${name.toString('latin1')} ${found.isSymbolicLink() ? 'link' : found.mode.toString(8)} ${line}`,
          )
        })
        .sort()

    test('200 files, modes, links, empty directories and names that are no text, there and back', async () => {
      grow(here('tree'))
      expect(await put(here('tree'), there('tree'))).toMatchObject({ files: 202, skipped: [] })
      expect(listing(there('tree'))).toEqual(listing(here('tree')))
      expect(listing(here('tree'))).toHaveLength(226)
      expect(await get(there('tree'), here('back'))).toMatchObject({ files: 202 })
      expect(listing(here('back'))).toEqual(listing(here('tree')))
      expect(world.xec.snapshot()).toMatchObject({ connectionsCreated: 1, acquired: 2 })
    })

    test('goes into a directory under its own name when that ends with a slash, else it is the directory', async () => {
      grow(here('tree'), 0o700)
      mkdirSync(there('srv'))
      owned(there('srv'))
      await put(here('tree'), `${there('srv')}/`)
      expect(listing(there('srv', 'tree'))).toEqual(listing(here('tree')))
      await put(`${here('tree')}/`, there('srv', 'tree'))
      expect(listing(there('srv', 'tree'))).toEqual(listing(here('tree')))
      mkdirSync(here('in'))
      await get(there('srv'), `${here('in')}/`)
      expect(listing(here('in', 'srv', 'tree'))).toEqual(listing(here('tree')))
    })

    test('links may be followed', async () => {
      grow(here('tree'))
      rmSync(here('tree', 'dangling'))
      await put(here('tree'), there('tree'), { follow: true })
      expect(lstatSync(there('tree', 'to-directory')).isDirectory()).toBe(true)
      expect(readdirSync(there('tree', 'to-directory'))).toEqual(readdirSync(here('tree', 'd1', 'in')))
      symlinkSync('d2', there('tree', 'another'))
      await get(there('tree'), here('back'), { follow: true })
      expect(readdirSync(here('back', 'another', 'in'))).toEqual(readdirSync(here('tree', 'd2', 'in')))
    })

    test('links that lead in circles are an error when they are followed', async () => {
      mkdirSync(here('tree', 'a', 'b'), { recursive: true })
      symlinkSync('../..', here('tree', 'a', 'b', 'up'))
      expect(await failed(put(here('tree'), there('tree'), { follow: true }))).toMatchObject({
        code: 'XEC_CONFIG',
        message: expect.stringContaining('leads back into a directory that it is in') as string,
      })
      await put(here('tree'), there('tree'))
      expect(await failed(get(there('tree'), here('back'), { follow: true }))).toMatchObject({
        code: 'XEC_FILE',
        executed: 'no',
        message: expect.stringContaining('leads back into a directory that it is in') as string,
      })
      expect(existsSync(here('back'))).toBe(false)
    })

    test('what is neither file, directory nor link is named and left out', async () => {
      mkdirSync(there('tree'))
      owned(there('tree'))
      await world.xec.execute(world.target, {
        line: `mkfifo '${there('tree', 'pipe')}'; echo x > '${there('tree', 'file')}'`,
      })
      expect(await get(there('tree'), here('tree'))).toMatchObject({ files: 1, skipped: ['pipe'] })
      expect(readdirSync(here('tree'))).toEqual(['file'])
    })

    test('a link here in the way of a directory is not followed', async () => {
      mkdirSync(there('tree', 'sub'), { recursive: true })
      writeFileSync(there('tree', 'sub', 'x'), 'x')
      mkdirSync(here('back'))
      mkdirSync(here('elsewhere'))
      symlinkSync(here('elsewhere'), here('back', 'sub'))
      expect(await failed(get(there('tree'), here('back')))).toMatchObject({
        code: 'XEC_FILE',
        message: expect.stringContaining(
          `${here('back', 'sub')} is a link here, and a directory on the host`,
        ) as string,
      })
      expect(readdirSync(here('elsewhere'))).toEqual([])
    })

    test('when one file fails, the rest stops, and the error counts what is in place', async () => {
      mkdirSync(here('tree'))
      for (let i = 0; i < 40; i++) writeFileSync(here('tree', `f${i}`), Buffer.alloc(100_000))
      mkdirSync(there('tree', 'f20'), { recursive: true })
      owned(there('tree'))
      const error = await failed(put(here('tree'), there('tree')))
      expect(error).toMatchObject({
        code: 'XEC_FILE',
        executed: 'yes',
        message: expect.stringMatching(
          /f20 is a directory on the host; to put it in there, end the path with \/; \d+ files? (is|are) in place$/,
        ) as string,
      })
      expect(leftovers(world.there)).toEqual([])
    })
  })

  describe('paths', () => {
    test.each(['with space', 'ünïcødé ✓', '-dash', 'quote\'"s', '$HOME `x`', '*', 'new\nline'])(
      '%j is a name like any other',
      async (name) => {
        await put(Buffer.from(name), there(name))
        expect(readFileSync(there(name), 'utf8')).toBe(name)
        await get(there(name), here(name))
        expect(readFileSync(here(name), 'utf8')).toBe(name)
      },
    )

    test('~ and relative paths are in the home directory of the account', async () => {
      const name = `xec-${randomBytes(6).toString('hex')}`
      try {
        await put(Buffer.from('1'), `~/${name}`)
        expect(readFileSync(join(sshd.home, name), 'utf8')).toBe('1')
        await put(Buffer.from('2'), name)
        expect(readFileSync(join(sshd.home, name), 'utf8')).toBe('2')
        writeFileSync(here(name), '3')
        await put(here(name), '~/')
        expect(readFileSync(join(sshd.home, name), 'utf8')).toBe('3')
        await get(`~/${name}`, here('back'))
        expect(readFileSync(here('back'), 'utf8')).toBe('3')
      } finally {
        rmSync(join(sshd.home, name), { force: true })
      }
    })

    test('a directory that is missing is named, or made when asked for', async () => {
      expect(await failed(put(Buffer.from('x'), there('a', 'b', 'c')))).toMatchObject({
        code: 'XEC_FILE',
        executed: 'no',
        message: `web1: upload to ${there('a', 'b', 'c')}: the directory ${there('a', 'b')} does not exist on the host; make it, or give { parents: true }`,
      })
      await put(Buffer.from('x'), there('a', 'b', 'c'), { parents: true })
      await put(Buffer.from('y'), there('a', 'b', 'd'), { parents: true })
      expect(readdirSync(there('a', 'b'))).toEqual(['c', 'd'])
      expect(await failed(get(there('a', 'b', 'c'), here('a', 'c')))).toMatchObject({
        code: 'XEC_FILE',
        message: expect.stringContaining(
          `the directory ${here('a')} does not exist here; make it, or give { parents: true }`,
        ) as string,
      })
      await get(there('a', 'b', 'c'), here('a', 'b', 'c'), { parents: true })
      expect(readFileSync(here('a', 'b', 'c'), 'utf8')).toBe('x')
    })

    test('no permission, no such file, a directory in the way', async () => {
      chmodSync(there(), 0o555)
      writeFileSync(here('a'), 'x')
      expect(await failed(put(here('a'), there('a')))).toMatchObject({
        code: 'XEC_FILE',
        executed: 'no',
        message: `web1: upload of ${here('a')} to ${there('a')}: ${there('a')}: permission denied: ${sshd.user} may not write in ${there()} on the host`,
      })
      chmodSync(there(), 0o755)
      writeFileSync(there('private'), 'x', { mode: 0o600 })
      expect(await failed(get(there('private'), here('b')))).toMatchObject({
        code: 'XEC_FILE',
        executed: 'no',
        message: `web1: download of ${there('private')} to ${here('b')}: ${there('private')}: permission denied by the host`,
      })
      expect(await failed(get(there('nothing'), here('b')))).toMatchObject({
        code: 'XEC_FILE',
        message: `web1: download of ${there('nothing')} to ${here('b')}: ${there('nothing')}: no such file or directory on the host`,
      })
      mkdirSync(there('dir'))
      expect(await failed(put(here('a'), there('dir')))).toMatchObject({
        code: 'XEC_FILE',
        executed: 'no',
        message: expect.stringContaining(
          `${there('dir')} is a directory on the host; to put it in there, end the path with /`,
        ) as string,
      })
      mkdirSync(here('dir'))
      chmodSync(there('private'), 0o644)
      expect(await failed(get(there('private'), here('dir')))).toMatchObject({
        code: 'XEC_FILE',
        message: expect.stringContaining(
          `${here('dir')} is a directory here; to put it in there, end the path with /`,
        ) as string,
      })
      expect([...leftovers(world.there), ...leftovers(world.here)]).toEqual([])
    })

    test('the same upload twice: closed directories and files are filled again, and closed again', async () => {
      mkdirSync(here('tree', 'in'), { recursive: true })
      writeFileSync(here('tree', 'in', 'a'), 'one', { mode: 0o444 })
      symlinkSync('a', here('tree', 'in', 'link'))
      for (const name of ['tree/in', 'tree']) chmodSync(here(name), 0o555)
      await put(here('tree'), there('tree'))
      chmodSync(here('tree', 'in', 'a'), 0o644)
      writeFileSync(here('tree', 'in', 'a'), 'two')
      chmodSync(here('tree', 'in', 'a'), 0o444)
      await put(here('tree'), there('tree'))
      expect(readFileSync(there('tree', 'in', 'a'), 'utf8')).toBe('two')
      expect(readlinkSync(there('tree', 'in', 'link'))).toBe('a')
      expect(['tree', 'tree/in', 'tree/in/a'].map((name) => modeOf(there(name)))).toEqual([0o555, 0o555, 0o444])
      await get(there('tree'), here('back'))
      await get(there('tree'), here('back'))
      expect(['back', 'back/in', 'back/in/a'].map((name) => modeOf(here(name)))).toEqual([0o555, 0o555, 0o444])
    })

    test('a directory that fails to be filled again is closed all the same', async () => {
      mkdirSync(here('tree'))
      writeFileSync(here('tree', 'a'), 'x')
      chmodSync(here('tree'), 0o555)
      mkdirSync(there('tree', 'a'), { recursive: true })
      owned(there('tree'))
      chmodSync(there('tree'), 0o555)
      expect(await failed(put(here('tree'), there('tree')))).toMatchObject({ code: 'XEC_FILE' })
      expect(modeOf(there('tree'))).toBe(0o555)
    })

    test('a directory that somebody closed, and that is open here, stays closed', async () => {
      mkdirSync(here('tree'))
      writeFileSync(here('tree', 'a'), 'x')
      mkdirSync(there('tree'))
      owned(there('tree'))
      chmodSync(there('tree'), 0o555)
      const { message } = await failed(put(here('tree'), there('tree')))
      expect(message).toContain(`may not write in ${there('tree')} on the host`)
      expect(modeOf(there('tree'))).toBe(0o555)
    })

    test('a link is written through, beside what it leads to', async () => {
      mkdirSync(there('real'))
      owned(there('real'))
      writeFileSync(there('real', 'v1'), 'old')
      owned(there('real', 'v1'))
      symlinkSync('real/v1', there('middle'))
      symlinkSync(there('middle'), there('current'))
      const before = statSync(there('real', 'v1')).ino
      await put(Buffer.from('new'), there('current'))
      expect(lstatSync(there('current')).isSymbolicLink()).toBe(true)
      expect(readFileSync(there('real', 'v1'), 'utf8')).toBe('new')
      expect(statSync(there('real', 'v1')).ino).not.toBe(before) // a new file was renamed over it
      symlinkSync('real/v2', there('dangling'))
      await put(Buffer.from('made'), there('dangling'))
      expect(readFileSync(there('real', 'v2'), 'utf8')).toBe('made')
      symlinkSync('circle', there('circle'))
      expect((await failed(put(Buffer.from('x'), there('circle')))).message).toContain('leads to more than 40 others')
      symlinkSync('target', here('link'))
      writeFileSync(here('target'), 'old')
      await get(there('current'), here('link'))
      expect([readlinkSync(here('link')), readFileSync(here('target'), 'utf8')]).toEqual(['target', 'new'])
      expect([...leftovers(world.there), ...leftovers(world.here)]).toEqual([])
    })

    test('a link within a directory that is downloaded is replaced, as the server may have made it', async () => {
      mkdirSync(there('tree'))
      writeFileSync(there('tree', 'a'), 'theirs', { mode: 0o644 })
      mkdirSync(here('tree'))
      writeFileSync(here('precious'), 'mine')
      symlinkSync('../precious', here('tree', 'a'))
      await get(there('tree'), here('tree'))
      expect(readFileSync(here('precious'), 'utf8')).toBe('mine')
      expect(lstatSync(here('tree', 'a')).isFile()).toBe(true)
    })

    test.each([0o644, 0o444])(
      'a file of mode %o in a directory that cannot be written in is written in place',
      async (mode) => {
        mkdirSync(there('closed'))
        owned(there('closed'))
        writeFileSync(there('closed', 'file'), 'a longer old text', { mode })
        chmodSync(there('closed', 'file'), mode)
        owned(there('closed', 'file'))
        symlinkSync('closed/file', there('link'))
        chmodSync(there('closed'), 0o555)
        const before = statSync(there('closed', 'file')).ino
        await put(Buffer.from('new'), there('link'))
        await put(Buffer.from('newer'), there('link'))
        const after = statSync(there('closed', 'file'))
        expect([readFileSync(there('closed', 'file'), 'utf8'), after.ino, after.mode & 0o777]).toEqual([
          'newer',
          before,
          mode,
        ])
        const stream = new Readable({
          read() {
            this.push('half')
            this.destroy(new Error('torn'))
          },
        })
        const error = await failed(put(stream, there('link')))
        expect(error.message).toContain(`written in place and not whole: ${there('closed', 'file')}`)
        expect(error.message).not.toContain('temporary')
        expect(error.executed).toBe('yes')
        expect(modeOf(there('closed', 'file'))).toBe(mode)
        chmodSync(there('closed'), 0o755)
      },
    )

    test('a file that was never made is not called left over', async () => {
      mkdirSync(there('closed'))
      chmodSync(there('closed'), 0o555)
      const { message } = await failed(put(Buffer.from('x'), there('closed', 'a')))
      expect(message).toContain('permission denied')
      expect(message).not.toContain('temporary')
    })

    test('what cannot be read here costs no connection', async () => {
      expect(await failed(put(here('nothing'), there('a')))).toMatchObject({
        code: 'XEC_CONFIG',
        executed: 'no',
        message: expect.stringContaining('cannot be read here: ENOENT') as string,
      })
      expect(await failed(put(here(), '~bob/x'))).toMatchObject({ code: 'XEC_CONFIG' })
      expect(await failed(put(Buffer.from(''), 'a/'))).toMatchObject({ code: 'XEC_CONFIG' })
      expect(await failed(put('a\0b', 'a'))).toMatchObject({ code: 'XEC_CONFIG' })
      expect(await failed(get('', here('a')))).toMatchObject({ code: 'XEC_CONFIG' })
      expect(await failed(get('/', `${here()}/`))).toMatchObject({ code: 'XEC_CONFIG' })
      expect(world.xec.snapshot()).toMatchObject({ connectionsCreated: 0, acquired: 0 })
    })

    test('a file that says it has no size is read to its end', async () => {
      const { bytes } = await get('/proc/self/status', here('status'))
      expect(bytes).toBeGreaterThan(100)
      expect(readFileSync(here('status'), 'utf8')).toMatch(/^Name:\ts/)
    })
  })

  describe('progress', () => {
    test.each(['up', 'down'])('%s: bytes and files only grow, and end at the whole', async (way) => {
      mkdirSync(here('tree'))
      for (let i = 0; i < 30; i++) writeFileSync(here('tree', `f${i}`), Buffer.alloc(i * 50_000))
      const total = ((29 * 30) / 2) * 50_000
      const steps: TransferProgress[] = []
      const onProgress = (step: TransferProgress): void => void steps.push(step)
      await put(here('tree'), there('tree'), way === 'up' ? { onProgress } : {})
      if (way === 'down') await get(there('tree'), here('back'), { onProgress })
      for (const [index, step] of steps.entries()) {
        expect(step.total).toBe(total)
        expect(step.bytes).toBeGreaterThanOrEqual(steps[index - 1]?.bytes ?? 0)
        expect(step.files).toBeGreaterThanOrEqual(steps[index - 1]?.files ?? 0)
      }
      expect(steps.at(-1)).toMatchObject({ bytes: total, files: 30 })
      expect(new Set(steps.map(({ file }) => file)).size).toBe(30)
    })

    test('a stream has no total; what the listener throws ends the transfer', async () => {
      const totals = new Set<number | null>()
      await put(Readable.from([Buffer.alloc(10)]), there('a'), { onProgress: ({ total }) => totals.add(total) })
      expect([...totals]).toEqual([null])
      expect(
        await failed(
          put(Buffer.alloc(3_000_000), there('b'), {
            onProgress: () => {
              throw new Error('enough')
            },
          }),
        ),
      ).toMatchObject({
        code: 'XEC_ABORTED',
        executed: 'no',
        message: `web1: upload to ${there('b')}: ended by onProgress: enough`,
      })
      expect(readdirSync(there())).toEqual(['a'])
    })
  })

  describe('an end ahead of time', () => {
    test.each(['up', 'down'])('%s: abort leaves no temporary file and no half one', async (way) => {
      const abort = new AbortController()
      const options: TransferOptions = {
        signal: abort.signal,
        onProgress: ({ bytes }) => {
          if (bytes > 1_000_000) abort.abort()
        },
      }
      if (way === 'down') await put(Buffer.alloc(20_000_000), there('big'))
      const error = await failed(
        way === 'up' ? put(Buffer.alloc(20_000_000), there('a'), options) : get(there('big'), here('a'), options),
      )
      expect(error).toMatchObject({
        code: 'XEC_ABORTED',
        executed: 'no',
        message: expect.stringMatching(/: cancelled$/) as string,
      })
      expect(readdirSync(there())).toEqual(way === 'up' ? [] : ['big'])
      expect(readdirSync(here())).toEqual([])
    })

    test('a stream that gives nothing can be left', async () => {
      const abort = new AbortController()
      const silent = new Readable({ read() {} })
      silent.push(Buffer.alloc(300_000))
      const error = failed(put(silent, there('a'), { signal: abort.signal, onProgress: () => abort.abort() }))
      expect(await error).toMatchObject({ code: 'XEC_ABORTED' })
      expect(silent.destroyed).toBe(true)
      expect(readdirSync(there())).toEqual([])
    })

    test('a timeout', async () => {
      const silent = new Readable({ read() {} })
      expect(await failed(put(silent, there('a'), { timeoutMs: 200 }))).toMatchObject({
        code: 'XEC_TIMEOUT',
        executed: 'no',
        message: `web1: upload to ${there('a')}: not finished within 200ms`,
      })
      expect(readdirSync(there())).toEqual([])
    })

    test('abort before there is a channel', async () => {
      expect(await failed(put(Buffer.alloc(1), there('a'), { signal: AbortSignal.abort() }))).toMatchObject({
        code: 'XEC_ABORTED',
        executed: 'no',
      })
    })

    test.each(['up', 'down'])('%s: a connection that is killed is lost, and what was there is whole', async (way) => {
      const big = Buffer.alloc(40_000_000)
      await put(big, there('big'))
      writeFileSync(there('a'), 'old')
      owned(there('a'))
      writeFileSync(here('a'), 'old')
      let killed = false
      const options: TransferOptions = {
        onProgress: ({ bytes }) => {
          if (killed || bytes < 1_000_000) return
          killed = true
          for (const pid of [...sshd.connections(), ...sshd.children()]) process.kill(pid, 'SIGKILL')
        },
      }
      const error = await failed(way === 'up' ? put(big, there('a'), options) : get(there('big'), here('a'), options))
      expect(error).toMatchObject({
        code: 'XEC_CONNECTION_LOST',
        executed: 'no',
        safeToRetry: true,
        message: expect.stringContaining(`web1: Connection closed during the ${way}load`) as string,
      })
      expect(readFileSync(there('a'), 'utf8')).toBe('old')
      expect(readFileSync(here('a'), 'utf8')).toBe('old')
      // Nobody could take it away on the host, so the message names it; here it can be.
      expect(leftovers(here())).toEqual([])
      const [left] = leftovers(there())
      if (way === 'up') expect(error.message).toContain(`a temporary file may be left: ${there(left ?? 'nothing')}`)
      else expect(error.message).not.toContain('temporary')
    })

    test('a server whose SFTP ends in the middle', async () => {
      let killed = 0
      const error = await failed(
        put(Buffer.alloc(40_000_000), there('a'), {
          onProgress: () => {
            if (killed > 0) return
            // It is a child of the process that speaks the protocol.
            for (const pid of sshd
              .children()
              .flatMap((child) => readFileSync(`/proc/${child}/task/${child}/children`, 'utf8').match(/\d+/g) ?? [])) {
              process.kill(Number(pid), 'SIGKILL')
              killed++
            }
          },
        }),
      )
      expect(killed).toBe(1)
      expect(error).toMatchObject({
        code: 'XEC_EXIT',
        executed: 'no',
        message: expect.stringMatching(
          /the server ended the SFTP session (by signal KILL|without an exit status)/,
        ) as string,
      })
      expect(existsSync(there('a'))).toBe(false)
    })
  })

  test('transfers and commands share one connection', async () => {
    const data = randomBytes(5_000_000)
    const results = await Promise.all([
      put(data, there('a')),
      put(data, there('b')),
      world.xec.execute(world.target, { line: 'echo one' }),
      world.xec.execute(world.target, { line: 'echo two' }),
    ])
    expect(String(results[2].stdout) + String(results[3].stdout)).toBe('one\ntwo\n')
    await Promise.all([
      get(there('a'), here('a')),
      get(there('b'), here('b')),
      world.xec.execute(world.target, { line: 'true' }),
    ])
    expect(readFileSync(here('a')).equals(data) && readFileSync(here('b')).equals(data)).toBe(true)
    expect(world.xec.snapshot()).toMatchObject({ connectionsCreated: 1, acquired: 7, idleConnections: 1 })
  })
})

describeWorld('transfers and the limits of the pool', () => {
  test('40 at once, MaxSessions 2, maxConnectionsPerHost 2: never more than four', async () => {
    const sshd = await startSshd({ config: ['MaxSessions 2'] })
    const world = makeWorld(sshd, { maxConnections: 2, maxConnectionsPerHost: 2 })
    try {
      let most = 0
      const look = (): void => {
        const { totalConnections, connecting } = world.xec.snapshot()
        most = Math.max(most, totalConnections + connecting)
        expect(sshd.connections().length).toBeLessThanOrEqual(2)
      }
      await Promise.all(
        Array.from({ length: 40 }, (_, i) =>
          upload(world.xec.pool, world.target, Buffer.alloc(100_000, i), join(world.there, `f${i}`), {
            onProgress: look,
          }),
        ),
      )
      expect(readdirSync(world.there)).toHaveLength(40)
      expect(most).toBeLessThanOrEqual(2)
      expect(world.xec.snapshot()).toMatchObject({ acquired: 40, activeConnections: 0, waiting: 0 })
    } finally {
      await world.end()
      await sshd.stop()
    }
  })

  test('a drain waits for a transfer, and cuts it off at its timeout', async () => {
    const sshd = await startSshd()
    const world = makeWorld(sshd)
    try {
      const finishing = upload(world.xec.pool, world.target, Buffer.alloc(5_000_000), join(world.there, 'a'))
      const stuck = failed(upload(world.xec.pool, world.target, new Readable({ read() {} }), join(world.there, 'b')))
      await finishing
      await world.xec.drain({ timeoutMs: 50 })
      expect(await stuck).toMatchObject({ code: 'XEC_CONNECTION_LOST', executed: 'no' })
      expect(statSync(join(world.there, 'a')).size).toBe(5_000_000)
    } finally {
      await world.end()
      await sshd.stop()
    }
  })
})

describeWorld('servers that cannot', () => {
  const on = async (config: readonly string[], fn: (world: World) => Promise<void>): Promise<void> => {
    const sshd = await startSshd({ config })
    const world = makeWorld(sshd)
    try {
      await fn(world)
      expect(world.xec.snapshot()).toMatchObject({ activeConnections: 0, waiting: 0 })
    } finally {
      await world.end()
      await sshd.stop()
    }
  }
  const refused = async (world: World): Promise<string> => {
    const error = await failed(upload(world.xec.pool, world.target, Buffer.alloc(1), join(world.there, 'a')))
    expect(error).toMatchObject({ code: 'XEC_REFUSED', executed: 'no', phase: 'exec', host: 'web1' })
    return error.message
  }
  const HINT =
    'look for "Subsystem sftp" in its sshd_config and for a ForceCommand or a restricted shell of the account'

  test('no subsystem of that name; commands go on', () =>
    on(['Subsystem other /bin/true', 'Subsystem sftp-not internal-sftp'], async (world) => {
      expect(await refused(world)).toBe(
        `web1: no files can be transferred: the server refused the sftp subsystem; ${HINT}`,
      )
      expect(await world.xec.execute(world.target, { line: 'true' })).toMatchObject({ outcome: 'ok' })
    }))

  test('a program that is not there', () =>
    on(['Subsystem sftp /nowhere/sftp-server'], async (world) => {
      expect(await refused(world)).toMatch(/the server ended the SFTP session with exit status 127/)
    }))

  test('a program that says something else', () =>
    on(['Subsystem sftp /bin/echo Welcome to web1, have a nice day'], async (world) => {
      expect(await refused(world)).toContain(
        'what the server sends is not SFTP (it begins with "Welcome to web1, have a nice day"); a startup file of the account may print text',
      )
    }))

  test('no room for the file', async () => {
    const place = makePlace()
    chmodSync(place.home, 0o711)
    writeFileSync(place.path('narrow'), "#!/bin/sh\ntrap '' XFSZ\nulimit -f 200\nexec /usr/lib/openssh/sftp-server\n", {
      mode: 0o755,
    })
    await on([`Subsystem sftp ${place.path('narrow')}`], async (world) => {
      const to = join(world.there, 'a')
      const error = await failed(upload(world.xec.pool, world.target, Buffer.alloc(2_000_000), to))
      expect(error).toMatchObject({
        code: 'XEC_FILE',
        executed: 'no',
        message: expect.stringContaining(
          `${to}: the host could not do it; version 3 of SFTP does not say why: a full disk or quota`,
        ) as string,
      })
      expect(readdirSync(world.there)).toEqual([])
    })
    place.remove()
  })
})
