/** Many hosts to run one command on: a template tag with settings, and the run that it starts. */
import type { Command, Executor, Result } from '../adapter/types.js'
import { XecError } from '../errors.js'
import type { ResolvedTarget } from '../inventory/resolve.js'
import type { PoolSnapshot } from '../pool/metrics/snapshot.js'
import type { HostCommand } from '../run/local.js'
import type { Run, StartRunOptions } from '../run/start.js'
import type { Secret } from '../runtime/secret.js'
import { checkRunOptions, checkRunSettings } from './options.js'
import { ShellResult } from './result.js'
import type { Reason } from './run-command.js'
import type { RunOptions, RunSettings } from './run-options.js'
import { RunReport } from './run-report.js'
import { durationOf, mergeSettings } from './settings.js'
import { withEither } from './signals.js'
import { commandLine, rawLine } from './template.js'
import type { ShellValue } from './values.js'

/** What a run needs of an adapter. */
export interface RunAdapter extends Executor {
  startRun(commands: readonly HostCommand[], options: Omit<StartRunOptions, 'clock' | 'random'>): Run
  getConnectionPoolMetrics(): PoolSnapshot
}

/** Opens nothing before the first command. Has no `then`, so that it can be returned from async functions. */
export interface RunContext {
  /** A run, with what is interpolated quoted, as for one host. @throws TypeError as for one host */
  (strings: TemplateStringsArray, ...values: readonly ShellValue[]): RunPromise
  /** The same with nothing quoted, and the template's text as it is written. */
  raw(strings: TemplateStringsArray, ...values: readonly ShellValue[]): RunPromise
  env(variables: Readonly<Record<string, string | Secret>>): RunContext
  cd(directory: string): RunContext
  /** For each host, from the moment its command is sent: ms, or `'30s'`. */
  timeout(duration: number | string): RunContext
  /** Cancels the run: hosts in flight are stopped, the others skipped. */
  signal(signal: AbortSignal): RunContext
  with(settings: RunSettings): RunContext
}

export function runContext(
  adapter: () => RunAdapter,
  targets: readonly Pick<ResolvedTarget, 'target' | 'env'>[],
  options: RunOptions,
  settings: RunSettings = {},
): RunContext {
  checkRunOptions(options)
  const derive = (more: RunSettings): RunContext =>
    runContext(adapter, targets, options, mergeSettings(settings, checkRunSettings(more)))
  const start = (line: string): RunPromise =>
    new RunPromise(adapter, commandsOf(targets, line, settings), line, options, settings)
  return Object.assign(
    (strings: TemplateStringsArray, ...values: readonly ShellValue[]) => start(commandLine(strings, values)),
    {
      raw: (strings: TemplateStringsArray, ...values: readonly ShellValue[]) => start(rawLine(strings, values)),
      env: (env: Readonly<Record<string, string | Secret>>) => derive({ env: { ...env } }),
      cd: (cwd: string) => derive({ cwd }),
      timeout: (duration: number | string) => derive({ timeoutMs: durationOf(duration) }),
      signal: (signal: AbortSignal) => derive({ signal }),
      with: derive,
    },
  )
}

/** Each host's own environment, with the run's over it. */
function commandsOf(
  targets: readonly Pick<ResolvedTarget, 'target' | 'env'>[],
  line: string,
  { env, cwd }: RunSettings,
): HostCommand[] {
  const common: Command = { line, ...(cwd === undefined ? {} : { cwd }) }
  return targets.map((each) => ({ target: each.target, command: { ...common, env: { ...each.env, ...env } } }))
}

/**
 * Nothing happens before somebody waits for it; then the run goes once, however many wait. Resolves with the report,
 * whatever became of the hosts: one that failed has cost the others nothing, and `ok` and `failed` tell of it.
 * Iterated, it gives each host's result as it comes; leaving the loop cancels the rest.
 * Rejects with XEC_CONFIG, before anything is dialled, for what cannot be run as asked.
 */
export class RunPromise implements Promise<RunReport>, AsyncIterable<ShellResult> {
  readonly [Symbol.toStringTag] = 'RunPromise'
  readonly #go: () => Promise<RunReport>
  readonly #stop = new AbortController()
  readonly #results: ShellResult[] = []
  #started: Promise<RunReport> | null = null
  /** Wake the iterators that have given all there was. */
  readonly #wake = new Set<() => void>()

  constructor(
    adapter: () => RunAdapter,
    commands: readonly HostCommand[],
    line: string,
    options: RunOptions,
    settings: RunSettings,
  ) {
    this.#go = async () => {
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
            signal,
            observers: [
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

  #came(result: Result): void {
    this.#results.push(new ShellResult(result))
    this.#news()
  }

  #news(): void {
    for (const wake of this.#wake) wake()
    this.#wake.clear()
  }

  #start(): Promise<RunReport> {
    return (this.#started ??= this.#go())
  }
}
