import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ERROR_CODES } from '../../src/errors.js'

test('docs/errors.md has a heading for each code, in the order of the table', () => {
  const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  expect([...text.matchAll(/^## (XEC_\w+)$/gm)].map(([, code]) => code)).toEqual(Object.keys(ERROR_CODES))
})

test.each(Object.entries(ERROR_CODES))('docs/errors.md says of %s what the table says', (code, { doc }) => {
  const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const section = text.split(`## ${code}\n`)[1]?.split('\n## ')[0] ?? ''
  expect(section.startsWith(doc.replace(/\.$/, ''))).toBe(true)
})
