/**
 * Remote text made safe for a terminal. Whatever a host sends must not move the cursor, set a title, answer a
 * query, hide or reorder text, or be able to forge a line of ours. So these go: C0 but newline and tab, DEL, C1,
 * every escape sequence (ECMA-48: ESC, CSI, and the strings DCS, SOS, OSC, PM, APC) and the bidi controls.
 * It is a state machine over characters, so that what it gives never depends on how its input was cut into chunks.
 */
import { StringDecoder } from 'node:string_decoder'

/** A sequence that is longer than this was none: what follows is text again, so that nobody can swallow a whole output. */
const LONGEST_SEQUENCE = 4_096

/** Everything that is not plainly text; also what a sanitised text never contains (but for newline and tab, which are not in it). */
export const FORBIDDEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/

const SEARCH = new RegExp(FORBIDDEN, 'g')

/** Where the next character stands that is not plainly text; the length when there is none. */
function nextForbidden(text: string, from: number): number {
  SEARCH.lastIndex = from
  return SEARCH.exec(text)?.index ?? text.length
}

const NEWLINE = 0x0a
const RETURN = 0x0d
const CANCEL = 0x18
const SUBSTITUTE = 0x1a
const ESCAPE = 0x1b
const BELL = 0x07
const C1_CSI = 0x9b
const C1_ST = 0x9c

/**
 * `text`: between sequences. `escape`: after ESC. `csi`: until its final byte. `string`: until ST, or BEL.
 * `stringEscape`: after an ESC in a string, where `\` makes it ST.
 */
type State = 'text' | 'escape' | 'csi' | 'string' | 'stringEscape'

/** One stream of one host. */
export class Sanitizer {
  /** @param overwritten what stands between a text and the one that was written over it by a carriage return */
  constructor(private readonly overwritten = '\n') {}

  readonly #decoder = new StringDecoder('utf8')
  #state: State = 'text'
  #sequenceLength = 0
  /** A carriage return came and nothing visible since: a line break if text follows, nothing before a newline. */
  #returned = false
  #lineEmpty = true

  /** Takes the next bytes (UTF-8; a character may be cut anywhere) or text, and gives what may be shown of it. */
  write(chunk: string | Uint8Array): string {
    return this.#scan(
      typeof chunk === 'string'
        ? chunk
        : this.#decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)),
    )
  }

  /** The rest, when the stream has ended: U+FFFD for a character that was never finished. */
  end(): string {
    return this.#scan(this.#decoder.end())
  }

  #scan(input: string): string {
    if (input === '') return ''
    let out = ''
    for (let at = 0; at < input.length;) {
      const plain = this.#state === 'text' && !this.#returned ? nextForbidden(input, at) : at
      if (plain > at) {
        // Text as it is, in one piece: most of any output.
        out += input.slice(at, plain)
        this.#lineEmpty = input[plain - 1] === '\n'
        at = plain
      } else {
        out += this.#step(input.charCodeAt(at), input.charAt(at))
        at++
      }
    }
    return out
  }

  /** One UTF-16 code unit: everything that means something here is a single one, and surrogates pass as they come. */
  #step(code: number, char: string): string {
    if (this.#state === 'text') return this.#text(code, char)
    // A line ends every sequence: an unfinished one costs at most the rest of its line.
    if (code === NEWLINE || ++this.#sequenceLength > LONGEST_SEQUENCE) return this.#leave(code, char)
    switch (this.#state) {
      case 'escape':
        return this.#escape(code, char)
      case 'csi':
        return this.#csi(code, char)
      case 'string':
        if (code === BELL || code === C1_ST || code === CANCEL || code === SUBSTITUTE) this.#state = 'text'
        else if (code === ESCAPE) this.#state = 'stringEscape'
        return ''
      case 'stringEscape':
        if (char === '\\') {
          this.#state = 'text'
          return ''
        }
        // As terminals do: any other escape ends the string and begins its own sequence.
        this.#state = 'escape'
        return this.#escape(code, char)
    }
  }

  #text(code: number, char: string): string {
    if (code === NEWLINE) {
      this.#returned = false
      this.#lineEmpty = true
      return char
    }
    if (code === RETURN) this.#returned = true
    else if (code === ESCAPE) this.#enter('escape')
    else if (code === C1_CSI) this.#enter('csi')
    else if (code === 0x90 || code === 0x98 || code === 0x9d || code === 0x9e || code === 0x9f) this.#enter('string')
    else if (!FORBIDDEN.test(char)) return this.#show(char)
    return ''
  }

  #escape(code: number, char: string): string {
    if (char === '[') this.#state = 'csi'
    else if (char === ']' || char === 'P' || char === 'X' || char === '^' || char === '_') this.#state = 'string'
    else if (code === ESCAPE) this.#sequenceLength = 0
    else if (code >= 0x30 && code <= 0x7e) this.#state = 'text'
    else if (code < 0x20 || code > 0x7e) return this.#leave(code, char)
    return '' // 0x20-0x2f: an intermediate byte, the final one is still to come
  }

  #csi(code: number, char: string): string {
    if (code >= 0x40 && code <= 0x7e) this.#state = 'text'
    else if (code === ESCAPE) this.#enter('escape')
    else if (code < 0x20 || code > 0x7e) return this.#leave(code, char)
    return ''
  }

  #enter(state: State): void {
    this.#state = state
    this.#sequenceLength = 0
  }

  /** The sequence is over without its proper end; the character at hand is judged as text. */
  #leave(code: number, char: string): string {
    this.#state = 'text'
    return this.#text(code, char)
  }

  /** A line that is written over becomes a line of its own: nothing that was sent is hidden by what came later. */
  #show(char: string): string {
    const lineBreak = this.#returned && !this.#lineEmpty
    this.#returned = false
    this.#lineEmpty = false
    return lineBreak ? `${this.overwritten}${char}` : char
  }
}

/** A whole text at once: output, error texts, banners. Newlines and tabs stay. */
export function sanitizeText(text: string | Uint8Array): string {
  const sanitizer = new Sanitizer()
  return sanitizer.write(text) + sanitizer.end()
}

/** The same, but of a line that was written over again and again, a progress bar, only the last state. */
export function sanitizeFinished(text: string | Uint8Array): string {
  const sanitizer = new Sanitizer('\r')
  return (sanitizer.write(text) + sanitizer.end()).replaceAll(/[^\n]*\r/g, '')
}

/** The most of one message of ours that is shown, in characters: a server's banner may be 90 KB long. */
const LONGEST_MESSAGE = 2_000

/** A message of ours, which may quote what a server or a file said: one line of bounded length, for any reader. */
export function sanitizeMessage(text: string): string {
  const line = sanitizeLine(text.length > 50 * LONGEST_MESSAGE ? text.slice(0, 50 * LONGEST_MESSAGE) : text)
  if (line.length <= LONGEST_MESSAGE) return line
  return `${line.slice(0, LONGEST_MESSAGE).trimEnd()}… (cut: ${text.length} characters in all)`
}

/** A text that must stay on one line: host names, reasons, the last line of an output. */
export function sanitizeLine(text: string | Uint8Array): string {
  return sanitizeText(text)
    .replaceAll(/\s*\n\s*/g, ' ')
    .replaceAll('\t', ' ')
    .trim()
}
