/** Which hosts of a run are meant, by what became of them. Pure. */
import type { Outcome, Result } from '../adapter/types.js'

export type PickName = 'failed' | 'unreachable' | 'lost' | 'timeout' | 'notStarted' | 'notOk'

type Ended = Pick<Result, 'outcome' | 'executed'>

/** What `rerun` takes when it is not told: what failed, or provably never ran. */
const PLAIN: readonly Outcome[] = ['failed', 'signal', 'unreachable', 'auth', 'hostkey', 'refused']

/** Its command may have run; sent again, it could run twice. */
const isUnknown = ({ executed }: Ended): boolean => executed === 'maybe'

const PICKS: { readonly [K in PickName]: (result: Ended) => boolean } = {
  failed: ({ outcome }) => outcome === 'failed',
  unreachable: ({ outcome }) => outcome === 'unreachable',
  // Only who names these takes what may have run.
  lost: ({ outcome }) => outcome === 'lost',
  timeout: ({ outcome }) => outcome === 'timeout',
  notStarted: isNotStarted,
  notOk: (result) => result.outcome !== 'ok' && !isUnknown(result),
}

/** Never admitted, or given up in the queue: not a host that could not be reached. */
function isNotStarted({ outcome, executed }: Ended): boolean {
  return outcome === 'skipped' || ((outcome === 'cancelled' || outcome === 'timeout') && executed === 'no')
}

/** Whether a result is one that a plain `rerun` takes. */
function isPlain(result: Ended): boolean {
  return PLAIN.includes(result.outcome) && !isUnknown(result)
}

export interface Picked<R> {
  readonly taken: readonly R[]
  /** Not taken, because nobody knows whether their command ran: `lost`, `timeout` or `cancelled`, executed maybe. */
  readonly unknown: readonly R[]
}

/** The results that any of the names takes; without a name, those of a plain rerun. */
export function pick<R extends Ended>(results: readonly R[], names: readonly PickName[]): Picked<R> {
  const wants = names.length === 0 ? [isPlain] : names.map((name) => PICKS[name])
  const taken: R[] = []
  const unknown: R[] = []
  for (const result of results) {
    if (wants.some((want) => want(result))) taken.push(result)
    else if (isUnknown(result)) unknown.push(result)
  }
  return { taken, unknown }
}
