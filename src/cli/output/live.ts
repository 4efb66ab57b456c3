/**
 * The live view of a run: a listr2 task, begun and ended with the run, drawn by a renderer of our own. listr2's
 * renderers draw every task; a fleet has more hosts than a terminal has lines, so ours draws what `frame` chooses,
 * and the hosts are the board's alone. listr2 is loaded when the first live view begins.
 */
import type { ListrEventManager, ListrTaskObject } from 'listr2'
import type { PoolSnapshot } from '../../pool/metrics/snapshot.js'
import type { RunEvent } from '../../run/events.js'
import type { Clock, Timer } from '../../runtime/clock.js'
import { createArt, PLAIN_FIGURES, PLAIN_SPINNER } from './art.js'
import { Board } from './board.js'
import type { Console } from './console.js'
import { frame, type FrameOptions } from './frame.js'
import type { OutputStream } from './output-stream.js'
import type { Outlet } from './outlet.js'
import type { Paint } from './paint.js'
import { Screen } from './screen.js'

/** Between two pictures, in ms: fast enough to look alive, slow enough for a remote terminal. */
const FRAME_MS = 100

export interface LiveViewOptions {
  readonly unicode?: boolean | undefined
  readonly console?: Console | undefined
  readonly outlet: Outlet
  readonly stream: OutputStream
  readonly paint: Paint
  readonly clock: Clock
  readonly command: string
  readonly snapshot: () => PoolSnapshot
}

/** What the renderer class needs of its view: listr2 hands these options through. */
interface Canvas {
  readonly start: () => void
  readonly stop: () => void
}

export class LiveView {
  readonly #options: LiveViewOptions
  readonly #board = new Board()
  readonly #screen: Screen
  readonly #startedAt: number
  #end = (): void => {}
  readonly #redraw = (): void => {
    this.#screen.resized()
    this.#draw()
  }
  #timer: Timer | undefined
  #showTyping = (): void => {}
  #suspended = false
  #deaf = (): void => {}
  /** Pictures of the plain spinner. */
  #turn = 0
  #look: Look | undefined
  #stopped = false
  /** How many pauses are under way. */
  #paused = 0
  #done: Promise<void> | undefined

  constructor(options: LiveViewOptions) {
    this.#options = options
    this.#screen = new Screen(options.outlet, options.stream)
    this.#startedAt = options.clock.now()
  }

  onEvent(event: RunEvent): void {
    this.#board.apply(event, this.#options.clock.now())
    if (event.type !== 'started') return
    this.#done = this.#run(
      new Promise((resolve) => {
        this.#end = resolve
      }),
    )
    // Heard in `close`; a view that cannot begin is no reason to end the run.
    this.#done.catch(() => {})
  }

  /** Ends the view, takes the picture away, and resolves when listr2 has let go. */
  async close(): Promise<void> {
    this.stop()
    await this.#done
  }

  /** Takes the picture away, now. Idempotent. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#timer?.clear()
    this.#options.stream.off('resize', this.#redraw)
    this.#deaf()
    this.#screen.clear()
    this.#showTyping()
    this.#end()
  }

  /** Takes the picture away while something else has the terminal; returns the way to put it back. */
  pause(question = false): () => void {
    this.#paused++
    this.#screen.clear()
    if (question) this.#showTyping()
    let over = false
    return () => {
      if (over) return
      over = true
      this.#paused--
      if (question && !this.#stopped) this.#hideTyping()
      this.#draw()
    }
  }

  async #run(ended: Promise<void>): Promise<void> {
    const { Listr, Spinner, figures } = await import('listr2')
    const canvas: Canvas = {
      start: () =>
        this.#start({
          spinner: new Spinner(),
          figures: {
            good: figures.tick,
            bad: figures.cross,
            skipped: figures.arrowDown,
            waiting: figures.pointerSmall,
          },
        }),
      stop: () => this.stop(),
    }
    const list = new Listr([{ title: this.#options.command, task: () => ended }], {
      // Ctrl-C is the command's, which stops remote work first; listr2's own listener exits at once with 127.
      registerSignalListeners: false,
      renderer: FleetRenderer,
      rendererOptions: { canvas },
      fallbackRendererCondition: false,
    })
    await list.run()
  }

  #start(look: Look): void {
    if (this.#stopped) return
    this.#look = look
    this.#options.stream.on('resize', this.#redraw)
    if (this.#paused === 0) this.#hideTyping()
    this.#deaf =
      this.#options.console?.onSuspend({
        suspend: () => {
          // A timer may be due before the signal that the process goes on is heard.
          this.#suspended = true
          this.#screen.clear()
          this.#showTyping()
        },
        resume: () => {
          // Stopped by a signal that nobody can hear (SIGSTOP): the picture stands somewhere above.
          if (!this.#suspended) this.#screen.forget()
          this.#suspended = false
          if (this.#stopped) return
          this.#hideTyping()
          this.#draw()
        },
      }) ?? (() => {})
    this.#draw()
    this.#tick()
  }

  #hideTyping(): void {
    this.#showTyping()
    if (this.#options.console?.inForeground() !== false)
      this.#showTyping = this.#options.console?.hideTyping() ?? (() => {})
  }

  #tick(): void {
    this.#timer = this.#options.clock.timer(FRAME_MS, () => {
      this.#look?.spinner.spin()
      this.#turn++
      this.#draw()
      this.#tick()
    })
    // A view never keeps a process open; the work it shows does.
    this.#timer.unref()
  }

  #draw(): void {
    const { clock, command, snapshot, paint, unicode = true, console } = this.#options
    if (this.#stopped || this.#suspended || this.#paused > 0 || !this.#look) return
    if (console?.inForeground() === false) return
    const { spinner, figures } = this.#look
    this.#screen.draw(
      frame(this.#board, {
        ...this.#screen.size,
        now: clock.now(),
        startedAt: this.#startedAt,
        command,
        snapshot: snapshot(),
        paint,
        spinner: unicode ? spinner.fetch() : (PLAIN_SPINNER[this.#turn % PLAIN_SPINNER.length] ?? ''),
        figures: unicode ? figures : PLAIN_FIGURES,
      }).map(createArt(unicode)),
    )
  }
}

interface Look {
  readonly spinner: { spin(): void; fetch(): string }
  readonly figures: FrameOptions['figures']
}

/** The listr2 renderer: begins and ends with the task list. */
class FleetRenderer {
  static readonly nonTTY = true // the caller has decided; tests draw into memory
  static rendererOptions: { canvas?: Canvas } = {}
  static rendererTaskOptions: Record<string, never> = {}
  readonly #canvas: Canvas | undefined

  constructor(
    _tasks: ListrTaskObject<unknown, typeof FleetRenderer>[],
    options: { canvas?: Canvas },
    _events?: ListrEventManager,
  ) {
    this.#canvas = options.canvas
  }

  render(): void {
    this.#canvas?.start()
  }

  end(): void {
    this.#canvas?.stop()
  }
}
