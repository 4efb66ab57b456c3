import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'
import { expect, onTestFinished, test } from 'vitest'
import type { PoolEvent } from '../../src/pool/metrics/events.js'
import { createXec } from '../../src/xec.js'
import { makeTarget } from '../transport/fixture.js'

test('a whole command and the events of its pool are on the channels, while somebody listens', async () => {
  const xec = createXec({ pool: { maxReconnectAttempts: 0 } })
  // Nothing listens on port 1.
  const target = makeTarget({ port: 1, user: 'u' }, '/nonexistent', {
    credentials: { password: null },
    target: { host: 'nowhere' },
  })
  const heard: unknown[] = []
  const onEvent = (event: unknown): void => void heard.push([(event as PoolEvent).type, (event as PoolEvent).host])
  const names = ['requested', 'dialFailed', 'rejected'].map((type) => `xec:pool:${type}`)
  for (const name of names) subscribe(name, onEvent)
  const commands = tracingChannel<unknown, { host: string; line: string; result?: unknown }>('xec:command')
  const tracers = {
    start: ({ host, line }: { host: string; line: string }) => void heard.push(['start', host, line]),
    end: () => {},
    asyncStart: () => {},
    asyncEnd: ({ result }: { result?: unknown }) =>
      void heard.push(['asyncEnd', (result as { outcome: string }).outcome]),
    error: () => void heard.push('error'),
  }
  commands.subscribe(tracers)
  onTestFinished(() => xec.close())
  await xec.execute(target, { line: 'uptime' })
  expect(heard).toEqual([
    ['start', 'nowhere', 'uptime'],
    ['requested', 'nowhere'],
    ['dialFailed', 'nowhere'],
    ['rejected', 'nowhere'],
    ['asyncEnd', expect.stringMatching(/^(unreachable|auth)$/)],
  ])
  for (const name of names) unsubscribe(name, onEvent)
  commands.unsubscribe(tracers)
  heard.length = 0
  await xec.execute(target, { line: 'uptime' })
  expect(heard).toEqual([])
})
