/** Command-line arguments of ssh, as `ansible_ssh_common_args` holds them, as settings of a host. Pure. */
import type { SshHostOptions } from '../../openssh/host-options.js'
import { parseSshOption, sshOptionWarning } from '../../openssh/ssh-option.js'
import { splitWords } from './words.js'

/** Options of ssh(1) that take a value and say something about the connection, as `-o` would say it. */
const VALUED: Readonly<Record<string, string>> = {
  J: 'ProxyJump',
  i: 'IdentityFile',
  l: 'User',
  p: 'Port',
  b: 'BindAddress',
  B: 'BindInterface',
  c: 'Ciphers',
  m: 'MACs',
}
const SWITCHES: Readonly<Record<string, string>> = { '4': 'AddressFamily=inet', '6': 'AddressFamily=inet6' }
/** They take a value, and what they do is no part of running commands. */
const OTHER_VALUED = 'DELRSWIOQwe'

export interface SshArguments {
  readonly options: SshHostOptions
  /** What is said and has no effect here. */
  readonly notes: readonly string[]
}

/**
 * Splits as a shell would and reads every option. The first value of an option counts, as in ssh.
 * @throws Error with the problem alone
 */
export function readSshArguments(text: string): SshArguments {
  let options: SshHostOptions = {}
  const notes: string[] = []
  const say = (assignment: string): void => {
    const said = parseSshOption(assignment)
    const identityFiles = [...(options.identityFiles ?? []), ...(said.identityFiles ?? [])]
    // The first of ProxyJump and ProxyCommand shuts out the other.
    const hasWay = options.proxyJump !== undefined || options.proxyCommand !== undefined
    const { proxyJump, proxyCommand, ...rest } = said
    const way = hasWay
      ? {}
      : { ...(proxyJump === undefined ? {} : { proxyJump }), ...(proxyCommand === undefined ? {} : { proxyCommand }) }
    options = { ...rest, ...way, ...options, ...(identityFiles.length > 0 ? { identityFiles } : {}) }
    const note = sshOptionWarning(assignment)
    if (note !== undefined) notes.push(note)
  }
  const words = splitWords(text)[Symbol.iterator]()
  const next = (option: string): string => {
    const { value, done } = words.next()
    if (done) throw new Error(`${option} needs a value`)
    return value
  }
  for (const word of words) {
    if (!/^-[^-]/.test(word)) throw new Error(`${JSON.stringify(word)} is no option of ssh`)
    for (let i = 1; i < word.length; i++) {
      const letter = word.charAt(i)
      const isSwitch = Object.hasOwn(SWITCHES, letter)
      if (isSwitch) say(SWITCHES[letter] ?? '')
      const keyword = Object.hasOwn(VALUED, letter) ? VALUED[letter] : undefined
      if (letter !== 'o' && letter !== 'F' && keyword === undefined && !OTHER_VALUED.includes(letter)) continue
      const value = word.slice(i + 1) || next(`-${letter}`)
      if (letter === 'F') throw new Error(`-F ${value} names an ssh configuration; name it to xec: -F ${value}`)
      if (letter === 'o') say(value)
      else if (keyword !== undefined) say(`${keyword}=${value}`)
      else notes.push(`-${letter} ${value} has no effect here`)
      break
    }
  }
  return { options, notes }
}
