/** The seed's class: a pool of one's own for `$`. */
import { EventEmitter } from 'node:events'
import type { Command, ExecuteOptions, Executor, Result } from './adapter/types.js'
import { XecError } from './errors.js'
import type { TransferOptions, TransferResult, Transfers, UploadSource } from './files/types.js'
import type { Given, PoolOptions } from './pool/options.js'
import { POOL_OPTION_NAMES, resolvePoolOptions } from './pool/options.js'
import type { PoolSnapshot } from './pool/metrics/snapshot.js'
import type { DrainReport, Pool, PoolTarget } from './pool/types.js'
import type { HostCommand } from './run/local.js'
import type { Run, StartRunOptions } from './run/start.js'
import { systemClock, type Clock } from './runtime/clock.js'
import { checkNames, shown } from './shell/check.js'
import { sshContext, type SshContext } from './shell/context.js'
import { KeepAlive, type Ping } from './shell/keep-alive.js'
import { PoolMonitor, type MonitorOptions } from './shell/monitor.js'
import { occasions, type AdapterEventName, type AdapterEvents } from './shell/occasions.js'
import {
  checkDrain,
  checkExecution,
  checkMonitor,
  checkShutdown,
  checkTarget,
  checkTransfer,
  checkTunnel,
} from './shell/options.js'
import { durationOf } from './shell/settings.js'
import { withEither } from './shell/signals.js'
import { drainOnSignals, type ShutdownOptions, type SignalSource } from './shell/shutdown.js'
import type { Tunnels } from './shell/tunnels.js'
import type { ReverseTunnelOptions } from './tunnel/reverse.js'
import type { Tunnel, TunnelOptions } from './tunnel/tunnel.js'
import { createXec, type Xec } from './xec.js'

export interface SSHAdapterOptions {
  /** All optional; durations in ms. @see PoolOptions for the defaults */
  readonly connectionPool?: Given<PoolOptions> | undefined
  /**
   * What becomes of a command, a transfer or a tunnel for whose host everything is in use: maxConnectionsPerHost connections,
   * each with maxChannelsPerConnection channels. `queue` (default): it waits. `throw`: it fails at once, with XEC_QUEUE_TIMEOUT.
   */
  readonly onLimit?: 'queue' | 'throw' | undefined
  /**
   * In place of the protocol's ping: a command line, or a function that is given a context for the host. Runs every
   * `keepAliveInterval` for each idle connection of a host that was used within its `idleTimeout`; when it fails, or takes
   * longer than the interval once it is sent, the host's connections are retired. It occupies a channel and counts as a command.
   * A host's own `pool` options count before those of `connectionPool`, `keepAlive: false` among them.
   */
  readonly keepAliveWith?: (string | ((ssh: SshContext) => Promise<unknown>)) | undefined
}

/** For tests: what is real elsewhere. */
export interface SSHAdapterPorts {
  /** For the adapter over a pool that exists already. */
  readonly xec?: (() => Xec) | undefined
  readonly clock?: Clock | undefined
  readonly signals?: SignalSource | undefined
}

export class SSHAdapter implements Executor, Transfers, AsyncDisposable, Tunnels {
  readonly #makeXec: () => Xec
  readonly #clock: Clock
  readonly #signals: SignalSource
  readonly #keepAlive: KeepAlive | null
  readonly #events = new EventEmitter<AdapterEvents>()
  readonly #monitors = new Set<PoolMonitor>()
  #own: Xec | null = null
  #listening = false
  #closed = false

  /**
   * Opens nothing.
   * @throws TypeError for an unknown option or a value of the wrong kind; XecError XEC_CONFIG for a value out of range
   */
  constructor(options: SSHAdapterOptions = {}, { xec, clock = systemClock, signals = process }: SSHAdapterPorts = {}) {
    checkNames(
      'option',
      options,
      ['connectionPool', 'onLimit', 'keepAliveWith'] satisfies (keyof SSHAdapterOptions)[],
      Object.fromEntries(POOL_OPTION_NAMES.map((name) => [name, `connectionPool: { ${name} }`])),
    )
    const { connectionPool, onLimit = 'queue', keepAliveWith } = options
    const pool = resolvePoolOptions(connectionPool)
    if (onLimit !== 'queue' && onLimit !== 'throw')
      throw new XecError('XEC_CONFIG', `onLimit must be 'queue' or 'throw', not ${JSON.stringify(onLimit)}`)
    if (
      keepAliveWith !== undefined &&
      typeof keepAliveWith !== 'function' &&
      (typeof keepAliveWith !== 'string' || keepAliveWith.trim() === '')
    ) {
      throw new TypeError(
        `keepAliveWith must be a command line or a function, not ${keepAliveWith === '' ? 'an empty text' : shown(keepAliveWith)}`,
      )
    }
    this.#makeXec =
      xec ??
      (() =>
        createXec({
          clock,
          pool: keepAliveWith === undefined ? pool : { ...pool, keepAlive: false },
          ...(onLimit === 'throw' ? { admit: turnAway } : {}),
        }))
    this.#clock = clock
    this.#signals = signals
    const intervalMs = (host: PoolTarget['pool']): number => host?.keepAliveInterval ?? pool.keepAliveInterval
    this.#keepAlive =
      keepAliveWith === undefined
        ? null
        : new KeepAlive({
            clock,
            intervalMs: ({ pool: host }) => ((host?.keepAlive ?? pool.keepAlive) ? intervalMs(host) : Infinity),
            idleTimeoutMs: ({ pool: host }) => host?.idleTimeout ?? pool.idleTimeout,
            idle: (target) => this.#xec.pool.admission(target).idle,
            ping: (target, ping) =>
              pingWith(
                keepAliveWith,
                sshContext(() => watched(this.#xec, ping), target, { timeoutMs: intervalMs(target.pool) }),
              ),
            retire: (target) => this.#xec.pool.retire(target),
          })
  }

  /** Never rejects for anything that happened to the command: the Result says it. @throws XecError XEC_CONFIG */
  async execute(target: PoolTarget, command: Command, options: ExecuteOptions = {}): Promise<Result> {
    checkExecution(target, command, options)
    return this.#inHand(target, () => this.#xec.execute(target, command, options))
  }

  /**
   * Starts a run of a command for each of many targets, over this pool.
   * @throws XecError XEC_CONFIG, before anything is dialled
   */
  startRun(commands: readonly HostCommand[], options: Omit<StartRunOptions, 'clock' | 'random'>): Run {
    return this.#xec.start(commands, options, this)
  }

  /** @see upload. Counts as a command, also for `onLimit`. */
  async upload(
    target: PoolTarget,
    local: UploadSource,
    remote: string,
    options: TransferOptions = {},
  ): Promise<TransferResult> {
    checkTarget(target)
    const how = checkTransfer(options)
    return this.#inHand(target, () => this.#xec.upload(target, local, remote, how))
  }

  /** @see download. Counts as a command, also for `onLimit`. */
  async download(
    target: PoolTarget,
    remote: string,
    local: string,
    options: TransferOptions = {},
  ): Promise<TransferResult> {
    checkTarget(target)
    const how = checkTransfer(options)
    return this.#inHand(target, () => this.#xec.download(target, remote, local, how))
  }

  /** @see openTunnel. Holds a channel of a pooled connection; closed with the adapter. */
  async tunnel(target: PoolTarget, options: TunnelOptions): Promise<Tunnel> {
    checkTarget(target)
    checkTunnel(options)
    const { openTunnel } = await import('./tunnel/tunnel.js')
    return this.#inHand(target, () => openTunnel(this.#xec.pool, target, options))
  }

  /** @see openReverseTunnel. Holds a channel of a pooled connection; closed with the adapter. */
  async reverseTunnel(target: PoolTarget, options: ReverseTunnelOptions): Promise<Tunnel> {
    checkTarget(target)
    checkTunnel(options)
    const { openReverseTunnel } = await import('./tunnel/reverse.js')
    return this.#inHand(target, () => openReverseTunnel(this.#xec.pool, target, options))
  }

  /** The pool now: gauges and totals, flat, with a row per host. Also before the first use and after `dispose`. */
  getConnectionPoolMetrics(): PoolSnapshot {
    return this.#xec.snapshot()
  }

  /** A regular look at the figures, as events. Ends with `stop()`, with `using`, or when the adapter is closed; after that it never begins. */
  monitor(options: MonitorOptions = {}): PoolMonitor {
    const monitor = new PoolMonitor(
      () => this.getConnectionPoolMetrics(),
      this.#clock,
      checkMonitor(options),
      (stopped) => this.#monitors.delete(stopped),
    )
    if (this.#closed) monitor.stop()
    else this.#monitors.add(monitor)
    return monitor
  }

  /** Hears connects, disconnects, reconnects and commands that have to wait. @see AdapterEvents */
  on<K extends AdapterEventName>(name: K, listener: (...payload: AdapterEvents[K]) => void): this {
    this.#events.on(known(name), listener as never)
    this.#listen()
    return this
  }

  /** The same, for the next one only. */
  once<K extends AdapterEventName>(name: K, listener: (...payload: AdapterEvents[K]) => void): this {
    this.#events.once(known(name), listener as never)
    this.#listen()
    return this
  }

  off<K extends AdapterEventName>(name: K, listener: (...payload: AdapterEvents[K]) => void): this {
    this.#events.off(known(name), listener as never)
    return this
  }

  /**
   * Takes no new commands, lets those that wait or run finish, closes idle connections now and the others as they become
   * idle. What is not finished after `timeout` (ms, or a text such as `'30s'`; default 30 s) is cut off. Final.
   * Resolves when every connection is closed, with counts.
   */
  async drain(options: { readonly timeout?: number | string | undefined } = {}): Promise<DrainReport> {
    const { timeout = 30_000 } = checkDrain(options)
    const timeoutMs = durationOf(timeout)
    this.#keepAlive?.stop()
    const report = await this.#xec.drain({ timeoutMs })
    this.#closed = true
    for (const monitor of [...this.#monitors]) monitor.stop()
    return report
  }

  /**
   * Closes at once: waiting commands are cancelled, running ones end as `lost`. Need not be awaited; resolves when the
   * sockets are shut. Idempotent.
   */
  async dispose(): Promise<void> {
    await this.drain({ timeout: 0 })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  /** Drains before SIGINT or SIGTERM ends the process. Nothing of the kind happens unless asked for here. @returns undoes it */
  drainOnSignals(options: ShutdownOptions = {}): () => void {
    return drainOnSignals((timeout) => this.drain({ timeout }), checkShutdown(options), this.#signals)
  }

  /** Runs what takes a channel to the target: a sign of life. */
  async #inHand<T>(target: PoolTarget, work: () => Promise<T>): Promise<T> {
    this.#keepAlive?.used(target)
    try {
      return await work()
    } finally {
      this.#keepAlive?.used(target)
    }
  }

  get #xec(): Xec {
    return (this.#own ??= this.#makeXec())
  }

  /** Once, and not before somebody listens. */
  #listen(): void {
    if (this.#listening) return
    this.#listening = true
    this.#xec.pool.subscribe(occasions((name, ...payload) => void this.#events.emit(name, ...(payload as never))))
  }
}

/** `onLimit: 'throw'`, for everything that takes a channel. */
function turnAway(target: PoolTarget, pool: Pool): void {
  const { host } = target
  const { full, inHand, maxConnections } = pool.admission(target)
  if (full === 'maxConnectionsPerHost')
    throw new XecError(
      'XEC_QUEUE_TIMEOUT',
      `Maximum connections (${maxConnections}) reached for host ${host}, with ${inHand} channel${inHand === 1 ? '' : 's'} in use; the command was not sent (onLimit is throw)`,
      { host },
    )
}

/** What a ping runs: its wait for a channel is known, and it ends with the ping. */
function watched(xec: Xec, ping: Ping): Executor {
  return {
    execute: async (target, command, options) => {
      const sent = ping.waits()
      try {
        return await withEither([options?.signal, ping.signal], (signal) =>
          xec.execute(target, command, { ...options, signal, onState: (state) => state === 'running' && sent() }),
        )
      } finally {
        sent()
      }
    },
  }
}

async function pingWith(keepAlive: NonNullable<SSHAdapterOptions['keepAliveWith']>, ssh: SshContext): Promise<unknown> {
  return typeof keepAlive === 'string' ? ssh.execute(keepAlive) : keepAlive(ssh)
}

const EVENTS: { readonly [K in AdapterEventName]: true } = {
  connect: true,
  disconnect: true,
  reconnect: true,
  queue: true,
  outage: true,
  'outage-over': true,
}

function known<K extends AdapterEventName>(name: K): K {
  if (Object.hasOwn(EVENTS, name)) return name
  throw new TypeError(`an SSHAdapter has no event ${JSON.stringify(name)}; it has ${Object.keys(EVENTS).join(', ')}`)
}
