import { expect, test } from 'vitest'
import { resolvePoolOptions, type PoolOptions } from '../../src/pool/options.js'
import { Load } from '../../src/shell/load.js'
import { target } from '../adapter/fakes.js'

const host = (n: number, pool = {}): ReturnType<typeof target> => target(`web${n}`, { address: `10.0.0.${n}`, pool })
const load = (options: Partial<PoolOptions>, learned: number | null = null): Load => new Load(resolvePoolOptions(options), () => learned)
const fill = (of: Load, n: number, times: number): (() => void)[] => Array.from({ length: times }, () => of.take(host(n)))

test('a host is full when every channel of every connection that it may have is taken', () => {
  const busy = load({ maxConnectionsPerHost: 2, maxChannelsPerConnection: 3 })
  const taken = fill(busy, 1, 5)
  expect([busy.of(host(1)), busy.fullFor(host(1))]).toEqual([5, null])
  taken.push(busy.take(host(1)))
  expect([busy.fullFor(host(1)), busy.fullFor(host(2))]).toEqual(['maxConnectionsPerHost', null])
  taken.pop()?.()
  expect(busy.fullFor(host(1))).toBeNull()
})

test('names of one endpoint share its room; a host may have limits of its own', () => {
  const busy = load({ maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 })
  busy.take(host(1))
  expect(busy.fullFor({ ...host(1), host: 'another name', username: 'another user' })).toBe('maxConnectionsPerHost')
  const own = host(2, { maxConnectionsPerHost: 2 })
  busy.take(own)
  expect([busy.connectionsFor(own), busy.fullFor(own)]).toEqual([2, null])
})

test('channels that a server was found to refuse do not count, nor do those of connections that are not pooled', () => {
  const learned = load({ maxConnectionsPerHost: 1, maxChannelsPerConnection: 8 }, 2)
  fill(learned, 1, 2)
  expect(learned.fullFor(host(1))).toBe('maxConnectionsPerHost')
  const bare = load({ enabled: false, maxConnectionsPerHost: 2 })
  fill(bare, 1, 2)
  expect(bare.fullFor(host(1))).toBe('maxConnectionsPerHost')
})

test('a host without a connection finds the pool full', () => {
  const busy = load({ maxConnections: 2 })
  const [first] = [...fill(busy, 1, 1), ...fill(busy, 2, 1)]
  expect([busy.fullFor(host(3)), busy.fullFor(host(2))]).toEqual(['maxConnections', null])
  first?.()
  expect(busy.fullFor(host(3))).toBeNull()
})
