/** The seed's class: a pool of one's own for `$`. */
import type { Command, ExecuteOptions, Result } from './adapter/types.js'
import type { PoolOptions } from './pool/options.js'
import { resolvePoolOptions } from './pool/options.js'
import type { PoolSnapshot } from './pool/snapshot.js'
import type { DrainOptions, DrainReport, PoolTarget } from './pool/types.js'
import type { Dispatcher } from './run/dispatcher.js'
import { createXec, type Xec } from './xec.js'

export interface SSHAdapterOptions {
  /** All optional; durations in ms. @see PoolOptions for the defaults */
  readonly connectionPool?: Partial<PoolOptions>
}

export class SSHAdapter implements Dispatcher {
  readonly #xec: () => Xec

  /**
   * Opens nothing.
   * @param xec for the adapter over a pool that exists already
   * @throws XecError XEC_CONFIG for an unknown option or a value out of range
   */
  constructor(options: SSHAdapterOptions = {}, xec?: () => Xec) {
    const pool = resolvePoolOptions(options.connectionPool)
    let own: Xec | undefined
    this.#xec = xec ?? (() => (own ??= createXec({ pool })))
  }

  /** Never rejects for anything that happened to the command: the Result says it. @throws XecError XEC_CONFIG */
  execute(target: PoolTarget, command: Command, options: ExecuteOptions = {}): Promise<Result> {
    return this.#xec().execute(target, command, options)
  }

  /** The pool now: gauges and totals, flat, with a row per host. Also before the first use and after `dispose`. */
  getConnectionPoolMetrics(): PoolSnapshot {
    return this.#xec().snapshot()
  }

  /** Takes no new commands, lets those under way finish (30 s by default), closes. Final. */
  drain(options?: DrainOptions): Promise<DrainReport> {
    return this.#xec().drain(options)
  }

  /**
   * Closes at once: waiting commands are cancelled, running ones end as `lost`. Need not be awaited; resolves when the
   * sockets are shut. Idempotent.
   */
  dispose(): Promise<void> {
    return this.#xec().close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }
}
