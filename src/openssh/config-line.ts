/** One line of an ssh_config file, taken apart the way OpenSSH's readconf.c and misc.c (strdelim, argv_split) do. */

export interface ConfigLine {
  /** Lower-cased: keywords are case-insensitive. */
  readonly keyword: string
  /** As written, for messages. */
  readonly written: string
  /** Everything after the keyword, still quoted: `splitArguments` takes it apart. */
  readonly rest: string
}

/**
 * Splits `Keyword arguments` and `Keyword=arguments`.
 * Returns null for blank lines and comments.
 * @throws Error with the problem alone; the caller knows the file and the line.
 */
export function splitConfigLine(line: string): ConfigLine | null {
  // To ssh a line is a C string: a NUL byte ends it.
  const text = (line.split('\0', 1)[0] ?? '').trimEnd().replace(/^[ \t\r]+/, '')
  if (text === '' || text.startsWith('#')) return null
  const head = /^(?:"([^"]*)"|([^\s="]+))[ \t]*=?[ \t]*/.exec(text)
  const written = head?.[1] ?? head?.[2]
  if (!head || !written) throw new Error('no keyword at the start of the line')
  const rest = text.slice(head[0].length)
  if (rest === '') throw new Error(`${written} has no value`)
  return { keyword: written.toLowerCase(), written, rest }
}

/** @throws Error with the problem alone, for a quote without its end; the text is otherwise for somebody else to read. */
export function checkQuotes(text: string): void {
  splitWords(text, true)
}

/**
 * Words with '…' or "…" around them or inside them, and backslash escapes; `#` at the start of a word begins a comment.
 * @param mayBeEmpty whether `""` is a word; default false
 * @throws Error with the problem alone, for a quote without its end and for an empty word or line.
 */
export function splitArguments(text: string, mayBeEmpty = false): string[] {
  const args = splitWords(text, mayBeEmpty)
  if (args.length === 0) throw new Error('has no value')
  return args
}

function splitWords(text: string, mayBeEmpty: boolean): string[] {
  const args: string[] = []
  let i = 0
  while (i < text.length) {
    if (text[i] === ' ' || text[i] === '\t') {
      i++
      continue
    }
    if (text[i] === '#') break
    let word = ''
    let quote = ''
    for (; i < text.length; i++) {
      const c = text.charAt(i)
      const next = text.charAt(i + 1)
      if (c === '\\' && (next === "'" || next === '"' || next === '\\' || (quote === '' && next === ' '))) {
        word += next
        i++
      } else if (quote === '' && (c === ' ' || c === '\t')) break
      else if (quote === '' && (c === '"' || c === "'")) quote = c
      else if (c === quote) quote = ''
      else word += c
    }
    if (quote !== '') throw new Error(`has a ${quote} that is not closed`)
    if (word === '' && !mayBeEmpty) throw new Error('has an empty value')
    args.push(word)
  }
  return args
}
