/** ProxyCommand and Match exec by the built binary, on a real server, with ssh as the oracle. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { describeWorld } from '../rig/sshd.js'
import { linesOf, report, setStage, type Stage } from './stage.js'

const NETCAT = `${process.execPath} ${fileURLToPath(new URL('../rig/netcat.mjs', import.meta.url))}`

/** A process that has ended and that nobody has asked about yet (Z) is gone. */
function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

describeWorld('hosts that a program connects to', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage()
    const pids = stage.place.path('pids')
    stage.inventory(`
pool: { maxReconnectAttempts: 0 }
hosts:
  by: { host: nowhere.invalid, proxyCommand: "sh -c 'echo $$ %n %h %p %r >>${pids}; exec ${NETCAT} 127.0.0.1 ${stage.sshd.port}'" }
  behind: { host: 127.4.0.2, proxyJump: by }
  broken: { host: nowhere.invalid, proxyCommand: "sh -c 'echo no tunnel >&2; exit 3'" }
  near: 127.4.0.4`)
  })
  afterAll(() => stage.stop())
  const pidsOf = (): number[] => linesOf(stage.place.path('pids')).map((line) => Number(line.split(' ')[0]))

  test('are reached, by themselves and as jump hosts, and the program ends with xec', async () => {
    expect(await stage.run(['run', 'by', 'echo hi'])).toMatchObject({ status: 0, stdout: 'hi\n', stderr: '' })
    expect(await stage.run(['run', 'behind', 'set -- $SSH_CONNECTION; echo "$3"'])).toMatchObject({
      status: 0,
      stdout: '127.4.0.2\n',
    })
    expect(linesOf(stage.place.path('pids'))[0]).toMatch(
      new RegExp(`^\\d+ by nowhere.invalid ${stage.sshd.port} ${stage.sshd.user}$`),
    )
    expect(pidsOf().filter(isAlive)).toEqual([])
  })

  test('a program that fails makes its host unreachable, with its last words, and nothing else', async () => {
    const ended = await stage.run(['exec-all', '-w', 'broken,near', '--json', 'true'])
    const { hosts } = report(ended)
    expect(hosts.map(({ host, outcome, executed }) => [host, outcome, executed])).toEqual([
      ['broken', 'unreachable', 'no'],
      ['near', 'ok', 'yes'],
    ])
    expect(hosts[0]?.error?.message).toContain('the ProxyCommand ended with status 3: no tunnel')
    const { stderr } = await stage.run(['run', '-v', 'broken', 'true'])
    expect(stderr).toContain('xec: broken: ProxyCommand: no tunnel\n')
  })

  test('kill -9 of xec is the end of its input', async () => {
    const before = pidsOf().length
    const child = stage.start(['run', 'by', 'echo up; sleep 60'])
    await new Promise((resolve) => child.stdout.once('data', resolve))
    const [pid = 0] = pidsOf().slice(before)
    expect(isAlive(pid)).toBe(true)
    child.kill('SIGKILL')
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 10_000)
  })

  test('Ctrl-C stops the command there before the program ends', async () => {
    const before = pidsOf().length
    const mark = `${stage.shared}/stopped`
    const child = stage.start([
      'run',
      'by',
      `trap 'echo yes >${mark}; exit' TERM; echo up; while :; do sleep 0.1; done`,
    ])
    await new Promise((resolve) => child.stdout.once('data', resolve))
    // As a terminal does: to the whole group of the foreground.
    process.kill(-(child.pid ?? 0), 'SIGINT')
    const status = await new Promise((resolve) => child.once('close', resolve))
    expect(status).toBe(130)
    await vi.waitFor(() => expect(linesOf(mark)).toEqual(['yes']))
    expect(pidsOf().slice(before).filter(isAlive)).toEqual([])
  })

  test('xec hosts runs none, and a listing says where there is one', async () => {
    const before = pidsOf().length
    const { stdout } = await stage.run(['hosts', '--json'])
    const { hosts } = JSON.parse(stdout) as { hosts: { host: string; proxyCommand: boolean }[] }
    expect(hosts.map(({ host, proxyCommand }) => [host, proxyCommand])).toEqual([
      ['by', true],
      ['behind', true],
      ['broken', true],
      ['near', false],
    ])
    expect(stdout).not.toContain('netcat')
    expect(pidsOf()).toHaveLength(before)
  })

  test('ssh_config, -o and Match exec, with ssh as the oracle', async () => {
    const { sshd, place } = stage
    const config = place.path('ssh_config')
    writeFileSync(
      config,
      `Match originalhost app-* exec "test %n != app-2"\n ProxyCommand ${NETCAT} 127.0.0.1 ${sshd.port}\nHost app-2\n ProxyCommand sh -c 'echo never >&2; exit 5'\nHost *\n User ${sshd.user}\n IdentityFile ${sshd.privateKeyPath}\n UserKnownHostsFile ${place.path('known')}\n StrictHostKeyChecking no\n`,
    )
    const ssh = (...args: string[]) =>
      spawnSync('ssh', ['-F', config, '-o', 'BatchMode=yes', ...args], { env: { ...place.env }, encoding: 'utf8' })
    const words = ['-F', config, '-c', place.path('none.yaml')]
    writeFileSync(place.path('none.yaml'), 'pool: { maxReconnectAttempts: 0 }')
    for (const host of ['app-1', 'app-2']) {
      const ours = await stage.run(['run', ...words, host, 'echo there'])
      const theirs = ssh(host, 'echo there')
      expect([host, ours.stdout, ours.status]).toEqual([host, theirs.stdout, theirs.status])
      if (host === 'app-2') expect(ours.stderr).toContain('the ProxyCommand ended with status 5: never')
    }
    const option = ['-o', `ProxyCommand=${NETCAT} 127.0.0.1 ${sshd.port}`]
    expect(ssh(...option, 'app-2', 'echo there').stdout).toBe('there\n')
    expect((await stage.run(['run', ...words, ...option, 'app-2', 'echo there'])).stdout).toBe('there\n')
    expect(await stage.run(['run', ...words, '-J', 'near', ...option, 'app-2', 'true'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('-J and -o ProxyCommand are two ways to reach a host; keep one'),
    })
  })
})
