/** The beginning of a transfer, on a server that does nothing by itself. */
import { describe, expect, test } from 'vitest'
import { CLOSE_WAIT_MS } from '../../src/adapter/settle.js'
import type { XecError } from '../../src/errors.js'
import type { TransferOptions } from '../../src/files/types.js'
import { upload } from '../../src/files/upload.js'
import { FakePool, settle, target } from '../adapter/fakes.js'
import { FakeClock } from '../transport/fake-clock.js'

describe('a server that neither starts SFTP nor confirms our close', () => {
  const begin = async (
    options: TransferOptions,
  ): Promise<{ readonly clock: FakeClock; readonly pool: FakePool; readonly failure: () => XecError | null }> => {
    const clock = new FakeClock()
    const pool = new FakePool()
    let failure: XecError | null = null
    upload(pool, target(), Buffer.from('x'), '/a', options, { clock }).catch(
      (error: unknown) => (failure = error as XecError),
    )
    await settle()
    pool.last.answersClose = false
    return { clock, pool, failure: () => failure }
  }
  const left = async ({ clock, pool, failure }: Awaited<ReturnType<typeof begin>>): Promise<XecError | null> => {
    await settle()
    clock.advance(CLOSE_WAIT_MS)
    await settle()
    expect([pool.released, clock.pending]).toEqual([1, 0])
    return failure()
  }

  test.each(['in answer to the request', 'as a greeting'])(
    'is left by an abort when it says nothing %s',
    async (when) => {
      const abort = new AbortController()
      const it = await begin({ signal: abort.signal, timeoutMs: 60_000 })
      if (when === 'as a greeting') it.pool.last.accept()
      await settle()
      abort.abort()
      expect(await left(it)).toMatchObject({
        code: 'XEC_ABORTED',
        executed: 'no',
        message: 'web1: cancelled before the transfer began',
      })
    },
  )

  test('is left at the timeout', async () => {
    const it = await begin({ timeoutMs: 500 })
    it.clock.advance(500)
    expect(await left(it)).toMatchObject({
      code: 'XEC_TIMEOUT',
      executed: 'no',
      message: 'web1: no SFTP session within 500ms; nothing was transferred',
    })
  })
})
