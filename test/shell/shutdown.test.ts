import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { drainOnSignals, type SignalSource } from '../../src/shell/shutdown.js'
import { settle } from '../adapter/fakes.js'

function process_(): SignalSource & EventEmitter & { killed: unknown[] } {
  const killed: unknown[] = []
  return Object.assign(new EventEmitter(), {
    pid: 7,
    killed,
    kill: (pid: number, signal: string) => killed.push([pid, signal]),
  })
}

test('the first signal drains, and takes its ordinary effect when that is over', async () => {
  const source = process_()
  let done: () => void = () => {}
  const asked: number[] = []
  drainOnSignals(
    (timeoutMs) =>
      new Promise<void>((resolve) => {
        asked.push(timeoutMs)
        done = resolve
      }),
    { timeout: '3s' },
    source,
  )
  source.emit('SIGTERM')
  await settle()
  // A second one finds no hook, so that it ends the process.
  expect([asked, source.killed, source.listenerCount('SIGTERM'), source.listenerCount('SIGINT')]).toEqual([
    [3_000],
    [],
    0,
    0,
  ])
  done()
  await settle()
  expect(source.killed).toEqual([[7, 'SIGTERM']])
})

test('a program that listens itself decides when it ends', async () => {
  const source = process_()
  source.on('SIGINT', () => {})
  drainOnSignals(async () => {}, {}, source)
  source.emit('SIGINT')
  await settle()
  expect(source.killed).toEqual([])
})

test('can be undone, and is for the signals that are named', () => {
  const source = process_()
  const undo = drainOnSignals(async () => {}, { signals: ['SIGHUP'] }, source)
  expect([source.listenerCount('SIGHUP'), source.listenerCount('SIGINT')]).toEqual([1, 0])
  undo()
  expect(source.listenerCount('SIGHUP')).toBe(0)
})
