/** Many hosts to run one command on: a template tag with settings, and the run that it starts. */
import type { Command } from '../adapter/types.js'
import type { ResolvedTarget } from '../inventory/resolve.js'
import type { HostCommand } from '../run/local.js'
import type { Secret } from '../runtime/secret.js'
import { checkRunOptions, checkRunSettings } from './options.js'
import type { RunOptions, RunSettings } from './run-options.js'
import { RunPromise, type RunAdapter } from './run-promise.js'
import { durationOf, mergeSettings } from './settings.js'
import { commandLine, rawLine } from './template.js'
import type { ShellValue } from './values.js'

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
