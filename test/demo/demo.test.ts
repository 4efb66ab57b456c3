import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { BIN, ended, ensureBuilt, start, xec } from '../cli/binary.js'
import { makePlace, type Place } from '../rig/place.js'

let place: Place
beforeAll(() => ensureBuilt(), 120_000)
beforeEach(() => {
  place = makePlace()
})
afterEach(() => place.remove())

const WEB = Array.from({ length: 10 }, (_, at) => `web${String(at + 1).padStart(2, '0')}`)

/** Everything below a directory, so that nothing new can hide. */
const filesIn = (directory: string): string[] => readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()

/** Processes with a text in their environment or command line; commands of the fleet inherit HOME. */
function leftOf(mark: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false
    try {
      return (
        readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark) ||
        readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(mark)
      )
    } catch {
      return false
    }
  })
}

function expectTour(text: string): void {
  expect(text).toContain("$ xec exec-all --all --no-metrics 'uname -sm'\n")
  expect(text).toContain('$ xec exec-all --all \'echo "a $ROLE server"\'\n')
  expect(text.match(/^12 hosts · 11 ok · 1 failed · /gm)).toHaveLength(2)
  expect(text.match(/^cache1 {2}failed {2}exit status 1$/gm)).toHaveLength(2)
  expect(text).toContain(
    '12 connections opened, 24 commands, 12 reused: the second round opened 0 new\nconnections and found one open on 12 of 12 hosts.',
  )
  expect(text).toContain('\nNothing is left behind: no connection, no port, no process, no file.\n')
}

describe('xec demo in a pipe', () => {
  test('two rounds on twelve hosts, line by line, and status 0', async () => {
    const before = filesIn(place.home)
    const { status, stdout, stderr } = await xec(['demo'], { env: { ...place.env, TERM: 'xterm', NO_COLOR: '' } })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expectTour(stdout)
    expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/)
    for (const host of WEB) expect(stdout).toContain(`\n${host}: a web server\n`)
    expect(stdout).toContain('\ndb1: a db server\n')
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(filesIn(place.home)).toEqual(before)
  })

  test('--color=always colours it', async () => {
    const { status, stdout } = await xec(['demo', '--color', 'always'], { env: place.env })
    expect(status).toBe(0)
    expect(stdout).toContain('\x1b[1m1. One command on every host\x1b[22m')
    expect(stdout).toContain('\x1b[31m1 failed\x1b[39m')
    expectTour(stdout.replaceAll(/\x1b\[\d+m/g, ''))
  })

  test.concurrent.each<[string, (place: Place) => Record<string, string>]>([
    ['HOME unset', ({ env }) => ({ PATH: env['PATH'] ?? '' })],
    ['a HOME that does not exist', ({ env, path }) => ({ PATH: env['PATH'] ?? '', HOME: path('no', 'such', 'home') })],
    // As root no mode keeps anyone out; /proc does.
    ['a HOME in which nobody can write', ({ env }) => ({ PATH: env['PATH'] ?? '', HOME: '/proc/self' })],
    [
      'a broken configuration and ssh_config around it',
      ({ env, path }) => {
        writeFileSync(path('xec.config.yaml'), 'hosts: [')
        writeFileSync(path('.ssh', 'config'), 'Nonsense yes\n')
        return { ...env, XEC_CONFIG: path('missing.yaml') }
      },
    ],
  ])('%s does not matter', async (_, env) => {
    const own = makePlace()
    const { status, stdout, stderr } = await xec(['demo'], { env: env(own), cwd: own.home })
    own.remove()
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expectTour(stdout)
  })

  test('a reader that goes away ends it', async () => {
    const child = start(['demo'], { env: { ...place.env, XEC_TEST_MARK: place.home } })
    child.stdin.end()
    child.stdout.once('data', () => child.stdout.destroy())
    const { status, signal, stderr } = await ended(child)
    expect({ status, signal, stderr }).toEqual({ status: 141, signal: null, stderr: '' })
  })

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    '%s ends it with %i, in the first round and in the second, and nothing is left',
    async (name, expected) => {
      for (const seen of ['web05: Linux', 'web05: a web']) {
        const child = start(['demo'], { env: place.env })
        child.stdin.end()
        let text = ''
        let sent = false
        child.stdout.on('data', (chunk: Buffer) => {
          text += chunk.toString('utf8')
          if (sent || !text.includes(seen)) return
          sent = true
          child.kill(name)
        })
        const { status, stdout, stderr } = await ended(child)
        expect({ status, stderr, sent }).toEqual({ status: expected, stderr: '', sent: true })
        expect(stdout).toMatch(/12 hosts · .*\d cancelled/)
        expect(stdout).toMatch(
          /\nStopped early\. Nothing is left behind: no connection, no port, no process, no file\.\n$/,
        )
        // The remote side heard the signal, and said so.
        expect(stdout).toMatch(/ cancelled {2}cancelled; the remote process has ended$/m)
        expect(leftOf(place.home)).toEqual([])
      }
    },
  )

  test('several at once: each is a fleet of its own, ends by itself, and leaves no process', async () => {
    const runs = await Promise.all(
      [1, 2, 3].map(() => xec(['demo'], { env: { ...place.env, XEC_TEST_MARK: place.home } })),
    )
    for (const { status, stdout } of runs) {
      expect(status).toBe(0)
      expectTour(stdout)
    }
    expect(leftOf(place.home)).toEqual([])
  })
})

describe('xec demo at a terminal', () => {
  /** On a terminal of its own (script(1)); `then` is typed when `seen` is on it. */
  async function onTerminal(command: string, seen = '', then = ''): Promise<string> {
    const child = spawn('script', ['-qefc', command, '/dev/null'], {
      env: { ...place.env, TERM: 'xterm', NO_COLOR: '' },
      cwd: place.home,
      detached: true,
    })
    let screen = ''
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
    child.stdout.on('data', (chunk: Buffer) => {
      const was = screen.includes(seen)
      screen += chunk.toString('utf8')
      if (then !== '' && !was && screen.includes(seen)) child.stdin.write(then)
    })
    await new Promise((resolve) => child.once('close', resolve))
    clearTimeout(timer)
    return screen
  }
  const demo = `${process.execPath} ${BIN} demo`

  test('a live view with every host and the pool, then the folded outputs, in colour', async () => {
    const screen = await onTerminal(`stty rows 40 cols 100; stty -g > before; ${demo}; echo status $?; stty -g > after`)
    expect(screen).toContain('status 0')
    for (const host of [...WEB, 'db1', 'cache1']) expect(screen).toContain(`\x1b[39m ${host.padEnd(6)}  `)
    expect(screen).toContain('\x1b[1mpool\x1b[22m  12/256 connections: ')
    expect(screen).toContain('reuse 50 %')
    expect(screen).toContain('\x1b[1m── web[01-10],db1 (11)\x1b[22m')
    expect(screen).toContain('\x1b[1m── web[01-10] (10)\x1b[22m')
    expectTour(screen.replaceAll(/\x1b\[\d*[mKJA]/g, '').replaceAll('\r', ''))
    expect(readFileSync(place.path('after'), 'utf8')).toBe(readFileSync(place.path('before'), 'utf8'))
  })

  test('Ctrl-C takes the view away, says what became of the hosts, and ends with 130', async () => {
    // The shell around it hears the Ctrl-C, too, and is to go on.
    const screen = await onTerminal(
      `trap : INT; stty rows 40 cols 100; stty -g > before; ${demo}; echo status $?; stty -g > after`,
      '✖ 1 failed',
      '\x03',
    )
    expect(screen).toContain('status 130')
    expect(screen).toContain('Stopped early. Nothing is left behind')
    expect(readFileSync(place.path('after'), 'utf8')).toBe(readFileSync(place.path('before'), 'utf8'))
  })

  test('in a dumb one, and in a build: lines as in a pipe', async () => {
    for (const setting of ['TERM=dumb', 'CI=true']) {
      const screen = await onTerminal(`stty rows 40 cols 100; ${setting} ${demo} --color never; echo status $?`)
      expect(screen).toContain('status 0')
      expect(screen).not.toContain('\x1b')
      expectTour(screen.replaceAll('\r', ''))
    }
  })
})
