/** Signals that end the process, on request only: connections are drained first. */
import { durationOf } from './settings.js'

export interface ShutdownOptions {
  /** Default SIGINT and SIGTERM. */
  readonly signals?: readonly NodeJS.Signals[] | undefined
  /** How long running commands may go on: ms, or a text such as `'10s'`. Default 10 000. */
  readonly timeout?: number | string | undefined
}

/** The part of `process` that is needed. */
export interface SignalSource {
  readonly pid: number
  on(signal: NodeJS.Signals, listener: () => void): unknown
  off(signal: NodeJS.Signals, listener: () => void): unknown
  listenerCount(signal: NodeJS.Signals): number
  kill(pid: number, signal: NodeJS.Signals): unknown
}

/**
 * At the first signal `drain` begins; when it is over the signal is raised again with its ordinary effect, so that the
 * process ends as if there had been no hook, unless the program listens to the signal itself. A second signal takes
 * its ordinary effect at once.
 * @returns takes the hooks off again
 */
export function drainOnSignals(
  drain: (timeoutMs: number) => Promise<unknown>,
  { signals = ['SIGINT', 'SIGTERM'], timeout = 10_000 }: ShutdownOptions,
  source: SignalSource,
): () => void {
  const timeoutMs = durationOf(timeout)
  const hooks = signals.map((signal) => ({ signal, hook: () => void hear(signal) }))
  const remove = (): void => {
    for (const { signal, hook } of hooks) source.off(signal, hook)
  }
  const hear = async (signal: NodeJS.Signals): Promise<void> => {
    remove()
    await drain(timeoutMs)
    if (source.listenerCount(signal) === 0) source.kill(source.pid, signal)
  }
  for (const { signal, hook } of hooks) source.on(signal, hook)
  return remove
}
