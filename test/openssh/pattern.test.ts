import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hasWildcard, matchPattern, matchPatterns, splitPatterns } from '../../src/openssh/pattern.js'

describe('one pattern', () => {
  test.each([
    ['web1', 'web1', true],
    ['web1', 'web', false],
    ['web', 'web1', false],
    ['web1', 'WEB1', false],
    ['web1', '*', true],
    ['', '*', true],
    ['', '', true],
    ['', '?', false],
    ['x', '', false],
    ['web1', 'web?', true],
    ['web', 'web?', false],
    ['web12', 'web?', false],
    ['web.example.com', '*.example.com', true],
    ['example.com', '*.example.com', false],
    ['aXbXc', 'a*b*c', true],
    ['aXbX', 'a*b*c', false],
    ['aab', '*ab', true],
    ['abab', '*ab', true],
    ['mississippi', 'm*iss*ip*i', true],
    ['a[b]c', 'a[b]c', true],
    ['b', '[b]', false],
    ['a.b', 'a.b', true],
    ['axb', 'a.b', false],
    ['[web1]:2222', '[web*]:2222', true],
    ['!', '!', true],
  ])('%j against %j: %s', (text, pattern, expected) => {
    expect(matchPattern(text, pattern)).toBe(expected)
  })

  test('agrees with a regular expression on whatever is made of a few letters and wildcards', () => {
    const oracle = (text: string, pattern: string): boolean =>
      new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(text)
    const letters = (from: string): fc.Arbitrary<string> => fc.string({ unit: fc.constantFrom(...from), maxLength: 12 })
    fc.assert(
      fc.property(
        letters('ab.'),
        letters('ab.*?'),
        (text, pattern) => matchPattern(text, pattern) === oracle(text, pattern),
      ),
      { numRuns: 2_000 },
    )
  })

  test('that would be exponential for a backtracking matcher takes no more than text × pattern steps', () => {
    let reads = 0
    const counted = new Proxy(new String('a'.repeat(2_000)), {
      get(target, key) {
        if (typeof key === 'string' && /^\d+$/.test(key)) reads++
        const value: unknown = Reflect.get(target, key)
        return value
      },
    })
    const pattern = `${'*a'.repeat(30)}b`
    expect(matchPattern(counted as unknown as string, pattern)).toBe(false)
    expect(reads).toBeGreaterThan(0)
    expect(reads).toBeLessThanOrEqual(2_000 * pattern.length)
  })
})

describe('a list of patterns', () => {
  test.each([
    ['web1', 'web*', 'match'],
    ['web1', 'db*,web*', 'match'],
    ['web1', 'db*', 'none'],
    ['web1', 'web*,!web1', 'vetoed'],
    ['web1', '!web1,web*', 'vetoed'],
    ['web2', '!web1,web*', 'match'],
    ['web2', '!web1', 'none'],
    ['web1', '', 'none'],
    ['web1', ' db*  web* ', 'match'],
    ['web1', '!*', 'vetoed'],
  ])('%j against %j: %s', (text, list, expected) => {
    expect(matchPatterns(text, splitPatterns(list))).toBe(expected)
  })
})

test('only * and ? make a pattern more than a name', () => {
  expect(['web*', 'we?', 'web', 'web[1]', '!web'].map(hasWildcard)).toEqual([true, true, false, false, false])
})

test('a hundred thousand patterns are asked about as many names', () => {
  const patterns = [...Array.from({ length: 100_000 }, (_, i) => `h${i}`), 'w*', '!h5', '!h7?']
  const answers = Array.from({ length: 100_000 }, (_, i) => matchPatterns(`h${i}`, patterns))
  expect(answers.filter((answer) => answer === 'vetoed')).toHaveLength(11)
  expect(answers.filter((answer) => answer === 'match')).toHaveLength(99_989)
  expect(matchPatterns('web', patterns)).toBe('match')
  expect(matchPatterns('x', patterns)).toBe('none')
})
