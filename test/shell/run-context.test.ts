import { expect, test } from 'vitest'
import { $ } from '../../src/index.js'

test('a run without a target rejects, unless that was foreseen', async () => {
  const run = $.all([])`uptime`
  await expect(run).rejects.toMatchObject({ code: 'XEC_CONFIG', executed: 'no' })
  await expect(run).rejects.toThrow('there is no target to run on: $.all was given an empty array')
  await expect(
    (async () => {
      for await (const result of $.all([])`uptime`) expect(result).toBe('nothing')
    })(),
  ).rejects.toThrow('there is no target to run on')
  expect(await $.all([], { allowEmpty: true })`uptime`).toMatchObject({ ok: true, results: [], counts: { total: 0 } })
  expect(() => $.all([], { allowEmpty: 'yes' as never })).toThrow('allowEmpty must be true or false')
})
