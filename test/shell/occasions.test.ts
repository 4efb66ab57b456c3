import { expect, test } from 'vitest'
import type { PoolEvent } from '../../src/pool/metrics/events.js'
import { occasions } from '../../src/shell/occasions.js'

function told(...events: readonly object[]): unknown[] {
  const seen: unknown[] = []
  const hear = occasions((name, ...payload) => void seen.push([name, ...payload]))
  for (const event of events) {
    const { key = 'me@web1', ...details } = event as { readonly key?: string }
    hear({ at: 0, host: 'web1', connection: 1, ...details } as PoolEvent, key)
  }
  return seen
}

test('a connection opens and closes, and the reason is told', () => {
  expect(
    told(
      { type: 'requested' },
      { type: 'dialling', attempt: 1 },
      { type: 'opened', dialMs: 12 },
      { type: 'granted', waitMs: 13, nth: 1 },
      { type: 'closed', reason: 'idle', inFlight: 0 },
    ),
  ).toEqual([
    ['connect', { host: 'web1', connection: 1, connectMs: 12 }],
    ['disconnect', { host: 'web1', connection: 1, reason: 'idle', inFlight: 0 }],
  ])
})

test("a reconnect follows a loss or failed dials; a connection after an idle one is none, nor is another host's or another user's", () => {
  const opened = { type: 'opened', dialMs: 1 }
  const reconnects = (...events: readonly object[]): unknown[] =>
    told(...events).filter((event) => (event as string[])[0] === 'reconnect')
  expect(
    reconnects(
      opened,
      { type: 'closed', reason: 'lost', inFlight: 1 },
      { ...opened, host: 'web2', key: 'me@web2' },
      { ...opened, key: 'you@web1' },
      { ...opened, connection: 2 },
      { ...opened, connection: 3 },
    ),
  ).toEqual([['reconnect', { host: 'web1', connection: 2, failedDials: 0, after: 'lost' }]])
  expect(reconnects({ type: 'dialFailed' }, { type: 'dialFailed' }, opened)).toEqual([
    ['reconnect', { host: 'web1', connection: 1, failedDials: 2, after: null }],
  ])
  expect(reconnects(opened, { type: 'closed', reason: 'idle', inFlight: 0 }, opened)).toEqual([])
})

test('many hosts that fail at once are told once, and so is the end of it', () => {
  expect(told({ type: 'outage', hosts: 12 }, { type: 'outageOver', connected: true })).toEqual([
    ['outage', { hosts: 12 }],
    ['outage-over', { connected: true }],
  ])
})
