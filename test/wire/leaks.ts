/** What a process holds: file descriptors, sockets, timers. */
import { readdirSync } from 'node:fs'

export interface Held {
  readonly fds: number
  readonly sockets: number
  readonly timers: number
}

export function held(): Held {
  const active = process.getActiveResourcesInfo()
  const count = (kind: string): number => active.filter((name) => name === kind).length
  return { fds: readdirSync('/proc/self/fd').length, sockets: count('TCPSocketWrap'), timers: count('Timeout') }
}

/** Looks again until it holds, for so long; throws what the last look threw. */
export async function eventually(look: () => void, ms = 30_000): Promise<void> {
  const until = performance.now() + ms
  for (;;) {
    try {
      return look()
    } catch (error) {
      if (performance.now() > until) throw error
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}
