/**
 * Where xec's words end and the remote command's begin. Pure.
 * Options may stand before and directly after the host; the first command word ends them, and so does `--`.
 * From there on nothing is looked at: `xec run web1 grep -e x f` means what it says.
 */

import { usage } from './values.js'

export interface Split {
  /** Options and their values, as they came. */
  readonly options: readonly string[]
  /** The operands before the command: the host of `run`. */
  readonly operands: readonly string[]
  readonly words: readonly string[]
}

/**
 * @param takesValue whether an option, `-l` or `--login`, is followed by a value
 * @param operands how many operands come before the command
 * @param isOption whether a word is an option of this command, which then is no other option's value
 * @throws XecError XEC_CONFIG for an option without its value
 */
export function splitArgv(
  argv: readonly string[],
  takesValue: (option: string) => boolean,
  operands: number,
  isOption: (word: string) => boolean = () => false,
): Split {
  const options: string[] = []
  const found: string[] = []
  let at = 0
  for (; at < argv.length; at++) {
    const word = argv[at] as string
    if (word === '--') {
      at++
      break
    }
    if (word === '-' || !word.startsWith('-')) {
      if (found.length === operands) break
      found.push(word)
      continue
    }
    options.push(word)
    const value = argv[at + 1]
    if (value !== undefined && wantsNext(word, takesValue)) {
      if (isOption(value))
        throw usage(
          `${word} needs a value, and ${value} is an option${word.startsWith('--') ? `; if it is meant: ${word}=${value}` : ''}`,
        )
      options.push(value)
      at++
    }
  }
  const rest = argv.slice(at)
  found.push(...rest.splice(0, operands - found.length))
  return { options, operands: found, words: rest }
}

/** `-l` yes, `-lroot` no, `-tl` (two short options) yes, `--login` yes, `--login=root` no. */
function wantsNext(word: string, takesValue: (option: string) => boolean): boolean {
  if (word.startsWith('--')) return !word.includes('=') && takesValue(word)
  for (let at = 1; at < word.length; at++) {
    if (takesValue(`-${word[at]}`)) return at === word.length - 1
  }
  return false
}
