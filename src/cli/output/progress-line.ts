/**
 * One line on stderr that says how far a run is, while stdout goes to a file or a pipe: `14/20 hosts done`. The cursor
 * rests at its beginning, so that whatever else is written there stands over it.
 */
import { OUTCOMES } from '../../adapter/types.js'
import type { RunEvent } from '../../run/events.js'
import type { Clock, Timer } from '../../runtime/clock.js'
import { formatDuration } from '../../runtime/duration.js'
import { createArt, type Art } from './art.js'
import { Board } from './board.js'
import type { Console } from './console.js'
import { Outlet } from './outlet.js'
import type { OutputStream } from './output-stream.js'
import type { RunRenderer, RunRendererOptions } from './renderer.js'
import { truncate } from './width.js'

const FRAME_MS = 200
/** What was written may still be on its way through a pipe for so long. */
const QUIET_MS = 50
/** Hosts that never stop writing must not hide the line for ever. */
const AT_LEAST_EVERY_MS = 1_000
const ERASE = '\r\x1b[K'

export interface ProgressLineOptions {
  readonly outlet: Outlet
  readonly stream: OutputStream
  readonly art: Art
  readonly clock: Clock
  readonly console?: Console | undefined
}

export class ProgressLine {
  readonly #options: ProgressLineOptions
  readonly #board = new Board()
  readonly #startedAt: number
  #timer: Timer | undefined
  #shown = ''
  /** When something else was written last, and when the line was; monotonic ms. */
  #writtenAt = -Infinity
  #drawnAt = -Infinity
  #paused = 0
  #stopped = false

  constructor(options: ProgressLineOptions) {
    this.#options = options
    this.#startedAt = options.clock.now()
  }

  onEvent(event: RunEvent): void {
    if (event.type === 'output') return
    this.#board.apply(event, this.#options.clock.now())
    if (event.type === 'started' && !this.#stopped) this.#tick()
  }

  /** Takes the line away for what is written next. */
  makeWay(): void {
    this.#writtenAt = this.#options.clock.now()
    this.#clear()
  }

  pause(): () => void {
    this.#paused++
    this.#clear()
    return () => void this.#paused--
  }

  /** Takes the line away for good. Idempotent. */
  stop(): void {
    this.#stopped = true
    this.#timer?.clear()
    this.#clear()
  }

  #tick(): void {
    this.#timer = this.#options.clock.timer(FRAME_MS, () => {
      const now = this.#options.clock.now()
      const isDue = now - this.#writtenAt >= QUIET_MS || now - this.#drawnAt >= AT_LEAST_EVERY_MS
      if (isDue && this.#paused === 0) this.#draw()
      this.#tick()
    })
    this.#timer.unref()
  }

  #draw(): void {
    const { outlet, stream, art, clock, console } = this.#options
    if (console?.inForeground() === false) return
    const done = OUTCOMES.reduce((sum, outcome) => sum + this.#board.count(outcome), 0)
    const parts = [`${done}/${this.#board.total} hosts done`]
    for (const outcome of OUTCOMES) {
      const count = this.#board.count(outcome)
      if (outcome !== 'ok' && count > 0) parts.push(`${count} ${outcome}`)
    }
    parts.push(formatDuration(clock.now() - this.#startedAt))
    const text = truncate(art(parts.join(' · ')), (stream.columns || 80) - 1)
    if (text === this.#shown) return
    void outlet.write(`${ERASE}${text}\r`)
    this.#shown = text
    this.#drawnAt = clock.now()
  }

  #clear(): void {
    if (this.#shown === '') return
    void this.#options.outlet.write(ERASE)
    this.#shown = ''
  }
}

/**
 * Any renderer with the progress line beside it.
 * @param streams whether the renderer writes while the run goes, so that the line has to make way
 */
export function withProgress(renderer: RunRenderer, options: RunRendererOptions, streams: boolean): RunRenderer {
  const outlet = new Outlet(options.stderr)
  const line = new ProgressLine({
    ...options,
    outlet,
    stream: options.stderr,
    art: createArt(options.unicode ?? true),
  })
  const end = (): void => {
    line.stop()
    outlet.release()
  }
  return {
    onEvent(event) {
      line.onEvent(event)
      // Both streams may end on the terminal that the line is on: stdout by way of `| cat`.
      if (streams && (event.type === 'output' || event.type === 'result')) line.makeWay()
      return renderer.onEvent(event)
    },
    finish(report, snapshot) {
      end()
      return renderer.finish(report, snapshot)
    },
    abandon() {
      end()
      renderer.abandon()
    },
    pause: (question) => {
      const resume = [line.pause(), renderer.pause(question)]
      return () => resume.forEach((each) => each())
    },
  }
}
