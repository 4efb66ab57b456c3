import { describe, expect, test } from 'vitest'
import { Deadline } from '../../src/transport/deadline.js'
import { startPulse } from '../../src/transport/keepalive.js'
import { FakeClock } from './fake-clock.js'

function pulse(countMax: number) {
  const clock = new FakeClock()
  const seen: string[] = []
  const it = startPulse(
    clock,
    { intervalMs: 1_000, countMax },
    () => seen.push(`ping ${clock.now()}`),
    () => seen.push(`dead ${clock.now()}`),
  )
  return { clock, seen, it }
}

describe('keepalive', () => {
  test('a silent peer is dead interval × (count + 1) after its last byte', () => {
    const { clock, seen, it } = pulse(3)
    clock.advance(700)
    it.heard()
    clock.advance(10_000)
    expect(seen).toEqual(['ping 1700', 'ping 2700', 'ping 3700', 'dead 4700'])
    expect(clock.pending).toBe(0)
  })

  test('bytes are life: a busy peer is never asked', () => {
    const { clock, seen, it } = pulse(1)
    for (let i = 0; i < 100; i++) {
      clock.advance(999)
      it.stirred()
    }
    expect(seen).toEqual([])
  })

  test('but no answer: pings that are followed by bytes and never by a whole packet are counted', () => {
    const { clock, seen, it } = pulse(2)
    clock.advance(1_000)
    for (let i = 0; i < 4; i++) {
      it.stirred()
      clock.advance(500)
    }
    expect(seen).toEqual(['ping 1000', 'ping 2000', 'dead 3000'])
  })

  test('an answer starts the count anew', () => {
    const { clock, seen, it } = pulse(1)
    clock.advance(1_000)
    it.heard()
    clock.advance(1_000)
    it.heard()
    clock.advance(2_000)
    expect(seen).toEqual(['ping 1000', 'ping 2000', 'ping 3000', 'dead 4000'])
  })

  test('stopped, it is silent and leaves no timer', () => {
    const { clock, seen, it } = pulse(1)
    it.stop()
    clock.advance(10_000)
    expect(seen).toEqual([])
    expect(clock.pending).toBe(0)
  })
})

describe('the deadline of a dial', () => {
  test('counts the parts of the dial, not what lies between them', () => {
    const clock = new FakeClock()
    const deadline = new Deadline(clock, 1_000)
    let expired = false
    deadline.start(() => (expired = true))
    clock.advance(400)
    deadline.stop()
    clock.advance(60_000)
    deadline.start(() => (expired = true))
    clock.advance(599)
    expect(expired).toBe(false)
    clock.advance(1)
    expect(expired).toBe(true)
  })

  test('stands still while a person is asked, also twice at once', () => {
    const clock = new FakeClock()
    const deadline = new Deadline(clock, 1_000)
    let expired = false
    deadline.start(() => (expired = true))
    clock.advance(999)
    deadline.pause()
    deadline.pause()
    clock.advance(60_000)
    deadline.resume()
    clock.advance(60_000)
    deadline.resume()
    expect(expired).toBe(false)
    clock.advance(1)
    expect(expired).toBe(true)
  })
})
