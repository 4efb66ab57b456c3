/** The library. Importing it has no side effect: nothing is read, opened or started before the first command. */
import { createShell } from './shell/shell.js'
import { SSHAdapter } from './ssh-adapter.js'
import { sharedXec } from './xec.js'

const shared = new SSHAdapter({}, { xec: sharedXec })

/** Commands on hosts, over the pool that this process shares: `` const ssh = $.ssh('user@host'); await ssh`uptime` ``. */
export const $ = createShell(() => shared)

export { SSHAdapter, type SSHAdapterOptions } from './ssh-adapter.js'
export type { AdapterEventName, AdapterEvents } from './shell/occasions.js'
export { PoolMonitor, type MonitorEvents, type MonitorOptions } from './shell/monitor.js'
export type { ShutdownOptions } from './shell/shutdown.js'
export { calculateOptimalPoolSize, optimizeKeepAlive, type KeepAliveOptions } from './shell/tuning.js'
export { createXec, type Xec, type XecOptions } from './xec.js'
export { XecError, isXecError, ERROR_CODES, type ErrorCode, type Executed, type Phase } from './errors.js'
export { Secret } from './runtime/secret.js'
export { CommandError, ShellResult, type ShellFields } from './shell/result.js'
export type { ShellValue, ShellWord } from './shell/values.js'
export { CommandPromise } from './shell/promise.js'
export type { Reason } from './shell/run-command.js'
export type { SshContext } from './shell/context.js'
export type { ContextFiles } from './shell/files.js'
export type { ContextTunnels, Tunnels } from './shell/tunnels.js'
export type { Tunnel, TunnelOptions } from './tunnel/tunnel.js'
export type { ReverseTunnelOptions } from './tunnel/reverse.js'
export type { TransferOptions, TransferProgress, TransferResult, Transfers, UploadSource } from './files/types.js'
export type { RemoteControl, Settings } from './shell/settings.js'
export { loadInventory, type LoadedInventory } from './shell/inventory.js'
export type { Selection } from './shell/selection.js'
export type { SelectionRequest } from './inventory/selector.js'
export type { RunContext } from './shell/run-context.js'
export type { RunLine } from './shell/run-lines.js'
export { RunPromise, type RunAdapter } from './shell/run-promise.js'
export type { LoadInventoryOptions } from './shell/load-options.js'
export type { RunOptions, RunSettings } from './shell/run-options.js'
export { RunReport } from './shell/run-report.js'
export type { AnyTarget, Shell } from './shell/shell.js'
export type { ResolvedTarget, SessionRules } from './inventory/resolve.js'
export type { PlainValue } from './inventory/inventory.js'
export type { RequestTTY, SshHostOptions } from './openssh/host-options.js'
export { foldNames } from './inventory/fold-names.js'
export { resolveTarget, type HostKeys, type RuleKeys, type SshTarget } from './shell/target.js'
export {
  OUTCOMES,
  type Command,
  type CommandAttempt,
  type ExecuteOptions,
  type Executor,
  type Outcome,
  type OutputSink,
  type RemoteProcess,
  type Result,
} from './adapter/types.js'
export type { DurationName, Given, HostPoolOptions, PoolOptions } from './pool/options.js'
export type { PoolSnapshot, PoolFigures, HostFigures, HostLimits, Latency } from './pool/metrics/snapshot.js'
export type { CloseReason, DrainReason, FullLimit, PoolEvent, PoolListener } from './pool/metrics/events.js'
export type { AcquireOptions, Admission, Attempt, DrainOptions, DrainReport, Pool, PoolTarget } from './pool/types.js'
export type { HostState, ItemEvent, Report, RunEvent, RunObserver } from './run/events.js'
export type { OutputGroup } from './run/fold.js'
export type { Counts, ErrorDocument, HostDocument, ReportDocument, StreamEncoding } from './run/report.js'
export type { PtyRequest, SignalName } from './transport/transport.js'
export type { DispatchOptions, Dispatcher, RunItem } from './run/dispatcher.js'
export type { HostCommand } from './run/local.js'
export type { Run, StartRunOptions } from './run/start.js'
