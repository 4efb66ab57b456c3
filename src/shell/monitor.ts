/** A regular look at a pool's figures. */
import { EventEmitter } from 'node:events'
import type { PoolSnapshot } from '../pool/metrics/snapshot.js'
import type { Clock, Timer } from '../runtime/clock.js'
import { durationOf } from './settings.js'

export interface MonitorOptions {
  /** Between two looks: ms, or a text such as `'5s'`. Default 5000. */
  readonly interval?: number | string | undefined
  /** The share of connections at work above which `high-utilization` is told. Default 0.8. */
  readonly highUtilization?: number | undefined
}

export interface MonitorEvents {
  /** At every look. */
  metrics: [PoolSnapshot]
  /** At every look at which activeConnections / totalConnections is above the bound. */
  'high-utilization': [{ readonly utilization: number; readonly metrics: PoolSnapshot }]
  /** When dials have failed since the last look: how many, and how many since the pool's start. */
  'connection-failures': [{ readonly failures: number; readonly total: number; readonly metrics: PoolSnapshot }]
}

/**
 * Tells its listeners what the pool does, until it is stopped or the adapter is disposed of. It does not keep the process
 * alive. Listeners are called in a timer, so what they throw is an uncaught exception, as with any EventEmitter.
 */
export class PoolMonitor extends EventEmitter<MonitorEvents> implements AsyncDisposable, Disposable {
  readonly #look: () => PoolSnapshot
  readonly #clock: Clock
  readonly #interval: number
  readonly #highUtilization: number
  readonly #onStop: (monitor: PoolMonitor) => void
  #failures: number
  #timer: Timer | null = null

  /** @throws TypeError or RangeError for an interval or a bound that cannot be one */
  constructor(
    look: () => PoolSnapshot,
    clock: Clock,
    { interval = 5_000, highUtilization = 0.8 }: MonitorOptions = {},
    onStop: (monitor: PoolMonitor) => void = () => {},
  ) {
    super()
    this.#look = look
    this.#clock = clock
    this.#onStop = onStop
    this.#interval = durationOf(interval)
    if (this.#interval <= 0) throw new RangeError(`interval must be more than 0 ms, not ${interval}`)
    if (!(highUtilization >= 0 && highUtilization <= 1))
      throw new RangeError(`highUtilization must be from 0 to 1, not ${highUtilization}`)
    this.#highUtilization = highUtilization
    this.#failures = look().connectionsFailed
    this.#arm()
  }

  /** Looks now, besides the regular looks. */
  look(): void {
    const metrics = this.#look()
    const { activeConnections, totalConnections, connectionsFailed } = metrics
    const failures = connectionsFailed - this.#failures
    this.#failures = connectionsFailed
    this.emit('metrics', metrics)
    const utilization = totalConnections === 0 ? 0 : activeConnections / totalConnections
    if (utilization > this.#highUtilization) this.emit('high-utilization', { utilization, metrics })
    if (failures > 0) this.emit('connection-failures', { failures, total: connectionsFailed, metrics })
  }

  /** Ends it. Idempotent. */
  stop(): void {
    if (!this.#timer) return
    this.#timer.clear()
    this.#timer = null
    this.#onStop(this)
  }

  [Symbol.dispose](): void {
    this.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop()
  }

  #arm(): void {
    this.#timer = this.#clock.timer(this.#interval, () => {
      // Armed first, so that a listener may stop it, and one that throws does not.
      this.#arm()
      this.look()
    })
    this.#timer.unref()
  }
}
