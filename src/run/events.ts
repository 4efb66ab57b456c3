/** What happens in a run, as values. Every observer of a run subscribes to this stream and to nothing else. */
import type { Outcome, Result } from '../adapter/types.js'
import type { RunItem } from './dispatcher.js'

export type HostState = 'queued' | 'connecting' | 'running'

/** Which run, and which of its items. */
export interface ItemEvent {
  /** The run's id. */
  readonly run: string
  /** The item's id. */
  readonly item: number
  readonly host: string
}

export type RunEvent<R extends Result = Result> =
  | {
      readonly type: 'started'
      readonly run: string
      readonly command: string
      /** ISO 8601. */
      readonly startedAt: string
      readonly items: readonly RunItem[]
    }
  | (ItemEvent & { readonly type: 'state'; readonly state: HostState })
  /** The exec request is about to leave; it waits for what an observer returns, and an observer that fails keeps it here. */
  | (ItemEvent & { readonly type: 'sending' })
  | (ItemEvent & { readonly type: 'output'; readonly stream: 'stdout' | 'stderr'; readonly chunk: Buffer })
  | (ItemEvent & { readonly type: 'result'; readonly result: R })
  | { readonly type: 'finished'; readonly run: string; readonly report: Report<R> }

/**
 * Hears a run. A promise returned for `output` holds that host's stream back, one returned for `sending` the command.
 * An observer that throws or rejects cancels the run: nobody would see the rest of it.
 */
export type RunObserver<R extends Result = Result> = (event: RunEvent<R>) => void | Promise<void>

/** A run's fold. */
export interface Report<R extends Result = Result> {
  /** The run's id. */
  readonly id: string
  readonly command: string
  /** ISO 8601. */
  readonly startedAt: string
  readonly durationMs: number
  /** Every host ok. */
  readonly ok: boolean
  readonly counts: Readonly<Record<Outcome | 'total', number>>
  /** In the order of the items. */
  readonly results: readonly R[]
}
