/** A run over many hosts that starts when somebody waits for it. */
import type { Executor, Result } from '../adapter/types.js'
import { XecError } from '../errors.js'
import type { PoolSnapshot } from '../pool/metrics/snapshot.js'
import type { HostCommand } from '../run/local.js'
import type { Run, StartRunOptions } from '../run/start.js'
import { ShellResult } from './result.js'
import type { Reason } from './run-command.js'
import { RunLines, type RunLine } from './run-lines.js'
import type { RunOptions, RunSettings } from './run-options.js'
import { RunReport } from './run-report.js'
import { durationOf } from './settings.js'
import { withEither } from './signals.js'

/** What a run needs of an adapter. */
export interface RunAdapter extends Executor {
  startRun(commands: readonly HostCommand[], options: Omit<StartRunOptions, 'clock' | 'random'>): Run
  getConnectionPoolMetrics(): PoolSnapshot
}

/** While the lines are read nothing piles up, and each result keeps no more of them than this. */
const HEAD_WHILE_READING = 1024 * 1024

/**
 * Nothing happens before somebody waits for it; then the run goes once, however many wait. Resolves with the report,
 * whatever became of the hosts: one that failed has cost the others nothing, and `ok` and `failed` tell of it.
 * Iterated, it gives each host's result as it comes; leaving the loop cancels the rest.
 * Rejects with XEC_CONFIG, before anything is dialled, for what cannot be run as asked.
 */
export class RunPromise implements Promise<RunReport>, AsyncIterable<ShellResult> {
  readonly [Symbol.toStringTag] = 'RunPromise'
  readonly #go: (lines: RunLines | null) => Promise<RunReport>
  readonly #stop = new AbortController()
  readonly #results: ShellResult[] = []
  #started: Promise<RunReport> | null = null
  /** Wake the iterators that have given all there was. */
  readonly #wake = new Set<() => void>()

  /** @internal */
  constructor(
    adapter: () => RunAdapter,
    commands: readonly HostCommand[],
    line: string,
    options: RunOptions,
    settings: RunSettings,
  ) {
    this.#go = async (lines) => {
      // An empty list is most often a filter that went wrong, and a report without a host would be `ok`.
      if (commands.length === 0 && options.allowEmpty !== true)
        throw new XecError(
          'XEC_CONFIG',
          'there is no target to run on: $.all was given an empty array; where that may be, say $.all(targets, { allowEmpty: true })',
        )
      const own = adapter()
      const report = await withEither(
        [settings.signal, ...(settings.signals ?? []), this.#stop.signal],
        (signal) =>
          own.startRun(commands, {
            commandText: line,
            fanout: options.fanout,
            failFast: options.failFast,
            queueTimeoutMs: options.queueTimeout === undefined ? undefined : durationOf(options.queueTimeout),
            timeoutMs: settings.timeoutMs,
            retryCommands: settings.idempotent ? 1 : 0,
            ...(lines && { captureBytes: HEAD_WHILE_READING }),
            signal,
            observers: [
              ...(lines ? [lines.observer] : []),
              (event) => {
                if (event.type === 'result') this.#came(event.result)
              },
              ...(options.onEvent ? [options.onEvent] : []),
            ],
          }).report,
      )
      return new RunReport(report, own.getConnectionPoolMetrics())
    }
  }

  then<A = RunReport, B = never>(
    done?: ((value: RunReport) => A | PromiseLike<A>) | null,
    failed?: ((reason: Reason) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#start().then(done, failed)
  }

  catch<B = never>(failed?: ((reason: Reason) => B | PromiseLike<B>) | null): Promise<RunReport | B> {
    return this.#start().catch(failed)
  }

  finally(done?: (() => void) | null): Promise<RunReport> {
    return this.#start().finally(done)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ShellResult, void, void> {
    let over = false
    const run = this.#start()
    const end = (): void => {
      over = true
      this.#news()
    }
    run.then(end, end)
    try {
      for (let next = 0; ;) {
        const result = this.#results[next]
        if (result) {
          next++
          yield result
        } else if (over) break
        else await new Promise<void>((resolve) => this.#wake.add(resolve))
      }
    } finally {
      // Nothing to stop after the last result; otherwise the reader has left.
      this.#stop.abort(new Error('the reader of the results has left'))
      await run
    }
  }

  /**
   * The lines of every host's stdout and stderr as they come, UTF-8, without their ends. Lines of one stream are in
   * order, and no line is inside another. A slow loop holds back each host by itself; leaving the loop cancels the run, and
   * waits for that. After the loop, `await run` has the report, with no more than the first 1 MiB of each stream.
   * Hosts that fail end the loop no earlier: the report tells of them. Rejects as the run does.
   * @throws TypeError when the run has started already
   */
  async *lines(): AsyncGenerator<RunLine, void, undefined> {
    if (this.#started) throw new TypeError('the run has started; read its lines before it is awaited')
    const lines = new RunLines()
    const run = this.#start(lines)
    const end = (): void => lines.end()
    run.then(end, end)
    try {
      yield* lines
    } finally {
      this.#stop.abort(new Error('the reader of the lines has left'))
      lines.drop()
      await run
    }
  }

  #came(result: Result): void {
    this.#results.push(new ShellResult(result))
    this.#news()
  }

  #news(): void {
    for (const wake of this.#wake) wake()
    this.#wake.clear()
  }

  #start(lines: RunLines | null = null): Promise<RunReport> {
    return (this.#started ??= this.#go(lines))
  }
}
