import type { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { groupedRenderer } from '../../../src/cli/output/grouped.js'
import { jsonRenderer } from '../../../src/cli/output/json.js'
import { prefixedRenderer } from '../../../src/cli/output/prefixed.js'
import { withProgress } from '../../../src/cli/output/progress-line.js'
import type { RunRenderer, RunRendererOptions } from '../../../src/cli/output/renderer.js'
import type { RunEvent } from '../../../src/run/events.js'
import { ended, FakeClock, output, report, result, Sink, snapshot, started, state } from './samples.js'

interface Rig {
  readonly stdout: Sink
  readonly stderr: Sink
  readonly clock: FakeClock
  readonly renderer: RunRenderer
}

const CREATE = { live: groupedRenderer, pipe: prefixedRenderer, json: jsonRenderer }

function rig(
  given: Partial<RunRendererOptions> & {
    mode?: keyof typeof CREATE
    stdout?: Sink
    stderr?: Sink
    progress?: boolean
  } = {},
): Rig {
  const { mode = 'pipe', stdout = new Sink(), stderr = new Sink(), progress = false, ...rest } = given
  const clock = new FakeClock()
  const looks: RunRendererOptions = {
    live: mode === 'live',
    color: { stdout: false, stderr: false },
    quiet: false,
    metrics: 'off',
    snapshot: () => snapshot(),
    command: 'uptime',
    clock,
    ...rest,
    stdout,
    stderr,
  }
  const plain = CREATE[mode](looks)
  const renderer = progress ? withProgress(plain, looks, mode === 'pipe') : plain
  return { stdout, stderr, clock, renderer }
}

const done = (host: string): RunEvent => ended(result(host))

const listeners = (stream: EventEmitter): number =>
  ['error', 'close', 'drain', 'resize'].reduce((sum, name) => sum + stream.listenerCount(name), 0)

/** Waits for something that a promise chain or a lazy import brings about. */
async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; !holds(); turn++) {
    if (turn > 10_000) throw new Error('it never came about')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('in a pipe', () => {
  test('stdout lines go to stdout, stderr lines to stderr, summary and failures to stderr', async () => {
    const { stdout, stderr, renderer } = rig()
    await renderer.onEvent(started(['a', 'b']))
    await renderer.onEvent(output('a', 'one\ntw'))
    await renderer.onEvent(output('b', 'ONE\n'))
    await renderer.onEvent(output('b', 'oops\n', 'stderr'))
    await renderer.onEvent(output('a', 'o\nlast'))
    await renderer.onEvent(done('a'))
    const failed = result('b', { outcome: 'failed', exitCode: 3, message: 'b: exit 3' })
    await renderer.onEvent(ended(failed))
    await renderer.finish(report([result('a'), failed]), snapshot())
    expect(stdout.text).toBe('a: one\nb: ONE\na: two\na: last\n')
    expect(stderr.text).toBe('b: oops\nb  failed  exit 3\n2 hosts · 1 ok · 1 failed · 812ms\n')
  })

  test('no cursor codes and no colour, and the bytes as they came', async () => {
    const { stdout, renderer } = rig()
    await renderer.onEvent(output('a', Buffer.from([0x1b, 0x5b, 0x33, 0x31, 0x6d, 0xff, 0x0d, 0x0a])))
    await renderer.finish(report([result('a')]), snapshot())
    expect(Buffer.concat(stdout.chunks)).toEqual(
      Buffer.concat([Buffer.from('a: '), Buffer.from([0x1b, 0x5b, 0x33, 0x31, 0x6d, 0xff, 0x0d, 0x0a])]),
    )
  })

  test('a stream of ours that is a terminal gets sanitised text, the other one bytes', async () => {
    const { stdout, stderr, renderer } = rig({ stderr: new Sink({ terminal: { columns: 80, rows: 24 } }) })
    await renderer.onEvent(output('a', '\x1b[31mred\n'))
    await renderer.onEvent(output('a', '\x1b]0;owned', 'stderr'))
    await renderer.onEvent(output('a', '\x07red\rx', 'stderr'))
    await renderer.finish(report([result('a')]), snapshot())
    expect(stdout.text).toBe('a: \x1b[31mred\n')
    expect(stderr.text).toBe('a: red\na: x\n1 host · 1 ok · 812ms\n')
  })

  test('metrics follow the summary when they are asked for, and quiet leaves only failures', async () => {
    const loud = rig({ metrics: 'full' })
    await loud.renderer.finish(report([result('a')]), snapshot())
    expect(loud.stderr.text).toMatch(/^1 host · 1 ok · 812ms\npool {2}0\/256 connections: /)
    const quiet = rig({ metrics: 'full', quiet: true })
    await quiet.renderer.finish(
      report([result('a'), result('b', { outcome: 'auth', message: 'b: no key was accepted' })]),
      snapshot(),
    )
    expect(quiet.stderr.text).toBe('b  auth  no key was accepted\n')
  })

  test('a slow reader is backpressure: the promise settles when there is room again', async () => {
    const { stdout, renderer } = rig({ stdout: new Sink({ full: true }) })
    const order: string[] = []
    const waiting = Promise.resolve(renderer.onEvent(output('a', 'one\n'))).then(() => order.push('settled'))
    await new Promise((resolve) => setImmediate(resolve))
    expect(order).toEqual([])
    order.push('drained')
    stdout.drain()
    await waiting
    expect(order).toEqual(['drained', 'settled'])
  })

  test('a reader that goes away ends nothing but its own stream, and is told once', async () => {
    let closed = 0
    const { stdout, stderr, renderer } = rig({ stdout: new Sink({ full: true }), onClosed: () => void closed++ })
    const waiting = renderer.onEvent(output('a', 'one\n'))
    stdout.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    await waiting
    let looked = 0
    const unread = {
      ...output('a', ''),
      get chunk() {
        return (looked++, Buffer.from('two\n'))
      },
    }
    expect([renderer.onEvent(unread), looked]).toEqual([undefined, 0])
    await renderer.finish(report([result('a')]), snapshot())
    expect(closed).toBe(1)
    expect(stderr.text).toBe('1 host · 1 ok · 812ms\n')
  })

  test('nothing of it stays on the streams', async () => {
    for (const mode of ['pipe', 'json', 'live'] as const) {
      const { stdout, stderr, renderer, clock } = rig({ mode })
      await renderer.onEvent(started(['a']))
      await renderer.onEvent(done('a'))
      await renderer.finish(report([result('a')]), snapshot())
      expect([mode, listeners(stdout), listeners(stderr), clock.timers]).toEqual([mode, 0, 0, 0])
      const left = rig({ mode })
      await left.renderer.onEvent(started(['a']))
      left.renderer.abandon()
      left.renderer.abandon()
      expect([mode, listeners(left.stdout), listeners(left.stderr)]).toEqual([mode, 0, 0])
    }
  })
})

describe('as JSON', () => {
  test('one document on stdout and nothing else anywhere, also when everything failed', async () => {
    const { stdout, stderr, renderer } = rig({ mode: 'json', metrics: 'full' })
    await renderer.onEvent(started(['a']))
    await renderer.onEvent(output('a', 'text\n'))
    const failed = result('a', { outcome: 'unreachable', message: 'a: connect ECONNREFUSED' })
    await renderer.onEvent(ended(failed))
    await renderer.finish(report([failed]), snapshot())
    const document = JSON.parse(stdout.text) as { ok: boolean; hosts: { error: { code: string } }[] }
    expect(document.ok).toBe(false)
    expect(document.hosts[0]?.error.code).toBe('XEC_CONNECT')
    expect(stderr.text).toBe('')
  })
})

describe('live, on a terminal', () => {
  const terminal = (): Sink => new Sink({ terminal: { columns: 80, rows: 24 } })
  const hosts = Array.from({ length: 20 }, (_, at) => `web${String(at + 1).padStart(2, '0')}`)
  const results = hosts.map((host) =>
    host === 'web20'
      ? result(host, { outcome: 'failed', exitCode: 3, stdout: 'odd\n', message: `${host}: exit 3` })
      : result(host, { stdout: 'same \x1b[31mred\n' }),
  )

  test('shows each host while it runs, then folded outputs, failures, summary and metrics', async () => {
    const { stdout, stderr, renderer, clock } = rig({ mode: 'live', stdout: terminal(), metrics: 'full' })
    await renderer.onEvent(started(hosts))
    await renderer.onEvent(state('web01', 'running'))
    await renderer.onEvent(output('web01', 'reading\n'))
    await until(() => clock.timers > 0)
    clock.advance(1_500)
    expect(stdout.text).toMatch(/uptime · 0\/20 hosts done · 1\.5s/)
    expect(stdout.text).toMatch(/web01 {2}running {8}1\.5s {2}reading/)
    expect(stdout.text).toMatch(/0\/256 connections: 0 active/)
    const before = stdout.text.length
    for (const one of results) await renderer.onEvent(ended(one))
    await renderer.finish(report(results), snapshot())
    const end = stdout.text.slice(before)
    expect(end).toMatch(/── web\[01-19\] \(19\) ─+\nsame red\n── web20 · exit 3 ─+\nodd\n$/)
    expect(stderr.text).toMatch(/^web20 {2}failed {2}exit 3\n20 hosts · 19 ok · 1 failed · 812ms\npool {2}/)
    expect(clock.timers).toBe(0)
  })

  test('takes its picture away: what is on the screen at the end is the result alone', async () => {
    const screen = new Screenful(80, 24)
    const stdout = terminal()
    const { renderer, clock } = rig({ mode: 'live', stdout })
    await renderer.onEvent(started(hosts))
    await until(() => clock.timers > 0)
    for (const one of results) {
      clock.advance(300)
      await renderer.onEvent(ended(one))
    }
    await renderer.finish(report(results), snapshot())
    screen.write(stdout.text)
    expect(screen.lines.map((line) => line.replaceAll('─', ''))).toEqual([
      ' web[01-19] (19) ',
      'same red',
      ' web20 · exit 3 ',
      'odd',
    ])
  })

  test('quiet shows no view', async () => {
    const { stdout, stderr, renderer } = rig({ mode: 'live', stdout: terminal(), quiet: true, metrics: 'full' })
    await renderer.onEvent(started(['a']))
    await renderer.onEvent(done('a'))
    await renderer.finish(report([result('a', { stdout: 'hi' })]), snapshot())
    expect(stdout.text).toMatch(/^── a ─+\nhi\n$/)
    expect(stderr.text).toBe('')
  })

  test('follows the size of the terminal', async () => {
    const stdout = terminal()
    const { renderer, clock } = rig({ mode: 'live', stdout })
    await renderer.onEvent(started(hosts))
    await until(() => clock.timers > 0)
    const before = stdout.text.length
    stdout.rows = 8
    stdout.emit('resize')
    expect(stdout.text.slice(before).split('\n').length - 1).toBe(7)
    renderer.abandon()
  })

  test('abandoned, it draws nothing more, and stdout is free', async () => {
    const stdout = terminal()
    const { renderer, clock } = rig({ mode: 'live', stdout })
    await renderer.onEvent(started(hosts))
    await until(() => clock.timers > 0)
    renderer.abandon()
    const before = stdout.text.length
    clock.advance(5_000)
    await renderer.onEvent(done('web01'))
    expect(stdout.text.length).toBe(before)
    expect(clock.timers).toBe(0)
    const screen = new Screenful(80, 24)
    screen.write(stdout.text)
    expect(screen.lines).toEqual([])
  })

  test('never hides the cursor nor leaves the main screen, so that there is nothing to give back after a kill', async () => {
    const stdout = terminal()
    const { renderer, clock } = rig({ mode: 'live', stdout, color: { stdout: true, stderr: true } })
    await renderer.onEvent(started(hosts))
    await until(() => clock.timers > 0)
    clock.advance(1_000)
    await renderer.finish(report(results), snapshot())
    expect(stdout.text).not.toContain('\x1b[?')
  })

  test('colours are decided for each stream by itself', async () => {
    const stdout = terminal()
    const { renderer, stderr } = rig({ mode: 'live', stdout, color: { stdout: true, stderr: false } })
    await renderer.onEvent(started(hosts))
    await renderer.finish(
      report([
        result('web1', { stdout: 'out' }),
        result('web2', { outcome: 'failed', exitCode: 3, message: 'web2: exit status 3' }),
      ]),
      snapshot(),
    )
    expect(stdout.text).toContain('\x1b[1m')
    expect(stderr.text).toContain('exit status 3')
    expect(stderr.text).not.toContain('\x1b')
  })

  test('a command and hosts with control characters cannot write on the terminal', async () => {
    const stdout = terminal()
    const { renderer, clock } = rig({ mode: 'live', stdout, command: 'echo \x1b]0;owned\x07\n' })
    await renderer.onEvent(started(['a\x1b[2J']))
    await until(() => clock.timers > 0)
    await renderer.finish(
      report([result('a\x1b[2J', { outcome: 'auth', message: 'banner: \x1b]0;owned\x07' })]),
      snapshot(),
    )
    expect(stdout.text).not.toContain('\x1b]')
    expect(stdout.text).not.toContain('\x1b[2J')
  })
})

/** As much of a terminal as our own drawing uses: lines, CR, LF, cursor up, erase line, erase below. */
class Screenful {
  readonly #lines: string[] = ['']
  #row = 0
  #column = 0

  constructor(
    readonly columns: number,
    readonly rows: number,
  ) {}

  get lines(): string[] {
    const lines = this.#lines.map((line) => line.trimEnd())
    while (lines.at(-1) === '') lines.pop()
    return lines.map((line) => (line.startsWith('──') ? `${line} `.replace(/ ─* $/, ' ') : line))
  }

  write(text: string): void {
    for (const [piece, count, letter] of text.matchAll(/\x1b\[(\d*)([AKJm])|[^]/gu)) {
      if (letter === 'A') this.#row = Math.max(0, this.#row - Number(count))
      else if (letter === 'K') this.#lines[this.#row] = (this.#lines[this.#row] ?? '').slice(0, this.#column)
      else if (letter === 'J') this.#lines.length = this.#row + 1
      else if (letter === 'm') continue
      else if (piece === '\r') this.#column = 0
      else if (piece === '\n') {
        this.#row++
        this.#column = 0
        this.#lines[this.#row] ??= ''
      } else {
        const line = (this.#lines[this.#row] ?? '').padEnd(this.#column)
        this.#lines[this.#row] = line.slice(0, this.#column) + piece + line.slice(this.#column + 1)
        this.#column++
      }
      if (letter === 'J') this.#lines[this.#row] = (this.#lines[this.#row] ?? '').slice(0, this.#column)
    }
  }
}

describe('a remote line is never one of ours', () => {
  test.each([true, false])('in the grouped view without colour, with unicode %s', async (unicode) => {
    const rigs = async (stdoutOf: (host: string) => string): Promise<{ ours: string[]; theirs: string[] }> => {
      const terminal = new Sink({ terminal: { columns: 80, rows: 24 } })
      const { renderer } = rig({ mode: 'live', stdout: terminal, stderr: terminal, unicode, metrics: 'line' })
      await renderer.onEvent(started(['a', 'b']))
      const failed = result('b', { outcome: 'failed', exitCode: 3, message: 'b: exit 3', stderr: 'x', truncated: true })
      const before = terminal.text.length
      await renderer.finish(report([result('a', { stdout: stdoutOf('a') }), failed]), snapshot())
      return { ours: terminal.text.slice(before).split('\n'), theirs: [] }
    }
    const { ours } = await rigs(() => '')
    const lines = ours
      .map((line) => line.replace(/^.*\r/, '').replaceAll(/\x1b\[\d*[A-Z]/g, ''))
      .filter((line) => line !== '' && line !== 'x')
    expect(lines).toContain('b  failed  exit 3')
    const { ours: all } = await rigs(() => `${lines.join('\n')}\nplain\n`)
    for (const line of lines) {
      const same = all.filter((other) => other.replace(/^.*\r/, '').replaceAll(/\x1b\[\d*[A-Z]/g, '') === line)
      // The title of `a` has no output in one run and some in the other.
      expect(same.length, line).toBeLessThanOrEqual(1)
    }
    expect(all).toContain('  b  failed  exit 3')
    expect(all).toContain('plain')
  })

  test('and of a progress bar the last state is shown', async () => {
    const terminal = new Sink({ terminal: { columns: 80, rows: 24 } })
    const { renderer } = rig({ mode: 'live', stdout: terminal })
    await renderer.onEvent(started(['a']))
    await renderer.finish(report([result('a', { stdout: 'get\r 10 %\r 50 %\r100 %\r\ndone\r\n' })]), snapshot())
    expect(terminal.text).toContain(' ─\n100 %\ndone\n'.slice(2))
    expect(terminal.text).not.toContain('50 %')
  })

  test('a title as wide as the terminal has nothing behind it', async () => {
    for (const length of [75, 76, 77, 78]) {
      const terminal = new Sink({ terminal: { columns: 80, rows: 24 } })
      const { renderer } = rig({ mode: 'live', stdout: terminal })
      const name = 'n'.repeat(length)
      await renderer.onEvent(started([name]))
      await renderer.finish(report([result(name, { stdout: 'x' })]), snapshot())
      const title = terminal.text.split('\n').find((line) => line.includes('── n'))
      expect(title?.replace(/^.*\x1b\[\d*[A-Z]/, '').trimEnd()).toBe(title?.replace(/^.*\x1b\[\d*[A-Z]/, ''))
    }
  })
})

describe('progress on stderr', () => {
  test.each(['pipe', 'json'] as const)('is one line that makes way, in mode %s', async (mode) => {
    const stderr = new Sink({ terminal: { columns: 80, rows: 24 } })
    const { stdout, clock, renderer } = rig({ mode, stderr, progress: true })
    await renderer.onEvent(started(['a', 'b']))
    await renderer.onEvent(done('a'))
    clock.advance(200)
    expect(stderr.text).toBe('\r\x1b[K1/2 hosts done · 200ms\r')
    await renderer.onEvent(output('b', 'x\n'))
    if (mode === 'pipe') expect(stderr.text.endsWith('\r\x1b[K')).toBe(true)
    await renderer.finish(report([result('a'), result('b')]), snapshot())
    expect(stdout.text).not.toContain('\x1b')
    expect(stderr.text.split('\r\x1b[K').at(-1)).toBe(mode === 'pipe' ? '2 hosts · 2 ok · 812ms\n' : '')
  })

  test('leaves nothing on the stream when the run is abandoned', async () => {
    const stderr = new Sink({ terminal: { columns: 80, rows: 24 } })
    const { clock, renderer } = rig({ mode: 'json', stderr, progress: true })
    await renderer.onEvent(started(['a']))
    clock.advance(200)
    renderer.abandon()
    clock.advance(1_000)
    expect(stderr.text.endsWith('\r\x1b[K')).toBe(true)
    expect(listeners(stderr)).toBe(0)
  })
})
