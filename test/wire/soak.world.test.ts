/**
 * A long life: 50 commands a second on 20 hosts, and every second a server process killed under them.
 * `npm run soak` takes half an hour and keeps the figures; `npm test` looks for a few seconds whether it would.
 */
import { appendFileSync } from 'node:fs'
import { getHeapSpaceStatistics } from 'node:v8'
import { expect, test } from 'vitest'
import type { Outcome } from '../../src/adapter/types.js'
import type { ConnectionPool } from '../../src/pool/pool.js'
import type { PoolTarget } from '../../src/pool/types.js'
import { seededRandom } from '../../src/runtime/random.js'
import { createXec } from '../../src/xec.js'
import { collect } from '../rig/collect.js'
import { makePlace } from '../rig/place.js'
import { describeWorld, startSshd } from '../rig/sshd.js'
import { keyFile, makeTarget } from '../transport/fixture.js'
import { eventually, held } from './leaks.js'

const SECONDS = Number(process.env['XEC_SOAK_SECONDS'] ?? 8)
const SEED = Number(process.env['XEC_SOAK_SEED'] ?? Date.now() % 1_000_000)
const LONG = SECONDS >= 300
const HOSTS = 20
const EVERY_MS = 20
const LOOK_MS = LONG ? 10_000 : 2_000

interface Look {
  readonly seconds: number
  readonly heap: number
  readonly rss: number
  readonly fds: number
  readonly timers: number
}

/** Without the new generation: a collection on demand may leave megabytes of it where they are, garbage or not. */
function keptBytes(): number {
  return getHeapSpaceStatistics().reduce(
    (sum, { space_name: name, space_used_size: used }) => (name.startsWith('new_') ? sum : sum + used),
    0,
  )
}

/** What must add up at any moment; see docs/pool.md, laws 9 and 10. */
function checkIdentities(pool: ConnectionPool): void {
  const { state } = pool
  const { totals: t } = state.figures
  const { totalConnections, connecting, waiting } = pool.snapshot()
  expect(t.requested).toBe(t.granted + t.rejected + waiting)
  expect(t.granted).toBe(t.released + t.revoked + state.leases)
  expect(t.dialling).toBe(t.opened + t.dialFailed + t.dialCancelled + connecting)
  expect(t.opened).toBe(t.closed + totalConnections)
}

describeWorld('a long life', () => {
  test(
    `${SECONDS} s of commands and kills: every command has one outcome, and nothing grows`,
    { timeout: (SECONDS + 120) * 1_000 },
    async () => {
      const place = makePlace()
      const sshd = await startSshd({ config: ['LogLevel ERROR', 'MaxStartups 100'] })
      const before = held()
      const xec = createXec({ pool: { reconnectDelay: 50 } })
      const pool = xec.pool as ConnectionPool
      const random = seededRandom(SEED)
      const targets = Array.from({ length: HOSTS }, (_, i): PoolTarget =>
        makeTarget(sshd, place.path('known'), {
          credentials: { keys: [keyFile(sshd.privateKeyPath)] },
          hostKeys: { alias: 'soak' },
          target: { host: `h${i}`, address: `127.6.0.${i + 1}` },
        }),
      )
      const outcomes = new Map<string, number>()
      let started = 0
      let settled = 0
      let kills = 0
      let wrong = ''
      const run = async (): Promise<void> => {
        const n = started++
        const result = await xec.execute(targets[Math.floor(random.next() * HOSTS)] as PoolTarget, {
          line: `echo ${n}; sleep 0.0${n % 10}`,
        })
        settled++
        const kind: `${Outcome} ${string}` = `${result.outcome} ${result.executed}`
        outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1)
        if (result.ok && String(result.stdout) !== `${n}\n`)
          wrong ||= `command ${n} has the output ${String(result.stdout)}`
      }
      const kill = (): void => {
        const children = sshd.children()
        const victim = children[Math.floor(random.next() * children.length)]
        if (victim === undefined) return
        try {
          process.kill(victim, 'SIGKILL')
          kills++
        } catch {
          /* it has just ended by itself */
        }
      }
      const looks: Look[] = []
      // Between two commands: what runs at the moment would make the heap as large as it happens to be.
      const look = async (seconds: number): Promise<void> => {
        await eventually(() => expect(settled).toBe(started), 30_000)
        // What a weak reference was asked for lives until the end of a turn.
        for (let i = 0; i < 4; i++) {
          await new Promise((resolve) => setImmediate(resolve))
          collect()
        }
        checkIdentities(pool)
        const { fds, timers } = held()
        const { rss } = process.memoryUsage()
        const { totalConnections, connecting } = pool.snapshot()
        looks.push({ seconds, heap: keptBytes(), rss, fds: fds - totalConnections - connecting, timers })
      }

      console.log(`  soak: seed ${SEED}, ${SECONDS} s`)
      const began = performance.now()
      for (let tick = 0, looked = 0, killed = 0; ; tick++) {
        const due = began + tick * EVERY_MS
        const now = performance.now()
        if (now - began > SECONDS * 1_000) break
        if (due > now) await new Promise((resolve) => setTimeout(resolve, due - now))
        void run()
        const seconds = (performance.now() - began) / 1_000
        if (seconds - killed >= 1) {
          killed = seconds
          kill()
        }
        if (seconds - looked >= LOOK_MS / 1_000) {
          looked = seconds
          await look(Math.round(seconds))
        }
      }
      await eventually(() => expect(settled).toBe(started), 30_000)
      expect(wrong).toBe('')
      expect([...outcomes.values()].reduce((a, b) => a + b, 0)).toBe(started)
      // On a busy machine a kill finds more on its connection; half an hour says more.
      expect(outcomes.get('ok yes') ?? 0).toBeGreaterThan(started * (LONG ? 0.9 : 0.3))
      checkIdentities(pool)
      await xec.close()
      expect(pool.snapshot()).toMatchObject({ totalConnections: 0, connecting: 0, waiting: 0 })
      await eventually(() => expect(held().sockets).toBeLessThanOrEqual(before.sockets))
      await eventually(() => expect(sshd.connections()).toEqual([]))

      const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN
      // The first fifth is for warming up.
      const warm = looks.slice(Math.floor(looks.length / 5))
      const third = Math.ceil(warm.length / 3)
      const early = median(warm.slice(0, third).map(({ heap }) => heap))
      const late = median(warm.slice(-third).map(({ heap }) => heap))
      const fds = warm.map((each) => each.fds)
      /** Of the straight line through all looks: what it says the heap has grown by from the first to the last. */
      const slope = ((): number => {
        const [x, y] = [warm.map(({ seconds }) => seconds), warm.map(({ heap }) => heap)]
        const [meanX, meanY] = [x, y].map((values) => values.reduce((a, b) => a + b, 0) / values.length) as [
          number,
          number,
        ]
        const covariance = x.reduce((sum, each, i) => sum + (each - meanX) * ((y[i] ?? NaN) - meanY), 0)
        return (
          ((covariance / x.reduce((sum, each) => sum + (each - meanX) ** 2, 0)) * ((x.at(-1) ?? NaN) - (x[0] ?? NaN))) /
          early
        )
      })()
      const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`
      const summary =
        `seed ${SEED}, ${SECONDS} s, node ${process.version}: ${started} commands (${[...outcomes].map(([kind, n]) => `${kind} ${n}`).join(', ')}), ${kills} kills, ` +
        `${pool.snapshot().connectionsCreated} connections; heap after GC ${mib(early)} → ${mib(late)} (${((late / early - 1) * 100).toFixed(1)} %, by the line through all looks ${(slope * 100).toFixed(1)} %), rss ${mib(warm.at(-1)?.rss ?? 0)}, descriptors beside connections ${Math.min(...fds)} to ${Math.max(...fds)}`
      console.log(`  soak: ${summary}`)
      const results = process.env['XEC_SOAK_RESULTS']
      if (results) {
        for (const { seconds, heap, rss, fds: n, timers } of looks)
          if (seconds % 60 < LOOK_MS / 1_000)
            appendFileSync(
              results,
              `${seconds} s: heap ${mib(heap)}, rss ${mib(rss)}, descriptors ${n}, timers ${timers}\n`,
            )
        appendFileSync(results, `${new Date().toISOString()} ${summary}\n`)
      }
      // A kill loses what runs on that connection, or costs a dial; nothing else may come of it.
      expect(
        [...outcomes.keys()]
          .sort()
          .filter((kind) => !['lost maybe', 'lost yes', 'ok yes', 'unreachable no'].includes(kind)),
      ).toEqual([])
      expect(Math.max(...fds) - Math.min(...fds)).toBeLessThanOrEqual(4)
      if (LONG) {
        expect(Math.abs(late / early - 1)).toBeLessThanOrEqual(0.05)
        expect(Math.abs(slope)).toBeLessThanOrEqual(0.05)
      }
      await sshd.stop()
      place.remove()
    },
  )
})
