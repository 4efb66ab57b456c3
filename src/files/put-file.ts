/** One file to a host: beside its place and renamed, or in place where nothing can be made beside it. */
import { aside, begin, Stranded } from './aside.js'
import { fill } from './fill.js'
import { kindOf, STATUS } from './packet.js'
import { directoryOf, show, temporaryBeside, within } from './path.js'
import { Refusal, type Handle } from './sftp.js'
import type { Source } from './source.js'
import type { Transfer } from './transfer.js'
import { Trouble, wordsOf } from './trouble.js'

/** As many links in a row as Linux follows (path_resolution(7)). */
const MOST_LINKS = 40

export interface FileToPut {
  readonly open: () => Promise<Source>
  readonly name: Buffer
  readonly to: Buffer
  readonly mode: number
  /** Its directory was made by this transfer, so that nothing of this name is there. */
  readonly isNew: boolean
}

/** Its bytes, its size there, its permissions, its name. A link of that name is written through. */
export async function putFile(job: Transfer, { open, name, to, mode, isNew }: FileToPut): Promise<void> {
  const { sftp } = job
  job.signal.throwIfAborted()
  const place = isNew ? to : await throughLinks(job, to)
  const file = show(name)
  const source = await open()
  try {
    const temporary = temporaryBeside(place)
    const made = await beginThere(job, temporary, () => sftp.create(temporary, 0o600)).catch((error: unknown) => {
      if (error instanceof Refusal) return error
      throw error
    })
    if (made instanceof Refusal) await putInPlace(job, source, file, place, made)
    else
      await temporarily(job, temporary, async () => {
        await fill(job, made, source, { file, temporary, to: place, mode })
        job.signal.throwIfAborted()
        await replace(job, temporary, place)
      })
  } finally {
    await source.close()
  }
  job.placed(file)
}

/** The path itself, or what a chain of links at its end leads to; that need not exist. */
async function throughLinks({ sftp }: Transfer, to: Buffer): Promise<Buffer> {
  let path = to
  for (let links = 0; links <= MOST_LINKS; links++) {
    // One that cannot be asked about will not be written to either; that error says more.
    const there = await sftp.lstat(path).catch((error: unknown) => {
      if (error instanceof Refusal) return null
      throw error
    })
    if (!there || kindOf(there) !== 'link') return path
    const leadsTo = await sftp.readLink(path)
    path = leadsTo[0] === 0x2f || !path.includes(0x2f) ? leadsTo : within(directoryOf(path), leadsTo)
  }
  throw new Trouble(`${show(to)} on the host is a link that leads to more than ${MOST_LINKS} others`)
}

/**
 * Writes into a file that is there, as cp does, because its directory lets nobody make another beside it. It keeps its
 * permissions unless others were asked for. Until its end it is not whole.
 * @param refusal why nothing could be made beside it
 */
async function putInPlace(job: Transfer, source: Source, file: string, to: Buffer, refusal: Refusal): Promise<void> {
  const { sftp, options } = job
  if (refusal.status !== STATUS.permissionDenied) throw notCreated(job, refusal, to)
  const there = await sftp.stat(to).catch((error: unknown) => {
    if (error instanceof Refusal) throw notCreated(job, refusal, to)
    throw error
  })
  // A pipe would wait for a reader, and a device is no file.
  if (kindOf(there) !== 'file') throw notCreated(job, refusal, to)
  const own = (there.mode ?? 0) & 0o777
  const { handle, wasClosed } = await openInPlace(job, to, own)
  const name = show(to)
  job.unfinished.add(name)
  try {
    await fill(job, handle, source, { file, temporary: to, to, mode: options.mode ?? (wasClosed ? own : null) })
  } catch (error) {
    if (wasClosed) await sftp.setMode(to, own).catch(() => {}) // the first failure is the one to tell
    throw error
  }
  job.unfinished.delete(name)
}

/** A file of one's own that is closed to writing, 0444, is opened for as long as it takes. */
async function openInPlace(
  job: Transfer,
  to: Buffer,
  own: number,
): Promise<{ readonly handle: Handle; readonly wasClosed: boolean }> {
  const { sftp } = job
  const open = (): Promise<Handle> => job.change(() => sftp.openToOverwrite(to))
  const refused = (error: unknown): never => {
    if (!(error instanceof Refusal)) throw error
    throw new Trouble(
      error.status === STATUS.permissionDenied
        ? `${show(to)}: permission denied: ${job.username} may write neither in ${show(directoryOf(to))} on the host nor in the file`
        : `${show(to)}: ${wordsOf(error)}`,
      { cause: error },
    )
  }
  try {
    return { handle: await open(), wasClosed: false }
  } catch (error) {
    if (!(error instanceof Refusal && error.status === STATUS.permissionDenied) || own & 0o200) return refused(error)
  }
  await sftp.setMode(to, own | 0o200).catch(refused)
  try {
    return { handle: await open(), wasClosed: true }
  } catch (error) {
    await sftp.setMode(to, own).catch(() => {}) // the first failure is the one to tell
    return refused(error)
  }
}

/** Nothing was made where the host refused, or where the session was over before anything was asked of it. @see begin */
export function beginThere<T>(job: Transfer, temporary: Buffer, make: () => Promise<T>): Promise<T> {
  const { isOver } = job.sftp
  return begin(job, show(temporary), make, (cause) => isOver || cause instanceof Refusal)
}

/** @see aside */
export function temporarily(job: Transfer, temporary: Buffer, work: () => Promise<void>): Promise<void> {
  const missing = (cause: unknown): boolean => cause instanceof Refusal && cause.status === STATUS.noSuchFile
  return aside(job, show(temporary), () => job.sftp.remove(temporary), missing, work)
}

export async function replace(job: Transfer, temporary: Buffer, to: Buffer): Promise<void> {
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

export function notCreated(job: Transfer, error: unknown, to: Buffer): unknown {
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
