/** Which run somebody means: an id, a unique beginning of one, or `last`. */
import { XecError } from '../errors.js'
import { nearest } from '../runtime/nearest.js'
import type { PlaceOptions } from '../stats/place.js'
import type { RunRecord } from './fold.js'
import { startOf } from './place.js'
import { openShelf, pathOf, readRecord, readSummary, type Shelf } from './read.js'

/** Ids that an error names. */
const MOST_NAMED = 5

/**
 * The id that `said` means. Pure.
 * @param ids in the order of time, the last run last
 * @throws XecError XEC_CONFIG for none, or more than one
 */
export function findId(said: string, ids: readonly string[]): string {
  const last = ids.at(-1)
  if (last === undefined)
    throw unknown('no run is recorded yet; xec exec-all keeps a record of each run, and xec run does with --record')
  if (said === 'last') return last
  const found = ids.includes(said) ? [said] : said === '' ? [] : ids.filter((id) => id.startsWith(said))
  if (found.length === 1) return found[0] ?? last
  if (found.length > 1) {
    const named = found.slice(-MOST_NAMED).reverse().join(', ')
    throw unknown(
      `${found.length} runs begin with ${said}: ${named}${found.length > MOST_NAMED ? ', …' : ''}; say more of the id`,
    )
  }
  const near = nearest(said, ids) ?? ids.findLast((id) => id.includes(said))
  throw unknown(
    `no run ${JSON.stringify(said)} is recorded; ${near === undefined ? `the last one is ${last}` : `did you mean ${near}?`} (xec runs lists them)`,
  )
}

function unknown(message: string): XecError {
  return new XecError('XEC_CONFIG', message, { phase: 'select' })
}

/**
 * The record that `said` means.
 * @param output false leaves out what the hosts wrote
 * @throws XecError XEC_CONFIG for none, more than one, or one that cannot be read
 */
export async function findRecord(place: PlaceOptions, said: string, output: boolean): Promise<RunRecord> {
  const shelf = await openShelf(place)
  if (shelf.warnings[0] !== undefined) throw unknown(shelf.warnings[0])
  const id = findId(said, await inOrderOfTime(shelf))
  const path = pathOf(shelf, id)
  let record: RunRecord | undefined
  try {
    record = await readRecord(path, output)
  } catch (error) {
    throw new XecError('XEC_CONFIG', `the record of run ${id} cannot be read: ${(error as Error).message}`, {
      cause: error,
    })
  }
  if (!record) throw unknown(`${path} is not a record of this version of xec; remove it`)
  return record
}

/** Ids tell seconds only; of the runs that share the last second, the files know which was later. */
async function inOrderOfTime(shelf: Shelf): Promise<readonly string[]> {
  const newest = startOf(shelf.ids.at(-1) ?? '')
  const last = shelf.ids.filter((id) => startOf(id) === newest)
  if (last.length < 2) return shelf.ids
  const began = new Map<string, string>()
  for (const id of last) {
    const summary = await readSummary(pathOf(shelf, id)).catch(() => undefined)
    began.set(id, summary?.head.startedAt ?? '')
  }
  const sorted = last.sort((a, b) => ((began.get(a) ?? '') < (began.get(b) ?? '') ? -1 : 1))
  return [...shelf.ids.filter((id) => startOf(id) !== newest), ...sorted]
}
