/** The composition root: a pool over a transport, with the adapter and the fan-out on top. */
import { publishEvents, traced } from './adapter/diagnostics.js'
import { execute } from './adapter/execute.js'
import {
  OUTCOMES,
  type Command,
  type ExecuteOptions,
  type Executor,
  type Outcome,
  type Result,
} from './adapter/types.js'
import type { Transfers } from './files/types.js'
import type { Given, PoolOptions } from './pool/options.js'
import { checkChain } from './pool/admission.js'
import { createPool } from './pool/pool.js'
import type { PoolSnapshot } from './pool/metrics/snapshot.js'
import type { DrainOptions, DrainReport, Pool, PoolTarget } from './pool/types.js'
import type { Report, RunEvent } from './run/events.js'
import { localRun, type HostCommand } from './run/local.js'
import { startRun, type Run, type StartRunOptions } from './run/start.js'
import { systemClock, type Clock } from './runtime/clock.js'
import type { Prompt } from './runtime/prompt.js'
import { systemRandom, type Random } from './runtime/random.js'
import { Ssh2Transport } from './transport/ssh2.js'
import type { Transport } from './transport/transport.js'

export interface XecOptions {
  /** Over the pool's defaults. @see PoolOptions */
  readonly pool?: Given<PoolOptions> | undefined
  /** Asks the person for passphrases and about host keys; null (default): there is nobody to ask. */
  readonly prompt?: Prompt | null | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
  /** Default: SSH, by ssh2. */
  readonly transport?: Transport | undefined
  /** Asked before every acquire; what it throws is what that rejects with, in place of a wait. */
  readonly admit?: ((target: PoolTarget, pool: Pool) => void) | undefined
}

export interface Xec extends Transfers {
  readonly pool: Pool
  /** One command on one target. @throws XecError XEC_CONFIG only; see adapter/execute.ts */
  execute(target: PoolTarget, command: Command, options?: ExecuteOptions): Promise<Result>
  /**
   * Starts a run: a command for each of many targets.
   * @param through who carries each command out; default: this xec
   * @throws XecError XEC_CONFIG only, before anything is dialled; see run/start.ts
   */
  start(commands: readonly HostCommand[], options: Omit<StartRunOptions, 'clock' | 'random'>, through?: Executor): Run
  /** The report of a run that is started here. Rejects with what `start` throws. */
  run(commands: readonly HostCommand[], options: Omit<StartRunOptions, 'clock' | 'random'>): Promise<Report>
  /** The pool's snapshot with `commands`, the results so far by outcome (those that occurred). */
  snapshot(): PoolSnapshot
  drain(options?: DrainOptions): Promise<DrainReport>
  close(): Promise<void>
}

/** Opens nothing. @throws XecError XEC_CONFIG for a pool option out of range */
export function createXec(options: XecOptions = {}): Xec {
  const { clock = systemClock, random = systemRandom, prompt = null } = options
  const pool = createPool(
    { transport: options.transport ?? new Ssh2Transport({ clock, prompt }), clock, random, admit: options.admit },
    options.pool,
  )
  publishEvents(pool)
  const counts = new Map<Outcome, number>()
  const counted = (result: Result): Result => {
    counts.set(result.outcome, (counts.get(result.outcome) ?? 0) + 1)
    return result
  }
  const own = {
    execute: async (target: PoolTarget, command: Command, how: ExecuteOptions = {}): Promise<Result> =>
      counted(await traced(target, command, () => execute(pool, target, command, how, { clock }))),
  }
  const start: Xec['start'] = (commands, how, through = own) => {
    for (const { target } of commands) checkChain(target, pool.options.maxConnections)
    const { items, dispatcher } = localRun(through, commands)
    // What was never admitted did not pass through `execute`, which counts the rest.
    const count = (event: RunEvent): void => {
      if (event.type === 'result' && event.result.outcome === 'skipped') counted(event.result)
    }
    return startRun(dispatcher, items, { ...how, observers: [count, ...(how.observers ?? [])], clock, random })
  }
  return {
    pool,
    execute: own.execute,
    start,
    run: async (commands, how) => start(commands, how).report,
    // Who only runs commands need not load what moves files.
    upload: async (target, local, remote, how) =>
      (await import('./files/upload.js')).upload(pool, target, local, remote, how, { clock }),
    download: async (target, remote, local, how) =>
      (await import('./files/download.js')).download(pool, target, remote, local, how, { clock }),
    snapshot: () =>
      Object.freeze({
        ...pool.snapshot(),
        commands: Object.freeze(
          Object.fromEntries(
            OUTCOMES.flatMap((outcome) => (counts.has(outcome) ? [[outcome, counts.get(outcome) ?? 0]] : [])),
          ),
        ),
      }),
    drain: (how) => pool.drain(how),
    close: () => pool.close(),
  }
}

const SHARED = Symbol.for('xec.pool.1')

/**
 * The one of this process, made at its first use with the default options; also when this package is loaded more than once.
 */
export function sharedXec(): Xec {
  const home = globalThis as { [SHARED]?: Xec }
  return (home[SHARED] ??= createXec())
}
