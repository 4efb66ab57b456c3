/** What a command promise gives: a result, or an error in the same shape. */
import { inspect } from 'node:util'
import type { CommandAttempt, Outcome, RemoteProcess, Result } from '../adapter/types.js'
import { messageOf, XecError, type Executed } from '../errors.js'
import { framesOf, type CallSite } from './call-site.js'
import { detailsFor, messageFor, redacted } from './error-text.js'

/** The fields that results and errors share. */
export interface ShellFields {
  readonly host: string
  readonly ok: boolean
  readonly outcome: Outcome
  /** null: none arrived. */
  readonly exitCode: number | null
  readonly signal: string | null
  readonly executed: Executed
  readonly remoteProcess: RemoteProcess | null
  /** As UTF-8; `buffer()` has the bytes. */
  readonly stdout: string
  readonly stderr: string
  readonly truncated: boolean
  readonly durationMs: number
  readonly attempts: readonly CommandAttempt[]
  /** stdout without its last newlines, as `$(…)` gives it. */
  text(): string
  /** The lines of stdout, as a loop over the command gives them: CRLF counts as one end, a last newline starts no further line. */
  lines(): string[]
  /** stdout as JSON. @throws SyntaxError that names the host and has `stdout` */
  json<T = unknown>(): T
  /** The bytes of stdout. */
  buffer(): Buffer
}

/** All but the output. */
function factsOf(result: Result): Omit<ShellFields, 'stdout' | 'stderr' | 'ok' | Readers> {
  const { host, outcome, exitCode, signal, executed, remoteProcess, truncated, durationMs, attempts } = result
  return { host, outcome, exitCode, signal, executed, remoteProcess, truncated, durationMs, attempts }
}

type Readers = 'text' | 'lines' | 'json' | 'buffer'

export class ShellResult implements ShellFields {
  declare readonly host: ShellFields['host']
  declare readonly ok: ShellFields['ok']
  declare readonly outcome: ShellFields['outcome']
  declare readonly exitCode: ShellFields['exitCode']
  declare readonly signal: ShellFields['signal']
  declare readonly executed: ShellFields['executed']
  declare readonly remoteProcess: ShellFields['remoteProcess']
  declare readonly stdout: ShellFields['stdout']
  declare readonly stderr: ShellFields['stderr']
  declare readonly truncated: ShellFields['truncated']
  declare readonly durationMs: ShellFields['durationMs']
  declare readonly attempts: ShellFields['attempts']
  /** What went wrong; null when ok. */
  readonly error: XecError | null
  readonly #result: Result

  constructor(result: Result, error: XecError | null = result.error) {
    Object.assign(this, factsOf(result), { ok: error === null })
    // Decoded when it is asked for: of a run over many hosts what does not fit into memory lies in files.
    for (const name of ['stdout', 'stderr'] as const)
      Object.defineProperty(this, name, { enumerable: true, get: () => result[name].toString('utf8') })
    this.error = error
    this.#result = result
  }

  text(): string {
    return textOf(this)
  }

  lines(): string[] {
    return linesOf(this)
  }

  json<T = unknown>(): T {
    return jsonOf(this) as T
  }

  buffer(): Buffer {
    return this.#result.stdout
  }

  toString(): string {
    return this.text()
  }

  /** For `console.log`: the values, not that they are read when asked for. */
  [inspect.custom](): object {
    return { ...this }
  }
}

/** A command that did not succeed: an XecError with the fields of its result, and what it wrote. */
export class CommandError extends XecError implements ShellFields {
  override readonly name = 'CommandError'
  declare readonly host: ShellFields['host']
  declare readonly ok: ShellFields['ok']
  declare readonly outcome: ShellFields['outcome']
  declare readonly exitCode: ShellFields['exitCode']
  declare readonly signal: ShellFields['signal']
  declare readonly executed: ShellFields['executed']
  declare readonly remoteProcess: ShellFields['remoteProcess']
  declare readonly stdout: ShellFields['stdout']
  declare readonly stderr: ShellFields['stderr']
  declare readonly truncated: ShellFields['truncated']
  declare readonly durationMs: ShellFields['durationMs']
  declare readonly attempts: ShellFields['attempts']
  /** The command line, with secrets replaced that the command was given. */
  readonly command: string
  readonly #details: string
  readonly #result: Result
  readonly #stdout: Buffer

  /**
   * @param command the line that was run
   * @param secrets values that no message may show
   * @internal
   */
  constructor(result: Result, error: XecError, command = '', secrets: readonly string[] = []) {
    const shown = redacted(command, secrets)
    super(error.code, messageFor(result, error), {
      host: result.host,
      phase: error.phase,
      outcome: result.outcome,
      executed: result.executed,
      cause: error.cause,
    })
    this.command = shown
    this.#details = redacted(detailsFor(result, shown), secrets)
    this.from(this)
    this.#result = result
    this.#stdout = result.stdout
    Object.assign(this, factsOf(result), { ok: false })
    // Not listed: an uncaught error would print megabytes, and what a remote side says as it is.
    for (const name of ['stdout', 'stderr'] as const)
      Object.defineProperty(this, name, { value: result[name].toString('utf8') })
  }

  /**
   * Shows the place in the program that the command came from, in place of where its failure was noticed.
   * @internal
   */
  from(site: CallSite): this {
    const frames = framesOf(site)
    if (frames !== '' || site === this)
      Object.defineProperty(this, 'stack', {
        value: `${this.name}: ${this.message}${this.#details}${frames}`,
        configurable: true,
        writable: true,
      })
    return this
  }

  /** What `nothrow` would have resolved with. */
  toResult(): ShellResult {
    return new ShellResult(this.#result, this)
  }

  text(): string {
    return textOf(this)
  }

  lines(): string[] {
    return linesOf(this)
  }

  json<T = unknown>(): T {
    return jsonOf(this) as T
  }

  buffer(): Buffer {
    return this.#stdout
  }
}

function textOf({ stdout }: Pick<ShellFields, 'stdout'>): string {
  // A pattern that looks for them would begin anew at every newline: minutes for a megabyte of them.
  let end = stdout.length
  while (stdout[end - 1] === '\n') end--
  return stdout.slice(0, end)
}

function linesOf({ stdout }: Pick<ShellFields, 'stdout'>): string[] {
  return stdout === '' ? [] : stdout.replace(/\r?\n$|\r$/, '').split(/\r?\n/)
}

function jsonOf({ host, stdout }: Pick<ShellFields, 'host' | 'stdout'>): unknown {
  try {
    return JSON.parse(stdout)
  } catch (cause) {
    throw Object.assign(new SyntaxError(`${host}: stdout is not JSON: ${messageOf(cause)}`, { cause }), {
      host,
      stdout,
    })
  }
}
