/**
 * Signals to this process. The first asks for an end: nothing new begins, what runs is stopped, the result is shown.
 * The second does not wait for any of that.
 */
import { signalNumber, type Io } from './io.js'

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const satisfies readonly NodeJS.Signals[]
type Ending = (typeof ENDING)[number]

export interface Interrupts {
  /** Aborted by the first signal, and by `abort`. */
  readonly signal: AbortSignal
  /** 128 + n of the first signal (130 for Ctrl-C); undefined while there was none. */
  readonly status: number | undefined
  /** As if the signal had come: for Ctrl-C that is read as a byte. */
  interrupt(name: Ending): void
  /** Asks for an end for another reason, such as a reader that went away. */
  abort(): void
  /** Gives the signals their default action again. */
  release(): void
}

export interface InterruptListeners {
  /** Hears the first signal, after the abort. */
  readonly onFirst?: () => void
  /** Hears the second, before the process leaves. */
  readonly onSecond?: () => void
}

export function listenForSignals(io: Io, { onFirst, onSecond }: InterruptListeners = {}): Interrupts {
  const controller = new AbortController()
  let status: number | undefined
  const interrupt = (name: Ending): void => {
    if (status !== undefined) {
      onSecond?.()
      io.exit(status)
      return
    }
    status = 128 + (signalNumber(name) ?? 0)
    controller.abort()
    onFirst?.()
  }
  const releases = ENDING.map((name) => io.onSignal(name, () => interrupt(name)))
  return {
    signal: controller.signal,
    get status() {
      return status
    },
    interrupt,
    abort: () => controller.abort(),
    release: () => releases.forEach((release) => release()),
  }
}
