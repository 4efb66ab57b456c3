/** Lists of hosts as people and other tools write them: divided by newlines, blanks or commas, with `#` comments and ranges. */
import { MOST_NAMES } from './names.js'

export interface ListedWord {
  readonly word: string
  /** From 1. */
  readonly line: number
}

/** The words of a list, in order. A comma within brackets belongs to its range. */
export function wordsOfList(text: string): ListedWord[] {
  const words: ListedWord[] = []
  for (const [i, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\r|\n/)
    .entries()) {
    const line = raw.replace(/(?:^|\s)#.*$/, '')
    for (const [word] of line.matchAll(/(?:\[[^\]]*\]|[^\s,[])+|\[/g)) words.push({ word, line: i + 1 })
    if (words.length > MOST_NAMES) throw new Error(`it lists more than ${MOST_NAMES} names`)
  }
  return words
}
