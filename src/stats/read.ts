/** The reading side: makes no directory, opens no connection, changes nothing. */
import { constants } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../errors.js'
import { systemClock, type Clock } from '../runtime/clock.js'
import { isStatsFile, parseRecord } from './file.js'
import { checkOwned, statsPlace, type PlaceOptions } from './place.js'
import { isAlive } from './process.js'
import { viewOf, withGaugesAtRest, type RunStats, type StatsView } from './view.js'

export interface ReadStatsOptions extends PlaceOptions {
  readonly clock?: Clock
}

/** Larger than any file we write; something else put it there. */
const LARGEST_FILE = 16 * 1024 * 1024

/** Every live run of this user and their sum; else the last run; else nothing. Never rejects: what cannot be read is a warning. */
export async function readStats(options: ReadStatsOptions): Promise<StatsView> {
  const clock = options.clock ?? systemClock
  const { own, runs: directory } = statsPlace(options)
  for (const part of [own, directory]) {
    const wrong = await checkOwned(part)
    if (wrong) return viewOf([], wrong.missing ? [] : [wrong.problem])
  }
  const warnings: string[] = []
  const names = await readdir(directory).catch((error: unknown) => {
    warnings.push(messageOf(error))
    return []
  })
  const found: RunStats[] = []
  for (const name of names.filter(isStatsFile)) {
    try {
      const record = parseRecord(await readPrivate(join(directory, name)))
      if (!record) {
        warnings.push(`${join(directory, name)} is not a stats file of this version of xec`)
        continue
      }
      const live = record.endedAt === null && (await isAlive(record, clock.wall() - Date.parse(record.asOf)))
      const { pid, command, since, asOf, endedAt, exitCode, hostsOmitted } = record
      const figures = live
        ? record
        : { totals: withGaugesAtRest(record.totals), hosts: record.hosts.map(withGaugesAtRest) }
      found.push({
        pid,
        command,
        since,
        asOf,
        endedAt,
        exitCode,
        live,
        totals: figures.totals,
        hosts: figures.hosts,
        hostsOmitted,
      })
    } catch (error) {
      // Pruned between the listing and the reading.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') warnings.push(messageOf(error))
    }
  }
  return viewOf(found, warnings)
}

/**
 * The text of a regular file of ours.
 * @throws Error when it is a link, a device, another user's or too large.
 */
export async function readPrivate(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  try {
    const found = await file.stat()
    if (
      !found.isFile() ||
      found.size > LARGEST_FILE ||
      (process.getuid !== undefined && found.uid !== process.getuid())
    ) {
      throw new Error(`${path} is not read: it is not a stats file of yours`)
    }
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}
