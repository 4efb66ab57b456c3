import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { XecError } from '../../src/errors.js'
import { createNotices } from '../../src/cli/notices.js'

/** What notices write to a stderr that is no terminal. */
function inAPipe(tell: (notices: ReturnType<typeof createNotices>) => void): string {
  let text = ''
  const stderr = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString()
      done()
    },
  })
  tell(createNotices({ stderr }, {}))
  return text
}

test('a message that quotes a server is sanitised in a pipe too, and stays one line', () => {
  const message = 'web1: banner "\x1b]0;owned\x07hello\x1b[2J\r\nxec: all is well\u202e"'
  expect(inAPipe((notices) => notices.error(new XecError('XEC_CONNECT', message, { host: 'web1' })))).toBe(
    'xec: web1: banner "hello xec: all is well"\n',
  )
})

test('and is bounded', () => {
  const text = inAPipe((notices) => notices.warning('x'.repeat(90_000)))
  expect(text.length).toBeLessThan(2_100)
  expect(text).toMatch(/x… \(cut: 90009 characters in all\)\n$/)
})
