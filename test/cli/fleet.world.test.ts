import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, startSshd, type Sshd } from '../rig/sshd.js'
import { ended, ensureBuilt, start, xec, type Ended, type Options } from './binary.js'

describeWorld('xec with an inventory', () => {
  let sshd: Sshd
  let place: Place
  beforeAll(async () => {
    ensureBuilt()
    sshd = await startSshd()
  })
  afterAll(() => sshd.stop())
  beforeEach(() => {
    place = makePlace()
    writeFileSync(
      place.path('xec.config.yaml'),
      `
defaults: { username: ${sshd.user}, port: ${sshd.port}, privateKey: ${sshd.privateKeyPath} }
hosts:
  'web[01-03]': { host: 127.0.0.1, env: { ROLE: web } }
  db1: { host: 127.0.0.2, pool: { maxConnectionsPerHost: 1 } }
  dead: { host: 127.0.0.3, port: 1 }
groups:
  web: ['web[01-03]']
  good: { hosts: [db1], groups: [web] }
pool: { maxReconnectAttempts: 0 }
`,
    )
    chmodSync(place.path('xec.config.yaml'), 0o600)
  })
  afterEach(() => place.remove())
  const go = (argv: readonly string[], options: Partial<Options> = {}): Promise<Ended> =>
    xec(argv, { env: place.env, ...options })
  const lines = (text: string): string[] =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .sort()

  const dials = (): number => sshd.log().split('Connection from ').length
  const commands = (): number => sshd.log().split('Starting session: command').length

  test('run finds a host by its name, with its own environment', async () => {
    expect(await go(['run', 'web02', 'echo $ROLE'])).toEqual({ status: 0, signal: null, stdout: 'web\n', stderr: '' })
    expect((await go(['run', 'web02', '-e', 'ROLE=other', 'echo $ROLE'])).stdout).toBe('other\n')
  })

  test('exec-all on a group: lines with their host, streams apart, a summary and the metrics', async () => {
    const { status, stdout, stderr } = await go(['exec-all', '-g', 'good', 'echo out; echo err >&2'])
    expect(status).toBe(0)
    expect(lines(stdout)).toEqual(['db1: out', 'web01: out', 'web02: out', 'web03: out'])
    expect(lines(stderr)).toEqual(expect.arrayContaining(['db1: err', 'web01: err', 'web02: err', 'web03: err']))
    expect(stderr).toMatch(/^4 hosts · 4 ok · /m)
    expect(stderr).toMatch(/^pool {2}/m)
  })

  test('an expression, less some hosts, then the command after --', async () => {
    expect(lines((await go(['exec-all', '-w', 'web*,db1', '-x', 'web02', '-q', '--', 'echo', '-x'])).stdout)).toEqual([
      'db1: -x',
      'web01: -x',
      'web03: -x',
    ])
  })

  test('a dead host spoils nobody, and the status says that one was not reached', async () => {
    const { status, stdout } = await go(['exec-all', '--all', '--json', 'exit 0'])
    expect(status).toBe(255)
    const document = JSON.parse(stdout) as { counts: object; hosts: { host: string; outcome: string }[] }
    expect(document.counts).toMatchObject({ total: 5, ok: 4, unreachable: 1 })
    expect(document.hosts.map(({ host }) => host)).toEqual(['web01', 'web02', 'web03', 'db1', 'dead'])
  })

  test('a failing command gives 1, and --fail-fast keeps the rest back', async () => {
    const { status, stdout } = await go(['exec-all', '-g', 'web', '--fanout', '1', '--fail-fast', '--json', 'exit 3'])
    expect(status).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ counts: { failed: 1, skipped: 2 } })
  })

  test('--stdin goes to every host, and without it none does', async () => {
    expect(lines((await go(['exec-all', '-g', 'web', '-q', '--stdin', 'cat'], { stdin: 'data\n' })).stdout)).toEqual([
      'web01: data',
      'web02: data',
      'web03: data',
    ])
    expect((await go(['exec-all', '-g', 'web', '-q', 'cat; echo end'], { stdin: 'data\n' })).stdout).not.toContain(
      'data',
    )
  })

  test('a script runs on every host', async () => {
    writeFileSync(place.path('s.sh'), 'echo "$1 $ROLE"\n')
    expect(lines((await go(['exec-all', '-g', 'web', '-q', '--script', 's.sh', 'hello'])).stdout)).toEqual([
      'web01: hello web',
      'web02: hello web',
      'web03: hello web',
    ])
  })

  test('--dry-run lists the hosts and dials nothing', async () => {
    const before = dials()
    const { status, stdout } = await go(['exec-all', '-g', 'web', '--dry-run', 'reboot'])
    expect(status).toBe(0)
    expect(stdout).toContain('on 3 hosts this would run, with ROLE set: reboot')
    expect(lines(stdout).filter((line) => line.startsWith('web'))).toHaveLength(3)
    expect(dials()).toBe(before)
  })

  test('a flag wins over a limit that the host has in the file', async () => {
    const snapshot = async (...flags: string[]) =>
      (
        JSON.parse(
          (
            await go([
              'exec-all',
              '-w',
              'db1,127.0.0.2',
              ...flags,
              '--max-channels-per-connection',
              '1',
              '-l',
              sshd.user,
              '-p',
              String(sshd.port),
              '-i',
              sshd.privateKeyPath,
              '--json',
              'sleep 0.3',
            ])
          ).stdout,
        ) as { pool: { connectionsCreated: number } }
      ).pool
    expect(await snapshot('--max-connections-per-host', '2')).toMatchObject({ connectionsCreated: 2 })
    expect(await snapshot('--max-connections', '1')).toMatchObject({
      limits: { maxConnections: 1, maxChannelsPerConnection: 1 },
      totalConnections: 1,
    })
  })

  test('hosts lists them as they would be dialled', async () => {
    const { status, stdout } = await go(['hosts', 'web01', 'db1'])
    expect(status).toBe(0)
    expect(stdout.split('\n').map((line) => line.split(/ +/))).toEqual([
      ['HOST', 'ADDRESS', 'USER', 'GROUPS'],
      ['web01', `127.0.0.1:${sshd.port}`, sshd.user, 'web', 'good'],
      ['db1', `127.0.0.2:${sshd.port}`, sshd.user, 'good'],
      [''],
    ])
    const document = JSON.parse((await go(['hosts', '-g', 'web', '-x', 'web02', '--json'])).stdout) as {
      hosts: object[]
    }
    expect(document.hosts).toEqual([
      {
        host: 'web01',
        address: `127.0.0.1:${sshd.port}`,
        user: sshd.user,
        jump: [],
        proxyCommand: false,
        groups: ['web', 'good'],
      },
      {
        host: 'web03',
        address: `127.0.0.1:${sshd.port}`,
        user: sshd.user,
        jump: [],
        proxyCommand: false,
        groups: ['web', 'good'],
      },
    ])
  })

  test('ping connects, runs nothing, and exits with 255 unless all answer', async () => {
    const before = commands()
    const good = await go(['ping', '-g', 'good'])
    expect(good.status).toBe(0)
    expect(lines(good.stdout).filter((line) => / ok /.test(line))).toHaveLength(4)
    const all = await go(['ping', '--json'])
    expect(all.status).toBe(255)
    const document = JSON.parse(all.stdout) as {
      ok: boolean
      hosts: { host: string; outcome: string; tcpMs: number | null }[]
    }
    expect(document.ok).toBe(false)
    expect(document.hosts.map(({ host, outcome }) => `${host} ${outcome}`)).toEqual([
      'web01 ok',
      'web02 ok',
      'web03 ok',
      'db1 ok',
      'dead unreachable',
    ])
    expect(document.hosts[3]?.tcpMs).toEqual(expect.any(Number))
    expect(JSON.parse((await go(['pool', 'stats', '--json'])).stdout)).toMatchObject({
      totals: { connectionsCreated: 2, acquired: 0, reuseRatio: null, commandMs: { n: 0 } },
    })
    expect(commands()).toBe(before)
  })

  test('pool stats tells of a live run, then of the last one', async () => {
    expect((await go(['pool', 'stats'])).status).toBe(3)
    const end = join(sshd.dir, 'end') // where the user who logs in can look
    const child = start(['exec-all', '-g', 'good', `while [ ! -e ${end} ]; do sleep 0.1; done`], { env: place.env })
    const run = ended(child)
    // A file is written before there are connections, so that it is asked until it tells of them.
    let live: { live: boolean; pid: number | null; totals: { activeConnections: number } | null }
    do live = JSON.parse((await go(['pool', 'stats', '--json'])).stdout) as typeof live
    while (!live.live || live.totals?.activeConnections === 0)
    expect(live).toMatchObject({ live: true, pid: child.pid })
    writeFileSync(end, '')
    expect((await run).status).toBe(0)
    const after = await go(['pool', 'stats'])
    expect(after.status).toBe(0)
    expect(after.stdout).toContain('last run')
  })

  test('the first Ctrl-C stops the running, keeps back the rest and still tells', async () => {
    const child = start(['exec-all', '-g', 'web', '--fanout', '2', 'echo up; exec sleep 34.5'], { env: place.env })
    child.stdout.once('data', () => child.kill('SIGINT'))
    const { status, stderr } = await ended(child)
    expect(status).toBe(130)
    expect(stderr).toMatch(/^3 hosts · 2 cancelled · 1 skipped · /m)
    expect((await go(['run', 'web01', 'ps -u "$(id -un)" -o args= | grep -Fx \'sleep 34.5\'; :'])).stdout).toBe('')
  })

  test('a reader that goes away ends the run', async () => {
    const child = start(['exec-all', '-g', 'web', 'yes 34.6'], { env: place.env })
    child.stdout.once('data', () => child.stdout.destroy())
    expect((await ended(child)).status).toBe(141)
  })

  test.each<[string, string[], RegExp]>([
    ['a name that is nearly one', ['run', 'web1', 'id'], /^xec: unknown host "web1"; did you mean web01\?\n$/],
    ['a group as a host', ['run', 'web', 'id'], /^xec: unknown host "web"; it is a group: -g web\n$/],
    ['an unknown group', ['exec-all', '-g', 'wbe', 'id'], /^xec: no group wbe; did you mean web\?\n$/],
    [
      'nothing selected',
      ['exec-all', '-w', 'x*', 'id'],
      /^xec: nothing is selected: -w x\* stands for none of the 5 hosts of the inventory\n$/,
    ],
    [
      'a file that is not there',
      ['run', '-c', 'gone.yaml', 'web01', 'id'],
      /^xec: cannot read the configuration gone\.yaml: there is no such file\n$/,
    ],
    [
      'an ssh option that is none',
      ['run', '-o', 'Prot=2', 'web01', 'id'],
      /^xec: -o Prot: ssh_config has no such keyword; did you mean Port\?\n$/,
    ],
    [
      'an ssh configuration that is not there',
      ['run', '-F', '/gone', 'web01', 'id'],
      /^xec: cannot read the ssh configuration \/gone: /,
    ],
  ])('%s is a usage error', async (_, argv, stderr) => {
    const found = await go(argv)
    expect({ status: found.status, stdout: found.stdout }).toEqual({ status: 2, stdout: '' })
    expect(found.stderr).toMatch(stderr)
  })

  test('a secret that cannot be read stops everything before anything is dialled', async () => {
    const path = place.path('xec.config.yaml')
    writeFileSync(path, `${readFileSync(path, 'utf8')}\n`.replace('dead: {', 'dead: { password: { env: NOT_THERE },'))
    const before = dials()
    const { status, stderr } = await go(['exec-all', '--all', 'id'])
    expect(status).toBe(2)
    expect(stderr).toContain('NOT_THERE')
    expect(dials()).toBe(before)
  })

  test('what init writes is a configuration', async () => {
    const other = makePlace()
    try {
      await xec(['init'], { env: other.env })
      const { status, stdout, stderr } = await xec(['hosts'], { env: other.env })
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      expect(lines(stdout)).toHaveLength(4)
    } finally {
      other.remove()
    }
  })

  test('hosts that fail for one reason are one line, whatever their address', async () => {
    const { stderr } = await go(['exec-all', '-g', 'good', '-l', 'nobody-here', '-q', 'true'])
    expect(stderr.trim().split('\n')).toEqual([
      expect.stringMatching(/^web\[01-03\],db1 \(4\) {2}auth {2}authentication as nobody-here failed: /),
    ])
  })

  test('ping of many hosts says nothing but its table', async () => {
    writeFileSync(
      place.path('xec.config.yaml'),
      `defaults: { username: ${sshd.user}, port: ${sshd.port}, privateKey: ${sshd.privateKeyPath} }\nhosts:\n${Array.from({ length: 20 }, (_, i) => `  h${i}: 127.0.8.${i + 1}`).join('\n')}\n`,
    )
    expect(await go(['ping'])).toMatchObject({ status: 0, stderr: '' })
  })
})
