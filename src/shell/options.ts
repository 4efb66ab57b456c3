/** The options that programs give, by name: how each is looked at. `check.ts` has the words. */
import type { Command, ExecuteOptions } from '../adapter/types.js'
import type { TransferOptions } from '../files/types.js'
import type { PoolTarget } from '../pool/types.js'
import type { ReverseTunnelOptions } from '../tunnel/reverse.js'
import type { TunnelOptions } from '../tunnel/tunnel.js'
import {
  bool,
  bytes,
  checked,
  count,
  directory,
  duration,
  elsewhere,
  env,
  func,
  input,
  ms,
  must,
  number,
  object,
  shown,
  signal,
  signals,
  text,
  type Check,
  type Checks,
} from './check.js'
import type { LoadInventoryOptions } from './load-options.js'
import type { MonitorOptions } from './monitor.js'
import type { RunOptions, RunSettings } from './run-options.js'
import { withTimes, type Settings } from './settings.js'
import type { ShutdownOptions } from './shutdown.js'

const MS = { timeout: 'timeoutMs', queueTimeout: 'queueTimeoutMs' } as const

const RUN_SETTINGS: Checks<RunSettings> = {
  env,
  cwd: directory,
  timeout: duration,
  timeoutMs: ms,
  signal,
  signals,
  idempotent: bool,
}

const SETTINGS: Checks<Settings> = {
  ...RUN_SETTINGS,
  queueTimeout: duration,
  queueTimeoutMs: ms,
  stop: signal,
  stdin: input,
  nothrow: bool,
  reading: bool,
  maxBuffer: bytes,
  onStdout: func,
  onStderr: func,
  onStarted: func,
}

const RUN_OPTIONS: Checks<RunOptions> = {
  fanout: elsewhere,
  failFast: bool,
  queueTimeout: duration,
  allowEmpty: bool,
  onEvent: func,
}

const EXECUTE: Checks<ExecuteOptions> = {
  signal,
  timeoutMs: ms,
  queueTimeoutMs: ms,
  retryCommands: count,
  stdin: input,
  onStdout: func,
  onStderr: func,
  captureBytes: bytes,
  store: object,
  onState: func,
  onSend: func,
  onStarted: func,
}

const COMMAND: Checks<Command> = { line: text, script: object, env, cwd: text, pty: object }

/** 644 is 0o1204: who writes it means 0o644. */
const mode: Check = (value) => {
  if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > 0o7777)
    return `must be permissions such as 0o644, not ${shown(value)}`
  return (value as number) > 0o777 && /^[0-7]{3}$/.test(String(value))
    ? `must be permissions such as 0o644, and ${String(value)} is 0o${(value as number).toString(8)}; write 0o${String(value)}`
    : undefined
}

const TRANSFER: Checks<TransferOptions> = {
  signal,
  timeout: duration,
  timeoutMs: ms,
  queueTimeout: duration,
  queueTimeoutMs: ms,
  mode,
  follow: bool,
  parents: bool,
  fsync: bool,
  onProgress: func,
}

const address = must('a host name or an address', (value) => typeof value === 'string' && value !== '')

const TUNNEL: Checks<TunnelOptions & ReverseTunnelOptions> = {
  remoteHost: address,
  remotePort: elsewhere,
  localHost: address,
  localPort: elsewhere,
  signal,
  onError: func,
}

const MONITOR: Checks<MonitorOptions> = { interval: duration, highUtilization: number }

const SHUTDOWN: Checks<ShutdownOptions> = {
  signals: must(
    'an array of signal names',
    (value) => Array.isArray(value) && value.every((each) => typeof each === 'string' && /^SIG[A-Z0-9]+$/.test(each)),
  ),
  timeout: duration,
}

const LOAD: Checks<LoadInventoryOptions> = { file: text, cwd: directory, env: object, sshConfig: text }

export const SETTING_NAMES: readonly string[] = Object.keys(SETTINGS)

export const checkSettings = (settings: Settings): Settings => withTimes(checked('setting', settings, SETTINGS))

export const checkRunSettings = (settings: RunSettings): RunSettings =>
  withTimes(
    checked('setting of a run', settings, RUN_SETTINGS, {
      ...Object.fromEntries(
        ['queueTimeout', 'queueTimeoutMs'].map((name) => [
          name,
          { instead: 'it is an option: $.all(targets, { queueTimeout })' },
        ]),
      ),
      ...Object.fromEntries(
        ['stdin', 'maxBuffer', 'onStdout', 'onStderr'].map((name) => [
          name,
          { instead: 'it belongs to commands on one host, $.ssh(target); a run tells its output by onEvent' },
        ]),
      ),
      nothrow: { instead: 'a run resolves whatever became of its hosts' },
    }),
  )

export const checkRunOptions = (options: RunOptions): RunOptions =>
  checked(
    'option',
    options,
    RUN_OPTIONS,
    Object.fromEntries(
      ['timeout', 'timeoutMs'].map((name) => [name, { instead: 'it is a setting: $.all(targets).timeout(…)' }]),
    ),
  )

export const checkTransfer = (options: TransferOptions): TransferOptions =>
  withTimes(checked('option', options, TRANSFER))

export const checkTunnel = <T extends TunnelOptions | ReverseTunnelOptions>(options: T): T =>
  checked<TunnelOptions & ReverseTunnelOptions>('option', options as TunnelOptions & ReverseTunnelOptions, TUNNEL) as T

export const checkMonitor = (options: MonitorOptions): MonitorOptions => checked('option', options, MONITOR)

export const checkDrain = (options: { readonly timeout?: number | string | undefined }): typeof options =>
  checked('option', options, { timeout: duration }, { timeoutMs: 'timeout' })

export const checkShutdown = (options: ShutdownOptions): ShutdownOptions =>
  checked('option', options, SHUTDOWN, { timeoutMs: 'timeout' })

export const checkLoad = (options: LoadInventoryOptions): LoadInventoryOptions => checked('option', options, LOAD)

/** What an adapter is given to execute. */
export function checkExecution(target: PoolTarget, command: Command, options: ExecuteOptions): void {
  checkTarget(target)
  checked('key of a command', command, COMMAND, { command: 'line', cmd: 'line' })
  if (typeof command.line !== 'string') throw new TypeError(`line must be a text, not ${shown(command.line)}`)
  checked('option', options, EXECUTE, { ...MS, retries: 'retryCommands', maxBuffer: 'captureBytes' })
}

export function checkTarget(target: PoolTarget): void {
  if (typeof target !== 'object' || target === null || !('credentials' in target))
    throw new TypeError(
      `a target is what resolveTarget('user@host').target or an inventory gives, not ${shown(target)}`,
    )
}
