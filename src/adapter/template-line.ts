/** A command line from text of the template and words that are interpolated. Pure. */
import { carry, type Item, type Mode } from './carrier.js'
import { LONGEST_WORD, quote, quoteForLogin } from './quote.js'
import { bytesOf, textOfBytes } from './wire-bytes.js'

/** Text goes to the login shell as it is. A word arrives byte for byte as one argument, or as a part of one. */
export type TemplatePart = { readonly text: string } | { readonly word: string | Uint8Array }

/** Bytes of the longest value that every shell takes. */
export const LONGEST_VALUE = 65_536
/** Stands for a value that is too long, with its bytes; `encodeCommand` refuses the line. */
export const TOO_LONG = '\udfff'
/** Linux gives one argument of execve 128 KiB (MAX_ARG_STRLEN), and sshd hands the line to the shell as one. */
export const LONGEST_LINE = 128 * 1024 - 1

/**
 * The command line. When all words have a writing common to all login shells, it is the text with the words in it. Else the line
 * is carried to /bin/sh, which writes the words as the login shell reads them and hands the line to `$SHELL -c`.
 * A value of more than LONGEST_VALUE bytes, or with a NUL byte, makes a line that `encodeCommand` refuses.
 * @throws TypeError for a lone surrogate in a word, which stands for no character
 */
export function encodeTemplate(parts: readonly TemplatePart[]): string {
  const joined = join(parts)
  const tooLong = joined.words.map((word) => bytesOf(word)?.length ?? 0).find((bytes) => bytes > LONGEST_VALUE)
  if (tooLong !== undefined) return `${joined.texts[0] ?? ''}${TOO_LONG}${tooLong}`
  const bare = weave(joined, (word, after) =>
    // Digits directly before a redirection would be the number of a descriptor.
    /^[0-9]+$/.test(word) && /^[<>]/.test(after) ? `'${word}'` : quoteForLogin(word),
  )
  const common = !joined.words.some((word) => word.includes('\n'))
  const longest = longestWord(joined)
  if (bare.includes('\0') || (common && longest <= LONGEST_WORD && bytes(bare) <= LONGEST_LINE)) return bare
  return carried(joined, longest > LONGEST_WORD)
}

/** `texts` has one more than `words`; they alternate. */
interface Joined {
  readonly texts: readonly string[]
  readonly words: readonly string[]
}

/** Words without text between them are parts of one word, so that no quote closes where another opens. */
function join(parts: readonly TemplatePart[]): Joined {
  const texts = ['']
  const words: string[] = []
  for (const part of parts) {
    if ('text' in part) texts[words.length] = (texts[words.length] ?? '') + part.text
    else {
      const word = wordOf(part.word)
      if (texts[words.length] === '' && words.length > 0) words[words.length - 1] += word
      else {
        words.push(word)
        texts[words.length] = ''
      }
    }
  }
  return { texts, words }
}

function wordOf(word: string | Uint8Array): string {
  if (typeof word !== 'string') return textOfBytes(word)
  if (!word.isWellFormed())
    throw new TypeError('a value holds a lone surrogate, half of a character, which no bytes stand for')
  return word
}

function weave({ texts, words }: Joined, write: (word: string, after: string) => string): string {
  return texts.map((text, at) => text + (at < words.length ? write(words[at] ?? '', texts[at + 1] ?? '') : '')).join('')
}

/** Bytes of the longest word that holds an interpolated one, as written; text up to the next blank is part of it. */
function longestWord(joined: Joined): number {
  let longest = 0
  let length = 0
  joined.texts.forEach((text, at) => {
    const blank = /\s/.exec(text)
    length += bytes(blank ? text.slice(0, blank.index) : text)
    if (at > 0) longest = Math.max(longest, length)
    if (blank) length = bytes(/\S*$/.exec(text)?.[0] ?? '')
    if (at < joined.words.length) length += bytes(quoteForLogin(joined.words[at] ?? ''))
  })
  return longest
}

function carried(joined: Joined, long: boolean): string {
  const kept = keptInLine(joined)
  // fish reads its environment in the locale of the session, where other bytes may become others.
  const unsafe = joined.words.find((word, at) => !kept.inLine[at] && !kept.inFish && isForeign(word))
  if (unsafe !== undefined) return `${TOO_LONG}${bytes(unsafe)}`
  const line: Item[] = []
  const variables: Item[][] = []
  joined.texts.forEach((text, at) => {
    const word = joined.words[at]
    if (word === undefined) line.push({ kind: 'text', text })
    else if (kept.inLine[at]) line.push({ kind: 'text', text: `${text}'` }, { kind: 'quoted', text: word })
    else {
      variables.push([{ kind: 'text', text: word }])
      line.push(
        { kind: 'text', text },
        { kind: 'variable', of: variables.length, kept: kept.inFish && isForeign(word) },
      )
    }
  })
  // The quote that closes stands before the text that follows.
  for (let at = line.length - 1; at > 0; at -= 1) {
    const [before, item] = [line[at - 1], line[at]]
    if (before?.kind === 'quoted' && item?.kind === 'text') line[at] = { kind: 'text', text: `'${item.text}` }
  }
  const mode: Mode = !long ? 'login' : joined.texts.every(isAlike) ? 'alike' : 'short'
  return carry(mode, [...variables, line, [{ kind: 'text', text: `exec "$_xw_x" -c "$_xw_${variables.length + 1}"` }]])
}

/** Text that csh and sh read alike: plain words, single quotes without `!`, and pipes, lists and redirections. */
function isAlike(text: string): boolean {
  return /^(?:[A-Za-z0-9_%+:,./ \t-]|'[^'!\n]*'|\||&&|;|(?<![0-9])[<>])*$/.test(text)
}

/**
 * Which words stand in the line that `$SHELL -c` gets, which is one argument, too: the longest in writing leave it
 * for the environment until the rest fits. fish cannot import all bytes, but its writing is shorter.
 */
function keptInLine({ texts, words }: Joined): { inLine: boolean[]; inFish: boolean } {
  const text = texts.reduce((sum, each) => sum + bytes(each), 0)
  const inLine = words.map(() => true)
  const cost = words.map((word) => bytes(quote(word)) + count(word, /[\\!\n]/g) * 3 + 2)
  let total = text + cost.reduce((sum, each) => sum + each, 0)
  while (total > LONGEST_LINE) {
    const largest = inLine.reduce(
      (best, here, at) => (here && (best < 0 || (cost[at] ?? 0) > (cost[best] ?? 0)) ? at : best),
      -1,
    )
    if (largest < 0) break
    inLine[largest] = false
    total -= (cost[largest] ?? 0) - 20
  }
  const fish = text + words.reduce((sum, word) => sum + bytes(word) + count(word, /['\\]/g) + 2, 0)
  return { inLine, inFish: fish <= LONGEST_LINE }
}

/** Whether it holds anything but ASCII. */
function isForeign(word: string): boolean {
  return Buffer.byteLength(word) > word.length
}

function count(text: string, what: RegExp): number {
  return text.match(what)?.length ?? 0
}

function bytes(text: string): number {
  return bytesOf(text)?.length ?? 0
}
