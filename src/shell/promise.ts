/** A command that starts when somebody waits for it. */
import type { Readable, Writable } from 'node:stream'
import type { Secret } from '../runtime/secret.js'
import { SIGNAL_NAMES, type SignalName } from '../transport/transport.js'
import type { CallSite } from './call-site.js'
import { shown } from './check.js'
import { LineQueue } from './lines.js'
import { checkSettings } from './options.js'
import { into, through } from './pipe.js'
import { CommandError, type ShellResult } from './result.js'
import type { Reason, RunCommand } from './run-command.js'
import { durationOf, mergeSettings, type RemoteControl, type Settings } from './settings.js'

/** While the lines are read nothing piles up, and the result keeps no more of them than this. */
const HEAD_WHILE_READING = 1024 * 1024

/**
 * Nothing happens before the first `then`, `catch`, `finally` or `await`, a reader such as `text()`, or a loop over the
 * lines; then the command runs once, however many wait. Every option gives a new promise that has not started.
 * Resolves with a result; rejects with a CommandError when the command did not succeed, unless `nothrow()`.
 */
export class CommandPromise implements Promise<ShellResult>, AsyncIterable<string> {
  readonly [Symbol.toStringTag] = 'CommandPromise'
  readonly #run: RunCommand
  readonly #settings: Settings
  readonly #site: CallSite | null
  readonly #stop = new AbortController()
  #started: Promise<ShellResult> | null = null
  #control: RemoteControl | null = null
  #over = false

  /**
   * @param site where the command stands in the program; its errors show that
   * @internal
   */
  constructor(run: RunCommand, settings: Settings = {}, site: CallSite | null = null) {
    this.#run = run
    this.#settings = settings
    this.#site = site
  }

  then<A = ShellResult, B = never>(
    done?: ((value: ShellResult) => A | PromiseLike<A>) | null,
    failed?: ((reason: Reason) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#start().then(done, failed)
  }

  catch<B = never>(failed?: ((reason: Reason) => B | PromiseLike<B>) | null): Promise<ShellResult | B> {
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

  /** Cancels the command when it aborts, or when a signal given before does. */
  signal(signal: AbortSignal): CommandPromise {
    return this.#with({ signal })
  }

  /** Sent to the command's stdin. */
  stdin(source: Readable | Uint8Array | string): CommandPromise {
    return this.#with({ stdin: source })
  }

  /** Runs it in a directory; a relative one is inside the context's. */
  cd(directory: string): CommandPromise {
    return this.#with({ cwd: directory })
  }

  /** Variables for the command; a Secret travels on stdin, never on a command line. */
  env(variables: Readonly<Record<string, string | Secret>>): CommandPromise {
    return this.#with({ env: { ...variables } })
  }

  /** Bytes of each stream that the result keeps, from the beginning; more is an error, XEC_MAX_BUFFER. Default 10 MiB; 0 keeps none, without an error. */
  maxBuffer(bytes: number): CommandPromise {
    return this.#with({ maxBuffer: bytes })
  }

  /**
   * Sends stdout on as it comes, as fast as it is taken: to the stdin of another command, on whichever host, or to a stream, which is
   * then ended (but for the process's own). The new promise is the other command's, or this one's with a stream.
   * A source that fails rejects it, unless that has `nothrow()`; when the other command ends first, the source is stopped.
   */
  pipe(target: CommandPromise | Writable): CommandPromise {
    this.#mustNotHaveStarted()
    if (!(target instanceof CommandPromise) && typeof (target as unknown as Writable | null)?.write !== 'function')
      throw new TypeError(`pipe takes a command or a stream, not ${shown(target)}`)
    if (!(target instanceof CommandPromise))
      return new CommandPromise(into(this.#run, target), this.#settings, this.#site)
    target.#mustNotHaveStarted()
    const run = through((more) => this.#run(mergeSettings(this.#settings, more)), target.#run)
    return new CommandPromise(run, target.#settings, this.#site)
  }

  /**
   * Sends a signal to the command's processes; one that still waits for its connection is cancelled.
   * None of them is sent again, also not with `idempotent`.
   * @returns false when there is nothing to stop: it has not started, or has ended
   * @throws TypeError for what is not the name of a signal that SSH can carry
   */
  kill(signal: SignalName | `SIG${SignalName}` = 'TERM'): boolean {
    const name = signalNamed(signal)
    if (!this.#started || this.#over) return false
    // None to signal: it waits for its connection, be it the first or that of another attempt.
    if (!this.#control?.signal(name)) this.#stop.abort(new Error('killed'))
    return true
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

  /**
   * The lines of stdout as they come, UTF-8, without their ends. A slow loop holds the remote command back; leaving the
   * loop stops it, and waits for that. A failure is thrown after the last line, unless `nothrow()`.
   * @throws TypeError when the command has started already, in which case `lines()` has what it wrote
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    this.#mustNotHaveStarted()
    // A maxBuffer of 0 is about what the result keeps; a line is held all the same.
    const queue = new LineQueue(this.#settings.maxBuffer || undefined)
    const ended = this.#start({ onStdout: (chunk) => queue.push(chunk), maxBuffer: HEAD_WHILE_READING })
    ended.then(
      (result) => queue.end(result.stdout),
      (error: unknown) => queue.fail(error),
    )
    try {
      yield* queue
    } finally {
      if (!this.#over) {
        this.#stop.abort(new Error('its lines are not read any more'))
        queue.drop()
        await ended.catch(() => {})
      }
    }
  }

  #with(settings: Settings): CommandPromise {
    this.#mustNotHaveStarted()
    return new CommandPromise(this.#run, mergeSettings(this.#settings, checkSettings(settings)), this.#site)
  }

  #mustNotHaveStarted(): void {
    if (this.#started) throw new TypeError('the command has started; set options before it is awaited')
  }

  #start(reading?: Pick<Settings, 'onStdout' | 'maxBuffer'>): Promise<ShellResult> {
    if (this.#started) return this.#started
    const settings: Settings = {
      ...this.#settings,
      ...(reading && { ...reading, reading: true }),
      stop: this.#stop.signal,
      onStarted: (control) => void (this.#control = control),
    }
    const over = (): void => void (this.#over = true)
    this.#started = this.#site ? located(this.#run(settings), this.#site) : this.#run(settings)
    this.#started.then(over, over)
    return this.#started
  }
}

async function located(run: Promise<ShellResult>, site: CallSite): Promise<ShellResult> {
  try {
    return await run
  } catch (error) {
    throw error instanceof CommandError ? error.from(site) : error
  }
}

function signalNamed(signal: string): SignalName {
  const name = SIGNAL_NAMES.find((each) => signal === each || signal === `SIG${each}`)
  if (!name) throw new TypeError(`a signal is one of ${SIGNAL_NAMES.join(', ')}, not ${JSON.stringify(signal)}`)
  return name
}
