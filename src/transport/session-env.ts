/** The variables that SendEnv and SetEnv ask a server to set for each session (RFC 4254 §6.4). Pure. */
import { matchPattern } from '../openssh/pattern.js'
import type { Target } from './transport.js'

export type Variables = readonly (readonly [name: string, value: string])[]

/**
 * Our own variables that a pattern of SendEnv names, then those of SetEnv, which win.
 * @param own the environment of this process
 */
export function sessionEnv({ rules }: Target, own: Readonly<Record<string, string | undefined>>): Variables {
  const variables = new Map<string, string>()
  for (const [name, value] of Object.entries(own))
    if (value !== undefined && isSent(name, rules?.sendEnv ?? [])) variables.set(name, value)
  for (const assignment of rules?.setEnv ?? []) {
    const at = assignment.indexOf('=')
    const name = assignment.slice(0, at)
    // The first counts, as in ssh.
    if (
      !(rules?.setEnv ?? [])
        .slice(0, (rules?.setEnv ?? []).indexOf(assignment))
        .some((other) => other.startsWith(`${name}=`))
    )
      variables.set(name, assignment.slice(at + 1))
  }
  return [...variables]
}

/** A pattern with `-` takes back the patterns before it that it matches. */
function isSent(name: string, patterns: readonly string[]): boolean {
  let kept: string[] = []
  for (const pattern of patterns) {
    if (pattern.startsWith('-')) kept = kept.filter((before) => !matchPattern(before, pattern.slice(1)))
    else kept.push(pattern)
  }
  return kept.some((pattern) => matchPattern(name, pattern))
}
