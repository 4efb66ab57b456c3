/** How many columns a text takes on a terminal, approximately, and never less than it does. */

/** Of the format characters only those that terminals agree on: a soft hyphen or a number sign of Arabic takes a column on some. */
const ZERO = /^[\p{Mn}\p{Me}\u200b-\u200f\u2060-\u2064\ufeff]$/u
const EMOJI = /^\p{Emoji_Presentation}$/u
/** Unicode's East Asian Width W and F, in blocks (UAX #11). */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2329, 0x232a],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0x16fe0, 0x18cff],
  [0x1aff0, 0x1b2ff],
  [0x1d300, 0x1d376],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f000, 0x1faff],
  [0x20000, 0x3fffd],
]
/** Variation selector 16: makes the character before it an emoji, one column wider. */
const EMOJI_SELECTOR = 0xfe0f

function widthOfChar(char: string): number {
  const code = char.codePointAt(0) ?? 0
  if (code < 0x7f) return code < 0x20 ? 0 : 1
  if (code === EMOJI_SELECTOR) return 1
  if (ZERO.test(char)) return 0
  if (WIDE.some(([from, to]) => code >= from && code <= to) || EMOJI.test(char)) return 2
  return 1
}

/** Columns of a text without control characters. */
export function displayWidth(text: string): number {
  if (/^[ -~]*$/.test(text)) return text.length
  let width = 0
  for (const char of text) width += widthOfChar(char)
  return width
}

/** The text, or as much of it as fits into `columns` with a `…` behind. */
export function truncate(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text
  if (columns <= 0) return ''
  let width = 0
  let kept = ''
  for (const char of text) {
    width += widthOfChar(char)
    if (width > columns - 1) break
    kept += char
  }
  return `${kept}…`
}

/**
 * The text, or its beginning and its end with a `…` between them.
 * @param endShare how much of the room the end gets, from 0 to 1
 */
export function truncateMiddle(text: string, columns: number, endShare = 1 / 2): string {
  if (displayWidth(text) <= columns) return text
  if (columns < 3) return truncate(text, columns)
  const tail: string[] = []
  let width = 0
  for (const char of [...text].reverse()) {
    width += widthOfChar(char)
    if (width > Math.floor((columns - 1) * endShare)) break
    tail.unshift(char)
  }
  const end = tail.join('')
  const start = truncate(text, columns - displayWidth(end))
  return start + end
}

/** Padded with spaces behind, to `columns`. */
export function padEnd(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - displayWidth(text)))
}

/** Padded with spaces in front, to `columns`. */
export function padStart(text: string, columns: number): string {
  return ' '.repeat(Math.max(0, columns - displayWidth(text))) + text
}
