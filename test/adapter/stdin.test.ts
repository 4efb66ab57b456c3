import { PassThrough, Readable, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Feed } from '../../src/adapter/stdin.js'

/** Takes everything at once, and so never holds back. */
function sink(): { stdin: Writable; writes: Buffer[] } {
  const writes: Buffer[] = []
  const stdin = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      writes.push(chunk)
      done()
    },
  })
  return { stdin, writes }
}

/** Always has two bytes more, at once. */
function twos(count: number): { source: Readable; read: () => number } {
  let read = 0
  return {
    read: () => read,
    source: new Readable({
      read() {
        this.push(read < count ? `${read++ % 10}\n` : null)
      },
    }),
  }
}

const fail = (error: Error): void => {
  throw error
}

test('small pieces are put together, in order', async () => {
  const { stdin, writes } = sink()
  new Feed(twos(40_000).source).connect(stdin, Buffer.from('first;'), fail)
  await finished(stdin)
  const all = Buffer.concat(writes).toString()
  expect([all.length, all.slice(0, 12), all.slice(-4)]).toEqual([80_006, 'first;0\n1\n2\n', '8\n9\n'])
  expect(writes.length).toBeLessThan(20)
})

test('a source that always has more lets the event loop turn', async () => {
  const { stdin } = sink()
  const { source, read } = twos(500_000)
  const feed = new Feed(source)
  feed.connect(stdin, Buffer.alloc(0), fail)
  await turn()
  feed.stop()
  expect(read()).toBeLessThan(500_000)
  expect(source.isPaused()).toBe(true)
})

test('what is there is sent without waiting for more', async () => {
  const { stdin, writes } = sink()
  const source = new PassThrough()
  new Feed(source).connect(stdin, Buffer.alloc(0), fail)
  source.write('a key')
  for (let i = 0; i < 5; i++) await turn()
  expect(writes.map(String)).toEqual(['a key'])
  source.end('the last')
  await finished(stdin)
  expect(writes.map(String)).toEqual(['a key', 'the last'])
})

test('large pieces and small ones keep their order, and a slow channel holds the source back', async () => {
  const parts = ['a', 'b'.repeat(40_000), 'c', 'd'.repeat(20_000), 'e', 'f'.repeat(70_000), 'g']
  const written: string[] = []
  const stdin = new Writable({
    highWaterMark: 1_024,
    write: (chunk: Buffer, _encoding, done) => {
      written.push(String(chunk))
      setImmediate(done)
    },
  })
  new Feed(Readable.from(parts)).connect(stdin, Buffer.alloc(0), fail)
  await finished(stdin)
  expect(written.join('')).toBe(parts.join(''))
})

test('a stream that was read already is refused: its end would pass for an empty input', async () => {
  const source = Readable.from(['once'])
  await source.toArray()
  expect(() => new Feed(source)).toThrow(
    expect.objectContaining({
      code: 'XEC_CONFIG',
      executed: 'no',
      message:
        'stdin: the stream was read already; give each command a stream of its own, or the text or bytes themselves',
    }) as Error,
  )
})

test('a stream of objects is told, not thrown where nobody could catch it', async () => {
  const { stdin } = sink()
  const told = await new Promise((resolve) =>
    new Feed(Readable.from([{ a: 1 }])).connect(stdin, Buffer.alloc(0), resolve),
  )
  expect(told).toEqual(new TypeError('the stream gives objects and not bytes'))
})
