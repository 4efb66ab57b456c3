import { expect, test } from 'vitest'
import { leftAtOnce } from '../../src/cli/session.js'
import { listenForSignals } from '../../src/cli/signals.js'
import { signalNumber, type Io } from '../../src/cli/io.js'
import { Line } from '../../src/cli/terminal.js'

function fakeIo() {
  const listeners = new Map<string, () => void>()
  const exits: number[] = []
  const io = {
    onSignal: (name: string, listener: () => void) => {
      listeners.set(name, listener)
      return () => void listeners.delete(name)
    },
    exit: (status: number) => void exits.push(status),
  } as unknown as Io
  return { io, exits, listeners, send: (name: string) => listeners.get(name)?.() }
}

test("the first signal asks for an end, the second leaves at once with the first one's status", () => {
  const { io, exits, send } = fakeIo()
  let heard = 0
  const interrupts = listenForSignals(io, { onFirst: () => heard++ })
  expect(interrupts.status).toBeUndefined()
  send('SIGTERM')
  expect({ aborted: interrupts.signal.aborted, status: interrupts.status, heard, exits }).toEqual({
    aborted: true,
    status: 143,
    heard: 1,
    exits: [],
  })
  send('SIGINT')
  expect(exits).toEqual([143])
  expect(heard).toBe(1)
})

test('who leaves at once is told where commands may go on', () => {
  expect(leftAtOnce(new Map([['web1', 1]]))).toBe('left at once; a command may still be running on web1')
  expect(leftAtOnce(new Map(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((host) => [host, 2])))).toBe(
    'left at once; 14 commands may still be running on a, b, c, d, e and 2 more',
  )
})

test('a reader that goes away is no signal: Ctrl-C after it is still the first', () => {
  const { io, exits, send } = fakeIo()
  const interrupts = listenForSignals(io)
  interrupts.abort()
  expect({ aborted: interrupts.signal.aborted, status: interrupts.status }).toEqual({
    aborted: true,
    status: undefined,
  })
  send('SIGINT')
  expect({ status: interrupts.status, exits }).toEqual({ status: 130, exits: [] })
})

test('released signals have their default action again', () => {
  const { io, listeners } = fakeIo()
  const interrupts = listenForSignals(io)
  expect([...listeners.keys()]).toEqual(['SIGINT', 'SIGTERM', 'SIGHUP'])
  interrupts.release()
  expect(listeners.size).toBe(0)
})

test.each([
  ['TERM', 15],
  ['SIGKILL', 9],
  ['ODD', undefined],
  ['', undefined],
])('the number of %j is %s', (name, number) => expect(signalNumber(name)).toBe(number))

test.each<[string, string, string | undefined]>([
  ['secret\r', 'secret', 'enter'],
  ['secres\x7ft\n', 'secret', 'enter'],
  ['wrong\x15right\r', 'right', 'enter'],
  ['grün€\x7f\x7fe\r', 'grüe', 'enter'],
  ['\x7f\r', '', 'enter'],
  ['ab\x03', 'ab', 'interrupt'],
  ['\x04', '', 'eof'],
  ['ab\x04', 'ab', undefined],
])('typing %j', (keys, text, end) => {
  const line = new Line()
  let ended: string | undefined
  for (const byte of Buffer.from(keys)) ended = line.press(byte)
  expect({ text: line.text, ended }).toEqual({ text, ended: end })
})
