/**
 * P10: what the pool itself costs, over a transport that answers at once: acquire + release on an open connection, with
 * 100 and with 10,000 targets open. Rounds alternate, so that what else the machine does hits both.
 */
import { expect, test } from 'vitest'
import { createPool } from '../dist/pool/pool.js'
import type { PoolTarget } from '../dist/pool/types.js'
import { systemClock } from '../dist/runtime/clock.js'
import { systemRandom } from '../dist/runtime/random.js'
import type { Channel, Link, LinkEnd, Reached, Transport } from '../dist/transport/transport.js'

const never = new Promise<never>(() => {})

function channel(): Channel {
  let closed: () => void = () => {}
  const whenClosed = new Promise<void>((resolve) => (closed = resolve))
  return { closed: whenClosed, exit: never, close: () => closed() } as unknown as Channel
}

function link(): Link {
  let end: (how: LinkEnd) => void = () => {}
  const ended = new Promise<LinkEnd>((resolve) => (end = resolve))
  const stop = (): void => end({ reason: 'closed', detail: '' })
  return {
    alive: true,
    timing: { tcpMs: 0, kexMs: 0, authMs: 0 },
    openSession: async () => channel(),
    end: stop,
    destroy: stop,
    ended,
    setRef: () => {},
  } as unknown as Link
}

const transport: Transport = {
  reach: async (): Promise<Reached> => ({ authenticate: async () => link(), abandon: () => {} }),
}

async function openPool(count: number): Promise<{ once(): Promise<void>; close(): Promise<void> }> {
  const pool = createPool(
    { transport, clock: systemClock, random: systemRandom },
    { maxConnections: count, maxConnectionsPerHost: 1, idleTimeout: 3_600_000 },
  )
  const targets = Array.from({ length: count }, (_, i): PoolTarget =>
    Object.freeze({
      host: `host-${i}`,
      address: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
      port: 22,
      username: 'u',
      jump: null,
      connectTimeoutMs: 1_000,
      credentials: Object.freeze({ keys: [], agent: null, identitiesOnly: false, password: null }),
      hostKeys: Object.freeze({ mode: 'accept-new', userFiles: [], globalFiles: [], alias: null }),
    }),
  )
  for (const target of targets) (await pool.acquire(target)).release()
  let next = 0
  return {
    async once() {
      // Every target in turn, in a stride that visits all of them.
      next = (next + 7919) % count
      const target = targets[next]
      if (target) (await pool.acquire(target)).release()
    },
    close: () => pool.close(),
  }
}

test('acquire and release', async () => {
  const pools = { few: await openPool(100), many: await openPool(10_000) }
  const times = { few: [] as number[], many: [] as number[] }
  const each = 5_000
  for (let round = 0; round < 14; round++) {
    for (const which of round % 2 ? (['few', 'many'] as const) : (['many', 'few'] as const)) {
      const began = performance.now()
      for (let i = 0; i < each; i++) await pools[which].once()
      if (round > 1) times[which].push(((performance.now() - began) / each) * 1_000)
    }
  }
  const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? NaN
  const [few, many] = [median(times.few), median(times.many)]
  expect(few).toBeGreaterThan(0)
  console.log(
    `acquire + release: 100 targets ${few.toFixed(1)} µs, 10,000 targets ${many.toFixed(1)} µs (target ≤ 20), ratio ${(many / few).toFixed(2)} (target ≤ 1.5)`,
  )
  await Promise.all([pools.few.close(), pools.many.close()])
}, 300_000)
