/** Two runs compared: the hosts whose answer changed. Pure. */
import type { Result } from '../adapter/types.js'
import type { Report } from '../run/events.js'

export interface Changed {
  readonly host: string
  readonly before: Result
  readonly after: Result
}

export interface Comparison {
  /** Hosts of both runs that ended in another way, or wrote something else; in the order of the second run. */
  readonly changed: readonly Changed[]
  readonly same: readonly string[]
  readonly onlyBefore: readonly string[]
  readonly onlyAfter: readonly string[]
}

export function compareRuns(before: Report, after: Report): Comparison {
  const earlier = new Map(before.results.map((result) => [result.host, result]))
  const changed: Changed[] = []
  const same: string[] = []
  const onlyAfter: string[] = []
  for (const result of after.results) {
    const was = earlier.get(result.host)
    earlier.delete(result.host)
    if (!was) onlyAfter.push(result.host)
    else if (isSameAnswer(was, result)) same.push(result.host)
    else changed.push({ host: result.host, before: was, after: result })
  }
  return { changed, same, onlyBefore: [...earlier.keys()], onlyAfter }
}

function isSameAnswer(a: Result, b: Result): boolean {
  return (
    a.outcome === b.outcome &&
    a.exitCode === b.exitCode &&
    a.signal === b.signal &&
    a.stdout.equals(b.stdout) &&
    a.stderr.equals(b.stderr)
  )
}
