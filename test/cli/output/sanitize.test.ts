import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FORBIDDEN, Sanitizer, sanitizeLine, sanitizeText } from '../../../src/cli/output/sanitize.js'

const ESC = '\x1b'

describe('what is taken out', () => {
  test.each([
    ['plain text, tabs and newlines stay', 'a\tb\nc é 日本 😀\n', 'a\tb\nc é 日本 😀\n'],
    ['colours', `${ESC}[31mred${ESC}[0m`, 'red'],
    ['cursor movements and erasing', `a${ESC}[2J${ESC}[1;1H${ESC}[?25lb`, 'ab'],
    ['a window title, ended by BEL', `a${ESC}]0;owned\x07b`, 'ab'],
    ['a window title, ended by ST', `a${ESC}]0;owned${ESC}\\b`, 'ab'],
    ['a clipboard write', `a${ESC}]52;c;ZXZpbA==\x07b`, 'ab'],
    [
      'DCS, SOS, PM and APC strings',
      `a${ESC}P1$r${ESC}\\b${ESC}Xx${ESC}\\c${ESC}^x${ESC}\\d${ESC}_x${ESC}\\e`,
      'abcde',
    ],
    ['C1 controls as characters', 'a\u009b31mb\u009d0;x\u009cc\u0085d\u0090q\u009ce', 'abcde'],
    ['character sets and other short escapes', `a${ESC}(Bb${ESC}7c${ESC}=d`, 'abcd'],
    ['the rest of C0 and DEL', 'a\x00\x07\x08\x0b\x0c\x0e\x7fb', 'ab'],
    ['bidi controls', 'a\u202eevil\u202c\u2066b\u2069\u200e\u200f\u061cc', 'aevilbc'],
    ['an escape at the very end', `a${ESC}`, 'a'],
    ['an escape inside a string begins its own sequence', `a${ESC}]0;x${ESC}[31mb`, 'ab'],
    ['CAN ends a string', `a${ESC}Px\x18b`, 'ab'],
  ])('%s', (_name, given, expected) => {
    expect(sanitizeText(given)).toBe(expected)
  })

  test('bytes that are not UTF-8 become U+FFFD, so that no raw C1 byte reaches the terminal', () => {
    expect(sanitizeText(Buffer.from([0x61, 0x9b, 0x33, 0x31, 0x6d, 0x62]))).toBe('a\ufffd31mb')
  })

  test('a line that is written over becomes a line of its own; CRLF is a newline', () => {
    expect(sanitizeText('10%\r50%\r100%\r\ndone\r\n')).toBe('10%\n50%\n100%\ndone\n')
    expect(sanitizeText(`\r${ESC}[K10%\r\r${ESC}[K20%\r`)).toBe('10%\n20%')
  })

  test('a sequence that never ends costs at most its own line', () => {
    expect(sanitizeText(`a${ESC}]0;never ended\nnext line\n`)).toBe('a\nnext line\n')
    expect(sanitizeText(`a${ESC}[31\nnext`)).toBe('a\nnext')
  })

  test('a sequence that never ends and has no newline cannot swallow the output', () => {
    const text = sanitizeText(`${ESC}]0;${'x'.repeat(100_000)}`)
    expect(text.length).toBeGreaterThan(95_000)
  })

  test('a name or reason stays on one line', () => {
    expect(sanitizeLine(`web1\nroot: rm -rf /\t${ESC}[2Jx\r`)).toBe('web1 root: rm -rf / x')
  })
})

describe('however the input is cut into chunks', () => {
  const hostile = fc
    .array(
      fc.oneof(
        fc.constantFrom(
          ESC,
          '[',
          ']',
          'P',
          '\\',
          '\x07',
          '\x18',
          '\r',
          '\n',
          '\t',
          '\u009b',
          '\u009c',
          '\u009d',
          '\u0090',
          '\u202e',
          '\u2067',
          '\u061c',
          '0',
          ';',
          'm',
          'é',
          '😀',
          `${ESC}[31m`,
          `${ESC}]0;x`,
        ),
        fc.string({ unit: 'binary', maxLength: 8 }),
      ),
      { maxLength: 60 },
    )
    .map((parts) => parts.join(''))
  const bytes = fc.oneof(
    hostile.map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
  )

  const inChunks = (whole: Buffer, cuts: readonly number[]): string => {
    const sanitizer = new Sanitizer()
    let out = ''
    let start = 0
    for (const cut of [...cuts.map((at) => at % (whole.length + 1)).sort((a, b) => a - b), whole.length]) {
      out += sanitizer.write(whole.subarray(start, cut))
      start = cut
    }
    return out + sanitizer.end()
  }

  test('no forbidden character comes out, and the cuts change nothing', () => {
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(), { maxLength: 20 }), (whole, cuts) => {
        const once = sanitizeText(whole)
        expect(once).not.toMatch(FORBIDDEN)
        expect(once).not.toMatch(/[\x80-\x9f]/)
        expect(inChunks(whole, cuts)).toBe(once)
        expect(
          inChunks(
            whole,
            Array.from({ length: whole.length }, (_, at) => at),
          ),
        ).toBe(once)
      }),
      { numRuns: 2_000 },
    )
  })

  test('text without anything forbidden comes out as it went in', () => {
    const plain = fc.string({ unit: 'grapheme' }).filter((text) => !FORBIDDEN.test(text) && !text.includes('\r'))
    fc.assert(
      fc.property(plain, (text) => {
        expect(sanitizeText(text)).toBe(text)
      }),
    )
  })

  test('what was sanitised once does not change again', () => {
    fc.assert(
      fc.property(bytes, (whole) => {
        const once = sanitizeText(whole)
        expect(sanitizeText(once)).toBe(once)
      }),
    )
  })
})
