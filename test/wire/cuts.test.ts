/**
 * One command's conversation, cut at every byte from banner to close, in each direction, by FIN, RST and half-close.
 * What must become of it is a rule on what had passed (rule.ts), and the host says what really ran.
 * XEC_CUT_STRIDE=1 cuts at every byte; XEC_CUT_SEED repeats a sample; XEC_CUT_RESULTS names a file for the figures.
 */
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Result } from '../../src/adapter/types.js'
import { createXec } from '../../src/xec.js'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, startSshd, type Sshd } from '../rig/sshd.js'
import { keyFile, makeTarget } from '../transport/fixture.js'
import { eventually, held, type Held } from './leaks.js'
import { makeOracle, type Oracle } from './oracle.js'
import { expected } from './rule.js'
import { Frames, startTap, type Cut, type Plan, type Tap, type Way } from './tap.js'
import { watchSsh2, type Witness } from './witness.js'

const STRIDE = Number(process.env['XEC_CUT_STRIDE'] ?? 47)
const SEED = Number(process.env['XEC_CUT_SEED'] ?? Date.now() % 1_000_000)
const BATCH = 50
/** From the cut, or from the start of a case that was dialled again. Far below the connect timeout, which must not be what ends it. */
const DEADLINE_MS = 15_000
const CONNECT_TIMEOUT_MS = 30_000
const WAYS = ['toServer', 'toClient'] as const
const CUTS = ['fin', 'rst', 'half'] as const

interface Case {
  readonly way: Way
  readonly by: Cut
  readonly at: number
}

describeWorld('a conversation that is cut', () => {
  let sshd: Sshd
  let place: Place
  let tap: Tap
  let oracle: Oracle
  let witness: Witness
  beforeAll(async () => {
    place = makePlace()
    oracle = makeOracle()
    sshd = await startSshd({ config: ['LogLevel INFO'] })
    tap = await startTap(sshd.port)
    witness = watchSsh2()
  })
  afterAll(async () => {
    witness.restore()
    await tap.stop()
    await sshd.stop()
    oracle.remove()
    place.remove()
  })

  let next = 0
  const stdoutOf = (id: string): string => `out ${id}\n`
  const stderrOf = (id: string): string => `err ${id}\n`

  /** A batch of commands at once, each on a connection of its own, over one pool that is closed at the end. */
  async function converse(plans: readonly (Plan | null)[]) {
    const xec = createXec({
      pool: { maxReconnectAttempts: 0, reconnectDelay: 5, maxReconnectDelay: 50, maxConcurrentDials: BATCH },
    })
    const ran = await Promise.all(
      plans.map(async (plan) => {
        const id = String(next++).padStart(6, '0')
        const address = `127.${20 + Math.floor(next / 62_500)}.${Math.floor(next / 250) % 250}.${1 + (next % 250)}`
        tap.plan(address, plan)
        const target = makeTarget({ port: tap.port, user: sshd.user }, place.knownHosts, {
          credentials: { keys: [keyFile(sshd.privateKeyPath)] },
          hostKeys: { alias: 'cut' },
          target: { host: id, address, connectTimeoutMs: CONNECT_TIMEOUT_MS },
        })
        const began = performance.now()
        const result = await Promise.race([
          xec.execute(target, { line: oracle.line(id, `echo out ${id}; echo err ${id} >&2`) }),
          new Promise<null>((resolve) => setTimeout(resolve, DEADLINE_MS + CONNECT_TIMEOUT_MS, null).unref()),
        ])
        return { id, address, result, ms: performance.now() - began, settledAt: performance.now() }
      }),
    )
    await xec.close()
    expect(xec.snapshot()).toMatchObject({ totalConnections: 0, activeConnections: 0, connecting: 0, waiting: 0 })
    return ran
  }

  test('the framing is understood: whole packets, as many as were sent, in an uncut conversation', async () => {
    const [ran] = await converse([null])
    const { address, result, id } = ran as NonNullable<typeof ran>
    expect(result).toMatchObject({ outcome: 'ok', truncated: false, attempts: [{ phase: 'connect', outcome: 'ok' }] })
    expect(String(result?.stdout)).toBe(stdoutOf(id))
    const [heard] = witness.heard(address)
    // A command that ends at once may be over before its input is ended.
    expect(heard?.sent.filter((packet) => packet !== 'CHANNEL_EOF')).toEqual([
      'KEXINIT',
      'KEXECDH_INIT',
      'NEWKEYS',
      'SERVICE_REQUEST',
      'USERAUTH_REQUEST',
      'CHANNEL_OPEN',
      'CHANNEL_REQUEST exec',
      'CHANNEL_CLOSE',
      'DISCONNECT',
    ])
    expect(tap.passed(address)[0]?.packets).toBe(heard?.sent.length)
    expect(heard?.received).toEqual(
      expect.arrayContaining([
        'ident',
        'NEWKEYS',
        'USERAUTH_SUCCESS',
        'CHANNEL_OPEN_CONFIRMATION',
        'CHANNEL_SUCCESS',
        'CHANNEL_REQUEST exit-status',
        'CHANNEL_CLOSE',
      ]),
    )
  })

  test('frames are counted whole, however they are sliced', () => {
    const packet = (type: number, sealed: boolean): Buffer =>
      Buffer.concat([Buffer.from([0, 0, 0, 12, 4, type]), Buffer.alloc(10 + (sealed ? 16 : 0))])
    const wire = Buffer.concat([
      Buffer.from('SSH-2.0-x\r\n'),
      packet(20, false),
      packet(21, false),
      packet(5, true),
      packet(50, true),
    ])
    for (let step = 1; step <= wire.length; step++) {
      const frames = new Frames()
      for (let at = 0; at < wire.length; at += step) frames.take(wire.subarray(at, at + step))
      expect([frames.whole, frames.even]).toEqual([4, true])
    }
  })

  test(
    `ends as what had passed demands, in ${DEADLINE_MS / 1000}s, leaves nothing, and never ran twice or unsaid`,
    { timeout: STRIDE < 10 ? 3_600_000 : 120_000 },
    async () => {
      const [uncut] = await converse([null])
      const total = tap.passed((uncut as NonNullable<typeof uncut>).address)[0]?.bytes ?? { toClient: 0, toServer: 0 }
      expect(total.toClient).toBeGreaterThan(1_500)
      expect(total.toServer).toBeGreaterThan(1_500)
      const cases: Case[] = []
      // The few bytes of slack are for conversations that are a little longer.
      for (const way of WAYS)
        for (const by of CUTS)
          for (let at = (SEED + cases.length) % STRIDE; at <= total[way] + 8; at += STRIDE) cases.push({ way, by, at })
      process.stdout.write(
        `\n  cuts: stride ${STRIDE}, seed ${SEED}: ${cases.length} cases over ${total.toServer} bytes to the server and ${total.toClient} to the client\n`,
      )

      const tally = new Map<string, number>()
      let slowest = 0
      let uncutCases = 0
      let unread = 0
      const said = new Map<string, Result>()
      const atRest: Held = await settledHeld(sshd)
      const began = performance.now()
      for (let from = 0; from < cases.length; from += BATCH) {
        witness.forget()
        const batch = cases.slice(from, from + BATCH)
        const ran = await converse(batch)
        ran.forEach(({ id, address, result, ms, settledAt }, index) => {
          const { way, by, at } = batch[index] as Case
          const passed = tap.passed(address)
          const [first] = passed
          const heard = witness.heard(address)
          const [{ sent, received } = { sent: [], received: [] }] = heard
          const rule = expected({
            sent,
            arrived: first?.packets ?? 0,
            received,
            heard: (first?.bytes.toClient ?? 0) > 0,
          })
          const where = `${way} ${by} at ${at} (${rule.stage}; sent ${sent.length}, ${first?.packets ?? 0} arrived, received ${received.join(' ')}): ${result?.outcome ?? 'no result'} ${result?.error?.message ?? ''}`
          expect(result, where).not.toBeNull()
          if (!result) return
          said.set(id, result)
          expect({ outcome: result.outcome, executed: result.executed, truncated: result.truncated }, where).toEqual({
            outcome: rule.outcome,
            executed: rule.executed,
            truncated: rule.truncated,
          })
          expect(rule.outcome === 'ok' ? [] : [result.error?.phase], where).toEqual(
            rule.outcome === 'ok' ? [] : [expect.toSatisfy((phase: string) => rule.phase.includes(phase))],
          )
          // One dial is one attempt, but for what provably never left.
          expect([passed.length, heard.length], where).toEqual(
            rule.again ? [2, expect.any(Number)] : [1, expect.any(Number)],
          )
          if (result.outcome === 'ok') {
            expect(result.exitCode, where).toBe(0)
            if (!result.truncated)
              expect([String(result.stdout), String(result.stderr)], where).toEqual([stdoutOf(id), stderrOf(id)])
            expect(stdoutOf(id).startsWith(String(result.stdout)), where).toBe(true)
          } else {
            expect(result.exitCode, where).toBeNull()
            expect(result.error?.message.includes('Connection closed'), where).toBe(result.outcome === 'lost')
          }
          const since = first?.cutAt === null || first?.cutAt === undefined || rule.again ? ms : settledAt - first.cutAt
          if (first?.cutAt === null) uncutCases++
          else if (!rule.again) slowest = Math.max(slowest, since)
          expect(since, where).toBeLessThan(DEADLINE_MS)
          if (rule.outcome === 'ok' && rule.truncated && String(result.stdout) !== stdoutOf(id)) unread++
          const row = `${rule.stage} | ${rule.again ? 'dialled again, then ' : ''}${result.outcome}${result.truncated && result.ok ? ', truncated' : ''} | ${result.executed} | ${result.error?.phase ?? '-'} | ${by}`
          tally.set(row, (tally.get(row) ?? 0) + 1)
        })
        const context = `after cases ${from}…${from + batch.length - 1}`
        await eventually(() => expect([tap.open, sshd.connections()], context).toEqual([0, []]))
        await eventually(() => {
          const now = held()
          expect(
            [now.fds <= atRest.fds, now.sockets <= atRest.sockets, now.timers <= atRest.timers],
            `${context}: ${JSON.stringify({ now, atRest })}`,
          ).toEqual([true, true, true])
        })
      }

      // What was started on the host has ended with the last session; now count.
      const runs = oracle.runs()
      const of = { no: [0, 0], maybe: [0, 0], yes: [0, 0] }
      for (const [id, result] of said) {
        const n = runs.get(id) ?? 0
        const line = `${id}: ${result.outcome}, executed ${result.executed}, ran ${n} times`
        expect(n, line).toBeLessThanOrEqual(1)
        if (result.executed === 'no') expect(n, line).toBe(0)
        if (result.outcome === 'ok') expect(n, line).toBe(1)
        of[result.executed][n] = (of[result.executed][n] ?? 0) + 1
      }
      const figures = {
        stride: STRIDE,
        seed: SEED,
        cases: cases.length,
        seconds: Math.round((performance.now() - began) / 1000),
        bytes: total,
        uncutCases,
        slowestMs: Math.round(slowest),
        okWithShortOutput: unread,
        ran: Object.fromEntries(Object.entries(of).map(([executed, [none, once]]) => [executed, { none, once }])),
        rows: Object.fromEntries([...tally].sort()),
      }
      if (process.env['XEC_CUT_RESULTS'])
        writeFileSync(process.env['XEC_CUT_RESULTS'], JSON.stringify(figures, null, 1) + '\n')
      expect(of.yes[1]).toBeGreaterThan(0)
    },
  )
})

/** The baseline, once what came before has gone. */
async function settledHeld(sshd: Sshd): Promise<Held> {
  await eventually(() => expect(sshd.connections()).toEqual([]))
  return held()
}
