/** The front door of every run: a sliding window over its items, results in their order. */
import { setMaxListeners } from 'node:events'
import type { Readable } from 'node:stream'
import { CaptureStore } from '../adapter/capture.js'
import { neverSent } from '../adapter/execute.js'
import type { ExecuteOptions, Result } from '../adapter/types.js'
import { XecError } from '../errors.js'
import type { Clock } from '../runtime/clock.js'
import { systemRandom, type Random } from '../runtime/random.js'
import { Broadcast } from './broadcast.js'
import type { Dispatcher, DispatchOptions, RunItem } from './dispatcher.js'
import type { Report, RunObserver } from './events.js'
import { newRunId } from './id.js'
import { Observers } from './observers.js'
import { countOutcomes } from './report.js'

export const DEFAULT_FANOUT = 64

export interface StartRunOptions<R extends Result = Result> extends Pick<
  ExecuteOptions,
  'signal' | 'timeoutMs' | 'queueTimeoutMs' | 'retryCommands' | 'captureBytes'
> {
  /** Hosts in flight; default 64. */
  readonly fanout?: number
  /** Admit no further host after the first that is not ok; those in flight go on. Default false. */
  readonly failFast?: boolean
  /** Sent to every host from its first byte, whenever the host's turn comes. */
  readonly stdin?: Readable
  readonly observers?: readonly RunObserver<R>[]
  /** For the report and for people. */
  readonly commandText: string
  readonly clock: Clock
  /** For the run's id. */
  readonly random?: Random
}

/** A run under way. */
export interface Run<R extends Result = Result> {
  readonly id: string
  readonly items: readonly RunItem[]
  /** Resolves whatever became of the hosts; rejects with what an observer or the dispatcher threw, once all is stopped. */
  readonly report: Promise<Report<R>>
}

/**
 * Starts a run and reports. One host never spoils another: each has its own result, whatever became of it.
 * When `signal` aborts: hosts in flight are cancelled (queued: not executed; running: the kill ladder), the others
 * are `skipped`, as those that `failFast` kept back are.
 * @throws XecError XEC_CONFIG, before anything is dialled, when an item cannot be sent as asked or the fan-out is no count
 */
export function startRun<R extends Result = Result>(
  dispatcher: Dispatcher<R>,
  items: readonly RunItem[],
  options: StartRunOptions<R>,
): Run<R> {
  const { clock, fanout = DEFAULT_FANOUT, random = systemRandom } = options
  if (!Number.isSafeInteger(fanout) || fanout < 1)
    throw new XecError('XEC_CONFIG', `fanout must be a whole number of at least 1, not ${fanout}`)
  for (const item of items) dispatcher.check?.(item)
  const id = newRunId(clock.wall(), random)
  return { id, items, report: new Running(id, dispatcher, items, options).go(fanout) }
}

class Running<R extends Result> {
  readonly #cancel = new AbortController()
  readonly #observers: Observers<R>
  readonly #store = new CaptureStore()
  readonly #inputs: readonly (ReturnType<Broadcast['consumer']> | undefined)[]
  readonly #results: R[] = []
  #next = 0
  /** Why no further host is admitted. */
  #keepBack: string | null = null

  constructor(
    private readonly id: string,
    private readonly dispatcher: Dispatcher<R>,
    private readonly items: readonly RunItem[],
    private readonly options: StartRunOptions<R>,
  ) {
    setMaxListeners(0, this.#cancel.signal) // one for each host in flight is no leak
    this.#observers = new Observers(options.observers ?? [], (reason) => this.#cancel.abort(reason))
    const broadcast = options.stdin && new Broadcast(options.stdin)
    this.#inputs = items.map(() => broadcast?.consumer())
  }

  async go(fanout: number): Promise<Report<R>> {
    const { id, items, options } = this
    const { clock, commandText: command } = options
    const startedAt = new Date(clock.wall()).toISOString()
    const began = clock.now()
    const abort = (): void => this.#cancel.abort(options.signal?.reason)
    options.signal?.addEventListener('abort', abort, { once: true })
    if (options.signal?.aborted) abort()
    try {
      this.#observers.tell({ type: 'started', run: id, command, startedAt, items })
      // A rejection here is a bug of the dispatcher; the other hosts are stopped and waited for before it is told.
      const lanes = Array.from({ length: Math.min(fanout, items.length) }, () => this.#lane())
      for (const each of await Promise.allSettled(lanes)) if (each.status === 'rejected') throw each.reason
    } finally {
      options.signal?.removeEventListener('abort', abort)
      for (const input of this.#inputs) input?.destroy()
    }
    const report: Report<R> = Object.freeze({
      id,
      command,
      startedAt,
      durationMs: clock.now() - began,
      ok: this.#results.every(({ ok }) => ok),
      counts: countOutcomes(this.#results),
      results: Object.freeze(this.#results),
    })
    this.#observers.tell({ type: 'finished', run: id, report })
    return report
  }

  async #lane(): Promise<void> {
    try {
      for (let item = this.items[this.#next++]; item; item = this.items[this.#next++]) await this.#one(item)
    } catch (error) {
      this.#cancel.abort(error)
      throw error
    }
  }

  async #one(item: RunItem): Promise<void> {
    const input = this.#inputs[item.id - 1]
    const why = this.#cancel.signal.aborted ? 'the run was cancelled before its turn' : null
    const kept = this.#keepBack ?? why
    const result = kept === null ? await this.dispatcher.dispatch(item, this.#how(item, input)) : skipped<R>(item, kept)
    input?.leave()
    if (this.options.failFast && !result.ok)
      this.#keepBack ??= `${item.host} did not succeed, and no further host was admitted after the first failure`
    this.#results[item.id - 1] = result
    this.#observers.tell({ type: 'result', run: this.id, item: item.id, host: item.host, result })
  }

  #how({ id: item, host }: RunItem, stdin: Readable | undefined): DispatchOptions {
    const { timeoutMs, queueTimeoutMs, retryCommands, captureBytes } = this.options
    const observers = this.#observers
    const of = { run: this.id, item, host }
    return {
      signal: this.#cancel.signal,
      timeoutMs,
      queueTimeoutMs,
      retryCommands,
      captureBytes,
      store: this.#store,
      stdin,
      onState: (state) => observers.tell({ type: 'state', ...of, state }),
      onSend: () => observers.ask({ type: 'sending', ...of }),
      onStdout: (chunk) => observers.ask({ type: 'output', ...of, stream: 'stdout', chunk }),
      onStderr: (chunk) => observers.ask({ type: 'output', ...of, stream: 'stderr', chunk }),
    }
  }
}

/** The result of an item that was never admitted: it says nothing that another kind of result would have to add. */
function skipped<R extends Result>({ host, address }: RunItem, why: string): R {
  const error = new XecError('XEC_ABORTED', `${host}: skipped: ${why}`, { host, phase: 'queue' })
  return neverSent({ host, address }, 'skipped', error) as R
}
