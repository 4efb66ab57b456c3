import { expect, test } from 'vitest'
import type { PoolSnapshot } from '../../src/pool/metrics/snapshot.js'
import { PoolMonitor, type MonitorOptions } from '../../src/shell/monitor.js'
import { FakeClock } from '../transport/fake-clock.js'

function monitored(options?: MonitorOptions): {
  clock: FakeClock
  monitor: PoolMonitor
  now: (active: number, total: number, failed?: number) => void
  told: unknown[]
} {
  let metrics = { activeConnections: 0, totalConnections: 0, connectionsFailed: 3 } as PoolSnapshot
  const clock = new FakeClock()
  const monitor = new PoolMonitor(() => metrics, clock, options)
  const told: unknown[] = []
  monitor.on('metrics', ({ activeConnections, totalConnections }) =>
    told.push(`${activeConnections}/${totalConnections}`),
  )
  monitor.on('high-utilization', ({ utilization }) => told.push(utilization))
  monitor.on('connection-failures', ({ failures, total }) => told.push({ failures, total }))
  return {
    clock,
    monitor,
    told,
    now: (activeConnections, totalConnections, connectionsFailed = metrics.connectionsFailed) => {
      metrics = { ...metrics, activeConnections, totalConnections, connectionsFailed }
    },
  }
}

test('looks every five seconds; nothing of nothing is no utilization; old failures are no news', () => {
  const { clock, told } = monitored()
  clock.advance(4_999)
  expect(told).toEqual([])
  clock.advance(10_001)
  expect(told).toEqual(['0/0', '0/0', '0/0'])
})

test('tells high utilization at every look, and failures once', () => {
  const { clock, told, now } = monitored({ interval: '1s', highUtilization: 0.5 })
  now(1, 2, 5)
  clock.advance(1_000)
  now(2, 3)
  clock.advance(2_000)
  expect(told).toEqual(['1/2', { failures: 2, total: 5 }, '2/3', 2 / 3, '2/3', 2 / 3])
})

test('ends when it is stopped, also by one of its listeners or by using', () => {
  const { clock, monitor, told } = monitored({ interval: 10 })
  monitor.once('metrics', () => monitor.stop())
  clock.advance(100)
  expect([told.length, clock.pending]).toEqual([1, 0])
  const other = monitored({ interval: 10 })
  other.monitor[Symbol.dispose]()
  other.clock.advance(100)
  expect(other.told).toEqual([])
})

test('refuses what makes no sense', () => {
  expect(() => monitored({ interval: 0 })).toThrow('interval must be more than 0 ms, not 0')
  expect(() => monitored({ interval: '5' })).toThrow('not a duration')
  expect(() => monitored({ highUtilization: 80 })).toThrow('highUtilization must be from 0 to 1, not 80')
})
