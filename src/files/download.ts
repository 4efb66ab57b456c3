/** Files from a host: each under a temporary name beside its own until it is whole. */
import { constants, existsSync } from 'node:fs'
import { chmod, lstat, mkdir, open, readlink, rename, stat, symlink, unlink, type FileHandle } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import type { Pool, PoolTarget } from '../pool/types.js'
import { systemClock, type Clock } from '../runtime/clock.js'
import { aside, begin } from './aside.js'
import { each, Flight } from './flight.js'
import { directoryOf, localPath, nameOf, placeFor, remotePath, show, temporaryBeside, within } from './path.js'
import { readRemoteTree } from './remote-tree.js'
import type { Handle } from './sftp.js'
import { FILES_AT_ONCE, transfer, type Transfer } from './transfer.js'
import { byDepth, type Tree } from './tree.js'
import { Trouble } from './trouble.js'
import type { TransferOptions, TransferResult } from './types.js'

const DEFAULT_MODE = 0o644
const DEFAULT_DIRECTORY_MODE = 0o755
const SLASH = 0x2f
const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL

/**
 * Copies a file, or a directory with all that is in it, from a host, over a channel of the pool.
 * Each file is 0600 under a temporary name until it is whole, then it gets its permissions and its name.
 * The server's word is not taken for where things go: names that are none, and directories here that are links, are refused.
 *
 * @param remote relative to the account's home directory; `~/` is that
 * @param local the name that it gets; with a `/` at its end, the directory that it goes into under its own name
 * Rejects with an XecError as `upload` does. Nothing on the host is changed, so `executed` is always `no`
 * @throws XecError XEC_CONFIG, before anything is dialled, for paths that cannot be used
 */
export async function download(
  pool: Pool,
  target: PoolTarget,
  remote: string,
  local: string,
  options: TransferOptions = {},
  { clock = systemClock }: { readonly clock?: Clock } = {},
): Promise<TransferResult> {
  const { host } = target
  const { path: root } = remotePath(host, remote)
  const to = placeFor(host, localPath(host, local), root)
  return transfer({ pool, target, options, clock, doing: `download of ${remote} to ${local}` }, async (job, expect) => {
    const tree = await readRemoteTree(job.sftp, root, options.follow ?? false, job.signal)
    expect(tree.files.reduce((sum, { size }) => sum + size, 0))
    if (options.parents) await mkdir(directoryOf(to), { recursive: true })
    const made: { readonly path: Buffer; readonly mode: number }[] = []
    // From the deepest, because one that may not be written in cannot be entered either.
    const close = async (): Promise<void> => {
      for (const { path, mode } of made.reverse()) await chmod(within(to, path), mode)
    }
    try {
      for (const { path, mode } of byDepth(tree).flat()) {
        const own = await makeDirectory(job, within(to, path), path.length === 0, mode ?? DEFAULT_DIRECTORY_MODE)
        if (own !== null) made.push({ path, mode: own })
      }
      await getFiles(job, tree, root, to)
      // After all files, so that none is written through a link that came from the server.
      for (const { path, leadsTo } of tree.links) await getLink(job, within(to, path), leadsTo)
    } catch (error) {
      await close().catch(() => {}) // the first failure is the one to tell
      throw error
    }
    await close()
    return { skipped: tree.skipped.map(show) }
  })
}

async function getFiles(job: Transfer, tree: Tree, root: Buffer, to: Buffer): Promise<void> {
  // A link that the caller named is written through. One within a directory may have come from the server, by an
  // earlier download, and is replaced.
  const place = tree.directories.length === 0 ? await throughLinks(to) : to
  let known: Promise<number> | null = null
  const allowed = (): Promise<number> => (known ??= allowedBeside(place))
  await each(tree.files, FILES_AT_ONCE, ({ path, mode }) =>
    getFile(job, {
      from: within(root, path),
      file: show(path.length > 0 ? path : nameOf(root)),
      to: within(place, path),
      mode: mode ?? DEFAULT_MODE,
      allowed,
    }),
  )
}

interface FileToGet {
  readonly from: Buffer
  /** What progress calls it. */
  readonly file: string
  readonly to: Buffer
  readonly mode: number
  readonly allowed: () => Promise<number>
}

async function getFile(job: Transfer, { from, file, to, mode, allowed }: FileToGet): Promise<void> {
  const { sftp, options } = job
  job.signal.throwIfAborted()
  const handle = await sftp.openToRead(from)
  try {
    const { size = 0 } = await sftp.fstat(handle, from)
    const temporary = temporaryBeside(to)
    // Not through a link that somebody else made, and not into a file of somebody else's.
    const copy = await begin(
      job,
      `${show(temporary)} (here)`,
      () => open(temporary, NEW, 0o600),
      () => true,
    ).catch((cause: NodeJS.ErrnoException) => {
      if (job.signal.aborted) throw cause
      if (cause.code === 'EACCES' || cause.code === 'EPERM') return cause
      throw cause.code === 'ENOENT' && !existsSync(directoryOf(to))
        ? new Trouble(
            `the directory ${show(directoryOf(to))} does not exist here; make it, or give { parents: true }`,
            {
              cause,
            },
          )
        : cause
    })
    if (copy instanceof Error) await overwrite(job, to, copy, (place) => pull(job, handle, from, size, file, place))
    else
      await temporarily(job, temporary, async () => {
        try {
          await pull(job, handle, from, size, file, copy)
          // The host's mode, less what the umask takes, as with every new file; one that was asked for is given as it is.
          await copy.chmod(options.mode ?? mode & (await allowed()))
          if (options.fsync) await copy.sync()
        } finally {
          await copy.close()
        }
        job.signal.throwIfAborted()
        await rename(temporary, to).catch((cause: NodeJS.ErrnoException) => {
          throw cause.code === 'EISDIR'
            ? new Trouble(`${show(to)} is a directory here; to put it in there, end the path with /`, { cause })
            : cause
        })
      })
  } finally {
    // It was only read: whether the server liked its end is of no matter to the copy.
    await sftp.close(handle, from).catch(() => {})
  }
  job.placed(file)
}

/**
 * Into a file that is there, because its directory lets nobody make another beside it. It keeps its permissions unless
 * others were asked for. Until its end it is not whole.
 * @param refusal why nothing could be made beside it
 */
async function overwrite(
  job: Transfer,
  to: Buffer,
  refusal: Error,
  fill: (copy: FileHandle) => Promise<void>,
): Promise<void> {
  const { options } = job
  const there = await lstat(to).catch(() => null)
  // A pipe would wait for a reader, a device is no file, and a link was followed already.
  if (!there?.isFile()) throw refusal
  const own = there.mode & 0o777
  const wasClosed = (own & 0o200) === 0
  if (wasClosed) await chmod(to, own | 0o200)
  const name = `${show(to)} (here)`
  try {
    const copy = await open(to, constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW)
    job.unfinished.add(name)
    try {
      await fill(copy)
      if (options.fsync) await copy.sync()
    } finally {
      await copy.close()
    }
    job.unfinished.delete(name)
  } finally {
    if (options.mode !== undefined) await chmod(to, options.mode)
    else if (wasClosed) await chmod(to, own)
  }
}

/** As many links in a row as Linux follows (path_resolution(7)). */
const MOST_LINKS = 40

/** The path itself, or what a chain of links at its end leads to; that need not exist. */
async function throughLinks(to: Buffer): Promise<Buffer> {
  let path = to
  for (let links = 0; links <= MOST_LINKS; links++) {
    const there = await lstat(path).catch(() => null) // what is wrong with it shows when it is written
    if (!there?.isSymbolicLink()) return path
    const leadsTo = await readlink(path, { encoding: 'buffer' })
    path = isAbsolute(leadsTo.toString()) || !path.includes(SLASH) ? leadsTo : within(directoryOf(path), leadsTo)
  }
  throw new Trouble(`${show(to)} is a link here that leads to more than ${MOST_LINKS} others`)
}

/** The permissions that a new file may have. One that is empty tells: to ask for the umask is to be without it for a moment. */
async function allowedBeside(path: Buffer): Promise<number> {
  const probe = temporaryBeside(path)
  const file = await open(probe, NEW, 0o777)
  try {
    return (await file.stat()).mode & 0o777
  } finally {
    await file.close()
    await unlink(probe)
  }
}

/**
 * No more than the size that the file was opened with, so that one which grows, a log, is taken as it was; one of size 0,
 * as many in /proc say they are, is read to its end.
 */
async function pull(
  job: Transfer,
  handle: Handle,
  from: Buffer,
  size: number,
  file: string,
  copy: FileHandle,
): Promise<void> {
  const { sftp } = job
  const write = async (data: Buffer, offset: number): Promise<void> => {
    for (let at = 0; at < data.length;) at += (await copy.write(data, at, data.length - at, offset + at)).bytesWritten
    job.arrived(file, data.length)
  }
  const flight = new Flight(job.room)
  try {
    if (size === 0) {
      await flight.start(sftp.most.read, async () => {
        for (let offset = 0; ;) {
          job.signal.throwIfAborted()
          const data = await sftp.read(handle, from, offset, sftp.most.read)
          if (!data) return
          await write(data, offset)
          offset += data.length
        }
      })
    }
    for (let offset = 0, end = 0; offset < size; offset = end) {
      job.signal.throwIfAborted()
      end = Math.min(offset + sftp.most.read, size)
      await flight.start(end - offset, async () => {
        // A server may give less than was asked for.
        for (let at = offset; at < end;) {
          const data = await sftp.read(handle, from, at, end - at)
          if (!data) throw new Trouble(`${show(from)} on the host became shorter while it was read`)
          await write(data, at)
          at += data.length
        }
      })
    }
    await flight.done()
  } catch (error) {
    job.halt(error)
    await flight.landed()
    throw error
  }
}

/** @see aside */
function temporarily(job: Transfer, temporary: Buffer, work: () => Promise<void>): Promise<void> {
  const missing = (cause: unknown): boolean =>
    ['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '')
  return aside(job, `${show(temporary)} (here)`, () => unlink(temporary), missing, work)
}

async function getLink(job: Transfer, path: Buffer, leadsTo: Buffer): Promise<void> {
  job.signal.throwIfAborted()
  const temporary = temporaryBeside(path)
  await begin(
    job,
    `${show(temporary)} (here)`,
    () => symlink(leadsTo, temporary),
    () => true,
  )
  await temporarily(job, temporary, () => rename(temporary, path))
}

/**
 * One that exists is taken as it is; below the root not by a link, which may lead anywhere.
 * @returns the mode it is to have in the end, less what the umask takes; null for one that was there and stays as it is
 */
async function makeDirectory(job: Transfer, path: Buffer, isRoot: boolean, mode: number): Promise<number | null> {
  job.signal.throwIfAborted()
  try {
    await mkdir(path, mode)
    const masked = (await lstat(path)).mode & 0o777
    await chmod(path, 0o700)
    return masked
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    const there = await (isRoot ? stat : lstat)(path)
    if (there.isDirectory()) return reopen(path, there.mode & 0o7777, mode)
    throw new Trouble(
      `${show(path)} is ${there.isSymbolicLink() ? 'a link' : 'no directory'} here, and a directory on the host; move it out of the way`,
      { cause: error },
    )
  }
}

/**
 * One that is closed to its owner here and there, 0555, as the same download left it, is opened for as long as it takes;
 * what is closed here alone was closed by somebody else, and stays so.
 */
async function reopen(path: Buffer, own: number, mode: number): Promise<number | null> {
  const isClosed = (permissions: number): boolean => (permissions & 0o300) !== 0o300
  if (!isClosed(own) || !isClosed(mode)) return null
  try {
    await chmod(path, own | 0o700)
    return own
  } catch (error) {
    // Of somebody else: whether things can be made in it shows when they are.
    if ((error as NodeJS.ErrnoException).code === 'EPERM') return null
    throw error
  }
}
