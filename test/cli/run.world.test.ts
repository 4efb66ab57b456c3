import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, startSshd, type Sshd } from '../rig/sshd.js'
import { BIN, ended, ensureBuilt, start, xec, type Ended, type Options } from './binary.js'

describeWorld('xec run', () => {
  let sshd: Sshd
  let place: Place
  beforeAll(async () => {
    ensureBuilt()
    sshd = await startSshd()
  })
  afterAll(() => sshd.stop())
  beforeEach(() => {
    place = makePlace()
  })
  afterEach(() => place.remove())

  const door = (): string[] => ['-l', sshd.user, '-p', String(sshd.port), '-i', sshd.privateKeyPath]
  const run = (argv: readonly string[], options: Partial<Options> = {}): Promise<Ended> =>
    xec(['run', ...door(), ...argv], { env: place.env, ...options })
  /** Processes of the login user whose command line is exactly this. */
  const remains = async (commandLine: string): Promise<string> =>
    (await run(['127.0.0.1', `ps -u "$(id -un)" -o args= | grep -Fx '${commandLine}'; :`])).stdout

  test('passes the remote bytes and nothing else', async () => {
    expect(await run(['127.0.0.1', 'echo out; echo err >&2'])).toEqual({
      status: 0,
      signal: null,
      stdout: 'out\n',
      stderr: 'err\n',
    })
  })

  test.each<[string, string[], string]>([
    ["options of the command are the command's", ['127.0.0.1', 'printf', '%s,', '-l', '-e', 'x'], '-l,-e,x,'],
    ['words are joined by single spaces', ['127.0.0.1', 'echo', 'a  b', 'c'], 'a b c\n'],
    ['-- ends options', ['127.0.0.1', '--', 'echo', '--', 'x'], '-- x\n'],
    ['a quoted string goes to the remote shell', ['127.0.0.1', 'echo "a  b"'], 'a  b\n'],
    ['variables and directory', ['127.0.0.1', '-e', 'A=x y', '--cwd', '/usr', 'echo "$A $PWD"'], 'x y /usr\n'],
  ])('%s', async (_, argv, stdout) => expect(await run(argv)).toMatchObject({ status: 0, stdout, stderr: '' }))

  test.each<[string, number]>([
    ['exit 3', 3],
    ['kill -TERM $$', 143],
    ['kill -KILL $$', 137],
    ['no-such-command-here', 127],
  ])('%s gives %i', async (command, status) => {
    expect((await run(['127.0.0.1', command])).status).toBe(status)
  })

  test('--timeout gives 124 and leaves nothing running', async () => {
    const { status, stderr } = await run(['127.0.0.1', '--timeout', '300ms', 'sleep 31.5'])
    expect(status).toBe(124)
    expect(stderr).toBe('xec: 127.0.0.1: not finished within 300ms; the remote process has ended\n')
    expect(await remains('sleep 31.5')).toBe('')
  })

  test('a host that is not there gives 255 and one line', async () => {
    const { status, stdout, stderr } = await run(['127.0.0.1', '-p', '1', '--retries', '0', 'id'])
    expect({ status, stdout }).toEqual({ status: 255, stdout: '' })
    expect(stderr).toMatch(/^xec: 127\.0\.0\.1.*connection refused.*\n$/)
  })

  test('stdin goes through as bytes, and -n keeps it here', async () => {
    const bytes = randomBytes(3_000_000)
    const sum = createHash('sha256').update(bytes).digest('hex')
    expect((await run(['127.0.0.1', 'sha256sum'], { stdin: bytes })).stdout).toBe(`${sum}  -\n`)
    expect((await run(['-n', '127.0.0.1', 'cat; echo end'], { stdin: 'data' })).stdout).toBe('end\n')
  })

  test('ends when the command does, although stdin goes on', async () => {
    const child = start(['run', ...door(), '127.0.0.1', 'echo done'], { env: place.env })
    expect(await ended(child)).toMatchObject({ status: 0, stdout: 'done\n' })
    child.stdin.destroy()
  })

  test('an output that nobody reads any more ends the remote command without a word', async () => {
    const child = start(['run', ...door(), '127.0.0.1', 'yes 31.6'], { env: place.env })
    child.stdout.once('data', () => child.stdout.destroy())
    expect(await ended(child)).toMatchObject({ status: 141, stderr: '' })
    expect(await remains('yes 31.6')).toBe('')
  })

  test('a script runs by its first line, with its arguments and stdin free', async () => {
    writeFileSync(place.path('s.sh'), '#!/bin/sh\necho "$#: $1|$2"\ncat\n')
    expect((await run(['127.0.0.1', '--script', 's.sh', 'a b', '-x'], { stdin: 'data' })).stdout).toBe(
      '2: a b|-x\ndata',
    )
  })

  test('K alone forwards a variable, out of sight of the process list', async () => {
    const { stdout } = await run(['127.0.0.1', '-e', 'TOKEN', 'echo $TOKEN; ps -o args= -p $$ | grep -c "$TOKEN"; :'], {
      env: { ...place.env, TOKEN: 'canary31' },
    })
    expect(stdout).toBe('canary31\n0\n')
  })

  test('--json is one document, also when nothing was reached', async () => {
    const good = await run(['--json', '127.0.0.1', 'printf x'])
    expect(JSON.parse(good.stdout)).toMatchObject({
      schemaVersion: 1,
      command: 'printf x',
      ok: true,
      counts: { total: 1, ok: 1 },
      hosts: [{ outcome: 'ok', stdout: 'x' }],
      pool: { connectionsCreated: 1 },
    })
    const bad = await run(['--json', '-p', '1', '--retries', '0', '127.0.0.1', 'id'])
    expect(bad.status).toBe(255)
    expect(JSON.parse(bad.stdout)).toMatchObject({ ok: false, hosts: [{ outcome: 'unreachable', executed: 'no' }] })
  })

  test('--dry-run dials nothing', async () => {
    const { status, stdout } = await run(['--dry-run', '-p', '1', '127.0.0.1', 'reboot'])
    expect(status).toBe(0)
    expect(stdout).toContain('on 1 host this would run: reboot')
    expect(stdout).toContain('127.0.0.1:1')
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('%s stops the remote command and says so by the status', async (name) => {
    const child = start(['run', ...door(), '127.0.0.1', `echo up; exec sleep 32.${name.length}`], { env: place.env })
    child.stdout.once('data', () => child.kill(name))
    expect((await ended(child)).status).toBe(name === 'SIGINT' ? 130 : 143)
    expect(await remains(`sleep 32.${name.length}`)).toBe('')
  })

  test('a second Ctrl-C leaves at once', async () => {
    const child = start(['run', ...door(), '127.0.0.1', "trap '' TERM; echo $$; sleep 42.5"], { env: place.env })
    child.stdout.once('data', () => {
      child.kill('SIGINT')
      setTimeout(() => child.kill('SIGINT'), 200)
    })
    const { status, stdout } = await ended(child)
    expect(status).toBe(130)
    // It did not wait for the kill ladder, which would have ended the command after five seconds.
    expect(process.kill(Number(stdout), 'SIGKILL')).toBe(true)
  })

  test.each<[string, string[], string]>([
    ['no host', ['run'], 'xec: no host given; the form is: xec run <host> <command...>\n'],
    [
      'no command',
      ['run', '127.0.0.1'],
      'xec: no command given: what should run there? For a shell, say one: xec run -t HOST sh\n',
    ],
    ['a bare number', ['run', '--timeout', '30', '127.0.0.1', 'id'], 'xec: --timeout 30: say 30s or 30ms\n'],
    [
      'an unknown option',
      ['run', '--tiemout', '3s', '127.0.0.1', 'id'],
      "xec: unknown option '--tiemout'; did you mean --timeout?; see xec run --help\n",
    ],
    [
      'a script that is not there',
      ['run', '--script', 'gone.sh', '127.0.0.1'],
      'xec: cannot read the script gone.sh: ENOENT',
    ],
    [
      'a variable that is not set',
      ['run', '-e', 'NOT_SET', '127.0.0.1', 'id'],
      'xec: --env NOT_SET: NOT_SET is not set here, so there is nothing to forward; say NOT_SET=VALUE\n',
    ],
    [
      '-t without a terminal',
      ['run', '-t', '127.0.0.1', 'id'],
      'xec: -t needs a terminal on stdin, and stdin is none; -tt asks for a remote terminal all the same\n',
    ],
    [
      'no selection',
      ['exec-all', 'id'],
      'xec: which hosts? Say -g GROUP, -w EXPR or --all, as in: xec exec-all -g web uptime\n',
    ],
    [
      'a range for run',
      ['run', 'web[01-02]', 'id'],
      "xec: run takes one host, and web[01-02] may be several; for those: xec exec-all -w 'web[01-02]' <command...>\n",
    ],
    [
      'a selection for run',
      ['run', 'web*', 'id'],
      "xec: run takes one host, and web* may be several; for those: xec exec-all -w 'web*' <command...>\n",
    ],
    [
      'a word for a selection',
      ['exec-all', 'web', 'uptime', '-p'],
      'xec: which hosts? Say -g GROUP, -w EXPR or --all, as in: xec exec-all -g web uptime\n',
    ],
    ['a command that is none', ['rnu'], 'xec: rnu is no xec command; did you mean xec run?\n'],
    ['half a command', ['pool'], 'xec: xec pool needs one more word: stats\n'],
  ])('%s is a usage error', async (_, argv, stderr) => {
    const found = await xec(argv, { env: place.env })
    expect({ status: found.status, stdout: found.stdout }).toEqual({ status: 2, stdout: '' })
    expect(found.stderr.slice(0, stderr.length)).toBe(stderr)
  })

  test('-tt gives a remote terminal without a local one', async () => {
    expect((await run(['-tt', '127.0.0.1', 'stty size'])).stdout).toBe('24 80\r\n')
  })

  test('a key that cannot be read is a mistake of the command line: 2, before anything is dialled', async () => {
    const { status, stderr } = await xec(
      ['run', '-l', sshd.user, '-p', String(sshd.port), '-i', 'gone', '127.0.0.1', 'id'],
      { env: place.env },
    )
    expect(status).toBe(2)
    expect(stderr).toBe('xec: -i gone: gone does not exist\n')
  })

  test('output that a left-behind process still writes is not waited for, and that is said', async () => {
    const { status, stdout, stderr } = await run(['127.0.0.1', '(sleep 4.6; echo late) & echo bg'])
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'bg\n' })
    expect(stderr).toBe(
      'xec: warning: 127.0.0.1: the command has ended, but a process that it left behind keeps the output open; what that writes later is not shown\n',
    )
  })

  test('help of half a command is the help of the whole', async () => {
    expect(await xec(['pool', '--help'], { env: place.env })).toMatchObject({
      status: 0,
      stdout: (await xec(['pool', 'stats', '--help'], { env: place.env })).stdout,
    })
  })

  test('init writes a file once', async () => {
    expect((await xec(['init'], { env: place.env })).status).toBe(0)
    const text = readFileSync(place.path('xec.config.yaml'), 'utf8')
    expect(text).toContain('maxConnections: 256')
    expect(await xec(['init'], { env: place.env })).toMatchObject({
      status: 2,
      stderr: `xec: ${place.path('xec.config.yaml')} exists and is left as it is\n`,
    })
    expect(readFileSync(place.path('xec.config.yaml'), 'utf8')).toBe(text)
  })

  test('a full disk is told, not taken for success', async () => {
    const child = spawn(
      '/bin/sh',
      ['-c', 'exec "$0" "$@" > /dev/full', process.execPath, BIN, 'run', ...door(), '127.0.0.1', 'echo x'],
      { env: place.env, detached: true },
    )
    const { status, stderr } = await ended(child)
    expect(status).toBe(255)
    expect(stderr).toMatch(/^xec: cannot write the output: ENOSPC/)
  })

  test('one behind stderr takes nothing from the result', async () => {
    const child = spawn(
      '/bin/sh',
      [
        '-c',
        'exec "$0" "$@" 2> /dev/full',
        process.execPath,
        BIN,
        'run',
        ...door(),
        '--metrics',
        '127.0.0.1',
        'echo x; echo y >&2',
      ],
      { env: place.env, detached: true },
    )
    expect(await ended(child)).toMatchObject({ status: 0, stdout: 'x\n' })
  })
})
