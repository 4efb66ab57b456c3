import { describe, expect, test } from 'vitest'
import { adviceFor } from '../../../src/cli/output/advice.js'
import { gaugeLine, latency, metricsLines, metricsText } from '../../../src/cli/output/metrics.js'
import { createPaint } from '../../../src/cli/output/paint.js'
import { hostFigures, snapshot } from './samples.js'

const plain = createPaint(false)

test('the block: every figure with its limit, its breakdown or its n', () => {
  expect(
    metricsLines(
      snapshot({
        totalConnections: 41,
        activeConnections: 9,
        idleConnections: 32,
        connecting: 2,
        connectionsCreated: 63,
        connectionsDestroyed: 22,
        connectionsFailed: 4,
        reuseCount: 1_482,
        acquired: 1_545,
        reuseRatio: 0.9592,
        waiting: 3,
        oldestWaitMs: 410,
        waitMs: { n: 1_545, p50: 0, p95: 38, p99: 61, max: 90 },
        connectMs: { n: 63, p50: 112, p95: 340, p99: null, max: 402 },
        commandMs: { n: 1_545, p50: 24, p95: 910, p99: 4_200, max: 9_000 },
        failuresByPhase: { tcp: 3, auth: 1 },
        closedByReason: { idle: 22 },
      }),
      plain,
    ),
  ).toEqual([
    'pool  41/256 connections: 9 active, 32 idle, 2 connecting · 3 waiting, the oldest for 410ms',
    '      opened 63, closed 22 (22 idle) · dials failed 4 (3 tcp, 1 auth)',
    '      limits   2 connections a host, 8 commands on each, 32 handshakes at once',
    '      reuse    1482 of 1545 commands found their connection open (95.9 %)',
    '      wait     p50 0ms p95 38ms p99 61ms (n=1545)',
    '      connect  p50 112ms p95 340ms max 402ms (n=63)',
    '      command  p50 24ms p95 910ms p99 4.2s (n=1545)',
  ])
})

test('one line: what was opened and reused, the limit, and what the waits were', () => {
  const line = (given: Parameters<typeof snapshot>[0]): string[] => metricsText('line', snapshot(given), plain)
  expect(
    line({
      connectionsCreated: 20,
      waitMs: { n: 20, p50: 314, p95: 335, p99: null, max: 343 },
      connectMs: { n: 20, p50: 294, p95: 300, p99: null, max: 320 },
    }),
  ).toEqual(['pool  20 connections opened, 0 reused, limit 256 · wait p95 335ms · connect p95 300ms'])
  expect(line({ connectionsFailed: 2 })).toEqual([
    'pool  0 connections opened, 0 reused, limit 256 · 2 failed to connect',
  ])
  expect(metricsText('off', snapshot(), plain)).toEqual([])
})

test('what is not known is a dash, not 0', () => {
  expect(metricsLines(snapshot(), plain)).toEqual([
    'pool  0/256 connections: 0 active, 0 idle, 0 connecting · none waiting',
    '      opened 0, closed 0 · dials failed 0',
    '      limits   2 connections a host, 8 commands on each, 32 handshakes at once',
    '      reuse    –',
    '      wait     –',
    '      connect  –',
    '      command  –',
  ])
})

test('a 99th percentile of fewer than 100 observations is never shown', () => {
  expect(latency({ n: 99, p50: 1, p95: 2, p99: 3, max: 4 })).toBe('p50 1ms p95 2ms max 4ms (n=99)')
  expect(latency({ n: 100, p50: 1, p95: 2, p99: 3, max: 4 })).toBe('p50 1ms p95 2ms p99 3ms (n=100)')
})

test('a sum without percentiles shows what does add up', () => {
  expect(latency({ n: 12, p50: null, p95: null, p99: null, max: 40 })).toBe('max 40ms (n=12)')
})

test('a ratio below 1 is never rounded up to 100 %', () => {
  expect(gaugeLine(snapshot({ acquired: 10_000, reuseCount: 9_999, reuseRatio: 0.9999 }))).toContain('reuse 99.9 %')
})

test('the footer fits a narrow terminal', () => {
  const line = gaugeLine(
    snapshot({
      totalConnections: 43,
      activeConnections: 40,
      idleConnections: 3,
      connecting: 2,
      waiting: 107,
      acquired: 1,
      reuseRatio: 0,
    }),
  )
  expect(line).toBe('43/256 connections: 40 active, 3 idle, 2 connecting · 107 waiting · reuse 0 %')
})

describe('advice', () => {
  test('none when all is well', () => {
    expect(adviceFor(snapshot({ totalConnections: 3, acquired: 3 }))).toBe(null)
  })

  test('waiting at the limit names the limit and the option', () => {
    expect(
      adviceFor(
        snapshot({
          waiting: 7,
          totalConnections: 4,
          connecting: 1,
          limits: { maxConnections: 5, maxConnectionsPerHost: 2, maxChannelsPerConnection: 8, maxConcurrentDials: 32 },
        }),
      ),
    ).toBe('7 commands waiting because all 5 connections are in use: --max-connections raises the limit')
    expect(adviceFor(snapshot({ waiting: 7, totalConnections: 4 }))).toBe(null)
  })

  test('waiting at the limit of a host names that, also where the pool is full', () => {
    const limits = { maxConnections: 2, maxConnectionsPerHost: 1, maxChannelsPerConnection: 8, maxConcurrentDials: 32 }
    const own = { maxConnectionsPerHost: 1, maxChannelsPerConnection: 8 }
    const [web1, web2] = ['web1', 'web2'].map((name) =>
      hostFigures(name, { waiting: 3, totalConnections: 1, limits: own }),
    )
    const full = { waiting: 6, totalConnections: 2, limits }
    expect(adviceFor(snapshot({ ...full, hosts: [web1!] }))).toBe(
      '6 commands waiting for a free channel to web1: --max-connections-per-host (1) raises the limit',
    )
    expect(adviceFor(snapshot({ ...full, hosts: [web1!, web2!] }))).toBe(
      '6 commands waiting for a free channel to web1 and 1 other host: --max-connections-per-host (1) raises the limit',
    )
    expect(adviceFor(snapshot({ ...full, hosts: [web1!, hostFigures('web3', { waiting: 1 })] }))).toBe(
      '6 commands waiting because all 2 connections are in use: --max-connections raises the limit',
    )
  })

  test('lost connections come before any tuning', () => {
    expect(adviceFor(snapshot({ closedByReason: { lost: 1, keepalive: 2, evicted: 9 } }))).toBe(
      '3 connections were lost (2 by keepalive): the network or the servers ended them, not a limit',
    )
  })

  test('connections that make room for others, and are dialled again', () => {
    const moved = { closedByReason: { evicted: 4, fairness: 1, idle: 2 } }
    expect(adviceFor(snapshot({ ...moved, connectionsCreated: 260, reopened: 5 }))).toBe(
      '5 connections closed to make room for other hosts, and dialled again later: --max-connections (256) raises the limit, which is below what this work needs',
    )
    expect(
      adviceFor(snapshot({ connectionsCreated: 2, reopened: 1, hosts: [hostFigures('web1', { reopened: 1 })] })),
    ).toBe(
      '1 connection closed to make room for another user of the same host, and dialled again later: --max-connections-per-host (2) raises the limit, which is below what this work needs',
    )
  })

  test('none where a connection made room and nobody asked for it again', () => {
    expect(adviceFor(snapshot({ connectionsCreated: 300, closedByReason: { evicted: 44 } }))).toBe(null)
  })

  test("a host's own limit is named as its own: no flag raises it", () => {
    const own = { limits: { maxConnectionsPerHost: 1, maxChannelsPerConnection: 1 } }
    const db = hostFigures('db', { ...own, waiting: 3, totalConnections: 1 })
    expect(adviceFor(snapshot({ waiting: 3, totalConnections: 1, hosts: [db] }))).toBe(
      '3 commands waiting for a free channel to db: maxConnectionsPerHost (1) in the pool: settings of db raises the limit',
    )
  })

  test('commands that left the queue name the limit that was reached, or say that none was', () => {
    const web1 = hostFigures('web1', { acquired: 2, queueTimeouts: 3, connectionsCreated: 2 })
    expect(adviceFor(snapshot({ queueTimeouts: 3, hosts: [web1] }))).toBe(
      '3 commands got no channel within the queue timeout, all for web1: --max-connections-per-host (2) raises the limit, and --queue-timeout the patience',
    )
    const db = hostFigures('db', { queueTimeouts: 1, connectionsCreated: 0 })
    expect(adviceFor(snapshot({ queueTimeouts: 1, connectionsCreated: 256, hosts: [db] }))).toBe(
      '1 command got no channel within the queue timeout: --max-connections (256) raises the limit, and --queue-timeout the patience',
    )
    expect(adviceFor(snapshot({ queueTimeouts: 1, hosts: [db] }))).toBe(
      '1 command got no channel within the queue timeout, and no limit was reached: --queue-timeout raises the patience',
    )
  })

  test('handshakes that waited for each other name their limit', () => {
    const handshakeWaitMs = { n: 40, p50: 900, p95: 4_000, p99: null, max: 5_000 }
    const connectMs = { n: 40, p50: 200, p95: 300, p99: null, max: 400 }
    expect(adviceFor(snapshot({ handshakeWaitMs, connectMs }))).toBe(
      'connections waited up to 5.0s for their handshake: --max-concurrent-dials (32) raises how many there are at once',
    )
    // A dial that takes as long explains it.
    expect(adviceFor(snapshot({ handshakeWaitMs, connectMs: { ...connectMs, max: 2_000 } }))).toBe(null)
  })

  test('without pooling, waits at the limit of a host name it too', () => {
    const slow = { waitMs: { n: 9, p50: 100, p95: 3_000, p99: null, max: 3_400 }, acquired: 9, reuseCount: 0 }
    const limits = { maxConnectionsPerHost: 2, maxChannelsPerConnection: 1 }
    expect(
      adviceFor(snapshot({ ...slow, hosts: [hostFigures('web1', { ...slow, limits, connectionsCreated: 9 })] })),
    ).toBe('commands for web1 waited up to 3.4s for a free channel: --max-connections-per-host (2) raises the limit')
  })

  test('a server that takes few sessions', () => {
    expect(adviceFor(snapshot({ hosts: [hostFigures('web1'), hostFigures('web2', { learnedCapacity: 2 })] }))).toBe(
      "web2 takes only 2 commands a connection (its sshd's MaxSessions); the pool has adapted",
    )
  })

  describe('waits that a dial does not explain', () => {
    const slow = {
      waitMs: { n: 50, p50: 100, p95: 3_000, p99: null, max: 3_400 },
      connectMs: { n: 2, p50: 90, p95: 100, p99: null, max: 100 },
      acquired: 50,
    }

    test('name the limit of a host that was reached, and the host', () => {
      expect(
        adviceFor(
          snapshot({
            ...slow,
            hosts: [hostFigures('web1'), hostFigures('web2', { ...slow, connectionsCreated: 2, reuseCount: 48 })],
          }),
        ),
      ).toBe('commands for web2 waited up to 3.4s for a free channel: --max-connections-per-host (2) raises the limit')
    })
    test('name the limit of all connections, when that was reached', () => {
      expect(
        adviceFor(
          snapshot({
            ...slow,
            connectionsCreated: 256,
            hosts: [hostFigures('web1', { ...slow, connectionsCreated: 1 })],
          }),
        ),
      ).toBe('commands waited up to 3.4s for one of 256 connections: --max-connections raises the limit')
      // All who waited long reached their own limit: that of the pool would change nothing for them.
      expect(
        adviceFor(
          snapshot({
            ...slow,
            connectionsCreated: 256,
            hosts: [hostFigures('web1', { ...slow, connectionsCreated: 2, reuseCount: 48 })],
          }),
        ),
      ).toBe('commands for web1 waited up to 3.4s for a free channel: --max-connections-per-host (2) raises the limit')
    })
    test('are no reason for advice when no limit was reached: a jump host or a backoff was waited for', () => {
      expect(
        adviceFor(
          snapshot({
            ...slow,
            connectionsCreated: 50,
            hosts: [hostFigures('web1', { ...slow, connectionsCreated: 1 })],
          }),
        ),
      ).toBe(null)
      expect(adviceFor(snapshot({ ...slow, hosts: [hostFigures('web1', { ...slow, connectionsCreated: 2 })] }))).toBe(
        null,
      )
    })
    test('are none when a dial took as long', () => {
      const dialled = { ...slow, connectMs: { n: 2, p50: 2_900, p95: 3_000, p99: null, max: 3_000 } }
      expect(
        adviceFor(
          snapshot({
            ...dialled,
            connectionsCreated: 256,
            hosts: [hostFigures('web1', { ...dialled, connectionsCreated: 2, reuseCount: 48 })],
          }),
        ),
      ).toBe(null)
    })
  })
})
