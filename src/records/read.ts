/** Reading records: makes no directory, changes nothing, and trusts no file that is not ours. */
import { constants } from 'node:fs'
import { open, readdir, type FileHandle } from 'node:fs/promises'
import { messageOf } from '../errors.js'
import { checkOwned, type PlaceOptions } from '../stats/place.js'
import { isAlive } from '../stats/process.js'
import { RecordFold, type RunRecord } from './fold.js'
import { parseLine, type EndLine, type RunLine } from './format.js'
import { historyPlace, idOfFile, recordPath, WHAT } from './place.js'

const CHUNK_BYTES = 256 * 1024
/** The longest line that is ours: the hosts of a run over a million of them. */
const LONGEST_LINE = 256 * 1024 * 1024
/** The last line is shorter than this. */
const TAIL_BYTES = 4 * 1024
/** Lines of output need not be parsed by who does not want them; every line begins with its type. */
const OUTPUT = '{"type":"output"'

export interface Shelf {
  readonly directory: string
  /** Ids, the oldest first; runs of one second in the order of their letters. */
  readonly ids: readonly string[]
  readonly warnings: readonly string[]
}

/** The records there are. Never rejects: what cannot be read is a warning. */
export async function openShelf(options: PlaceOptions): Promise<Shelf> {
  const { own, directory } = historyPlace(options)
  for (const part of [own, directory]) {
    const wrong = await checkOwned(part, WHAT)
    if (wrong) return { directory, ids: [], warnings: wrong.missing ? [] : [wrong.problem] }
  }
  try {
    const ids = (await readdir(directory)).flatMap((name) => idOfFile(name) ?? [])
    return { directory, ids: ids.sort(), warnings: [] }
  } catch (error) {
    return { directory, ids: [], warnings: [messageOf(error)] }
  }
}

/**
 * One record, folded.
 * @param output false leaves out what the hosts wrote, which is most of a record
 * @returns undefined for a file that is no record of this version of xec
 * @throws Error when the file cannot be read, or is not ours
 */
export async function readRecord(path: string, output: boolean): Promise<RunRecord | undefined> {
  return withFile(path, async (file, { mtimeMs }) => {
    const fold = new RecordFold()
    let unread = false
    for await (const text of linesOf(file)) {
      if (!output && text.startsWith(OUTPUT)) continue
      // A line that is cut off at the end was never acted on; with more behind it, something is missing.
      if (unread) fold.damage()
      const line = parseLine(text)
      unread = line === undefined
      if (line) fold.add(line)
      if (fold.head === null) return undefined
    }
    const { head } = fold
    return head === null ? undefined : fold.finish(!fold.ended && (await isAlive(head, Date.now() - mtimeMs)), mtimeMs)
  })
}

/** What a list of runs says of one. */
export interface RunSummary {
  readonly head: RunLine
  readonly state: RunRecord['state']
  readonly counts: EndLine['counts']
  readonly durationMs: number | null
  /** Hosts that have not ended; 0 unless it is running. */
  readonly open: number
}

/** @returns undefined for a file that is no record @throws Error when the file cannot be read, or is not ours */
export async function readSummary(path: string): Promise<RunSummary | undefined> {
  const ends = await withFile(path, async (file, { size }) => {
    const head = await headOf(file)
    if (!head) return null
    const tail = Buffer.alloc(TAIL_BYTES)
    const { bytesRead } = await file.read(tail, 0, TAIL_BYTES, Math.max(0, size - TAIL_BYTES))
    const last = tail.toString('utf8', 0, bytesRead).trimEnd().split('\n').at(-1) ?? ''
    return { head, end: parseLine(last) }
  })
  if (ends === null) return undefined
  if (ends.end?.type === 'end')
    return { head: ends.head, state: 'ended', counts: ends.end.counts, durationMs: ends.end.durationMs, open: 0 }
  const record = await readRecord(path, false)
  if (!record) return undefined
  const { head, state, report, open } = record
  return {
    head,
    state,
    counts: report.counts,
    durationMs: state === 'ended' ? report.durationMs : null,
    open: open.length,
  }
}

/** Whether the process that writes a record is still there. False for a file that is none. */
export async function isRecordAlive(path: string): Promise<boolean> {
  try {
    return await withFile(path, async (file, { mtimeMs }) => {
      const head = await headOf(file)
      return head !== null && (await isAlive(head, Date.now() - mtimeMs))
    })
  } catch {
    return false
  }
}

/** The path of a record by its id. */
export const pathOf = ({ directory }: Shelf, id: string): string => recordPath(directory, id)

async function headOf(file: FileHandle): Promise<RunLine | null> {
  for await (const text of linesOf(file)) {
    const line = parseLine(text)
    return line?.type === 'run' ? line : null
  }
  return null
}

async function withFile<T>(
  path: string,
  use: (file: FileHandle, stats: { readonly size: number; readonly mtimeMs: number }) => Promise<T>,
): Promise<T> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  try {
    const stats = await file.stat()
    if (!stats.isFile() || (process.getuid !== undefined && stats.uid !== process.getuid()))
      throw new Error(`${path} is not read: it is not a record of yours`)
    return await use(file, stats)
  } finally {
    await file.close()
  }
}

/** The lines of a file, without their newline; a last one that has none too. JSON never holds a bare newline. */
async function* linesOf(file: FileHandle): AsyncGenerator<string> {
  let parts: Buffer[] = []
  let length = 0
  for (let position = 0; ;) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, position)
    if (bytesRead === 0) break
    position += bytesRead
    let from = 0
    for (let at = chunk.indexOf(10); at !== -1 && at < bytesRead; at = chunk.indexOf(10, from)) {
      yield Buffer.concat([...parts, chunk.subarray(from, at)]).toString('utf8')
      parts = []
      length = 0
      from = at + 1
    }
    parts.push(chunk.subarray(from, bytesRead))
    length += bytesRead - from
    if (length > LONGEST_LINE) throw new Error('a line of it is longer than any that xec writes')
  }
  if (length > 0) yield Buffer.concat(parts).toString('utf8')
}
