/** What happens in a run, as values. Every renderer subscribes to this stream and to nothing else. */
import type { Outcome, Result } from '../adapter/types.js'

export type HostState = 'queued' | 'connecting' | 'running'

export type RunEvent =
  | { readonly type: 'started'; readonly hosts: readonly string[] }
  | { readonly type: 'state'; readonly host: string; readonly state: HostState }
  | { readonly type: 'output'; readonly host: string; readonly stream: 'stdout' | 'stderr'; readonly chunk: Buffer }
  | { readonly type: 'result'; readonly host: string; readonly result: Result }
  | { readonly type: 'finished'; readonly report: Report }

/** A run's fold. */
export interface Report {
  readonly command: string
  /** ISO 8601. */
  readonly startedAt: string
  readonly durationMs: number
  /** Every host ok. */
  readonly ok: boolean
  readonly counts: Readonly<Record<Outcome | 'total', number>>
  /** In inventory order. */
  readonly results: readonly Result[]
}
