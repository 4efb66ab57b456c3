/** Which records are thrown away: those past 30 days, 200 runs or 1 GiB, the oldest first, never a live one. */
import { lstat, readdir, unlink } from 'node:fs/promises'
import { isRecordAlive } from './read.js'
import { idOfFile, recordPath, startOf } from './place.js'

export interface RetentionLimits {
  readonly ageMs: number
  readonly runs: number
  readonly bytes: number
}

export const RETENTION: RetentionLimits = { ageMs: 30 * 24 * 3_600_000, runs: 200, bytes: 1024 ** 3 }

export interface StoredRun {
  readonly id: string
  /** When it began, in ms since the epoch. */
  readonly at: number
  readonly bytes: number
}

/**
 * The runs that no longer fit, oldest first. Each newer run counts, also one that is itself too old or too large. Pure.
 * @param now in ms since the epoch
 */
export function expired(
  runs: readonly StoredRun[],
  now: number,
  limits: RetentionLimits = RETENTION,
): readonly StoredRun[] {
  let bytes = 0
  const newestFirst = [...runs].sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1))
  const out = newestFirst.filter((run, index) => {
    bytes += run.bytes
    return index >= limits.runs || bytes > limits.bytes || now - run.at > limits.ageMs
  })
  return out.reverse()
}

/** Throws away what is past the limits. A file that another xec has removed meanwhile is what we want. */
export async function prune(directory: string, now: number, limits: RetentionLimits = RETENTION): Promise<void> {
  for (const { id } of expired(await storedRuns(directory), now, limits)) {
    const path = recordPath(directory, id)
    if (!(await isRecordAlive(path))) await unlink(path).catch(() => {})
  }
}

async function storedRuns(directory: string): Promise<readonly StoredRun[]> {
  const found: StoredRun[] = []
  for (const name of await readdir(directory)) {
    const id = idOfFile(name)
    const at = id === undefined ? undefined : startOf(id)
    if (id === undefined || at === undefined) continue
    const stats = await lstat(recordPath(directory, id)).catch(() => undefined)
    if (stats?.isFile()) found.push({ id, at, bytes: stats.size })
  }
  return found
}
