/**
 * Reads a file in bounded time and memory, whatever the path names: a pipe that nobody writes to, a device without an
 * end, a directory.
 */
import { constants, type Stats } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** How long a pipe or a device may be silent. */
const PATIENCE_MS = 15_000
const POLL_MS = 20
const LARGEST_STREAM = 100_000_000
const CHUNK_BYTES = 256 * 1024

export interface ReadFileOptions {
  /** The most bytes to read; a file that holds more is an error. A pipe or a device may have 100 MB at the most. */
  readonly largest: number
  /** Milliseconds that a pipe or a device may be silent. Default 15 s. */
  readonly patienceMs?: number
  /** Looks at the file before any of it is read; throws to refuse it. */
  readonly check?: (stats: Stats) => void
}

export interface FileContent {
  readonly bytes: Buffer
  /** Of the open file, taken before it was read. */
  readonly stats: Stats
}

/**
 * Reads a whole file: a regular one, or a pipe or device up to its end (`<(command)`, /dev/stdin).
 * @throws Error with the problem alone; the `code` of the file system's own errors is kept
 */
export async function readBounded(path: string, options: ReadFileOptions): Promise<FileContent> {
  // Without O_NONBLOCK, opening a pipe waits for its writer and cannot be given up.
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0))
  try {
    const stats = await handle.stat()
    options.check?.(stats)
    if (stats.isDirectory()) throw Object.assign(new Error('it is a directory'), { code: 'EISDIR' })
    if (stats.isFile() && stats.size > options.largest) throw tooLarge(options.largest)
    const largest = stats.isFile() ? options.largest : Math.min(options.largest, LARGEST_STREAM)
    return { bytes: await readToEnd(handle, stats, path, { ...options, largest }), stats }
  } finally {
    await handle.close()
  }
}

async function readToEnd(
  handle: FileHandle,
  stats: Stats,
  path: string,
  { largest, patienceMs = PATIENCE_MS }: ReadFileOptions,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  let lastByteAt = performance.now()
  // A named pipe is at its end until somebody opens it for writing.
  const mayLackWriter = stats.isFIFO() && !/^\/(dev|proc)\//.test(path)
  for (;;) {
    const chunk = Buffer.allocUnsafe(stats.isFile() ? Math.max(1, Math.min(stats.size - length, largest)) : CHUNK_BYTES)
    const read = await readChunk(handle, chunk)
    if (read === 0 && !(mayLackWriter && length === 0)) return Buffer.concat(chunks)
    if (read) {
      chunks.push(chunk.subarray(0, read))
      length += read
      lastByteAt = performance.now()
      if (length > largest) throw tooLarge(largest)
    } else {
      if (performance.now() - lastByteAt > patienceMs)
        throw new Error(`it is a pipe or a device, and nothing came from it for ${patienceMs / 1_000} s`)
      await sleep(POLL_MS)
    }
  }
}

/** The number of bytes; 0 at the end, undefined when nothing is there yet. */
async function readChunk(handle: FileHandle, chunk: Buffer): Promise<number | undefined> {
  try {
    return (await handle.read(chunk, 0, chunk.length, null)).bytesRead
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined
    throw error
  }
}

function tooLarge(largest: number): Error {
  const bound = largest >= 1_000_000 ? `${Math.floor(largest / 1_000_000)} MB` : `${largest} bytes`
  return Object.assign(new Error(`it is larger than ${bound}, which is the most that is read`), { code: 'EFBIG' })
}
