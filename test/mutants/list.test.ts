import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from '../docs/pages.js'
import { MUTANTS } from './list.mjs'
import { locate } from './locate.mjs'

test('what each mutant breaks stands in its file exactly once', () => {
  const stale = MUTANTS.filter(
    ({ file, before }) => locate(readFileSync(join(ROOT, file), 'utf8'), before).length !== 1,
  )
  expect(stale.map(({ file, before }) => `${file}: ${before}`)).toEqual([])
})
