/** Where records lie, and how their files are called. */
import { join } from 'node:path'
import { makeStatePlace, statePlace, type PlaceOptions } from '../stats/place.js'

const DIRECTORY = 'history'
export const WHAT = 'records of runs'

/** As `newRunId` makes them: UTC date and time, then letters. */
const ID = /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-[a-z0-9]{5}$/
const SUFFIX = '.ndjson'

/** `$XDG_STATE_HOME/xec` and the directory of the records in it. */
export function historyPlace(options: PlaceOptions): { readonly own: string; readonly directory: string } {
  return statePlace(options, DIRECTORY)
}

/** Makes the directory, 0700. @throws Error when a part of the way is not ours */
export function makeHistoryPlace(options: PlaceOptions): Promise<string> {
  return makeStatePlace(options, DIRECTORY, WHAT)
}

export function recordPath(directory: string, id: string): string {
  return join(directory, `${id}${SUFFIX}`)
}

/** The id that a file is named after; undefined for a file that is no record. */
export function idOfFile(name: string): string | undefined {
  const id = name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : ''
  return startOf(id) === undefined ? undefined : id
}

/** When a run began, in ms since the epoch, to the second, as its id says; undefined for what is no id. */
export function startOf(id: string): number | undefined {
  const [, year, month, day, hour, minute, second] = ID.exec(id) ?? []
  if (year === undefined) return undefined
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return Number.isNaN(at) ? undefined : at
}
