/** The lines of many hosts on their way from a run to a loop, with backpressure for each host. */
import type { RunEvent } from '../run/events.js'
import { LineSplitter } from '../run/line-splitter.js'

/** A longer line comes in pieces: every host may hold one, so they are shorter than those of a single command may be. */
const LONGEST_LINE = 1024 * 1024

/** One line of one host. */
export interface RunLine {
  readonly host: string
  /** The id of the host's item in the run: its place in the targets, from 1. A host may be in them twice. */
  readonly item: number
  readonly stream: 'stdout' | 'stderr'
  /** UTF-8, without its end; a line longer than 1 MiB comes in pieces of that size. */
  readonly line: string
}

type OutputEvent = Extract<RunEvent, { type: 'output' }>
type Splitters = Record<RunLine['stream'], LineSplitter>

interface Waiting {
  readonly line: RunLine
  /** Called when the loop asks for the next line: the last line of a chunk lets its host go on. */
  readonly taken: (() => void) | null
}

export class RunLines implements AsyncIterable<RunLine> {
  readonly #splitters = new Map<number, Splitters>()
  #waiting: Waiting[] = []
  #over = false
  #dropped = false
  #wake: () => void = () => {}

  /** Hears the run. */
  readonly observer = (event: RunEvent): void | Promise<void> => {
    if (this.#dropped) return
    if (event.type === 'output') return this.#take(event)
    if (event.type === 'result') this.#rest(event)
  }

  /** Nothing more comes. */
  end(): void {
    this.#over = true
    this.#wake()
  }

  /** Nobody reads any more. */
  drop(): void {
    this.#dropped = true
    for (const { taken } of this.#waiting) taken?.()
    this.#waiting = []
    this.end()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RunLine, void, undefined> {
    for (;;) {
      const batch = this.#waiting
      this.#waiting = []
      let at = 0
      try {
        for (; at < batch.length; at++) {
          const { line, taken } = batch[at] as Waiting
          yield line
          taken?.()
        }
      } finally {
        // The loop was left inside of the batch.
        for (const { taken } of batch.slice(at)) taken?.()
      }
      if (this.#waiting.length > 0) continue
      if (this.#over) return
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  #take({ item, host, stream, chunk }: OutputEvent): void | Promise<void> {
    let splitters = this.#splitters.get(item)
    if (!splitters) {
      splitters = { stdout: new LineSplitter(LONGEST_LINE), stderr: new LineSplitter(LONGEST_LINE) }
      this.#splitters.set(item, splitters)
    }
    const lines = splitters[stream].push(chunk).map((bytes) => lineOf({ item, host, stream }, bytes))
    const last = lines.pop()
    if (!last) return
    return new Promise((taken) => {
      this.#waiting.push(...lines.map((line) => ({ line, taken: null })), { line: last, taken })
      this.#wake()
    })
  }

  /** What came without a newline, once the host has ended. */
  #rest({ item, host }: Pick<OutputEvent, 'item' | 'host'>): void {
    const splitters = this.#splitters.get(item)
    this.#splitters.delete(item)
    for (const stream of ['stdout', 'stderr'] as const)
      for (const bytes of splitters?.[stream].end() ?? [])
        this.#waiting.push({ line: lineOf({ item, host, stream }, bytes), taken: null })
    this.#wake()
  }
}

function lineOf(of: Omit<RunLine, 'line'>, bytes: Buffer): RunLine {
  return { ...of, line: bytes.toString('utf8').replace(/\r$/, '') }
}
