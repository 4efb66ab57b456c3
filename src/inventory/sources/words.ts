/** Words of a line as Python's shlex splits them, because that is what Ansible reads its inventories and ssh arguments with. */

export interface SplitOptions {
  /** `#` outside quotes begins a comment, also within a word. Default false. */
  readonly comments?: boolean
}

/** @throws Error with the problem alone, for a quote without its end or a backslash at the end */
export function splitWords(text: string, { comments = false }: SplitOptions = {}): string[] {
  const words: string[] = []
  let word: string | null = null
  let quote = ''
  for (let i = 0; i < text.length; i++) {
    const c = text.charAt(i)
    if (quote !== '') {
      if (c === quote) quote = ''
      else if (c === '\\' && quote === '"' && '"\\'.includes(text.charAt(i + 1) || ' ')) word += text.charAt(++i)
      else word += c
    } else if (c === '#' && comments) break
    else if (/\s/.test(c)) {
      if (word !== null) words.push(word)
      word = null
    } else {
      word ??= ''
      if (c === '"' || c === "'") quote = c
      else if (c === '\\') {
        if (i + 1 === text.length) throw new Error('a backslash ends the line')
        word += text.charAt(++i)
      } else word += c
    }
  }
  if (quote !== '') throw new Error(`the quote ${quote} is not closed`)
  if (word !== null) words.push(word)
  return words
}
