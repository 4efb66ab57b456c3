/** `-t`: the remote command has a terminal, and ours belongs to it while it runs. */
import type { ExecuteOptions } from '../adapter/types.js'
import type { PtyRequest } from '../transport/transport.js'
import type { Io } from './io.js'
import { enterRawMode, ptyRequest, windowSize } from './raw-mode.js'

type Control = Parameters<NonNullable<ExecuteOptions['onStarted']>>[0]

export class PtySession {
  readonly request: PtyRequest
  #releases: (() => void)[] = []

  constructor(private readonly io: Io) {
    this.request = ptyRequest(io)
  }

  /** From now on every key goes to the remote side, Ctrl-C too, and the remote window follows ours. */
  start(control: Control): void {
    const { io } = this
    if (io.stdin.isTTY) this.#releases.push(enterRawMode(io))
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
