/** Words for a shell. Pure. */

/** Characters that no shell gives a meaning to, wherever they stand in a word (`~` and `=` are left out on purpose). */
const PLAIN = /^[A-Za-z0-9_@%+:,./-]+$/

/** One word for a POSIX shell: as it is when nothing in it is special, else in single quotes (XCU §2.2.2). */
export function quote(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/**
 * One word for whatever login shell the account has. fish reads `\\` and `\'` inside single quotes, so backslashes
 * stand outside of them; the result means the same in POSIX shells, fish and csh (whose quotes cannot hold a newline).
 */
export function quoteForLogin(word: string): string {
  return `'${word.replace(/['\\]/g, (each) => `'\\${each}'`)}'`
}

/** A directory for `cd`: quoted, except that a leading `~` or `~name` stays the remote shell's to expand. */
export function quoteDirectory(directory: string): string {
  if (directory === '-') return './-' // `cd -` would go to the previous directory
  const tilde = /^(~[A-Za-z0-9._-]*)(?:\/(.*))?$/s.exec(directory)
  if (!tilde) return quote(directory)
  const [, home = '~', rest] = tilde
  return rest ? `${home}/${quote(rest)}` : home
}
