/** What a failure, a refusal and a loss mean: tables of the pure policy. */
import { describe, expect, test } from 'vitest'
import {
  afterFailure,
  afterRefusal,
  concerned,
  hasNoHope,
  isFailedDial,
  raisedDialLimit,
  STICKY_MS,
  THROTTLE_LIMIT_MS,
} from '../../src/pool/policy/retry.js'
import type { ConnectionView, QueueView } from '../../src/pool/policy/view.js'

const NOW = 100_000
const options = { autoReconnect: true, maxReconnectAttempts: 3, reconnectDelay: 1_000, maxReconnectDelay: 15_000 }
const fresh = { failures: 0, throttledSince: null, dialLimit: Infinity, opening: 0 }
const half = { next: () => 0.5 }

type Given = Partial<Record<'failures' | 'dialLimit' | 'opening' | 'throttledSince', number>>

describe('after a failed dial', () => {
  const failed = (
    series: Given,
    verdict: 'transient' | 'throttled' | 'sticky' | 'final',
    more: Partial<typeof options> = {},
    attempt = (series.failures ?? 0) + 1,
    code: 'XEC_CONNECT' | 'XEC_CONFIG' = 'XEC_CONNECT',
  ): unknown => afterFailure({ ...fresh, ...series }, { code, verdict, attempt }, { ...options, ...more }, NOW, half)

  const base = { throttledSince: null, dialLimit: Infinity }
  test.each<[string, unknown, unknown]>([
    [
      'a passing one is dialled again after half of the backoff',
      failed({}, 'transient'),
      { do: 'retry', inMs: 500, series: { ...base, failures: 1, notBefore: NOW + 500 } },
    ],
    [
      'the third waits four times as long',
      failed({ failures: 2 }, 'transient'),
      { do: 'retry', inMs: 2_000, series: { ...base, failures: 3, notBefore: NOW + 2_000 } },
    ],
    [
      'the fourth is the last, and the next series does not start before its time',
      failed({ failures: 3 }, 'transient'),
      { do: 'giveUp', series: { ...base, failures: 0, notBefore: NOW + 4_000 } },
    ],
    [
      'one beside another that failed is the same attempt',
      failed({ failures: 1 }, 'transient', {}, 1),
      { do: 'retry', inMs: 500, series: { ...base, failures: 1, notBefore: NOW + 500 } },
    ],
    [
      'without autoReconnect the first is the last',
      failed({}, 'transient', { autoReconnect: false }),
      { do: 'giveUp', series: { ...base, failures: 0, notBefore: NOW + 500 } },
    ],
    [
      'a final one is the last, and sets no time for the next series',
      failed({}, 'final'),
      { do: 'giveUp', series: { ...base, failures: 0, notBefore: null } },
    ],
    ['a sticky one is believed', failed({}, 'sticky'), { do: 'stick', until: NOW + STICKY_MS }],
    ['a wrong configuration says nothing of the endpoint', failed({}, 'final', {}, 1, 'XEC_CONFIG'), { do: 'tell' }],
    [
      'a server that throttles gets half of the dials, and no attempt is counted',
      failed({ opening: 9 }, 'throttled'),
      { do: 'retry', inMs: 500, series: { failures: 0, throttledSince: NOW, dialLimit: 5, notBefore: NOW + 500 } },
    ],
    [
      'never less than one',
      failed({ dialLimit: 1, throttledSince: NOW - 5 }, 'throttled'),
      { do: 'retry', inMs: 500, series: { failures: 0, throttledSince: NOW - 5, dialLimit: 1, notBefore: NOW + 500 } },
    ],
    [
      'after a minute of throttling it is given up',
      failed({ throttledSince: NOW - THROTTLE_LIMIT_MS, dialLimit: 2 }, 'throttled'),
      { do: 'giveUp', series: { failures: 0, throttledSince: null, dialLimit: 1, notBefore: NOW + 500 } },
    ],
    [
      'without autoReconnect a server that throttles is not followed',
      failed({ opening: 9 }, 'throttled', { autoReconnect: false }),
      { do: 'giveUp', series: { failures: 0, throttledSince: null, dialLimit: 5, notBefore: NOW + 500 } },
    ],
  ])('%s', (_, found, expected) => expect(found).toEqual(expected))

  test('a wrong key concerns its own queue; an unreachable host all users of it', () => {
    const endpoint = { queues: new Set<QueueView>() }
    const [mine, other] = [0, 1].map(() => ({ endpoint, connections: [] }) as unknown as QueueView)
    endpoint.queues.add(mine!).add(other!)
    expect(concerned(mine!, { code: 'XEC_AUTH', verdict: 'sticky' })).toEqual([mine])
    expect(concerned(mine!, { code: 'XEC_CONNECT', verdict: 'final' })).toHaveLength(2)
  })

  test('callers with an open connection still have hope', () => {
    const having = (...states: string[]): QueueView =>
      ({ connections: states.map((state) => ({ state })) }) as unknown as QueueView
    expect([having(), having('opening', 'draining'), having('draining', 'open')].map(hasNoHope)).toEqual([
      true,
      true,
      false,
    ])
  })

  test('a success raises the limit of dials by one, until it is none', () => {
    expect([1, 31, 32, Infinity].map((dialLimit) => raisedDialLimit({ dialLimit }, 32))).toEqual([
      2,
      32,
      Infinity,
      Infinity,
    ])
  })
})

describe('after a refused session', () => {
  const on = (more: object, elsewhere: readonly object[] = [], dependants: readonly object[] = []): ConnectionView =>
    ({
      sessions: { size: 0 },
      asked: 0,
      state: 'open',
      grants: 0,
      carried: new Set(),
      queue: { connections: elsewhere, dependants },
      ...more,
    }) as unknown as ConnectionView
  const nothing = { capacity: null, alone: false, callers: null, retire: false }

  test.each<[string, ConnectionView, unknown]>([
    ['those that were confirmed are the capacity', on({ sessions: { size: 3 } }), { ...nothing, capacity: 3 }],
    ['nothing is concluded before everything is answered', on({ asked: 1 }), nothing],
    ['nor of a connection that is on its way out', on({ state: 'draining' }), nothing],
    ['a connection that had served is worn out', on({ grants: 4 }), { ...nothing, alone: true, retire: true }],
    ['one that never served speaks for the server', on({}), { ...nothing, alone: true, callers: 'fail', retire: true }],
    [
      'unless another connection serves: then there is something to wait for',
      on({}, [{ state: 'open', grants: 1 }]),
      { ...nothing, alone: true, callers: 'pause', retire: true },
    ],
    [
      'a jump host that carries somebody stays',
      on({ carried: new Set([1]) }, [{ state: 'open', grants: 1 }]),
      { ...nothing, alone: true, callers: 'fail' },
    ],
    ['or is to carry somebody', on({}, [], [{ wanted: true }]), { ...nothing, alone: true, callers: 'fail' }],
  ])('%s', (_, connection, expected) => expect(afterRefusal(connection)).toEqual(expected))
})

test('a loss is a failed dial when nothing came of the connection and somebody needs it', () => {
  const lost = (turnedAway: boolean, waiting: number, wanted: boolean, carriedTotal: number): boolean =>
    isFailedDial({ turnedAway: () => turnedAway, queue: { waiting, wanted }, carriedTotal } as never, NOW)
  expect([
    lost(true, 1, true, 0),
    lost(true, 0, true, 0),
    lost(true, 0, true, 1),
    lost(true, 0, false, 0),
    lost(false, 1, true, 0),
  ]).toEqual([true, true, false, false, false])
})
