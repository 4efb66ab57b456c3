/** How a command is to be run, as contexts and command promises collect it. */
import { posix } from 'node:path'
import type { Readable } from 'node:stream'
import type { OutputSink } from '../adapter/types.js'
import { parseDuration } from '../runtime/duration.js'
import type { Secret } from '../runtime/secret.js'
import type { SignalName } from '../transport/transport.js'
import { shown } from './check.js'

/** What can be done to a command that runs. */
export interface RemoteControl {
  /** False when it has ended. */
  signal(name: SignalName): boolean
}

export interface Settings {
  /** Variables of the command; a Secret travels on stdin, never on a command line. Those of a context and of its commands add up. */
  readonly env?: Readonly<Record<string, string | Secret>> | undefined
  /** The directory to run in; a relative one is inside the context's own. Default: where the login begins. */
  readonly cwd?: string | undefined
  /** Stops the command when it takes longer, from the moment it is sent: ms, or `'30s'`. Default none. */
  readonly timeout?: number | string | undefined
  /** The older name of `timeout`, in ms. */
  readonly timeoutMs?: number | undefined
  /** Cancels the command when it aborts, or when one given before does. */
  readonly signal?: AbortSignal | undefined
  /** Cancel as `signal` does, and are set where one is given after another: nobody listens to them but while something runs. */
  readonly signals?: readonly AbortSignal[] | undefined
  /** Sent to the command's stdin, which is then closed. Default: closed at once. */
  readonly stdin?: Readable | Uint8Array | string | undefined
  /** Resolve whatever became of the command. */
  readonly nothrow?: boolean | undefined
  /** The command may run more than once: it is re-sent once when the connection is lost under it. */
  readonly idempotent?: boolean | undefined
  /** Longest wait for a channel: ms, or `'30s'`. Default none. */
  readonly queueTimeout?: number | string | undefined
  /** The older name of `queueTimeout`, in ms. */
  readonly queueTimeoutMs?: number | undefined
  /** Bytes of each stream that the result keeps, from the beginning; more is an error, XEC_MAX_BUFFER. Default 10 MiB; 0 keeps none, without an error. */
  readonly maxBuffer?: number | undefined
  /** Receives output as it comes; a promise that it returns holds the stream back until it settles. */
  readonly onStdout?: OutputSink | undefined
  readonly onStderr?: OutputSink | undefined
  /** Is given control of the command once it runs. */
  readonly onStarted?: ((control: RemoteControl) => void) | undefined
  /**
   * Cancels as `signal` does, and is set by the command promise: it is what `kill()` and leaving a loop use.
   * @internal
   */
  readonly stop?: AbortSignal | undefined
  /**
   * The output is read as it comes, so that what the result does not keep is not missing.
   * @internal
   */
  readonly reading?: boolean | undefined
}

/** The inner ones win; environments add up, a relative directory is inside the outer one, and any signal cancels. */
export function mergeSettings(outer: Settings, inner: Settings): Settings {
  const set = Object.fromEntries(Object.entries(inner).filter(([, value]) => value !== undefined)) as Settings
  return {
    ...outer,
    ...set,
    ...(outer.env || set.env ? { env: { ...outer.env, ...set.env } } : {}),
    ...(outer.signals || (outer.signal && set.signal)
      ? {
          signals: [
            ...(outer.signals ?? []),
            ...(outer.signal && set.signal ? [outer.signal] : []),
            ...(set.signals ?? []),
          ],
        }
      : {}),
    ...(outer.cwd !== undefined && set.cwd !== undefined ? { cwd: inside(outer.cwd, set.cwd) } : {}),
  }
}

/** A path as it is meant in a directory. */
export function inside(outer: string, inner: string): string {
  return inner.startsWith('/') || inner.startsWith('~') ? inner : posix.join(outer, inner)
}

/**
 * Options with their times under one name, in ms: `timeout` becomes `timeoutMs`, `queueTimeout` becomes `queueTimeoutMs`.
 * @throws TypeError for what is given under both names
 */
export function withTimes<T extends object>(given: T): T {
  const times = { ...given } as Record<string, unknown>
  for (const name of ['timeout', 'queueTimeout']) {
    const value = times[name]
    if (value === undefined) continue
    if (times[`${name}Ms`] !== undefined)
      throw new TypeError(`${name} and ${name}Ms are two names for one time; give one of them`)
    delete times[name]
    times[`${name}Ms`] = durationOf(value as number | string)
  }
  return times as T
}

/** Milliseconds of a number of them, or of a text with a unit. @throws TypeError when it is neither */
export function durationOf(duration: number | string): number {
  const ms = typeof duration === 'string' ? parseDuration(duration) : duration
  if (typeof ms !== 'number' || !Number.isFinite(ms) || ms < 0)
    throw new TypeError(
      `${typeof duration === 'string' ? JSON.stringify(duration) : shown(duration)} is not a duration; write milliseconds, or a text such as '30s', '500ms' or '5m'`,
    )
  return ms
}
