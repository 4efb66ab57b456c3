import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { backoff } from '../../src/pool/policy/retry.js'
import { Dependants } from '../../src/pool/state/dependants.js'
import { Connection, CONNECTION_STATES } from '../../src/pool/state/connection.js'
import { DeadlineHeap, type HasDeadline } from '../../src/runtime/deadline-heap.js'
import { collect } from '../rig/collect.js'
import { Histogram } from '../../src/pool/metrics/histogram.js'
import { LinkedList, type LinkedNode } from '../../src/runtime/linked-list.js'
import { forHost } from '../../src/pool/messages.js'
import { XecError } from '../../src/errors.js'
import { endpointOf, keyOf } from '../../src/pool/identity.js'
import type { Queue } from '../../src/pool/state/queue.js'
import { resolvePoolOptions } from '../../src/pool/options.js'
import { seededRandom } from '../../src/runtime/random.js'
import { Secret } from '../../src/runtime/secret.js'
import { Waiter } from '../../src/pool/state/waiter.js'
import { target } from './sim.js'

describe('a waiter', () => {
  test('settles once, whoever is second', () => {
    let told = 0
    const waiter = new Waiter(
      null as never,
      'web1',
      0,
      Infinity,
      {},
      () => {},
      () => {},
      () => void told++,
    )
    expect([waiter.settle(), waiter.settle(), waiter.settled, told]).toEqual([true, false, true, 1])
  })
})

describe('deadlines', () => {
  test('the heap agrees with a sorted list', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(20), fc.oneof(fc.nat(100), fc.constant(Infinity), fc.constant('clear' as const)))),
        fc.boolean(),
        (operations, looks) => {
          const heap = new DeadlineHeap<HasDeadline & { readonly n: number }>()
          const subjects = Array.from({ length: 21 }, (_, n) => ({ n, heapEntry: null }))
          const model = new Map<number, number>()
          for (const [n, at] of operations) {
            const subject = subjects[n]!
            if (at === 'clear') heap.clear(subject)
            else heap.set(subject, at)
            if (at === Infinity || at === 'clear') model.delete(n)
            else model.set(n, at)
            const nearest = Math.min(Infinity, ...model.values())
            expect(heap.lookAt).toBeLessThanOrEqual(nearest)
            expect(heap.lookAt === Infinity).toBe(nearest === Infinity)
            if (looks) expect(heap.nearest ? model.get(heap.nearest.n) : Infinity).toBe(nearest)
            expect(heap.at(subject)).toBe(at === 'clear' ? Infinity : at)
            expect(heap.size).toBe(model.size)
          }
          const taken: number[] = []
          for (let s = heap.takeDue(50); s !== undefined; s = heap.takeDue(50)) taken.push(model.get(s.n) ?? NaN)
          expect(taken).toEqual([...model.values()].filter((at) => at <= 50).sort((a, b) => a - b))
        },
      ),
    )
  })
})

test('deadlines that were cleared do not pile up', () => {
  const heap = new DeadlineHeap<HasDeadline>()
  for (let i = 0; i < 100_000; i++) {
    const subject = { heapEntry: null }
    heap.set(subject, 1_000_000 + i)
    heap.clear(subject)
  }
  expect(heap.size).toBe(0)
  expect(heap.entries).toBeLessThan(100)
})

test('what was cleared, and what left a line, is kept by nobody', async () => {
  const heap = new DeadlineHeap<HasDeadline>()
  interface Member extends HasDeadline, LinkedNode<Member> {}
  const line = new LinkedList<Member>()
  const last: Member = { heapEntry: null, previous: null, next: null }
  const gone = Array.from({ length: 50 }, (_, i) => {
    const subject: Member = { heapEntry: null, previous: null, next: null }
    heap.set(subject, 1_000 + i)
    line.add(subject)
    if (i === 49) line.add(last)
    return new WeakRef(subject)
  })
  // The first leaves last: what it was behind or before must not live on in those that left earlier.
  for (const ref of [...gone].reverse()) {
    heap.clear(ref.deref()!)
    line.delete(ref.deref()!)
  }
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  expect(gone.filter((ref) => ref.deref() !== undefined)).toEqual([])
  expect([heap.entries > 0, line.first]).toEqual([true, last])
})

describe('histogram', () => {
  test('quantiles are within 3 % of the true ones', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.02, max: 1e7, noNaN: true }), { minLength: 1 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (values, q) => {
          const histogram = new Histogram()
          for (const value of values) histogram.record(value)
          const exact = [...values].sort((a, b) => a - b)[Math.max(1, Math.ceil(q * values.length)) - 1]!
          expect(Math.abs(histogram.quantile(q)! - exact) / exact).toBeLessThan(0.03)
        },
      ),
    )
  })

  test('p99 stays unsaid below a hundred observations', () => {
    const histogram = new Histogram()
    for (let i = 1; i < 100; i++) histogram.record(i)
    expect(histogram.summary()).toMatchObject({ n: 99, p99: null, max: 99 })
    histogram.record(100)
    expect(histogram.summary().p99).toBeGreaterThan(96)
  })

  test('an empty one has no figures', () => {
    expect(new Histogram().summary()).toEqual({ n: 0, p50: null, p95: null, p99: null, max: null })
  })
})

describe('identity', () => {
  const password = (text: string) => ({ keys: [], agent: null, identitiesOnly: false, password: new Secret(text) })

  test('the name is not part of the key; user, place, credentials, host-key policy and path are', () => {
    const base = keyOf(target('a'))
    expect(keyOf(target('b', { address: 'a.test' }))).toBe(base)
    for (const other of [
      target('a', { username: 'root' }),
      target('a', { port: 23 }),
      target('a', { address: 'other' }),
      target('a', { credentials: password('q') }),
      target('a', { hostKeys: { mode: 'strict', userFiles: [], globalFiles: [], alias: null } }),
      target('a', { jump: target('hop') }),
    ])
      expect(keyOf(other)).not.toBe(base)
  })

  test('a key contains nothing of the credentials', () => {
    const key = keyOf(target('a', { credentials: password('canary') }))
    expect(key).toMatch(/^[\w-]{43}$/)
    expect(key).toBe(keyOf(target('a', { credentials: password('canary') })))
  })

  test('an endpoint is address, port and jump path, whoever logs in', () => {
    expect(endpointOf(target('x', { address: 'DB.Test', username: 'root' }))).toBe('db.test:22')
    expect(endpointOf(target('x', { address: '::1', port: 2222, jump: target('hop') }))).toBe(
      '[::1]:2222 via hop.test:22',
    )
  })
})

test('behind a jump host, who was never carried comes first, then who was carried least recently', () => {
  const behind = new Dependants()
  const [a, b, c] = ['a', 'b', 'c'] as unknown as [Queue, Queue, Queue]
  for (const each of [a, b]) behind.add(each)
  for (const each of [a, b, a]) behind.wasCarried(each)
  behind.add(c)
  expect([...behind]).toEqual(['c', 'b', 'a'])
  behind.delete(b)
  expect([[...behind], behind.size]).toEqual([['c', 'a'], 2])
})

test('a connection moves only to the right', () => {
  const make = (): Connection => new Connection(1, {} as never, null, 0, 1)
  for (const [i, from] of CONNECTION_STATES.entries())
    for (const [j, to] of CONNECTION_STATES.entries()) {
      const connection = make()
      if (from !== 'opening') connection.to(from)
      if (j > i) expect(() => connection.to(to)).not.toThrow()
      else expect(() => connection.to(to)).toThrow(`bug: connection 1 cannot go from ${from} to ${to}`)
    }
})

test.each([
  ['a: refused', undefined, 'b: refused'],
  ['a (10.0.0.1:22): refused', undefined, 'b (10.0.0.1:22): refused'],
  ['refused', undefined, 'b: refused'],
  ['a (10.0.0.1:22): refused', 'a', 'b: jump host a (10.0.0.1:22): refused'],
])('%j said of another name is %3$j', (message, behind, expected) => {
  expect(forHost(new XecError('XEC_CONNECT', message, { host: 'a' }), 'b', behind)).toMatchObject({
    message: expected,
    host: 'b',
    code: 'XEC_CONNECT',
    phase: 'tcp',
  })
})

test('backoff is uniform between nothing and the doubled base, up to its cap', () => {
  const random = seededRandom(7)
  for (let failures = 1; failures < 40; failures++) {
    const ceiling = Math.min(15_000, 1_000 * 2 ** (failures - 1))
    const delays = Array.from({ length: 200 }, () => backoff(failures, 1_000, 15_000, random))
    expect(Math.max(...delays)).toBeLessThan(ceiling)
    expect(Math.max(...delays)).toBeGreaterThan(ceiling * 0.9)
    expect(Math.min(...delays)).toBeLessThan(ceiling * 0.1)
  }
})

describe('options', () => {
  test('undefined means default', () => {
    expect(resolvePoolOptions({ maxConnections: undefined as never })).toMatchObject({
      maxConnections: 256,
      idleTimeout: 300_000,
    })
  })

  test.each([
    [{ maxConnections: 0 }, 'pool: maxConnections must be at least 1, not 0'],
    [{ maxConnections: 1.5 }, 'pool: maxConnections must be a whole number, not 1.5'],
    [{ idleTimeout: 'soon' }, 'pool: idleTimeout must be a duration'],
    [{ enabled: 'yes' }, 'pool: enabled must be true or false'],
    [{ keepAliveInterval: Number.NaN }, 'pool: keepAliveInterval must be a duration'],
  ])('%j is refused', (given, message) => {
    expect(() => resolvePoolOptions(given as never)).toThrow(message)
  })

  test('an unknown name is refused with the one that was meant, or with the known ones', () => {
    expect(() => resolvePoolOptions({ maxConection: 1 } as never)).toThrow(
      'unknown pool option maxConection; did you mean maxConnections?',
    )
    expect(() => resolvePoolOptions({ x: 1 } as never)).toThrow(
      /unknown pool option x; known are enabled, maxConnections/,
    )
  })
})
