import { describe, expect, test } from 'vitest'
import { nextStep, EXIT_GRACE_MS } from '../../src/adapter/settle.js'
import { Deadline } from '../../src/transport/deadline.js'
import { startPulse } from '../../src/transport/keepalive.js'
import { systemClock } from '../../src/runtime/clock.js'
import { StallingClock } from './stalling-clock.js'

function timed(ms: number): { clock: StallingClock; fired: () => boolean } {
  const clock = new StallingClock()
  let fired = false
  clock.awake.timer(ms, () => (fired = true))
  return { clock, fired: () => fired }
}

describe('time that counts only while the loop runs', () => {
  test('a timer of a loop that runs fires at its time', () => {
    const { clock, fired } = timed(15_000)
    clock.run(14_999)
    expect(fired()).toBe(false)
    clock.run(1)
    expect(fired()).toBe(true)
  })

  test.each([200, 16_000, 3_600_000])('a stall of %d ms counts as one beat at most', (stall) => {
    const { clock, fired } = timed(15_000)
    clock.run(7_000)
    clock.stall(stall)
    clock.run(7_900)
    expect(fired()).toBe(false)
    clock.run(101)
    expect(fired()).toBe(true)
  })

  test('a loop that is held up again and again has its timeouts stretched, not struck', () => {
    const { clock, fired } = timed(5_000)
    // 160 ms of every turn: 8 seconds of them are no more than 2.5 that count.
    for (let turn = 0; turn < 50; turn++) clock.stall(160)
    expect(fired()).toBe(false)
    clock.run(2_600)
    expect(fired()).toBe(true)
  })

  test('a loop that is busy, in turns of 60 ms, is not held up: its timeouts strike in time', () => {
    const { clock, fired } = timed(6_000)
    for (let turn = 0; turn < 100; turn++) clock.stall(60)
    expect(fired()).toBe(true)
  })

  test('what waits in a socket is read before a timer that a stall made due', () => {
    const { clock, fired } = timed(40)
    const seen: boolean[] = []
    clock.onPoll = () => seen.push(fired())
    clock.stall(5_000)
    expect(seen).toEqual([false])
    expect(fired()).toBe(true)
  })

  test('and what is read there may clear it', () => {
    const clock = new StallingClock()
    let fired = false
    const timer = clock.awake.timer(40, () => (fired = true))
    clock.onPoll = () => timer.clear()
    clock.stall(5_000)
    clock.run(10_000)
    expect(fired).toBe(false)
  })

  test('a stall between two looks at the time is left out, whoever looks first', () => {
    const { clock } = timed(60_000)
    const before = clock.awake.now()
    clock.run(1_000)
    clock.stall(30_000)
    clock.run(1_000)
    const counted = clock.awake.now() - before
    expect(counted).toBeGreaterThanOrEqual(2_000)
    expect(counted).toBeLessThan(2_100)
  })

  test('the beat ends with the last timer, and begins again with the next', () => {
    const clock = new StallingClock()
    const timer = clock.awake.timer(10_000, () => {})
    clock.run(1_000)
    timer.clear()
    clock.run(1_000)
    expect(clock.pending).toBe(0)
    clock.stall(60_000)
    let fired = false
    clock.awake.timer(1_000, () => (fired = true))
    clock.run(999)
    expect(fired).toBe(false)
    clock.run(1)
    expect(fired).toBe(true)
  })

  test('the system clock is such a clock', async () => {
    let fired = false
    const timer = systemClock.timer(300, () => (fired = true))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600)
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(fired).toBe(false)
    timer.clear()
  })
})

describe('what waits on that clock', () => {
  test('the deadline of a dial: 16 seconds without our loop are not 15 seconds without the server', () => {
    const clock = new StallingClock()
    const deadline = new Deadline(clock.awake, 15_000)
    let expired = false
    deadline.start(() => (expired = true))
    clock.run(2_000)
    clock.stall(16_000)
    clock.run(12_000)
    expect(expired).toBe(false)
    clock.run(1_001)
    expect(expired).toBe(true)
  })

  test('a dial that was paused while the loop stood still has lost nothing', () => {
    const clock = new StallingClock()
    const deadline = new Deadline(clock.awake, 1_000)
    let expired = false
    deadline.start(() => (expired = true))
    clock.run(500)
    clock.stall(60_000)
    deadline.stop()
    deadline.start(() => (expired = true))
    clock.run(400)
    expect(expired).toBe(false)
  })

  test('keepalive: no connection is dead after 60 seconds of SIGSTOP, whatever pings were on their way', () => {
    for (let before = 0; before < 4_000; before += 100) {
      const clock = new StallingClock()
      const seen: string[] = []
      let answer = false
      const pulse = startPulse(
        clock.awake,
        { intervalMs: 1_000, countMax: 2 },
        () => (answer = true),
        () => seen.push('dead'),
      )
      // The server answers each ping, and the answer waits in the socket until the next poll.
      clock.onPoll = () => {
        if (answer) pulse.heard()
        answer = false
      }
      clock.run(before)
      answer = true
      clock.stall(60_000)
      clock.run(10_000)
      pulse.stop()
      expect(seen).toEqual([])
    }
  })

  test('keepalive still finds a peer that is silent while the loop runs', () => {
    const clock = new StallingClock()
    let deadAt = 0
    startPulse(
      clock.awake,
      { intervalMs: 1_000, countMax: 2 },
      () => {},
      () => (deadAt = clock.awake.now()),
    )
    clock.stall(8_000)
    const from = clock.awake.now()
    clock.run(4_000)
    expect(deadAt - from).toBeGreaterThan(2_900)
    expect(deadAt - from).toBeLessThanOrEqual(3_000)
  })

  test('the timeout of a command and the grace after its exit', () => {
    const clock = new StallingClock()
    clock.awake.timer(3_600_000, () => {})
    const sentAt = clock.awake.now()
    const progress = {
      sentAt,
      timeoutMs: 5_000,
      exitAt: null,
      outputOver: false,
      delivering: false,
      lastOutputAt: sentAt,
      stoppedAt: null,
      rungs: 0,
      closedAt: null,
    }
    clock.run(1_000)
    clock.stall(60_000)
    expect(nextStep(progress, clock.awake.now())).toEqual({ do: 'wait', until: sentAt + 5_000 })
    const exitAt = clock.awake.now()
    clock.stall(60_000)
    expect(nextStep({ ...progress, exitAt, lastOutputAt: exitAt }, clock.awake.now())).toEqual({
      do: 'wait',
      until: exitAt + EXIT_GRACE_MS,
    })
  })
})
