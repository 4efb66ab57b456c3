/** Words for a shell. Pure. */

/** Characters that no shell gives a meaning to, wherever they stand in a word (`~` and `=` are left out on purpose). */
const PLAIN = /^[A-Za-z0-9_@%+:,./-]+$/

/**
 * The same for the words of login shells. A comma separates words inside of braces, and a `%` at the beginning means
 * jobs and processes (fish 2).
 */
const PLAIN_ANYWHERE = /^(?!%)[A-Za-z0-9_@%+:./-]+$/

/**
 * csh refuses words of more than about 5,000 bytes (*Word too long*), counted after its quotes are read. No word that
 * xec writes is longer than this on the wire.
 */
export const LONGEST_WORD = 3_999

/** One word for a POSIX shell: as it is when nothing in it is special, else in single quotes (XCU §2.2.2). */
export function quote(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/**
 * One word for whatever login shell the account has, in the writing that sh, dash, bash, zsh, mksh, busybox ash, fish, csh
 * and tcsh read alike: single quotes, with `'`, `\` and `!` outside of them behind a backslash. fish reads `\\` and `\'`
 * inside single quotes, and csh expands `!` there.
 * The word must not hold a newline: csh has no quotes that hold one and that the others read alike.
 */
export function quoteForLogin(word: string): string {
  if (PLAIN_ANYWHERE.test(word)) return word
  return `'${word.replace(/['\\!]+/g, (run) => `'${run.replace(/./g, '\\$&')}'`)}'`
}

/** A directory for `cd`: written by `write`, except that a leading `~` or `~name` stays the remote shell's to expand. */
export function quoteDirectory(directory: string, write: (word: string) => string = quote): string {
  if (directory === '-') return './-' // `cd -` would go to the previous directory
  const tilde = /^(~[A-Za-z0-9._-]*)(?:\/(.*))?$/s.exec(directory)
  if (!tilde) return write(directory)
  const [, home = '~', rest] = tilde
  return rest ? `${home}/${write(rest)}` : home
}
