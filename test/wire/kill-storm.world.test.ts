/**
 * Connections that die under load, on many hosts at once, and what the hosts themselves say was run.
 * XEC_STORM_FULL=1 runs the sizes of docs/faults.md (minutes); XEC_STORM_RESULTS names a file for the figures.
 */
import { appendFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Result } from '../../src/adapter/types.js'
import type { PoolTarget } from '../../src/pool/types.js'
import { seededRandom } from '../../src/runtime/random.js'
import { createXec } from '../../src/xec.js'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, startSshd, type Sshd } from '../rig/sshd.js'
import { keyFile, makeTarget } from '../transport/fixture.js'
import { eventually, held } from './leaks.js'
import { makeOracle, type Oracle } from './oracle.js'
import { startTap, type Tap } from './tap.js'

const FULL = process.env['XEC_STORM_FULL'] === '1'
const SEED = Number(process.env['XEC_STORM_SEED'] ?? Date.now() % 1_000_000)

function keep(figures: Record<string, unknown>): void {
  console.log(`  ${JSON.stringify(figures)}`)
  if (process.env['XEC_STORM_RESULTS']) appendFileSync(process.env['XEC_STORM_RESULTS'], `${JSON.stringify(figures)}\n`)
}

/** So many at once, in order. */
async function inFlight(n: number, count: number, work: (i: number) => Promise<void>): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: n }, async () => {
      for (let i = next++; i < count; i = next++) await work(i)
    }),
  )
}

describeWorld('a kill storm', () => {
  let sshd: Sshd
  let place: Place
  let tap: Tap
  let oracle: Oracle
  beforeAll(async () => {
    place = makePlace()
    oracle = makeOracle()
    sshd = await startSshd({ config: ['LogLevel ERROR', 'MaxStartups 500'] })
    tap = await startTap(sshd.port)
    console.log(`  kill storm: seed ${SEED}`)
  })
  afterAll(async () => {
    await tap.stop()
    await sshd.stop()
    oracle.remove()
    place.remove()
  })

  const target = (net: number, i: number): PoolTarget =>
    makeTarget({ port: tap.port, user: sshd.user }, place.path('known'), {
      credentials: { keys: [keyFile(sshd.privateKeyPath)] },
      hostKeys: { alias: 'storm' },
      target: { host: `h${i}`, address: `127.${net}.${i >> 8}.${(i & 255) + 1}`, connectTimeoutMs: 30_000 },
    })

  /** Kills connections, by turns with a reset on the way and with kill -9 of the server's process. */
  function makeKiller(random: { next(): number }): { kills: number; kill(): void } {
    const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random.next() * list.length)]
    const killer = {
      kills: 0,
      kill() {
        const byReset = killer.kills % 2 === 0
        const victim = byReset ? pick(tap.keys()) : pick(sshd.children())
        if (victim === undefined) return
        killer.kills++
        try {
          if (byReset) tap.reset(victim)
          else process.kill(victim, 'SIGKILL')
        } catch {
          /* it has just ended by itself */
        }
      },
    }
    return killer
  }

  /** `kills`: so many a second, or one for so many results, which is the same storm on a slow machine. */
  async function storm(
    name: string,
    net: number,
    {
      commands,
      hosts,
      kills,
      retryCommands,
    }: {
      commands: number
      hosts: number
      kills: { perSecond: number } | { everyResults: number }
      retryCommands: number
    },
  ): Promise<Map<string, Result>> {
    const random = seededRandom(SEED + net)
    const xec = createXec({ pool: { reconnectDelay: 100, maxReconnectAttempts: 5 } })
    const results = new Map<string, Result>()
    const killer = makeKiller(random)
    const timer = 'perSecond' in kills ? setInterval(killer.kill, 1_000 / kills.perSecond) : undefined
    const began = performance.now()
    await inFlight(64, commands, async (i) => {
      const id = `${name}-${String(i).padStart(5, '0')}`
      const result = await xec.execute(
        target(net, Math.floor(random.next() * hosts)),
        { line: oracle.line(id, `sleep 0.${1 + (i % 3)}; echo ${id}`) },
        { retryCommands },
      )
      expect(results.has(id)).toBe(false)
      results.set(id, result)
      if ('everyResults' in kills && results.size % kills.everyResults === 0) killer.kill()
    })
    clearInterval(timer)
    const seconds = Math.round((performance.now() - began) / 100) / 10
    const { connectionsCreated, closedByReason } = xec.snapshot()
    await xec.close()
    await eventually(() => expect([tap.open, sshd.connections()]).toEqual([0, []]), 15_000)

    const tally = new Map<string, number>()
    const executions = { none: 0, once: 0, more: 0 }
    const runs = oracle.runs()
    expect(results.size).toBe(commands)
    for (const [id, result] of results) {
      const { outcome, executed, attempts } = result
      const ran = runs.get(id) ?? 0
      // A command's first attempt is listed once there is another, or something to say of it.
      const sent = attempts.filter(({ phase }) => phase === 'run').length || (executed === 'no' ? 0 : 1)
      const said = `${id}: ${outcome}, executed ${executed}, sent ${sent} times, ran ${ran} times: ${result.error?.message ?? ''}`
      tally.set(`${outcome} ${executed}`, (tally.get(`${outcome} ${executed}`) ?? 0) + 1)
      executions[ran === 0 ? 'none' : ran === 1 ? 'once' : 'more']++
      expect(['ok yes', 'lost maybe', 'lost yes', 'unreachable no'], said).toContain(`${outcome} ${executed}`)
      expect(ran, said).toBeLessThanOrEqual(sent)
      if (retryCommands === 0) expect(sent, said).toBeLessThanOrEqual(1)
      if (executed === 'no') expect(ran, said).toBe(0)
      if (executed === 'yes') expect(ran, said).toBeGreaterThan(0)
      if (outcome === 'ok') expect(String(result.stdout), said).toBe(`${id}\n`)
    }
    keep({
      run: name,
      seed: SEED,
      commands,
      hosts,
      seconds,
      kills: killer.kills,
      outcomes: Object.fromEntries([...tally].sort()),
      executions,
      connectionsCreated,
      closedByReason,
    })
    return results
  }

  test(
    'every command has one result, every loss is named for what it was, and none ran twice',
    { timeout: 600_000 },
    async () => {
      const results = await storm(
        'R1',
        30,
        FULL
          ? { commands: 10_000, hosts: 200, kills: { perSecond: 10 }, retryCommands: 0 }
          : { commands: 600, hosts: 40, kills: { everyResults: 4 }, retryCommands: 0 },
      )
      expect([...results.values()].filter(({ outcome }) => outcome === 'lost').length).toBeGreaterThan(0)
    },
  )

  test(
    'with --retry-commands 5 nothing is lost, and the host agrees with the attempts',
    { timeout: 600_000 },
    async () => {
      const results = await storm(
        'R2',
        31,
        FULL
          ? { commands: 10_000, hosts: 200, kills: { perSecond: 10 }, retryCommands: 5 }
          : { commands: 400, hosts: 40, kills: { everyResults: 10 }, retryCommands: 5 },
      )
      expect(
        [...results]
          .filter(([, { outcome }]) => outcome !== 'ok')
          .map(([id, { error }]) => `${id}: ${error?.message ?? ''}`),
      ).toEqual([])
      expect(
        [...results.values()].some(({ attempts }) => attempts.filter(({ phase }) => phase === 'run').length > 1),
      ).toBe(true)
    },
  )

  test('hosts that become black holes cost the others nothing', { timeout: 600_000 }, async () => {
    const hosts = FULL ? 200 : 20
    const holes = hosts / 4
    const each = FULL ? 20 : 6
    const xec = createXec({
      pool: { keepAliveInterval: 1_000, keepAliveCountMax: 2, maxReconnectAttempts: 0, maxConcurrentDials: 16 },
    })
    const round = async (
      net: number,
    ): Promise<{
      p95: number
      whole: readonly Result[]
      holed: readonly Result[]
      wholeAt: number
      holedAt: number
    }> => {
      const whole: Result[] = []
      const holed: Result[] = []
      const times: number[] = []
      let [wholeAt, holedAt] = [0, Infinity]
      const connected = Promise.all(Array.from({ length: hosts }, (_, i) => xec.execute(target(net, i), { line: ':' })))
      await connected
      await Promise.all(
        Array.from({ length: hosts }, async (_, i) => {
          for (let n = 0; n < each; n++) {
            const began = performance.now()
            const result = await xec.execute(target(net, i), { line: `echo ${n}; sleep 0.05` })
            if (i < holes) {
              holed.push(result)
              if (result.outcome === 'lost') holedAt = Math.min(holedAt, performance.now())
              if (!result.ok) return
            } else {
              whole.push(result)
              times.push(performance.now() - began)
              wholeAt = performance.now()
            }
          }
        }),
      )
      times.sort((a, b) => a - b)
      return { p95: times[Math.floor(times.length * 0.95)] ?? NaN, whole, holed, wholeAt, holedAt }
    }
    const baseline = await round(32)
    // So many bytes are the login and about two commands.
    for (let i = 0; i < holes; i++) tap.plan(target(33, i).address, { way: 'toClient', at: 3_000, by: 'hole' })
    const holed = await round(33)
    expect([...baseline.whole, ...baseline.holed, ...holed.whole].filter(({ ok }) => !ok)).toEqual([])
    expect(holed.whole).toHaveLength((hosts - holes) * each)
    const lost = holed.holed.filter(({ ok }) => !ok)
    expect(lost).toHaveLength(holes)
    expect(
      lost.filter(({ outcome, error }) => outcome !== 'lost' || !(error?.message.includes('keepalive') ?? false)),
    ).toEqual([])
    if (!FULL) expect(holed.wholeAt).toBeLessThan(holed.holedAt)
    const ms = (x: number): number => Math.round(x)
    const ratio = Math.round((holed.p95 / baseline.p95) * 100) / 100
    keep({
      run: 'R4',
      hosts,
      blackHoles: holes,
      commandsEach: each,
      baselineP95Ms: ms(baseline.p95),
      othersP95Ms: ms(holed.p95),
      ratio,
    })
    if (FULL) expect(ratio).toBeLessThanOrEqual(1.2)
    await xec.close()
  })

  test(
    'a drain at any moment ends everything: results for all, gauges at 0, no session left',
    { timeout: 600_000 },
    async () => {
      const random = seededRandom(SEED + 34)
      const rounds = FULL ? 20 : 4
      let [finished, turnedAway, cut] = [0, 0, 0]
      await eventually(() => expect([tap.open, sshd.connections()]).toEqual([0, []]), 15_000)
      const before = held()
      for (let n = 0; n < rounds; n++) {
        const xec = createXec({ pool: { maxConnections: 12, maxChannelsPerConnection: 2, reconnectDelay: 100 } })
        const all = Promise.all(
          Array.from({ length: 300 }, (_, i) =>
            xec.execute(target(34, i % 20), { line: `sleep 0.${i % 4}; echo ${i}` }),
          ),
        )
        await new Promise((resolve) => setTimeout(resolve, random.next() * 1_500))
        const report = await xec.drain({ timeoutMs: Math.floor(random.next() * 800) })
        finished += report.completed
        turnedAway += report.rejected
        cut += report.revoked
        const results = await all
        for (const { outcome, executed, error } of results) {
          expect(['ok yes', 'lost maybe', 'lost yes', 'cancelled no'], error?.message).toContain(
            `${outcome} ${executed}`,
          )
        }
        expect(xec.snapshot()).toMatchObject({
          totalConnections: 0,
          activeConnections: 0,
          idleConnections: 0,
          connecting: 0,
          waiting: 0,
        })
        await eventually(() => expect([tap.open, sshd.connections()], `round ${n}`).toEqual([0, []]), 15_000)
        await eventually(() => {
          const now = held()
          expect(
            [now.fds <= before.fds, now.sockets <= before.sockets, now.timers <= before.timers],
            `round ${n}: ${JSON.stringify({ now, before })}`,
          ).toEqual([true, true, true])
        })
      }
      // Of every kind some, or it shows less than it says.
      if (FULL) expect(Math.min(finished, turnedAway, cut)).toBeGreaterThan(0)
      keep({ run: 'R7', seed: SEED, drains: rounds, finished, turnedAway, cut })
    },
  )
})
