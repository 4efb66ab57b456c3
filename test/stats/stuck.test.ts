import { expect, test, vi } from 'vitest'
import { openStats } from '../../src/stats/write.js'
import { FakeClock, snapshot } from '../cli/output/samples.js'

vi.mock('../../src/stats/place.js', async (original) => ({
  ...(await original<object>()),
  makePlace: () => new Promise<string>(() => {}),
}))

test('a file system that does not answer does not hold the end of a run', async () => {
  const clock = new FakeClock()
  const warnings: string[] = []
  const stopped = openStats({
    env: {},
    home: '/',
    clock,
    command: 'run',
    snapshot,
    warn: (message) => warnings.push(message),
  }).stop(0)
  clock.advance(2_000)
  expect(await stopped).toBe(false)
  expect(warnings).toEqual(['no stats for "xec pool stats": the file system of the state directory does not answer'])
  expect(clock.timers).toBe(0)
})
