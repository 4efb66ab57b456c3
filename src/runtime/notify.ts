/**
 * Calls what a caller gave us to hear something. Its mistake is its own: it is reported where uncaught errors are, after
 * we are consistent again, and disturbs nobody else.
 */
export function notifySafely(call: () => void): void {
  try {
    call()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
