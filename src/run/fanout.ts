/** One command on many hosts: a sliding window over the items, results in the order of the items. */
import { setMaxListeners } from 'node:events'
import type { Readable } from 'node:stream'
import { CaptureStore } from '../adapter/capture.js'
import { encodeCommand } from '../adapter/command.js'
import { neverSent } from '../adapter/execute.js'
import type { ExecuteOptions, Result } from '../adapter/types.js'
import { isXecError, XecError } from '../errors.js'
import type { Clock } from '../runtime/clock.js'
import { Broadcast } from './broadcast.js'
import type { Dispatcher, RunItem } from './dispatcher.js'
import type { Report, RunEvent } from './events.js'
import { countOutcomes } from './report.js'

export const DEFAULT_FANOUT = 64

export interface FanOutOptions extends Pick<
  ExecuteOptions,
  'signal' | 'timeoutMs' | 'queueTimeoutMs' | 'retryCommands' | 'captureBytes'
> {
  /** Hosts in flight; default 64. */
  readonly fanout?: number
  /** Admit no further host after the first that is not ok; those in flight go on. Default false. */
  readonly failFast?: boolean
  /** Sent to every host from its first byte, whenever the host's turn comes. */
  readonly stdin?: Readable
  /** Hears the run; a promise returned for output holds that host's stream back. One that throws or rejects cancels the run. */
  readonly onEvent?: (event: RunEvent) => void | Promise<void>
  /** For the report and for people. */
  readonly commandText: string
  readonly clock: Clock
}

/**
 * Runs every item and reports. One host never spoils another: each has its own result, whatever became of it.
 * When `signal` aborts: hosts in flight are cancelled (queued: not executed; running: the kill ladder), the others
 * are `skipped`, as those that `failFast` kept back are.
 * @throws XecError XEC_CONFIG, before anything is dialled, when an item's command cannot be sent as asked
 */
export async function fanOut(
  dispatcher: Dispatcher,
  items: readonly RunItem[],
  options: FanOutOptions,
): Promise<Report> {
  const {
    clock,
    fanout = DEFAULT_FANOUT,
    failFast = false,
    timeoutMs,
    queueTimeoutMs,
    retryCommands,
    captureBytes,
  } = options
  if (!Number.isSafeInteger(fanout) || fanout < 1)
    throw new XecError('XEC_CONFIG', `fanout must be a whole number of at least 1, not ${fanout}`)
  for (const { target, command } of items) checkCommand(target.host, command)

  const startedAt = new Date(clock.wall()).toISOString()
  const began = clock.now()
  const store = new CaptureStore()
  const broadcast = options.stdin && new Broadcast(options.stdin)
  const inputs = items.map(() => broadcast?.consumer())
  const cancel = new AbortController()
  setMaxListeners(0, cancel.signal) // one for each host in flight is no leak
  const abort = (): void => cancel.abort(options.signal?.reason)
  options.signal?.addEventListener('abort', abort, { once: true })
  if (options.signal?.aborted) abort()

  const tell = (event: RunEvent): void | Promise<void> => {
    try {
      return options.onEvent?.(event)?.then(undefined, broken)
    } catch (error) {
      broken(error)
    }
  }
  // Nobody can show the run any more, so it must not go on unseen.
  const broken = (error: unknown): never => {
    cancel.abort(error)
    throw error
  }
  /** For events that hold nothing back. */
  const say = (event: RunEvent): void => {
    try {
      void tell(event)?.then(undefined, () => {})
    } catch {
      // `broken` has cancelled the run with it.
    }
  }

  const results: Result[] = []
  let next = 0
  let keepBack: string | null = null

  const runOne = async (index: number): Promise<void> => {
    const item = items[index]
    if (!item) return
    const { target, command } = item
    const { host } = target
    const result =
      cancel.signal.aborted || keepBack !== null
        ? skipped(item, keepBack ?? 'the run was cancelled before its turn')
        : await dispatcher.execute(target, command, {
            signal: cancel.signal,
            timeoutMs,
            queueTimeoutMs,
            retryCommands,
            captureBytes,
            store,
            stdin: inputs[index],
            onState: (state) => say({ type: 'state', host, state }),
            onStdout: (chunk) => tell({ type: 'output', host, stream: 'stdout', chunk }),
            onStderr: (chunk) => tell({ type: 'output', host, stream: 'stderr', chunk }),
          })
    inputs[index]?.leave()
    if (failFast && !result.ok && keepBack === null)
      keepBack = `${host} did not succeed, and no further host was admitted after the first failure`
    results[index] = result
    say({ type: 'result', host, result })
  }
  const lane = async (): Promise<void> => {
    while (next < items.length) await runOne(next++)
  }

  try {
    say({ type: 'started', hosts: items.map(({ target }) => target.host) })
    // A rejection here is a bug of the dispatcher; the other hosts are stopped and waited for before it is told.
    const lanes = await Promise.allSettled(
      Array.from({ length: Math.min(fanout, items.length) }, () =>
        lane().catch((error: unknown) => {
          cancel.abort(error)
          throw error
        }),
      ),
    )
    for (const each of lanes) if (each.status === 'rejected') throw each.reason
  } finally {
    options.signal?.removeEventListener('abort', abort)
    for (const input of inputs) input?.destroy()
  }
  const report: Report = Object.freeze({
    command: options.commandText,
    startedAt,
    durationMs: clock.now() - began,
    ok: results.every(({ ok }) => ok),
    counts: countOutcomes(results),
    results: Object.freeze(results),
  })
  say({ type: 'finished', report })
  return report
}

function checkCommand(host: string, command: RunItem['command']): void {
  try {
    encodeCommand(command)
  } catch (error) {
    if (!isXecError(error)) throw error
    throw new XecError(error.code, `${host}: ${error.message}`, { host, phase: error.phase, cause: error })
  }
}

function skipped({ target }: RunItem, why: string): Result {
  return neverSent(
    target,
    'skipped',
    new XecError('XEC_ABORTED', `${target.host}: skipped: ${why}`, { host: target.host, phase: 'queue' }),
  )
}
