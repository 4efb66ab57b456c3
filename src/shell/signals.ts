/** Several signals, each of which cancels. */
import { setMaxListeners } from 'node:events'

/**
 * Does work with one signal that aborts with the first of several. Afterwards nothing of it is left on any of them: one
 * that lives long is given to many commands, and AbortSignal.any would leave a reference for each on it.
 */
export async function withEither<T>(
  signals: readonly (AbortSignal | undefined)[],
  work: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  const { signal, release } = whicheverFirst(signals)
  try {
    return await work(signal)
  } finally {
    release()
  }
}

/** The same for what goes on after a call; `release` leaves no listener behind. */
export function whicheverFirst(signals: readonly (AbortSignal | undefined)[]): {
  readonly signal: AbortSignal | undefined
  readonly release: () => void
} {
  const given = [...new Set(signals.filter((signal) => signal !== undefined))]
  if (given.length < 2) return { signal: given[0], release: () => {} }
  const first = new AbortController()
  const parts = given.map((signal) => ({ signal, abort: () => first.abort(signal.reason) }))
  for (const { signal, abort } of parts) {
    setMaxListeners(0, signal) // one signal for many commands is no leak
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  }
  return {
    signal: first.signal,
    release: () => parts.forEach(({ signal, abort }) => signal.removeEventListener('abort', abort)),
  }
}
