/** Files to a host: `put-file.ts` has what becomes of one. */
import { Readable } from 'node:stream'
import { messageOf, XecError } from '../errors.js'
import type { Pool, PoolTarget } from '../pool/types.js'
import { systemClock, type Clock } from '../runtime/clock.js'
import { makeDirectory, OpenedDirectories } from './directories.js'
import { each } from './flight.js'
import { readLocalTree } from './local-tree.js'
import { STATUS } from './packet.js'
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
import { beginThere, notCreated, putFile, replace, temporarily } from './put-file.js'
import { Refusal } from './sftp.js'
import { openFile, openStream } from './source.js'
import { FILES_AT_ONCE, transfer, type Transfer, type TransferParts } from './transfer.js'
import { byDepth, type Tree } from './tree.js'
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
    const opened = new OpenedDirectories(job, to)
    try {
      for (const level of levels) await each(level, FILES_AT_ONCE, (directory) => opened.open(directory))
      await each(tree.files, FILES_AT_ONCE, async ({ path, size, mode }) => {
        await putFile(job, {
          open: () => openFile(within(root, path), size),
          name: path.length > 0 ? path : nameOf(to),
          to: within(to, path),
          mode: options.mode ?? mode ?? DEFAULT_MODE,
          isNew: path.length > 0 && opened.isNew(path),
        })
      })
      await each(tree.links, FILES_AT_ONCE, ({ path, leadsTo }) => putLink(job, within(to, path), leadsTo))
    } catch (error) {
      job.halt(error)
      await opened.closeQuietly()
      throw error
    }
    await opened.close()
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
      await putFile(job, {
        open: async () => openStream(local, job.signal),
        name: nameOf(path),
        to: path,
        mode: job.options.mode ?? DEFAULT_MODE,
        isNew: false,
      })
      return { skipped: [] }
    })
  } catch (error) {
    if (isStream) local.destroy()
    throw error
  }
}

async function putLink(job: Transfer, path: Buffer, leadsTo: Buffer): Promise<void> {
  job.signal.throwIfAborted()
  const temporary = temporaryBeside(path)
  await beginThere(job, temporary, () => job.sftp.makeLink(temporary, leadsTo)).catch((error: unknown) => {
    throw notCreated(job, error, path)
  })
  await temporarily(job, temporary, () => replace(job, temporary, path))
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
