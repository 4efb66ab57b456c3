import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OUTCOMES } from '../../../src/adapter/types.js'
import { Board } from '../../../src/cli/output/board.js'
import { frame, type FrameOptions } from '../../../src/cli/output/frame.js'
import { createPaint } from '../../../src/cli/output/paint.js'
import { displayWidth } from '../../../src/cli/output/width.js'
import type { RunEvent } from '../../../src/run/events.js'
import { ended, output, result, snapshot, started, state } from './samples.js'

const options: FrameOptions = {
  columns: 80,
  rows: 24,
  now: 5_000,
  startedAt: 1_800,
  command: 'uptime',
  snapshot: snapshot(),
  paint: createPaint(false),
  spinner: '*',
  figures: { good: '+', bad: '!', skipped: '-', waiting: '.' },
}

function boardOf(hosts: readonly string[], ...events: (readonly [number, RunEvent])[]): Board {
  const board = new Board()
  board.apply(started(hosts), 1_800)
  for (const [at, event] of events) board.apply(event, at)
  return board
}

const done = (host: string, given: Parameters<typeof result>[1] = {}): RunEvent => ended(result(host, given))

describe('when all hosts fit', () => {
  test('each has a line with its state, its time and its last line or reason, in the order of the inventory', () => {
    const board = boardOf(
      ['web1', 'web2', 'web3', 'db', 'old'],
      [2_000, state('web1', 'connecting')],
      [2_100, state('web1', 'running')],
      [2_200, output('web1', 'one\ntw')],
      [3_300, done('web1')],
      [2_000, state('web2', 'running')],
      [2_500, output('web2', 'Reading\x1b[2J lists\n')],
      [4_000, state('web3', 'connecting')],
      [2_000, state('db', 'connecting')],
      [2_041, done('db', { outcome: 'unreachable', message: 'db: connect ECONNREFUSED' })],
    )
    expect(frame(board, { ...options, snapshot: { ...snapshot(), connecting: 1 } })).toEqual([
      'uptime · 2/5 hosts done · 3.2s',
      '+ web1  ok             1.3s  tw',
      '* web2  running        3.0s  Reading lists',
      '* web3  connecting     1.0s',
      '! db    unreachable    41ms  connect ECONNREFUSED',
      '. old   queued',
      '+ 1 ok  ! 1 unreachable  1 running  1 connecting  1 queued',
      'pool  0/256 connections: 0 active, 0 idle, 1 connecting · 0 waiting · reuse –',
    ])
  })
})

test('names are cut in the middle, so that their ends tell them apart', () => {
  const names = ['one', 'two'].map((end) => `very-long-common-prefix-of-a-name-of-the-fleet-${end}.example.com`)
  const rows = frame(boardOf(names), options).slice(1, 3)
  expect(rows.map((row) => row.split(/  +/)[0])).toEqual([
    '. very-long…-one.example.com',
    '. very-long…-two.example.com',
  ])
})

test('what waits for one of the few handshakes is not called connecting', () => {
  const hosts = Array.from({ length: 120 }, (_, at) => `web${at}`)
  const board = boardOf(hosts, ...hosts.slice(0, 88).map((host) => [2_000, state(host, 'connecting')] as const))
  const lines = frame(board, { ...options, rows: 10, snapshot: { ...snapshot(), connecting: 32 } })
  expect(lines.at(-2)).toBe('32 connecting  56 waiting to connect  32 queued')
  expect(lines.at(-3)).toBe('  and 115 more: 83 not connected yet, 32 queued')
})

describe('when there are more hosts than lines', () => {
  const hosts = Array.from({ length: 200 }, (_, at) => `web${at}`)

  test('failures and the slowest are shown, the rest is counted', () => {
    const board = boardOf(
      hosts,
      ...Array.from({ length: 30 }, (_, at) => [2_000 + at, state(`web${at}`, 'running')] as const),
      [3_000, done('web3', { outcome: 'failed', message: 'web3: exit 1' })],
      [3_001, done('web4')],
    )
    const lines = frame(board, { ...options, rows: 10 })
    expect(lines).toEqual([
      'uptime · 2/200 hosts done · 3.2s',
      '! web3  failed        997ms  exit 1',
      '* web0  running        3.0s',
      '* web1  running        3.0s',
      '* web2  running        3.0s',
      '* web5  running        3.0s',
      '  and 195 more: 1 ok, 24 running, 170 queued',
      '+ 1 ok  ! 1 failed  28 running  170 queued',
      'pool  0/256 connections: 0 active, 0 idle, 0 connecting · 0 waiting · reuse –',
    ])
  })

  test('many failures leave half of the room to those still at work', () => {
    const board = boardOf(
      hosts,
      ...hosts.slice(0, 50).map((host) => [2_000, done(host, { outcome: 'lost' })] as const),
      ...hosts.slice(50, 100).map((host) => [2_000, state(host, 'running')] as const),
    )
    const lines = frame(board, options)
    expect(lines.filter((line) => line.startsWith('!')).length - 1).toBe(10)
    expect(lines.filter((line) => line.startsWith('*'))).toHaveLength(9)
  })

  test('once all are done the room is for the failures', () => {
    const board = boardOf(
      hosts,
      ...hosts.slice(0, 150).map((host) => [2_000, done(host, { outcome: 'lost' })] as const),
      ...hosts.slice(150).map((host) => [2_000, done(host)] as const),
    )
    expect(
      frame(board, options)
        .slice(1, -3)
        .every((line) => line.startsWith('!')),
    ).toBe(true)
  })
})

test('no frame is larger than the terminal, however small, and the counts in it are right', () => {
  const events = fc.array(
    fc.record({
      host: fc.integer({ min: 0, max: 40 }),
      what: fc.constantFrom('connecting', 'running', 'output', ...OUTCOMES),
    }),
    { maxLength: 100 },
  )
  fc.assert(
    fc.property(
      events,
      fc.integer({ min: 1, max: 120 }),
      fc.integer({ min: 1, max: 60 }),
      fc.boolean(),
      (list, columns, rows, color) => {
        const hosts = Array.from({ length: 40 }, (_, at) => `wéb日${at}`)
        const board = boardOf(
          hosts,
          ...list.map(({ host, what }, at) => {
            const name = hosts[host] ?? 'late'
            const event =
              what === 'connecting' || what === 'running'
                ? state(name, what)
                : what === 'output'
                  ? output(name, '日本語 x\t\x1b[31m\r'.repeat(20))
                  : done(name, { outcome: what, message: 'long '.repeat(40) })
            return [2_000 + at, event] as const
          }),
        )
        const lines = frame(board, { ...options, columns, rows, paint: createPaint(color), command: 'x\n'.repeat(90) })
        expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 1))
        for (const line of lines) {
          const plain = line.replaceAll(/\x1b\[\d+m/g, '')
          expect(plain).not.toMatch(/[\x00-\x1f]/)
          expect(displayWidth(plain)).toBeLessThanOrEqual(Math.max(1, columns - 1))
        }
        const states = [...board.states()]
        for (const { state: of } of states)
          expect(board.count(of)).toBe(states.filter((entry) => entry.state === of).length)
      },
    ),
  )
})

test('an outcome is final: what arrives late changes nothing', () => {
  const board = boardOf(
    ['a'],
    [2_000, done('a', { outcome: 'timeout' })],
    [2_100, state('a', 'running')],
    [2_200, done('a')],
  )
  expect(board.row('a')).toMatchObject({ state: 'timeout', text: 'timeout' })
})
