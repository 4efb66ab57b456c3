/** The hosts of recorded runs, for selections such as `@last:failed`: read before the selection is evaluated. */
import type { RunLookup, RunReference } from '../inventory/selector.js'
import type { Io } from './io.js'

/** @throws XecError XEC_CONFIG for a run that is not recorded, or whose record cannot be read */
export async function lookUpRuns(
  io: Pick<Io, 'env' | 'home'>,
  asked: readonly RunReference[],
  warn: (message: string) => void,
): Promise<RunLookup> {
  const found = new Map<string, readonly string[]>()
  if (asked.length > 0) {
    const { findRecord } = await import('../records/records.js')
    for (const { id } of asked) {
      if (found.has(id)) continue
      const record = await findRecord(io, id, false)
      if (record.state === 'running')
        warn(
          `run ${record.head.id} is still running: ${record.open.length} of its ${record.items.length} hosts have no outcome yet`,
        )
      for (const { outcome } of asked.filter((run) => run.id === id))
        found.set(
          keyOf({ id, outcome }),
          outcome === null
            ? record.items.map(({ host }) => host)
            : record.report.results.filter((result) => result.outcome === outcome).map(({ host }) => host),
        )
    }
  }
  return { hostsOf: (run) => found.get(keyOf(run)) ?? [], warn }
}

const keyOf = ({ id, outcome }: RunReference): string => `${id}:${outcome ?? ''}`
