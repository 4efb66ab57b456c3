import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Capture, CaptureStore } from '../../src/adapter/capture.js'
import { SpillFile } from '../../src/adapter/spill.js'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'xec-spill-test-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

test('the head of a stream is kept, and the cut is said', () => {
  const capture = new Capture(5, new CaptureStore())
  capture.push(Buffer.from('abc'))
  expect([capture.bytes().toString(), capture.cut]).toEqual(['abc', null])
  capture.push(Buffer.from('defg'))
  capture.push(Buffer.from('h'))
  expect([capture.bytes().toString(), capture.cut]).toEqual(['abcde', 'only the first 5 bytes of a stream are kept'])
})

test('exactly the limit is not a cut; a limit of 0 keeps nothing and says nothing', () => {
  const full = new Capture(3, new CaptureStore())
  full.push(Buffer.from('abc'))
  expect(full.cut).toBeNull()
  const none = new Capture(0, new CaptureStore())
  none.push(Buffer.from('abc'))
  expect([none.length, none.cut, none.bytes().length]).toEqual([0, null, 0])
})

/** Bytes that `work` makes this process hold. */
function held(work: () => unknown): number {
  const now = (): number => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers
  const before = now()
  const kept = work()
  const bytes = now() - before
  expect(kept).toBeDefined() // and so alive until here
  return bytes
}

test.each([
  ['memory', 256 * 1024 * 1024],
  ['a file', 0],
])('a stream of single bytes costs about its size in %s', (_, memory) => {
  const store = new CaptureStore(memory, new SpillFile(dir))
  const captures = [new Capture(10_000_000, store), new Capture(10_000_000, store)]
  const chunk = Buffer.from('x')
  const times = memory > 0 ? 500_000 : 50_000
  expect(
    held(() => {
      for (let i = 0; i < times; i++) for (const capture of captures) capture.push(chunk)
      return captures
    }),
  ).toBeLessThan(times * 30)
  for (const capture of captures) expect(capture.bytes().equals(Buffer.alloc(times, 'x'))).toBe(true)
})

test('thousands of small streams cost no block each', () => {
  const store = new CaptureStore()
  const line = Buffer.from('a line of a host\n')
  expect(
    held(() =>
      Array.from({ length: 5_000 }, () => {
        const capture = new Capture(10_000_000, store)
        for (let i = 0; i < 5; i++) capture.push(line)
        return capture
      }),
    ),
  ).toBeLessThan(5_000 * 4_096)
})

test('what was read stays as it was when more comes', () => {
  const capture = new Capture(100, new CaptureStore())
  const first = Buffer.from('ab')
  capture.push(first)
  const read = capture.bytes()
  capture.push(Buffer.from('cd'))
  capture.push(Buffer.from('ef'))
  expect([String(read), String(first), String(capture.bytes())]).toEqual(['ab', 'ab', 'abcdef'])
})

test('what is past the bound of the store goes to a file without a name, and comes back whole', () => {
  const spill = new SpillFile(dir)
  const store = new CaptureStore(100, spill)
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 30 }), (chunks) => {
      const [one, two] = [new Capture(10_000, store), new Capture(10_000, store)]
      for (const chunk of chunks) {
        one.push(Buffer.from(chunk))
        two.push(Buffer.from(chunk).reverse())
      }
      expect(one.bytes().equals(Buffer.concat(chunks))).toBe(true)
      expect(two.bytes().equals(Buffer.concat(chunks.map((chunk) => Buffer.from(chunk).reverse())))).toBe(true)
    }),
  )
  expect(spill.length).toBeGreaterThan(0)
  expect(readdirSync(dir)).toEqual([])
})

test('a store that cannot spill costs the rest of the output, and says why', () => {
  const capture = new Capture(1_000, new CaptureStore(4, new SpillFile(join(dir, 'not-there'))))
  capture.push(Buffer.from('abcd'))
  capture.push(Buffer.from('efgh'))
  expect(capture.bytes().toString()).toBe('abcd')
  expect(capture.cut).toMatch(/^the rest of the output could not be kept: ENOENT/)
})
