/** What a run over many hosts may be given. */
import type { RunEvent } from '../run/events.js'
import type { Settings } from './settings.js'

export interface RunOptions {
  /** Hosts in flight. Default 64. */
  readonly fanout?: number | undefined
  /** Admit no further host after the first that is not ok; those in flight go on. Default false. */
  readonly failFast?: boolean | undefined
  /** Longest wait of one host for a channel: ms, or `'30s'`. Default none. */
  readonly queueTimeout?: number | string | undefined
  /** A run over no target at all resolves with an empty report, in place of rejecting with XEC_CONFIG. Default false. */
  readonly allowEmpty?: boolean | undefined
  /** Hears the run as it goes: states, output, results. One that throws cancels the run. */
  readonly onEvent?: ((event: RunEvent) => void | Promise<void>) | undefined
}

/** What a run's commands may be given; stdin and `nothrow` belong to commands on one host. */
export type RunSettings = Pick<Settings, 'env' | 'cwd' | 'timeout' | 'timeoutMs' | 'signal' | 'signals' | 'idempotent'>
