import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { apiReference } from './api-reference.js'
import { ROOT } from './pages.js'

/** To renew it: XEC_UPDATE_DOCS=1 npx vitest run test/docs/api.test.ts */
test('docs/api.md is made from the types as they are', () => {
  const path = join(ROOT, 'docs', 'api.md')
  const fresh = apiReference()
  if (process.env['XEC_UPDATE_DOCS'] === '1') writeFileSync(path, fresh)
  else expect(readFileSync(path, 'utf8')).toBe(fresh)
})
