import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DirectoryNews } from '../../src/adapter/directory.js'

/** What passes, with the chunks as they are cut. */
function through(news: DirectoryNews, text: string, size: number): string {
  const bytes = Buffer.from(text, 'latin1')
  const passed: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) passed.push(news.pass(bytes.subarray(at, at + size)))
  return Buffer.concat([...passed, news.end()]).toString('latin1')
}

test('the line is found and taken out wherever the chunks are cut, and a terminal may end it with CRLF', () => {
  for (const end of ['\n', '\r\n'])
    for (let size = 1; size < 60; size += 1) {
      const news = new DirectoryNews('n0nce')
      expect(through(news, `cd: no\x01\n\x01xec-cd-n0nce 1${end}after`, size)).toBe('cd: no\x01\nafter')
      expect(news.found).toBe('missing')
    }
  const news = new DirectoryNews('n0nce')
  expect(through(news, '\x01xec-cd-n0nce 0\n', 4)).toBe('')
  expect(news.found).toBe('closed')
})

test('any other output passes whole, and at once unless it ends in what may be the beginning of the line', () => {
  const text = fc.string({ unit: fc.constantFrom('\x01', 'x', 'e', 'c', '-', '\n', 'xec-cd-', '\x01xec-cd-other 1\n') })
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 9 }), (output, size) => {
      const news = new DirectoryNews('n0nce')
      expect(through(news, output, size)).toBe(output)
      expect(news.found).toBeNull()
    }),
    { seed: 13 },
  )
  const news = new DirectoryNews('n0nce')
  const prompt = Buffer.from('Continue? xec-cd-n0nce ')
  expect(news.pass(prompt)).toBe(prompt)
})
