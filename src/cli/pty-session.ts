/** `-t`: the remote command has a terminal, and ours belongs to it while it runs. */
import type { ExecuteOptions } from '../adapter/types.js'
import type { PtyRequest } from '../transport/transport.js'
import type { Io } from './io.js'
import { enterRawMode, ptyRequest, windowSize } from './raw-mode.js'

type Control = Parameters<NonNullable<ExecuteOptions['onStarted']>>[0]

export class PtySession {
  readonly request: PtyRequest
  #releases: (() => void)[] = []

  readonly #io: Io
  readonly #reads: boolean

  /** @param reads false (`-n`): our keys are not the remote side's, so that Ctrl-C stays a signal */
  constructor(io: Io, { reads }: { readonly reads: boolean }) {
    this.request = ptyRequest(io)
    this.#io = io
    this.#reads = reads
  }

  /**
   * From now on every key goes to the remote side, Ctrl-C too, and the remote window follows ours. Called once an attempt:
   * what an earlier one took is given back first, or the last would give back a terminal that it found raw.
   */
  start(control: Control): void {
    this.end()
    const io = this.#io
    if (io.stdin.isTTY && this.#reads) this.#releases.push(enterRawMode(io))
    const follow = (): void => {
      const { rows, cols } = windowSize(io)
      control.resize(rows, cols)
    }
    this.#releases.push(io.onSignal('SIGWINCH', follow))
    // It may have changed while the connection was being made.
    follow()
  }

  /** Gives the terminal back. Idempotent. */
  end(): void {
    for (const release of this.#releases.splice(0)) release()
  }
}
