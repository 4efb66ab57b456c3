import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { describeWorld } from '../rig/sshd.js'
import { report, setStage, until, type Stage } from '../world/stage.js'
import { ended, type Ended } from './binary.js'

interface Shown {
  readonly id: string
  readonly state: string
  readonly counts: Readonly<Record<string, number>>
  readonly hosts: readonly { readonly host: string; readonly outcome: string; readonly executed: string }[]
}

describeWorld('runs are remembered', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage()
  })
  afterAll(() => stage.stop())
  beforeEach(() => {
    stage.inventory(
      "hosts: { 'web[1-3]': 127.0.0.1, dead: { host: 127.0.0.2, port: 1 } }\ngroups: { web: ['web[1-3]'] }\npool: { maxReconnectAttempts: 0 }",
    )
    rmSync(history(), { recursive: true, force: true })
    for (const name of readdirSync(stage.shared)) rmSync(join(stage.shared, name))
  })
  const history = (): string => stage.place.path('.state', 'xec', 'history')
  const go = (...argv: string[]): Promise<Ended> => stage.run(argv)
  const shown = async (id = 'last'): Promise<Shown> =>
    JSON.parse((await go('runs', 'show', id, '--json')).stdout) as Shown
  const hostsOf = ({ stdout }: Ended): string[] => report({ stdout } as Ended).hosts.map(({ host }) => host)

  test('after kill -9 what was sent reads lost, the rest skipped, and only the rest runs again by itself', async () => {
    const log = join(stage.shared, 'log')
    const command = `echo $XEC_ME >> ${log}; [ -e ${stage.shared}/go ] || sleep 60`
    const child = stage.start(['exec-all', '-g', 'web', '-f', '2', command])
    const over = ended(child)
    await until('two commands run', () => existsSync(log) && linesOfLog(log) === 2)
    child.kill('SIGKILL')
    await over
    const record = await shown()
    expect(record).toMatchObject({ state: 'interrupted', counts: { total: 3, lost: 2, skipped: 1 } })
    expect(record.hosts.map(({ executed }) => executed).sort()).toEqual(['maybe', 'maybe', 'no'])

    writeFileSync(join(stage.shared, 'go'), '')
    const plain = await go('rerun')
    expect(plain.status).toBe(2)
    expect(plain.stderr).toMatch(/2 hosts whose command may have run/)
    const rest = await go('rerun', '--not-ok', '--json')
    expect(rest.status).toBe(0)
    expect(rest.stderr).toMatch(/left out: 2 hosts whose command may have run/)
    expect(hostsOf(rest)).toEqual(record.hosts.filter(({ outcome }) => outcome === 'skipped').map(({ host }) => host))
    expect(linesOfLog(log)).toBe(3)
    const lost = await go('rerun', record.id, '--lost', '--json')
    expect(hostsOf(lost)).toEqual(record.hosts.filter(({ outcome }) => outcome === 'lost').map(({ host }) => host))
    expect(linesOfLog(log)).toBe(5)
  })

  test('a rerun has the script, the variables and the directory of the run, on the hosts that are there now', async () => {
    const script = stage.place.path('check.sh')
    writeFileSync(script, `echo "$1 $PLAIN $FORWARDED $PWD"; [ -e ${stage.shared}/good ]\n`)
    const env = { ...stage.place.env, FORWARDED: 'canary-7f3a' }
    const options = ['-e', 'PLAIN=p', '-e', 'FORWARDED', '--cwd', '/tmp', '--script', 'check.sh']
    const first = await stage.run(['exec-all', '--all', '-q', ...options, 'a b'], { env })
    expect(first.status).toBe(255)
    writeFileSync(script, 'echo replaced\n')
    writeFileSync(join(stage.shared, 'good'), '')
    stage.inventory("hosts: { 'web[1-3]': 127.0.0.1 }")

    const gone = await stage.run(['rerun'], { env })
    expect(gone.status).toBe(2)
    expect(gone.stderr).toContain('dead: in the run, but not in the inventory any more; leave it out with -x dead')
    const elsewhere = stage.place.path('elsewhere')
    mkdirSync(elsewhere)
    const again = await stage.run(['rerun', '-x', 'dead', '--json'], { env, cwd: elsewhere })
    expect(again.status).toBe(0)
    expect(report(again).hosts.map(({ stdout }) => stdout)).toEqual(Array(3).fill('a b p canary-7f3a /tmp\n'))
    expect(await shown()).toMatchObject({ counts: { total: 3, ok: 3 } })
    expect((await stage.run(['rerun', '-x', 'dead'])).stderr).toContain('to run again: its 3 hosts: 3 ok')

    const [request] = readFileSync(join(history(), readdirSync(history()).sort()[0] ?? ''), 'utf8').split('\n')
    expect(request).toContain('FORWARDED')
    expect(request).not.toContain('canary-7f3a')
    const changes = await go('runs', 'diff', readdirSync(history()).sort()[0]?.slice(0, 21) ?? '', 'last')
    expect(changes.stdout).toMatch(/web\[1-3\] \(3\) · exit 1, now ok/)
  })

  test('an input is not stored, and such a run is not run again', async () => {
    const first = await stage.run(['exec-all', '-g', 'web', '-q', '--stdin', 'cat; exit 1'], { stdin: 'input-canary' })
    expect(first.status).toBe(1)
    const again = await go('rerun')
    expect(again.status).toBe(2)
    expect(again.stderr).toContain('was sent an input, which is not stored')
  })

  test('selections by a run, in every command; and nothing is recorded where that is asked for', async () => {
    await go('exec-all', '-w', 'web1,web2', '-q', '[ "$USER" = nobody ]')
    expect((await go('hosts', '-w', '@web!@last:failed', '--json')).stdout).toContain('web3')
    const names = (text: string): string[] => (JSON.parse(text) as Shown).hosts.map(({ host }) => host)
    expect(names((await go('exec-all', '-w', '@last:failed!web2', '--no-history', '--json', 'true')).stdout)).toEqual([
      'web1',
    ])
    const yaml = readFileSync(stage.place.path('xec.config.yaml'), 'utf8')
    writeFileSync(stage.place.path('xec.config.yaml'), `${yaml}\nhistory: false\n`)
    chmodSync(stage.place.path('xec.config.yaml'), 0o600)
    await go('exec-all', '-w', 'web1', '-q', 'true')
    await go('run', 'web1', 'true')
    expect(readdirSync(history())).toHaveLength(1)
    await go('run', 'web3', '--record', 'echo kept; exit 4')
    expect(await shown()).toMatchObject({
      counts: { total: 1, failed: 1 },
      hosts: [{ host: 'web3', exitCode: 4, stdout: 'kept\n' }],
    })
    expect((await go('runs')).stdout).toMatch(/^RUN .*\n.*1 failed .*echo kept; exit 4\n.*2 failed /)
  })
})

const linesOfLog = (path: string): number => readFileSync(path, 'utf8').split('\n').length - 1
