import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { withGenerated } from './docs.js'

const path = new URL('../../docs/cli.md', import.meta.url)

/** To renew it: XEC_UPDATE_DOCS=1 npx vitest run test/cli/docs.test.ts */
test('docs/cli.md has the options as they are', () => {
  const text = readFileSync(path, 'utf8')
  const fresh = withGenerated(text)
  if (process.env['XEC_UPDATE_DOCS'] === '1') writeFileSync(path, fresh)
  else expect(text).toBe(fresh)
})

test('a block that nobody makes is an error', () => {
  expect(() => withGenerated('<!-- generated: nothing -->\n<!-- end -->')).toThrow(
    'no generated block is called nothing',
  )
})
