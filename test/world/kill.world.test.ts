import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ended } from '../cli/binary.js'
import { describeWorld } from '../rig/sshd.js'
import { linesOf, report, setStage, until, type Stage } from './stage.js'

/** Each writes the ids of its processes down, a line each, before it works. */
const VICTIMS: readonly (readonly [name: string, command: (pids: string) => string, processes: number])[] = [
  ['sleep', (pids) => `echo $$ > ${pids}; exec sleep 55.1`, 1],
  ['a process that ignores TERM', (pids) => `trap '' TERM; echo $$ > ${pids}; while :; do sleep 0.2; done`, 1],
  [
    "sh -c 'a | b'",
    (pids) => `sh -c 'sh -c "echo \\$\\$ >> ${pids}; exec sleep 55.2" | sh -c "echo \\$\\$ >> ${pids}; exec cat"'`,
    2,
  ],
]

describeWorld('the remote process is gone', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage()
    stage.inventory(`hosts: { one: 127.0.0.1, two: 127.0.0.2 }`)
  })
  afterAll(() => stage.stop())
  let runs = 0
  const pidFile = (): string => join(stage.shared, `pids-${++runs}`)
  const gone = (pids: string): Promise<void> =>
    until(`the processes of ${pids} are gone`, () => linesOf(pids).every((pid) => !alive(pid)), 8_000)

  describe.each(VICTIMS)('%s', (_, command, processes) => {
    test('after --timeout, and the outcome says how far it got', async () => {
      const pids = pidFile()
      const { hosts } = report(await stage.run(['run', '--timeout', '3s', '--json', 'one', command(pids)]))
      expect(hosts[0]).toMatchObject({ outcome: 'timeout', executed: 'yes' })
      expect(['exited', 'signalled']).toContain(hosts[0]?.remoteProcess)
      expect(linesOf(pids)).toHaveLength(processes)
      await gone(pids)
    })

    test('after Ctrl-C of run: status 130', async () => {
      const pids = pidFile()
      const child = stage.start(['run', 'one', command(pids)])
      const end = ended(child)
      await until('it works', () => linesOf(pids).length === processes)
      child.kill('SIGINT')
      expect((await end).status).toBe(130)
      await gone(pids)
    })

    test('after Ctrl-C of exec-all: status 130, and the summary counts it', async () => {
      const pids = pidFile()
      const child = stage.start([
        'exec-all',
        '--all',
        command(pids).replaceAll(pids, `${pids}-$(echo $SSH_CONNECTION | cut -d" " -f3)`),
      ])
      const files = [`${pids}-127.0.0.1`, `${pids}-127.0.0.2`]
      const end = ended(child)
      await until('both work', () => files.every((file) => linesOf(file).length === processes))
      child.kill('SIGINT')
      const { status, stderr } = await end
      expect(status).toBe(130)
      expect(stderr).toMatch(/^2 hosts · 2 cancelled · /m)
      for (const file of files) await gone(file)
    })
  })

  test('SIGTERM gives 143, and a second signal leaves at once', async () => {
    const pids = pidFile()
    const child = stage.start(['exec-all', '-w', 'one', `trap '' TERM; echo $$ > ${pids}; sleep 44.4`])
    const end = ended(child)
    await until('it works', () => linesOf(pids).length === 1)
    child.kill('SIGTERM')
    setTimeout(() => child.kill('SIGTERM'), 100)
    expect((await end).status).toBe(143)
    // It did not wait for the kill ladder, which would have ended it after five seconds.
    const [pid = ''] = linesOf(pids)
    expect(alive(pid)).toBe(true)
    process.kill(Number(pid), 'SIGKILL')
  })
})

function alive(pid: string): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
