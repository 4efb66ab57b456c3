import { afterEach, expect, test, vi } from 'vitest'
import { LineQueue } from '../../src/shell/lines.js'

afterEach(() => void vi.restoreAllMocks())

async function read(queue: LineQueue): Promise<string[]> {
  const lines: string[] = []
  for await (const line of queue) lines.push(line)
  return lines
}

test('a line that comes in many pieces is searched once, not again with each of them', async () => {
  let searched = 0
  const { split } = String.prototype
  vi.spyOn(String.prototype, 'split').mockImplementation(function (this: string, ...args: unknown[]) {
    searched += this.length
    return (split as (...args: unknown[]) => string[]).apply(this, args)
  })
  const queue = new LineQueue()
  for (let i = 0; i < 500; i++) void queue.push(Buffer.from('x'.repeat(1_000)))
  queue.end('')
  vi.restoreAllMocks()
  expect(searched).toBeLessThan(1_000_000)
  expect((await read(queue)).map((line) => line.length)).toEqual([500_000])
})

test('lines and their ends may be cut anywhere', async () => {
  const queue = new LineQueue()
  for (const piece of ['on', 'e\r', '\ntw', 'o\n\n', 'thr', 'ee\nfour\nfi', 've\r']) void queue.push(Buffer.from(piece))
  queue.end('')
  expect(await read(queue)).toEqual(['one', 'two', '', 'three', 'four', 'five'])
})
