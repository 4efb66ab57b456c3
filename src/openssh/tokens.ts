/** `%` tokens, `${ENV}` and `~` in the values of ssh_config(5) (TOKENS, ENVIRONMENT VARIABLES). */
import { expandTilde, type Home } from '../runtime/home.js'
import type { SshHostOptions } from './host-options.js'

/** The tokens that a value may use, by their letter. */
export type Tokens = Readonly<Record<string, string>>

/** Home and name are `%d` and `%u`; the name is also the remote user's when nothing else says one. */
export interface Surroundings extends Home {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly localHost: string
  readonly uid: number
  /** The addresses of this machine's network interfaces. Default: none. */
  readonly localAddresses?: () => readonly string[]
}

const ALL = 'dhiklLnpru'

/** Which tokens, and whether `~` and `${ENV}`, each option takes. What is not listed is taken as it is. */
export const EXPANSION: {
  readonly [K in keyof SshHostOptions]?: { readonly tokens: string; readonly env: boolean; readonly tilde: boolean }
} = {
  hostName: { tokens: 'h', env: false, tilde: false },
  proxyJump: { tokens: 'hnpr', env: false, tilde: false },
  identityFiles: { tokens: ALL, env: true, tilde: true },
  identityAgent: { tokens: ALL, env: true, tilde: true },
  userKnownHostsFiles: { tokens: ALL, env: true, tilde: true },
  revokedHostKeys: { tokens: ALL, env: true, tilde: true },
  remoteCommand: { tokens: ALL, env: false, tilde: false },
  globalKnownHostsFiles: { tokens: '', env: false, tilde: true },
}

/**
 * Expands one value of an option, in ssh's order: `~`, then tokens and variables in one pass,
 * so that what they bring in is not expanded again.
 * @throws Error with the problem alone: an unknown token, an unset variable, somebody else's `~`.
 */
export function expand(option: keyof SshHostOptions, value: string, tokens: Tokens, around: Surroundings): string {
  const rule = EXPANSION[option]
  if (!rule) return value
  const text = rule.tilde ? expandTilde(value, around) : value
  if (rule.tokens === '' && !rule.env) return text
  return text.replace(/%(.?)|\$\{([^}]*)\}/gs, (all, letter: string | undefined, name: string | undefined) => {
    if (letter === '%') return '%'
    if (letter !== undefined) {
      const found = letter !== '' && rule.tokens.includes(letter) ? tokens[letter] : undefined
      if (found === undefined) throw new Error(`uses %${letter}, which is not available here; write %% for a plain %`)
      return found
    }
    if (!rule.env) return all
    const found = around.env[name ?? '']
    if (found === undefined) throw new Error(`uses \${${name ?? ''}}, which is not set in the environment`)
    return found
  })
}
