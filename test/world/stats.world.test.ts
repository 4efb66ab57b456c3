import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { ended } from '../cli/binary.js'
import { describeWorld } from '../rig/sshd.js'
import { setStage, until, type Stage } from './stage.js'

interface Stats {
  readonly live: boolean
  readonly pid: number | null
  readonly totals: Readonly<Record<string, number>> | null
  readonly hosts: readonly object[]
  readonly runs?: readonly { readonly pid: number }[]
}

describeWorld('pool stats', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage()
    stage.inventory(`hosts: { one: 127.0.0.1, two: 127.0.0.2 }`)
  })
  afterAll(() => stage.stop())
  afterEach(() => rmSync(stage.place.path('.state', 'xec'), { recursive: true, force: true }))
  const runs = (): string => stage.place.path('.state', 'xec', 'runs')
  const files = (): string[] => {
    try {
      // Not what is being written beside, under another name until it is whole.
      return readdirSync(runs()).filter((name) => name.endsWith('.json'))
    } catch {
      return []
    }
  }
  /** What the files themselves say is at work now. A file is written before there are connections, and then again. */
  const active = (): number =>
    files().reduce(
      (sum, name) =>
        sum +
        (JSON.parse(readFileSync(join(runs(), name), 'utf8')) as { totals: { activeConnections: number } }).totals
          .activeConnections,
      0,
    )
  const stats = async (): Promise<Stats> => JSON.parse((await stage.run(['pool', 'stats', '--json'])).stdout) as Stats

  test('nothing to show: a plain sentence and status 3', async () => {
    const { status, stdout, stderr } = await stage.run(['pool', 'stats'])
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' })
    expect(stderr).toMatch(/^no pool data: .+\n$/)
    expect((await stage.run(['pool', 'stats', '--json'])).status).toBe(3)
    expect(files()).toEqual([])
  })

  test('live while another xec runs; two of them each, and their sum', async () => {
    const end = join(stage.sshd.dir, 'end') // where the user who logs in can look
    const untilEnd = `while [ ! -e ${end} ]; do sleep 0.1; done`
    const first = stage.start(['exec-all', '--all', untilEnd])
    const firstEnd = ended(first)
    await until('the first tells of its commands', () => active() === 2)
    expect(await stats()).toMatchObject({
      live: true,
      pid: first.pid,
      totals: { totalConnections: 2, activeConnections: 2 },
    })
    expect((await stage.run(['pool', 'stats'])).stdout).toMatch(new RegExp(`^live · pid ${first.pid} · xec exec-all`))

    const second = stage.start(['run', 'one', untilEnd])
    const secondEnd = ended(second)
    await until('both tell', () => active() === 3)
    const both = await stats()
    expect(both).toMatchObject({ live: true, pid: null, totals: { totalConnections: 3, activeConnections: 3 } })
    expect(both.runs?.map(({ pid }) => pid).sort()).toEqual([first.pid, second.pid].sort())
    const { stdout } = await stage.run(['pool', 'stats'])
    expect(stdout).toContain(`pid ${first.pid}`)
    expect(stdout).toContain(`pid ${second.pid}`)
    expect(stdout).toContain('sum of 2 live runs')
    writeFileSync(end, '')
    await Promise.all([firstEnd, secondEnd])
  })

  test('the last run after it has ended, and nothing of it is live', async () => {
    expect((await stage.run(['exec-all', '--all', 'exit 3'])).status).toBe(1)
    const after = await stats()
    expect(after).toMatchObject({
      live: false,
      totals: {
        totalConnections: 0,
        activeConnections: 0,
        idleConnections: 0,
        connecting: 0,
        waiting: 0,
        connectionsCreated: 2,
        commands: { failed: 2 },
      },
    })
    const { status, stdout } = await stage.run(['pool', 'stats'])
    expect(status).toBe(0)
    expect(stdout).toMatch(/^last run · pid \d+ · xec exec-all · ended .* · exit 1 · no live pool\n/)
    expect(statSync(runs()).mode & 0o777).toBe(0o700)
    for (const name of files()) expect(statSync(join(runs(), name)).mode & 0o777).toBe(0o600)
  })

  test('a run that was killed shows no gauge as if it lived', async () => {
    const child = stage.start(['exec-all', '--all', 'sleep 30.9'])
    const end = ended(child)
    await until('it tells of its connections', () => active() === 2)
    child.kill('SIGKILL')
    await end
    expect(await stats()).toMatchObject({
      live: false,
      totals: { totalConnections: 0, activeConnections: 0, waiting: 0 },
    })
  })
})
