import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../src/config/parse.js'
import { fences, pages, read, ROOT } from './pages.js'

/** GitHub's anchors: lower case, punctuation gone, spaces as dashes. */
function anchorsOf(page: string): Set<string> {
  const prose = read(page).replace(/^```[^]*?^```/gm, '')
  return new Set(
    [...prose.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s/g, '-'),
    ),
  )
}

describe('links', () => {
  const links = pages.flatMap((page) =>
    [
      ...read(page)
        .replace(/^```[^]*?^```/gm, '')
        .matchAll(/\]\((?!https?:)([^)\s]+)\)/g),
    ].map(([, to = '']) => ({ page, to })),
  )

  test('there are some', () => expect(links.length).toBeGreaterThan(10))

  test.each(links)('$page → $to', ({ page, to }) => {
    const [path = '', anchor] = to.split('#')
    const file = path === '' ? page : normalize(join(dirname(page), path))
    expect(existsSync(join(ROOT, file)), `${file} exists`).toBe(true)
    if (anchor !== undefined) expect([...anchorsOf(file)]).toContain(anchor)
  })
})

describe('yaml', () => {
  const blocks = fences.filter(({ language }) => language === 'yaml')
  test.each(blocks)('$place loads', ({ place, text }) => {
    expect(() => parseConfig(place, text)).not.toThrow()
  })
})

describe('json', () => {
  const blocks = fences.filter(({ language }) => language === 'json')
  test.each(blocks)('$place parses', ({ text }) => {
    expect(() => void JSON.parse(text)).not.toThrow()
  })
})

test('every fence says what it is', () => {
  expect(
    fences
      .filter(({ language }) => !['sh', 'yaml', 'json', 'ts', 'text'].includes(language))
      .map(({ place, language }) => `${place}: ${language || 'nothing'}`),
  ).toEqual([])
})
