/** Files to a host: each under a temporary name beside its own until it is whole. */
import { Readable } from 'node:stream'
import { messageOf, XecError } from '../errors.js'
import type { Pool, PoolTarget } from '../pool/types.js'
import { systemClock, type Clock } from '../runtime/clock.js'
import { aside, Stranded } from './aside.js'
import { each, Flight } from './flight.js'
import { readLocalTree } from './local-tree.js'
import { kindOf, STATUS } from './packet.js'
import {
  directoryOf,
  localPath,
  nameOf,
  placeFor,
  remotePath,
  show,
  temporaryBeside,
  within,
  type Destination,
} from './path.js'
import { Refusal, type Handle } from './sftp.js'
import { openFile, openStream, type Source } from './source.js'
import { FILES_AT_ONCE, transfer, type Transfer, type TransferParts } from './transfer.js'
import { byDepth, type Tree } from './tree.js'
import { Trouble, wordsOf } from './trouble.js'
import type { TransferOptions, TransferResult, UploadSource } from './types.js'

const DEFAULT_MODE = 0o644

/**
 * Copies a file, a directory with all that is in it, or bytes to a host, over a channel of the pool.
 * Each file gets its name when it is whole and its size is what was sent, in one step where the server offers that.
 * A directory that exists is filled: what is not in the source stays.
 *
 * @param local a path, or what the file shall hold
 * @param remote the name that it gets; with a `/` at its end, the directory that it goes into under its own name.
 *   Relative to the account's home directory; `~/` is that
 * Rejects with an XecError: as the pool's acquire does; XEC_REFUSED without an SFTP session; XEC_FILE, XEC_EXIT, XEC_TIMEOUT,
 * XEC_ABORTED, XEC_CONNECTION_LOST for a transfer that failed, with `executed` as `conclude` has it
 * @throws XecError XEC_CONFIG, before anything is dialled, for paths and sources that cannot be used
 */
export async function upload(
  pool: Pool,
  target: PoolTarget,
  local: UploadSource,
  remote: string,
  options: TransferOptions = {},
  { clock = systemClock }: { readonly clock?: Clock } = {},
): Promise<TransferResult> {
  const { host } = target
  const destination = remotePath(host, remote)
  if (typeof local !== 'string') {
    if (!(local instanceof Uint8Array || local instanceof Readable))
      throw new XecError('XEC_CONFIG', `${host}: what is uploaded is a path, bytes (a Buffer) or a stream of Node's`, {
        host,
      })
    if (local instanceof Readable && (local.readableEnded || local.destroyed))
      throw new XecError(
        'XEC_CONFIG',
        `${host}: the stream was ${local.readableEnded ? 'read' : 'closed'} already, and there is nothing in it to upload; give each upload a stream of its own, or the bytes themselves`,
        { host, cause: local.errored },
      )
    if (destination.into)
      throw new XecError(
        'XEC_CONFIG',
        `${host}: ${remote}: bytes have no name of their own; write the name of the file`,
        { host },
      )
    return uploadBytes({ pool, target, options, clock, doing: `upload to ${remote}` }, local, destination)
  }
  const root = localPath(host, local).path
  const to = placeFor(host, destination, root)
  let tree: Tree
  try {
    tree = await readLocalTree(root, options.follow ?? false)
  } catch (cause) {
    throw new XecError('XEC_CONFIG', `${host}: ${local} cannot be read here: ${messageOf(cause)}; nothing was sent`, {
      host,
      cause,
    })
  }
  return transfer({ pool, target, options, clock, doing: `upload of ${local} to ${remote}` }, async (job, expect) => {
    expect(tree.files.reduce((sum, { size }) => sum + size, 0))
    await makeParents(job, to)
    const levels = byDepth(tree)
    const made = new Set<Tree['directories'][number]>()
    for (const level of levels) {
      await each(level, FILES_AT_ONCE, async (directory) => {
        if (await makeDirectory(job, within(to, directory.path), (directory.mode ?? 0o777) | 0o700)) made.add(directory)
      })
    }
    await each(tree.files, FILES_AT_ONCE, async ({ path, size, mode }) => {
      const name = path.length > 0 ? path : nameOf(to)
      await putFile(
        job,
        () => openFile(within(root, path), size),
        name,
        within(to, path),
        options.mode ?? mode ?? DEFAULT_MODE,
      )
    })
    await each(tree.links, FILES_AT_ONCE, ({ path, leadsTo }) => putLink(job, within(to, path), leadsTo))
    // When all is in them, because one may be closed to its owner; from the deepest, which it is then on the way to.
    for (const level of levels.reverse()) {
      await each(level, FILES_AT_ONCE, async (directory) => {
        if (made.has(directory) && directory.mode !== undefined)
          await ifItCan(job.sftp.setMode(within(to, directory.path), directory.mode), true)
      })
    }
    return { skipped: tree.skipped.map(show) }
  })
}

async function uploadBytes(
  parts: TransferParts,
  local: Uint8Array | Readable,
  { path }: Destination,
): Promise<TransferResult> {
  const isStream = local instanceof Readable
  // Before it is read nobody else hears its errors; the first read is told of them.
  if (isStream) local.on('error', () => {})
  try {
    return await transfer(parts, async (job, expect) => {
      expect(isStream ? null : local.byteLength)
      await makeParents(job, path)
      await putFile(
        job,
        async () => openStream(local, job.signal),
        nameOf(path),
        path,
        job.options.mode ?? DEFAULT_MODE,
      )
      return { skipped: [] }
    })
  } catch (error) {
    if (isStream) local.destroy()
    throw error
  }
}

/** One file: its bytes, its size there, its permissions, its name. */
async function putFile(
  job: Transfer,
  open: () => Promise<Source>,
  name: Buffer,
  to: Buffer,
  mode: number,
): Promise<void> {
  const { sftp } = job
  job.signal.throwIfAborted()
  const source = await open()
  try {
    const temporary = temporaryBeside(to)
    await temporarily(job, temporary, async () => {
      const handle = await sftp.create(temporary, 0o600).catch((error: unknown) => {
        throw notCreated(job, error, to)
      })
      await fill(job, handle, source, show(name), temporary, to, mode)
      job.signal.throwIfAborted()
      await replace(job, temporary, to)
    })
  } finally {
    await source.close()
  }
  job.placed(show(name))
}

/** Ends with the handle closed. What follows the last write is sent right behind it: a server keeps the order of one file's requests. */
async function fill(
  job: Transfer,
  handle: Handle,
  source: Source,
  file: string,
  temporary: Buffer,
  to: Buffer,
  mode: number,
): Promise<void> {
  const { sftp, options } = job
  const flight = new Flight(job.room)
  // Those that are answered are used again: to make 800 of 255 KiB for 200 MB costs more than to encrypt them.
  const spare: ReturnType<typeof sftp.packetFor>[] = []
  let sent = 0
  let closing = false
  try {
    for (;;) {
      job.signal.throwIfAborted()
      // A byte more than there is to be, so that the read which gets it is also the one that finds the end.
      const carrier =
        spare.pop() ??
        sftp.packetFor(handle, Math.min(sftp.most.write, source.size === null ? Infinity : source.size + 1))
      const { packet, data } = carrier
      const length = await source.read(data)
      if (length === 0) break
      const offset = sent
      sent += length
      await flight.start(length, async () => {
        await sftp.write(handle, temporary, offset, packet, length)
        spare.push(carrier)
        job.arrived(file, length)
      })
      if (length < data.length) break
    }
    if (source.size !== null && sent !== source.size) throw new Trouble(`${file} became shorter while it was read`)
    const rest = [
      sftp.fstat(handle, temporary),
      ifItCan(sftp.setModeOf(handle, temporary, mode), options.mode === undefined),
      options.fsync ? sftp.sync(handle, temporary) : null,
      sftp.close(handle, temporary),
    ] as const
    closing = true
    const settled = await Promise.allSettled([flight.done(), ...rest])
    for (const each of settled) if (each.status === 'rejected') throw each.reason
    const { size } = await rest[0]
    if (size !== undefined && size !== sent)
      throw new Trouble(`${show(to)}: ${sent} bytes were sent and ${size} are there; nothing was put in its place`)
  } catch (cause) {
    const error = cause instanceof Refusal ? new Trouble(`${show(to)}: ${wordsOf(cause)}`, { cause }) : cause
    job.halt(error)
    await flight.landed()
    // The first failure is the one to tell; the file is removed next.
    if (!closing) await sftp.close(handle, temporary).catch(() => {})
    throw error
  }
}

/** Permissions that nobody asked for: a server that cannot set any is let off. */
function ifItCan(work: Promise<void>, isLetOff: boolean): Promise<void> {
  return work.catch((error: unknown) => {
    if (!(isLetOff && error instanceof Refusal && error.status === STATUS.unsupported)) throw error
  })
}

/** @see aside */
function temporarily(job: Transfer, temporary: Buffer, work: () => Promise<void>): Promise<void> {
  const missing = (cause: unknown): boolean => cause instanceof Refusal && cause.status === STATUS.noSuchFile
  return aside(job, show(temporary), () => job.sftp.remove(temporary), missing, work)
}

async function replace(job: Transfer, temporary: Buffer, to: Buffer): Promise<void> {
  const { sftp } = job
  try {
    return await job.change(() => sftp.rename(temporary, to))
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if ((await sftp.stat(to).then(kindOf, () => 'unknown')) === 'directory')
      throw new Trouble(`${show(to)} is a directory on the host; to put it in there, end the path with /`, {
        cause: error,
      })
    const refused = new Trouble(`${show(to)}: ${wordsOf(error)}`, { cause: error })
    if (sftp.renamesOver) throw refused
    // Version 3's rename does not replace: without OpenSSH's there is a moment without the file.
    await job
      .change(() => sftp.remove(to))
      .catch(() => {
        throw refused
      })
  }
  await job
    .change(() => sftp.rename(temporary, to))
    .catch((cause: unknown) => {
      throw cause instanceof Refusal
        ? new Stranded(
            `${show(to)} was removed to make room, and then the new one could not be given its name (${wordsOf(cause)})`,
            { cause },
          )
        : cause
    })
}

async function putLink(job: Transfer, path: Buffer, leadsTo: Buffer): Promise<void> {
  job.signal.throwIfAborted()
  const temporary = temporaryBeside(path)
  await temporarily(job, temporary, async () => {
    await job.sftp.makeLink(temporary, leadsTo).catch((error: unknown) => {
      throw notCreated(job, error, path)
    })
    await replace(job, temporary, path)
  })
}

/** @returns whether it was made; one that exists is taken as it is */
async function makeDirectory(job: Transfer, path: Buffer, mode: number): Promise<boolean> {
  const { sftp } = job
  job.signal.throwIfAborted()
  try {
    await job.change(() => sftp.makeDirectory(path, mode))
    return true
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const there = await sftp.stat(path).then(kindOf, () => 'nothing')
    if (there === 'directory') return false
    if (there !== 'nothing') throw new Trouble(`${show(path)} on the host is not a directory`, { cause: error })
    throw notCreated(job, error, path)
  }
}

async function makeParents(job: Transfer, to: Buffer): Promise<void> {
  if (!job.options.parents) return
  const { sftp } = job
  const missing: Buffer[] = []
  for (let path = directoryOf(to); ; path = directoryOf(path)) {
    const there = await sftp.stat(path).then(
      () => true,
      (error: unknown) => {
        if (error instanceof Refusal && error.status === STATUS.noSuchFile) return false
        throw error
      },
    )
    if (there || path.equals(directoryOf(path))) break
    missing.unshift(path)
  }
  for (const path of missing) await makeDirectory(job, path, 0o777)
}

function notCreated(job: Transfer, error: unknown, to: Buffer): unknown {
  if (!(error instanceof Refusal)) return error
  const directory = show(directoryOf(to))
  if (error.status === STATUS.noSuchFile)
    return new Trouble(`the directory ${directory} does not exist on the host; make it, or give { parents: true }`, {
      cause: error,
    })
  if (error.status === STATUS.permissionDenied)
    return new Trouble(`${show(to)}: permission denied: ${job.username} may not write in ${directory} on the host`, {
      cause: error,
    })
  return new Trouble(`${show(to)}: ${wordsOf(error)}`, { cause: error })
}
