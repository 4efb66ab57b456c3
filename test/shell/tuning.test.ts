import { expect, test } from 'vitest'
import { calculateOptimalPoolSize, optimizeKeepAlive } from '../../src/shell/tuning.js'

test("pool size: commands in flight by Little's law, half as many in reserve, never more than wanted", () => {
  expect(calculateOptimalPoolSize(10, 2000, 20)).toBe(20)
  expect(calculateOptimalPoolSize(10, 2000, 100)).toBe(30)
  expect(calculateOptimalPoolSize(0.5, 300, 10)).toBe(2)
  expect(calculateOptimalPoolSize(0, 300, 10)).toBe(0)
  expect(() => calculateOptimalPoolSize(-1, 1, 1)).toThrow(
    'commandsPerSecond must be a number that is not negative, not -1',
  )
  expect(() => calculateOptimalPoolSize(1, NaN, 1)).toThrow(RangeError)
})

test("keep-alive: at least twice within the server's patience, idle connections closed before it ends", () => {
  expect(optimizeKeepAlive(50, 300_000)).toEqual({ keepAlive: true, keepAliveInterval: 15_000, idleTimeout: 240_000 })
  expect(optimizeKeepAlive(3_000, 300_000).keepAliveInterval).toBe(30_000)
  expect(optimizeKeepAlive(50, 20_000)).toEqual({ keepAlive: true, keepAliveInterval: 10_000, idleTimeout: 16_000 })
  expect(() => optimizeKeepAlive(50, -1)).toThrow('serverTimeoutMs')
})
