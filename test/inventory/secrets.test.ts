import { existsSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { XecError } from '../../src/errors.js'
import { Secrets } from '../../src/inventory/secrets.js'
import { makePlace, type Place } from '../rig/place.js'
import { FakeClock } from '../transport/fake-clock.js'

let place: Place
let clock: FakeClock
beforeEach(() => {
  place = makePlace()
  clock = new FakeClock()
})
afterEach(() => place.remove())

const ask = (script: string): Promise<string> => {
  const path = place.path('program')
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  const asked = new Secrets({}, clock)
    .of({ kind: 'command', argv: [path, 'argument'], place: 'c.yaml:1:1' }, 'web1: password')
    .then((secret) => secret.reveal())
  asked.catch(() => {})
  return asked
}
const problem = async (asked: Promise<string>): Promise<string | undefined> => {
  const error = await asked.then(
    () => {
      throw new Error('it did not fail')
    },
    (cause: unknown) => cause as XecError,
  )
  expect(error.code).toBe('XEC_CONFIG')
  return error.message.split(
    `c.yaml:1:1: web1: password is to come from the program ${place.path('program')}, which `,
  )[1]
}
/** `mark` is there. */
const reached = (mark: string): Promise<void> =>
  expect.poll(() => existsSync(place.path(mark)), { timeout: 60_000 }).toBe(true)

describe('a program that is asked for a secret', () => {
  test('gives it by its output, without the last newline', async () => {
    expect(await ask('printf "a\\nb\\n"')).toBe('a\nb')
    expect(clock.pending).toBe(0)
  })

  test.each([
    ['exit 3', 'ended with status 3'],
    ['kill -HUP $$', 'was killed by SIGHUP'],
    ['true', 'printed nothing'],
    ['echo', 'printed nothing'],
    ['head -c 1000001 /dev/zero; exec sleep 60', 'printed more than 1000000 bytes'],
  ])('%s: %s', async (script, expected) => {
    expect(await problem(ask(script))).toBe(expected)
    expect(clock.pending).toBe(0)
  })

  test('and leaves something behind that keeps its output open is not waited for', async () => {
    const asked = ask(`printf pw; sleep 60 2>/dev/null & : >${place.path('mark')}`)
    await reached('mark')
    await expect.poll(() => (clock.advance(500), clock.pending), { timeout: 60_000 }).toBe(0)
    expect(await asked).toBe('pw')
  })

  test('and ignores TERM is killed', async () => {
    const asked = ask(`trap '' TERM; : >${place.path('mark')}; while :; do sleep 1; done`)
    await reached('mark')
    clock.advance(30_000)
    clock.advance(5_000)
    await expect.poll(() => (clock.advance(500), clock.pending), { timeout: 60_000 }).toBe(0)
    expect(await problem(asked)).toBe('did not answer within 30 s')
  })
})
