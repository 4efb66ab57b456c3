/** One command on one open channel, from the exec request until there is nothing left to wait for. */
import { isXecError, XecError, messageOf } from '../errors.js'
import { notifySafely } from '../runtime/notify.js'
import type { Clock, Timer } from '../runtime/clock.js'
import type { Channel, Exit, PtyRequest, SignalName } from '../transport/transport.js'
import type { Capture } from './capture.js'
import type { Encoded } from './command.js'
import { DirectoryNews } from './directory.js'
import { nextRung, signalsSent } from './kill.js'
import { Intake } from './output.js'
import type { Ran, Stop } from './result.js'
import { nextStep } from './settle.js'
import type { Feed } from './stdin.js'
import type { ExecuteOptions } from './types.js'
import { onWire } from './wire-bytes.js'

export interface Sending {
  readonly host: string
  readonly encoded: Encoded
  readonly pty: PtyRequest | undefined
  readonly feed: Feed
  readonly stdout: Capture
  readonly stderr: Capture
  readonly options: Pick<
    ExecuteOptions,
    'signal' | 'timeoutMs' | 'onStdout' | 'onStderr' | 'onState' | 'onSend' | 'onStarted'
  >
}

/** Never rejects. The channel is closed, or on its way to be, when it resolves. */
export function runOn(channel: Channel, sending: Sending, clock: Clock): Promise<Ran> {
  return new Promise((resolve) => new Running(channel, sending, clock, resolve).start())
}

class Running {
  readonly #sentAt: number
  readonly #outputs: readonly Intake[]
  readonly #news: DirectoryNews | null
  #accepted = false
  #failure: XecError | null = null
  #exit: Exit | null = null
  #exitAt: number | null = null
  #stop: Stop | null = null
  #stoppedAt: number | null = null
  #rungs = 0
  #closedAt: number | null = null
  /** Why the output was still open some time after the exit, when it was. */
  #open: Ran['open'] = null
  #lastOutputAt: number
  #timer: { readonly at: number; readonly handle: Timer } | null = null
  #settled = false
  #handled = false

  constructor(
    private readonly channel: Channel,
    private readonly sending: Sending,
    private readonly clock: Clock,
    private readonly resolve: (ran: Ran) => void,
  ) {
    const { options, stdout, stderr } = sending
    this.#sentAt = this.#lastOutputAt = clock.now()
    const changed = (received: boolean): void => {
      if (received) this.#lastOutputAt = clock.now()
      else this.#advance()
    }
    const broken = (error: unknown): void => this.stop({ why: 'output', cause: error })
    const { directory } = sending.encoded
    this.#news = directory && new DirectoryNews(directory.nonce)
    // A terminal has one stream for both.
    const [ofStdout, ofStderr] = sending.pty ? [this.#news, null] : [null, this.#news]
    this.#outputs = [
      new Intake(channel.stdout, stdout, options.onStdout, changed, broken, ofStdout),
      new Intake(channel.stderr, stderr, options.onStderr, changed, broken, ofStderr),
    ]
  }

  start(): void {
    const { channel, sending } = this
    const { options } = sending
    options.signal?.addEventListener('abort', this.#aborted, { once: true })
    if (options.signal?.aborted) this.#aborted()
    // Whatever else is still waited for, nobody reads the input any more.
    void channel.closed.then(() => sending.feed.stop())
    void channel.exit.then((exit) => {
      this.#exit = exit
      this.#exitAt = this.clock.now()
      this.#advance()
    })
    this.#send().then(
      () => {
        this.#accepted = true
        if (this.#settled) return
        notifySafely(() => options.onState?.('running'))
        if (this.#stop) channel.stdin.end()
        else
          sending.feed.connect(channel.stdin, sending.encoded.preamble, (cause) => this.stop({ why: 'stdin', cause }))
        notifySafely(() =>
          options.onStarted?.({
            signal: (name) => this.#signal(name),
            resize: (rows, cols) => channel.resize(rows, cols),
          }),
        )
      },
      (error: unknown) => {
        this.#failure = isXecError(error)
          ? error
          : new XecError('XEC_REFUSED', `${sending.host}: the command could not be sent: ${messageOf(error)}`, {
              host: sending.host,
              phase: 'exec',
              executed: 'maybe',
              cause: error,
            })
        this.#settle()
      },
    )
    this.#advance()
  }

  /** The exec request, once `onSend` lets it leave; a command that is stopped by then is not sent. */
  #send(): Promise<void> {
    const { channel, sending } = this
    const request = (): Promise<void> => channel.exec(onWire(sending.encoded.line), sending.pty, () => !this.#stop)
    const held = (cause: unknown): void => this.stop({ why: 'abort', cause })
    try {
      const wait = sending.options.onSend?.()
      return wait ? wait.then(undefined, held).then(request) : request()
    } catch (error) {
      held(error)
      return request()
    }
  }

  /** Begins the ladder. What happens after the exit cannot undo it, except that output which was not delivered is no success. */
  stop(stop: Stop): void {
    if (this.#settled || (stop.why === 'stdin' && this.#exit)) return
    if (!this.#exit || stop.why === 'output') this.#stop ??= stop
    this.#stoppedAt ??= this.clock.now()
    this.#advance()
  }

  #signal(name: SignalName): boolean {
    if (this.#settled) return false
    this.#handled = true
    this.channel.signal(name)
    return true
  }

  readonly #aborted = (): void => this.stop({ why: 'abort', cause: this.sending.options.signal?.reason })

  /** Does what the facts ask for, then sets the one timer for the next time they could. */
  #advance(): void {
    if (this.#settled) return
    for (;;) {
      const now = this.clock.now()
      const step = nextStep(
        {
          sentAt: this.#sentAt,
          timeoutMs: this.sending.options.timeoutMs,
          exitAt: this.#exitAt,
          outputOver: this.#outputs.every(({ over, delivering }) => over && !delivering),
          delivering: this.#outputs.some(({ delivering }) => delivering),
          lastOutputAt: this.#lastOutputAt,
          stoppedAt: this.#stoppedAt,
          rungs: this.#rungs,
          closedAt: this.#closedAt,
        },
        now,
      )
      switch (step.do) {
        case 'settle':
          return this.#settle()
        case 'timeout':
          this.#stop ??= { why: 'timeout' }
          this.#stoppedAt = now
          break
        case 'climb': {
          const rung = nextRung(this.#rungs++)
          if (rung?.do === 'close') this.#close(now)
          else if (rung) this.channel.signal(rung.do)
          break
        }
        case 'close':
          this.#open = this.#outputs.some(({ behind }) => behind) ? 'untaken' : 'lingering'
          this.#close(now)
          break
        case 'wait':
          return this.#wakeAt(step.until)
      }
    }
  }

  #close(now: number): void {
    this.#closedAt = now
    this.channel.close()
  }

  #wakeAt(at: number): void {
    // A wake-up that comes too early only looks again, so that output need not move the timer.
    if (this.#timer && this.#timer.at <= at) return
    this.#timer?.handle.clear()
    this.#timer =
      at === Infinity
        ? null
        : {
            at,
            handle: this.clock.timer(at - this.clock.now(), () => {
              this.#timer = null
              this.#advance()
            }),
          }
  }

  #settle(): void {
    if (this.#settled) return
    this.#settled = true
    this.#timer?.handle.clear()
    this.sending.options.signal?.removeEventListener('abort', this.#aborted)
    this.sending.feed.stop()
    const complete = this.#outputs.every(({ over }) => over) && this.#open === null
    for (const output of this.#outputs) output.end()
    this.channel.close()
    this.resolve({
      accepted: this.#accepted,
      failure: this.#failure,
      exit: this.#exit,
      stop: this.#stop,
      signals: signalsSent(this.#rungs),
      complete,
      open: this.#open,
      handled: this.#handled,
      noDirectory: this.#news?.found
        ? { path: this.sending.encoded.directory?.path ?? '', why: this.#news.found }
        : null,
      delivered: this.#outputs.some(({ delivered }) => delivered),
      durationMs: this.clock.now() - this.#sentAt,
    })
  }
}
