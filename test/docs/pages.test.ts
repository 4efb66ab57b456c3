import { existsSync, readFileSync } from 'node:fs'
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

const links = pages.flatMap((page) =>
  [
    ...read(page)
      .replace(/^```[^]*?^```/gm, '')
      .matchAll(/\]\((?!https?:)([^)\s]+)\)/g),
  ].map(([, to = '']) => ({ page, to })),
)

/** What a link leads to, from the top of the project. */
function fileOf(page: string, to: string): string {
  const [path = ''] = to.split('#')
  return path === '' ? page : normalize(join(dirname(page), path))
}

describe('links', () => {
  test('there are some', () => expect(links.length).toBeGreaterThan(10))

  test.each(links)('$page → $to', ({ page, to }) => {
    const [, anchor] = to.split('#')
    const file = fileOf(page, to)
    expect(existsSync(join(ROOT, file)), `${file} exists`).toBe(true)
    if (anchor !== undefined) expect([...anchorsOf(file)]).toContain(anchor)
  })
})

/** `*` stands for anything in a name. */
function globMatches(file: string, glob: string): boolean {
  return new RegExp(`^${glob.replace(/[.+?]/g, '\\$&').replaceAll('*', '[^/]*')}$`).test(file)
}

/** Whether npm packs it: what `files` of package.json names, and what npm always packs. */
function isPacked(file: string): boolean {
  const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    readonly files: readonly string[]
  }
  return ['package.json', ...files].some(
    (each) => globMatches(file, each) || file.startsWith(`${each}/`) || file.replace(/\/$/, '') === each,
  )
}

test('a page of the package links to nothing that the package does not have', () => {
  const packed = links.filter(({ page }) => isPacked(page))
  expect(new Set(packed.map(({ page }) => page)).size).toBeGreaterThan(5)
  expect(
    packed
      .map(({ page, to }) => ({ page, to, file: fileOf(page, to) }))
      .filter(({ file }) => !isPacked(file))
      .map(({ page, to }) => `${page} → ${to}`),
  ).toEqual([])
  expect(isPacked('examples/first-script.ts')).toBe(true)
  expect(isPacked('test/docs/pages.ts')).toBe(false)
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
