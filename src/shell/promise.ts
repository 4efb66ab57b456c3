/** A command that starts when somebody waits for it. */
import type { Readable } from 'node:stream'
import { durationOf } from './settings.js'
import type { Settings } from './settings.js'
import type { ShellResult } from './result.js'

/**
 * Nothing happens before the first `then`, `catch`, `finally` or `await` (or a reader such as `text()`); then the
 * command runs once, however many wait. Every option gives a new promise that has not started.
 * Resolves with a result; rejects with a CommandError when the command did not succeed, unless `nothrow()`.
 */
export class CommandPromise implements Promise<ShellResult> {
  readonly [Symbol.toStringTag] = 'CommandPromise'
  readonly #run: (settings: Settings) => Promise<ShellResult>
  readonly #settings: Settings
  #started: Promise<ShellResult> | null = null

  constructor(run: (settings: Settings) => Promise<ShellResult>, settings: Settings = {}) {
    this.#run = run
    this.#settings = settings
  }

  then<A = ShellResult, B = never>(done?: ((value: ShellResult) => A | PromiseLike<A>) | null, failed?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<A | B> {
    return this.#start().then(done, failed)
  }

  catch<B = never>(failed?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<ShellResult | B> {
    return this.#start().catch(failed)
  }

  finally(done?: (() => void) | null): Promise<ShellResult> {
    return this.#start().finally(done)
  }

  /** Says nothing on the terminal. Nothing of a command is printed anyway; it is here for scripts that ask for it. */
  quiet(): CommandPromise {
    return this.#with({})
  }

  /** Resolves with the result whatever became of the command; look at `ok` and `outcome`. */
  nothrow(): CommandPromise {
    return this.#with({ nothrow: true })
  }

  /** Stops the command when it takes longer: ms, or `'30s'`; counted from the moment it is sent. */
  timeout(duration: number | string): CommandPromise {
    return this.#with({ timeoutMs: durationOf(duration) })
  }

  /** Cancels the command when it aborts. */
  signal(signal: AbortSignal): CommandPromise {
    return this.#with({ signal })
  }

  /** Sent to the command's stdin. */
  stdin(source: Readable | Uint8Array | string): CommandPromise {
    return this.#with({ stdin: source })
  }

  async text(): Promise<string> {
    return (await this).text()
  }

  async lines(): Promise<string[]> {
    return (await this).lines()
  }

  async json<T = unknown>(): Promise<T> {
    return (await this).json<T>()
  }

  async buffer(): Promise<Buffer> {
    return (await this).buffer()
  }

  #with(settings: Settings): CommandPromise {
    if (this.#started) throw new TypeError('the command has started; set options before it is awaited')
    return new CommandPromise(this.#run, { ...this.#settings, ...settings })
  }

  #start(): Promise<ShellResult> {
    return (this.#started ??= this.#run(this.#settings))
  }
}
