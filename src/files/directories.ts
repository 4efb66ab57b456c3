/** The directories on a host that an upload fills, some of which are closed to their owner again when it is done. */
import { kindOf } from './packet.js'
import { directoryOf, show, within } from './path.js'
import { each } from './flight.js'
import { ifItCan } from './fill.js'
import { notCreated } from './put-file.js'
import { Refusal } from './sftp.js'
import { FILES_AT_ONCE, type Transfer } from './transfer.js'
import type { Tree } from './tree.js'
import { Trouble } from './trouble.js'

type Directory = Tree['directories'][number]

/** What the owner needs to put something into a directory. */
const OPEN = 0o300

/** The directories of one upload. */
export class OpenedDirectories {
  readonly #made = new Set<string>()
  /** The permissions that each gets in the end. */
  readonly #closing: { readonly path: Buffer; readonly mode: number }[] = []

  /** @param to where the root of the tree goes */
  constructor(
    private readonly job: Transfer,
    private readonly to: Buffer,
  ) {}

  /** Whether the directory of a path in the tree was made by this upload, so that nothing was in it. */
  isNew(path: Buffer): boolean {
    return this.#made.has(path.includes(0x2f) ? directoryOf(path).toString('latin1') : '')
  }

  /**
   * Makes a directory, or takes the one that is there. One that is closed to its owner here and there, 0555, as the
   * same upload left it, is opened until `close`; what is closed there alone was closed by somebody else, and stays so.
   */
  async open({ path, mode }: Directory): Promise<void> {
    const { job } = this
    const place = within(this.to, path)
    const there = await makeDirectory(job, place, (mode ?? 0o777) | 0o700)
    if (there === 'made') {
      this.#made.add(path.toString('latin1'))
      if (mode !== undefined) this.#closing.push({ path: place, mode })
    } else if (there.mode !== undefined && mode !== undefined && isClosed(mode) && isClosed(there.mode)) {
      const own = there.mode & 0o7777
      try {
        await job.sftp.setMode(place, own | 0o700)
      } catch (error) {
        // Of somebody else: whether things can be made in it shows when they are.
        if (error instanceof Refusal) return
        throw error
      }
      this.#closing.push({ path: place, mode: own })
    }
  }

  /** When all is in them; from the deepest, which the others are on the way to. */
  async close(): Promise<void> {
    for (const level of levelsOf(this.#closing))
      await each(level, FILES_AT_ONCE, ({ path, mode }) => ifItCan(this.job.sftp.setMode(path, mode), true))
  }

  /** After a failure, which is the one to tell. */
  async closeQuietly(): Promise<void> {
    await this.close().catch(() => {})
  }
}

const isClosed = (mode: number): boolean => (mode & OPEN) !== OPEN

/** Those with as many slashes in their path, the most first. */
function levelsOf<T extends { readonly path: Buffer }>(directories: readonly T[]): T[][] {
  const levels = new Map<number, T[]>()
  for (const directory of directories) {
    const depth = directory.path.filter((byte) => byte === 0x2f).length
    const level = levels.get(depth)
    if (level) level.push(directory)
    else levels.set(depth, [directory])
  }
  return [...levels].sort(([a], [b]) => b - a).map(([, level]) => level)
}

/** @returns the permissions of one that exists, which is taken as it is */
export async function makeDirectory(
  job: Transfer,
  path: Buffer,
  mode: number,
): Promise<'made' | { readonly mode: number | undefined }> {
  const { sftp } = job
  job.signal.throwIfAborted()
  try {
    await job.change(() => sftp.makeDirectory(path, mode))
    return 'made'
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const there = await sftp.stat(path).catch(() => null)
    if (there && kindOf(there) === 'directory') return { mode: there.mode }
    if (there) throw new Trouble(`${show(path)} on the host is not a directory`, { cause: error })
    throw notCreated(job, error, path)
  }
}
