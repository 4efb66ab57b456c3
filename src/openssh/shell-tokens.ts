/**
 * `%` tokens in what a shell reads: the ProxyCommand and the command of `Match exec`. A value is put into the text as it
 * is, because the text may have quotes around the token; so a value that a shell could read as more than a word is refused
 * (OpenSSH does so since 9.6, CVE-2023-51385).
 */
import { createHash } from 'node:crypto'
import type { Tokens } from './tokens.js'

/** ssh_config(5), TOKENS; `%k` is in the program and not on the page. */
export const PROXY_COMMAND_TOKENS = 'hknpr'
export const MATCH_EXEC_TOKENS = 'CdhijkLlnpru'

/** Tokens whose values may come from a command line or a list of hosts, and what they are called in a message. */
const FROM_OUTSIDE: Readonly<Record<string, string>> = {
  h: 'the host name',
  j: 'the jump host',
  k: 'the host key alias',
  n: 'the host name',
  r: 'the user name',
}

/**
 * Expands a command for the shell.
 * @param letters the tokens that it may use
 * @throws Error with the problem alone: an unknown token, or a value that a shell could read as code
 */
export function expandForShell(command: string, letters: string, tokens: Tokens): string {
  return command.replace(/%(.?)/gs, (_, letter: string) => {
    if (letter === '%') return '%'
    const value = letter !== '' && letters.includes(letter) ? tokens[letter] : undefined
    if (value === undefined) throw new Error(`uses %${letter}, which is not available here; write %% for a plain %`)
    const what = FROM_OUTSIDE[letter]
    const bad = what === undefined ? undefined : shellCharacter(value)
    if (bad !== undefined)
      throw new Error(
        `uses %${letter}, and ${what ?? ''} ${JSON.stringify(value)} has ${JSON.stringify(bad)}, which a shell could read as code`,
      )
    return value
  })
}

/** The first character of a value by which a shell could take it for more than one plain word. */
function shellCharacter(value: string): string | undefined {
  if (value.startsWith('-')) return '-'
  if (value.endsWith('\\')) return '\\'
  return /[\s\p{C}'"`$;&<>|(){}*?!#]/u.exec(value)?.[0]
}

/** `%C`: the hash of `%l%h%p%r%j`. */
export function connectionHash({ l = '', h = '', p = '', r = '', j = '' }: Tokens): string {
  return createHash('sha1').update(`${l}${h}${p}${r}${j}`).digest('hex')
}
