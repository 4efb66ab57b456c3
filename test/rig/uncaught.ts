import { onTestFinished } from 'vitest'

/** What is thrown, for the rest of this test, where nobody could catch it; the test runner would take it for a failure of its own. */
export function collectUncaught(): unknown[] {
  const before = process.listeners('uncaughtException')
  const seen: unknown[] = []
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => seen.push(error))
  onTestFinished(() => {
    process.removeAllListeners('uncaughtException')
    for (const listener of before) process.on('uncaughtException', listener)
  })
  return seen
}
