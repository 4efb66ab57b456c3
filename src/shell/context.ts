/** A host to run commands on: a template tag with settings. */
import { DEFAULT_CAPTURE_BYTES } from '../adapter/capture.js'
import { neverSent } from '../adapter/execute.js'
import type { Command, ExecuteOptions, Executor, Result } from '../adapter/types.js'
import { isXecError, XecError } from '../errors.js'
import type { Transfers } from '../files/types.js'
import type { PoolTarget } from '../pool/types.js'
import { Secret } from '../runtime/secret.js'
import { callSite } from './call-site.js'
import { shown } from './check.js'
import { contextFiles, type ContextFiles } from './files.js'
import { checkSettings } from './options.js'
import { CommandPromise } from './promise.js'
import { CommandError, ShellResult } from './result.js'
import { durationOf, mergeSettings, type Settings } from './settings.js'
import { withEither } from './signals.js'
import { commandLine, rawLine } from './template.js'
import type { ShellValue } from './values.js'
import { contextTunnels, type ContextTunnels, type Tunnels } from './tunnels.js'

/** Opens nothing before the first command. Has no `then`, so that it can be returned from async functions. */
export interface SshContext extends ContextFiles, ContextTunnels {
  /**
   * A command, with what is interpolated quoted. A template that is nothing but one string is the command line itself.
   * @throws TypeError that shows the place, for a value that is no ShellValue or that stands where quotes do not hold it
   */
  (strings: TemplateStringsArray, ...values: readonly ShellValue[]): CommandPromise
  /** The same with nothing quoted, and the template's text as it is written, backslashes included. */
  raw(strings: TemplateStringsArray, ...values: readonly ShellValue[]): CommandPromise
  /**
   * Runs a command line. Every template call of this context, and of contexts derived from it, goes through this
   * property exactly once a command, so it may be replaced by a function that wraps it.
   * Rejects with a CommandError when the command did not succeed, unless `nothrow` is set.
   */
  execute: (line: string, settings?: Settings) => Promise<ShellResult>
  /** A context whose commands have these variables; a Secret travels on stdin, never on a command line. */
  env(variables: Readonly<Record<string, string | Secret>>): SshContext
  /** A context whose commands run in a directory; a relative one is inside the context's own. */
  cd(directory: string): SshContext
  /** A context whose commands are stopped when they take longer: ms, or `'30s'`. */
  timeout(duration: number | string): SshContext
  /** A context whose commands resolve whatever became of them. */
  nothrow(): SshContext
  /** A context with several settings at once. */
  with(settings: Settings): SshContext
}

/** @param base what the target itself says, e.g. its environment */
export function sshContext(
  adapter: () => Executor & Partial<Transfers & Tunnels>,
  target: PoolTarget,
  base: Settings,
): SshContext {
  return makeContext(
    async (line, settings = {}) => {
      if (typeof line !== 'string') throw new TypeError(`a command line is a text, not ${shown(line)}`)
      return run(adapter(), target, line, mergeSettings(base, checkSettings(settings)))
    },
    (settings) => {
      const all = mergeSettings(base, settings)
      return { ...contextFiles(adapter, target, all), ...contextTunnels(adapter, target, all) }
    },
  )
}

type Tag = (strings: TemplateStringsArray, ...values: readonly ShellValue[]) => CommandPromise

function makeContext(
  execute: SshContext['execute'],
  othersWith: (settings: Settings) => ContextFiles & ContextTunnels,
): SshContext {
  // Closures, not methods: the tag works with whatever `this` it is called.
  const start = (line: string, tag: Tag): CommandPromise =>
    new CommandPromise(async (settings) => context.execute(line, settings), {}, callSite(tag))
  const derive = (given: Settings): SshContext => {
    const settings = checkSettings(given)
    return makeContext(
      (line, inner = {}) => context.execute(line, mergeSettings(settings, checkSettings(inner))),
      (inner) => othersWith(mergeSettings(settings, inner)),
    )
  }
  const quoting: Tag = (strings, ...values) => start(commandLine(strings, values), quoting)
  const raw: Tag = (strings, ...values) => start(rawLine(strings, values), raw)
  const context: SshContext = Object.assign(quoting, {
    raw,
    execute,
    env: (env: Readonly<Record<string, string | Secret>>) => derive({ env: { ...env } }),
    cd: (cwd: string) => derive({ cwd }),
    timeout: (duration: number | string) => derive({ timeoutMs: durationOf(duration) }),
    nothrow: () => derive({ nothrow: true }),
    with: derive,
    ...othersWith({}),
  })
  return context
}

async function run(adapter: Executor, target: PoolTarget, line: string, settings: Settings): Promise<ShellResult> {
  const {
    env,
    cwd,
    timeoutMs,
    queueTimeoutMs,
    stdin,
    onStdout,
    onStderr,
    nothrow = false,
    idempotent = false,
    maxBuffer = DEFAULT_CAPTURE_BYTES,
    reading = false,
  } = settings
  const command: Command = { line, ...(env ? { env } : {}), ...(cwd === undefined ? {} : { cwd }) }
  const options: ExecuteOptions = {
    timeoutMs,
    queueTimeoutMs,
    stdin,
    onStdout,
    onStderr,
    retryCommands: idempotent ? 1 : 0,
    captureBytes: maxBuffer,
    onStarted: settings.onStarted,
  }
  const fail = (result: Result, error: XecError): ShellResult => {
    const told = new CommandError(result, error, line, secretsOf(target, env))
    if (!nothrow) throw told
    return told.toResult()
  }
  let result: Result
  try {
    result = await withEither([settings.signal, ...(settings.signals ?? []), settings.stop], (signal) =>
      adapter.execute(target, command, { ...options, signal }),
    )
  } catch (error) {
    // What cannot be sent as it is: too long, a NUL byte, a bad name of a variable.
    if (!isXecError(error)) throw error
    return fail(neverSent(target, error.outcome, error), error)
  }
  const overflow = result.error || reading ? null : overflowOf(result, maxBuffer)
  if (overflow) return fail({ ...result, outcome: 'failed', ok: false, error: overflow }, overflow)
  return result.error ? fail(result, result.error) : new ShellResult(result)
}

/** The values that no message of the command may show. */
function secretsOf({ credentials }: PoolTarget, env: Settings['env'] = {}): string[] {
  return [...Object.values(env), credentials.password, ...credentials.keys.map(({ passphrase }) => passphrase)].flatMap(
    (each) => (each instanceof Secret ? [each.reveal()] : []),
  )
}

/** Output that is cut is an error, or a script would go on with half of it. */
function overflowOf(result: Result, maxBuffer: number): XecError | null {
  if (!result.truncated || maxBuffer === 0) return null
  const stream = result.stdout.length >= maxBuffer ? 'stdout' : result.stderr.length >= maxBuffer ? 'stderr' : null
  if (!stream) return null
  const { host } = result
  return new XecError(
    'XEC_MAX_BUFFER',
    `${host}: ${stream} is longer than maxBuffer (${maxBuffer} bytes); the command ran to its end with exit status 0, and its result has the beginning. Raise it with .maxBuffer(bytes), or read the output as it comes: for await, or .pipe()`,
    { host, executed: 'yes' },
  )
}
