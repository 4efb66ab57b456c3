/**
 * A file that lines are appended to, as fast as the disk takes them: what comes while a write is under way goes into the
 * next one. Nothing here fails the run: a file that cannot be written any more is given up, once, with one warning.
 */
import { constants } from 'node:fs'
import { open, unlink, type FileHandle } from 'node:fs/promises'
import { messageOf } from '../errors.js'
import type { Clock } from '../runtime/clock.js'

/** A file system that has not answered for this long (a dead NFS server) is not waited for. */
const PATIENCE_MS = 5_000

/** Writes everything, or throws. A parameter, because no test can fill every kind of disk. */
export type Write = (handle: FileHandle, bytes: Buffer) => Promise<void>

export interface AppendFileOptions {
  /** Makes the directory and says where the file shall be. Called once. */
  readonly path: () => Promise<string>
  readonly clock: Clock
  /** Hears once why nothing more is written. */
  readonly onGivenUp: (why: string) => void
  readonly write?: Write
}

interface Batch {
  readonly lines: string[]
  readonly written: Promise<void>
  readonly settle: () => void
}

export class AppendFile {
  #waiting: Batch | null = null
  #backlog = 0
  #writing: Promise<void> | null = null
  #handle: FileHandle | null = null
  #path: string | null = null
  #givenUp = false

  constructor(private readonly options: AppendFileOptions) {}

  /** Characters that are not on disk yet. */
  get backlog(): number {
    return this.#backlog
  }

  get givenUp(): boolean {
    return this.#givenUp
  }

  /** Resolves when the line has been written, or the file given up. Never rejects. */
  append(line: string): Promise<void> {
    if (this.#givenUp) return Promise.resolve()
    this.#waiting ??= newBatch()
    this.#waiting.lines.push(line)
    this.#backlog += line.length
    const { written } = this.#waiting
    this.#writing ??= this.#writeAll()
    return written
  }

  /** Writes what is left and closes the file. Never rejects. */
  async close(): Promise<void> {
    await this.#writing
    await this.#handle?.close().catch(() => {})
    this.#handle = null
  }

  async #writeAll(): Promise<void> {
    for (let batch = this.#waiting; batch; batch = this.#waiting) {
      this.#waiting = null
      const text = batch.lines.join('')
      if (!this.#givenUp) await this.#inTime(this.#writeOne(Buffer.from(text)))
      this.#backlog -= text.length
      batch.settle()
    }
    this.#writing = null
  }

  async #writeOne(bytes: Buffer): Promise<void> {
    const write = this.options.write ?? ((handle, all) => handle.appendFile(all))
    this.#handle ??= await this.#create()
    await write(this.#handle, bytes)
  }

  async #create(): Promise<FileHandle> {
    const path = await this.options.path()
    const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
    const handle = await open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | (O_NOFOLLOW ?? 0), 0o600)
    this.#path = path
    return handle
  }

  /** A problem ends the file. */
  async #inTime(write: Promise<void>): Promise<void> {
    const problem = await this.#problemOf(write)
    if (problem !== null) await this.#giveUp(problem)
  }

  /**
   * Half a record would say of hosts that were sent the command that they were not, so the file goes.
   * It goes before anybody is told that a line was written.
   */
  async #giveUp(problem: string): Promise<void> {
    this.#givenUp = true
    const path = this.#path
    const left = path === null ? null : await this.#problemOf(unlink(path))
    this.options.onGivenUp(
      left === null
        ? problem
        : `${problem}; ${path} is incomplete and could not be removed (${left}): it does not know which hosts were sent the command`,
    )
  }

  /** Waits for work of the file system, within bounds. @returns what was wrong, or null */
  async #problemOf(work: Promise<void>): Promise<string | null> {
    let stop = (): void => {}
    const silence = new Promise<string>((resolve) => {
      const timer = this.options.clock.timer(PATIENCE_MS, () => resolve('its file system does not answer'))
      timer.unref()
      stop = () => timer.clear()
    })
    const problem = await Promise.race([work.then(() => null, messageOf), silence])
    stop()
    return problem
  }
}

function newBatch(): Batch {
  let settle = (): void => {}
  const written = new Promise<void>((resolve) => {
    settle = resolve
  })
  return { lines: [], written, settle }
}
