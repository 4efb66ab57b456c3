/** The writing side: a run's pool, told to a file about every second and once more at the end. */
import { constants } from 'node:fs'
import { lstat, open, readdir, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../errors.js'
import type { PoolSnapshot } from '../pool/metrics/snapshot.js'
import type { Clock, Timer } from '../runtime/clock.js'
import { fileName, isStatsFile, parseRecord, splitSnapshot, type StatsRecord } from './file.js'
import { makePlace, type PlaceOptions } from './place.js'
import { isAlive, ownIdentity } from './process.js'
import { readPrivate } from './read.js'

export interface OpenStatsOptions extends PlaceOptions {
  readonly clock: Clock
  /** The xec command that owns the pool: `run`, `exec-all`, `ping`. Never the remote command. */
  readonly command: string
  readonly snapshot: () => PoolSnapshot
  /** Hears, at most once, why no stats are written. Default: process.emitWarning. */
  readonly warn?: (message: string) => void
}

export interface StatsFile {
  /** Writes the last figures with the exit status and stops. Idempotent; never rejects. False when a file system holds it up. */
  stop(exitCode: number): Promise<boolean>
}

/** The first write comes early, so that `pool stats` in another terminal sees a run of a few seconds; a short run writes once, at its end. */
const FIRST_WRITE_MS = 500
const EVERY_MS = 1_000
/** Nobody waits longer than this for a last write. */
const STOP_MS = 2_000
/** Of runs that have ended. */
const KEPT_RUNS = 20
const KEPT_MS = 24 * 3_600_000

/** Begins to tell. Nothing is touched before the first write; a failure is a warning and never reaches the run. */
export function openStats(options: OpenStatsOptions): StatsFile {
  const { clock, command, snapshot } = options
  const warn = options.warn ?? ((message) => process.emitWarning(message, 'XecWarning'))
  const identity = ownIdentity()
  const since = new Date(clock.wall()).toISOString()
  let place: Promise<string> | undefined
  let failed = false
  let timer: Timer | undefined
  let writing: Promise<void> = Promise.resolve()
  let stopped: Promise<boolean> | undefined

  const write = async (ended: { readonly exitCode: number } | null): Promise<void> => {
    if (failed) return
    try {
      const directory = await (place ??= makePlace(options))
      const asOf = new Date(clock.wall()).toISOString()
      const record: StatsRecord = {
        schemaVersion: 1,
        ...identity,
        command,
        since,
        asOf,
        endedAt: ended && asOf,
        exitCode: ended && ended.exitCode,
        ...splitSnapshot(snapshot()),
      }
      await replace(directory, fileName(identity), JSON.stringify(record))
      if (ended) await prune(directory, clock.wall())
    } catch (error) {
      failed = true
      warn(`no stats for "xec pool stats": ${messageOf(error)}`)
    }
  }
  const schedule = (ms: number): void => {
    timer = clock.timer(ms, () => {
      writing = write(null).then(() => {
        if (stopped === undefined && !failed) schedule(EVERY_MS)
      })
    })
    timer.unref()
  }
  schedule(FIRST_WRITE_MS)

  return {
    stop(exitCode) {
      timer?.clear()
      return (stopped ??= new Promise((resolve) => {
        const late = clock.timer(STOP_MS, () => {
          warn('no stats for "xec pool stats": the file system of the state directory does not answer')
          resolve(false)
        })
        void writing
          .then(() => write({ exitCode }))
          .then(() => {
            late.clear()
            resolve(true)
          })
      }))
    },
  }
}

/** Whole or not at all: a reader never sees half a file. */
async function replace(directory: string, name: string, text: string): Promise<void> {
  const path = join(directory, name)
  const temporary = `${path}.tmp`
  // Left behind by a process of the same name that was killed; O_EXCL below then makes it ours, or fails.
  await unlink(temporary).catch(() => {})
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
  const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | (O_NOFOLLOW ?? 0), 0o600)
  try {
    await file.writeFile(text)
  } finally {
    await file.close()
  }
  await rename(temporary, path)
}

/** Keeps the last runs; never removes the file of a live one, nor a file that is not of our making. */
async function prune(directory: string, now: number): Promise<void> {
  const ended: { readonly path: string; readonly at: number }[] = []
  for (const name of await readdir(directory)) {
    const path = join(directory, name)
    if (name.endsWith('.json.tmp') && isStatsFile(name.slice(0, -'.tmp'.length))) {
      await removeIfOld(path, now)
      continue
    }
    if (!isStatsFile(name)) continue
    const record = parseRecord(await readPrivate(path).catch(() => ''))
    if (!record) {
      await removeIfOld(path, now)
      continue
    }
    const at = Date.parse(record.asOf)
    if (record.endedAt !== null || !(await isAlive(record, now - at))) ended.push({ path, at })
  }
  ended.sort((a, b) => b.at - a.at)
  for (const [index, { path, at }] of ended.entries()) {
    // Another xec may be pruning too: gone is what we want.
    if (index >= KEPT_RUNS || now - at > KEPT_MS) await unlink(path).catch(() => {})
  }
}

async function removeIfOld(path: string, now: number): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found && now - found.mtimeMs > KEPT_MS) await unlink(path).catch(() => {})
}
