import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from '../docs/pages.js'
import { MUTANTS } from './list.mjs'

test('what each mutant breaks stands in its file exactly once', () => {
  const stale = MUTANTS.filter(({ file, before }) => readFileSync(join(ROOT, file), 'utf8').split(before).length !== 2)
  expect(stale.map(({ file, before }) => `${file}: ${before}`)).toEqual([])
})
