import { expect, test } from 'vitest'
import { BannerGate, bannerFailure, hasIdent } from '../../src/transport/banner.js'

/** What is let through, in pieces of `step` bytes, and where. */
function through(text: string, step: number): { at: number; whole: string } | null {
  const bytes = Buffer.from(text, 'latin1')
  const gate = new BannerGate()
  for (let at = 0; at < bytes.length; at += step) {
    const whole = gate.take(bytes.subarray(at, at + step))
    if (whole) return { at: Math.min(at + step, bytes.length), whole: whole.toString('latin1') }
  }
  return null
}

test('an identification is handed over when it is whole, however it is cut, with what was said before it', () => {
  for (const text of [
    'SSH-2.0-x\r\n',
    'SSH-2.0-x\n',
    'welcome\r\nto web1\r\nSSH-2.0-x\r\n',
    '\r\nSSH-1.99-old thing\r\n',
  ]) {
    for (let step = 1; step <= text.length; step++)
      expect(through(text, step), `${JSON.stringify(text)} by ${step}`).toEqual({ at: text.length, whole: text })
    expect(through(text.slice(0, -1), 1)).toBeNull()
  }
})

test('what comes behind it is not lost', () => {
  expect(through('SSH-2.0-x\r\n\0\0\x01', 100)).toEqual({ at: 14, whole: 'SSH-2.0-x\r\n\0\0\x01' })
})

test('what cannot become one is let through, to be refused: lines without end, a line without end, a bare carriage return', () => {
  expect(through('hello\r\n'.repeat(2_000), 7)?.at).toBe(7 * 1_025)
  expect(through('x'.repeat(10_000), 1)?.at).toBe(8_193)
  expect(through('ab\rc', 1)).toEqual({ at: 4, whole: 'ab\rc' })
  expect(through('xSSH-2.0-x\r\n', 1)).toBeNull()
})

test('the server has identified itself when its line is whole, or longer than what is kept', () => {
  expect(hasIdent('SSH-2.0-OpenSSH')).toBe(false)
  expect(hasIdent('SSH-2.0-OpenSSH\r\n')).toBe(true)
  expect(hasIdent('hello\nSSH-2.0-OpenSSH\r\n')).toBe(true)
  expect(hasIdent(`SSH-2.0-${'x'.repeat(200)}`)).toBe(true)
})

test("an end in the middle of the banner is the network's doing, and worth another dial", () => {
  for (const text of ['S', 'SS', 'SSH', 'SSH-', 'SSH-2.0-Open', 'hello\r\nSSH-2'])
    expect(bannerFailure(text)).toEqual({
      verdict: 'transient',
      text: 'the connection ended in the middle of the SSH banner',
    })
  for (const text of ['SX', 'HTTP/1.1 400 Bad Request\r\n', 'hello SSH-'])
    expect(bannerFailure(text)).toMatchObject({ verdict: 'final' })
})
