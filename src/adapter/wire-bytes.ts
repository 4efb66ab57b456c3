/**
 * Bytes inside of command lines. A command line is a string everywhere in xec, and a value in it may be any bytes. A byte
 * that is no UTF-8 stands in the string as one lone surrogate, U+DC80 to U+DCFF, as in PEP 383. Pure.
 */
import { isUtf8 } from 'node:buffer'

const LONE = /\p{Surrogate}/gu

/** The string that stands for `bytes`; `bytesOf` gives them back. */
export function textOfBytes(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return Buffer.from(bytes).toString('utf8')
  let text = ''
  for (let at = 0; at < bytes.length;) {
    const length = characterLength(bytes, at)
    text += length
      ? Buffer.from(bytes.subarray(at, at + length)).toString('utf8')
      : String.fromCharCode(0xdc00 + (bytes[at] ?? 0))
    at += length || 1
  }
  return text
}

/** @returns bytes of the UTF-8 character at `at`, 0 when there is none */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0
  const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  return at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length)) ? length : 0
}

/**
 * The bytes that `text` stands for.
 * @returns null when it holds a lone surrogate that stands for no byte
 */
export function bytesOf(text: string): Buffer | null {
  if (text.isWellFormed()) return Buffer.from(text)
  const parts: Buffer[] = []
  let from = 0
  for (const { 0: lone, index } of text.matchAll(LONE)) {
    const code = lone.charCodeAt(0)
    if (code < 0xdc80 || code > 0xdcff) return null
    parts.push(Buffer.from(text.slice(from, index)), Buffer.of(code - 0xdc00))
    from = index + 1
  }
  return Buffer.concat([...parts, Buffer.from(text.slice(from))])
}

/** What the exec request carries for a command line: bytes where the line holds such as are no UTF-8. */
export function onWire(line: string): string | Buffer {
  return line.isWellFormed() ? line : (bytesOf(line) ?? line)
}
