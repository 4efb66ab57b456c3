import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Broadcast } from '../../src/run/broadcast.js'
import { settle } from '../adapter/fakes.js'

test('every consumer gets all bytes in order, whatever fits into memory and whenever it starts', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 30 }),
      fc.nat(1_000),
      fc.integer({ min: 1, max: 1_000 }),
      fc.array(fc.nat(3), { minLength: 1, maxLength: 4 }),
      async (chunks, memoryBytes, windowBytes, starts) => {
        const broadcast = new Broadcast(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), {
          memoryBytes,
          windowBytes,
        })
        const consumers = starts.map(() => broadcast.consumer())
        const whole = Buffer.concat(chunks)
        // Those of the same wave read together; the next wave starts when they are done.
        for (const wave of [0, 1, 2, 3]) {
          const read = consumers.filter((_, index) => starts[index] === wave).map((consumer) => buffer(consumer))
          for (const bytes of await Promise.all(read)) expect(bytes.equals(whole)).toBe(true)
        }
      },
    ),
    { numRuns: 100 },
  )
})

test('the source is read no further ahead than a window beyond the slowest who runs', async () => {
  let produced = 0
  const source = new Readable({
    highWaterMark: 1,
    read() {
      if (produced < 1_000_000) this.push(Buffer.alloc(100))
      else this.push(null)
      produced += 100
    },
  })
  const broadcast = new Broadcast(source, { windowBytes: 1_000 })
  const [fast, slow] = [broadcast.consumer(), broadcast.consumer()]
  fast.resume()
  slow.once('readable', () => {}) // starts, and reads no more than its own buffer
  await settle()
  const held = produced
  expect(held).toBeLessThan(64 * 1024 + 2_000)
  await settle()
  expect(produced).toBe(held)
  slow.leave()
  await settle()
  expect(produced).toBeGreaterThan(held)
})

test('nothing is read before somebody starts, and nothing for those who have left', async () => {
  const source = new PassThrough()
  const broadcast = new Broadcast(source)
  const consumer = broadcast.consumer()
  source.write('x')
  await settle()
  expect(source.readableLength).toBe(1)
  consumer.resume()
  await settle()
  expect(source.readableLength).toBe(0)
  consumer.leave()
  await settle()
  expect(source.isPaused()).toBe(true)
})

test('a source that breaks off breaks every consumer, after the bytes that came', async () => {
  const source = new PassThrough()
  const broadcast = new Broadcast(source)
  const [one, two] = [broadcast.consumer(), broadcast.consumer()]
  const problems: string[] = []
  for (const consumer of [one, two]) consumer.on('error', (error) => problems.push(error.message)).resume()
  source.write('half')
  await settle()
  source.destroy(new Error('EIO'))
  await settle()
  expect(problems).toEqual(['EIO', 'EIO'])
})
