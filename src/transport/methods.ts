/** Which methods of authentication may be tried, in which order, with which keys: ssh_config's restrictions. Pure. */
import { acceptedSignatures, leastRsaBits, rsaBits, ruleOf, signaturesOf } from './algorithms.js'
import type { ConnectionRules, Target } from './transport.js'

export type Method = 'publickey' | 'password' | 'keyboard-interactive'

const SWITCHES: Readonly<Record<Method, keyof ConnectionRules>> = {
  publickey: 'pubkeyAuthentication',
  password: 'passwordAuthentication',
  'keyboard-interactive': 'kbdInteractiveAuthentication',
}

/** The rule that forbids a method, as it was said; undefined when none does. */
export function forbids(target: Target, method: Method): string | undefined {
  const { rules } = target
  const option = SWITCHES[method]
  if (rules?.[option] === false) return ruleOf(target, option)
  const preferred = rules?.preferredAuthentications
  return preferred === undefined || preferred.includes(method) ? undefined : ruleOf(target, 'preferredAuthentications')
}

/** Compares two methods by PreferredAuthentications; 0 where nothing is said. */
export function byPreference({ rules }: Target): (a: Method, b: Method) => number {
  const order = rules?.preferredAuthentications
  return order === undefined ? () => 0 : (a, b) => order.indexOf(a) - order.indexOf(b)
}

/** Why a key of ours may not be offered, as the end of a sentence; undefined when it may. */
export function refusesKey(target: Target, publicBlob: Buffer): string | undefined {
  const type = publicBlob.toString('latin1', 4, 4 + publicBlob.readUInt32BE(0))
  const accepted = acceptedSignatures(target)
  if (!signaturesOf(type).some((name) => accepted.has(name)))
    return `${type} is not among the algorithms of ${ruleOf(target, 'pubkeyAcceptedAlgorithms')}`
  const bits = rsaBits(publicBlob)
  const least = leastRsaBits(target)
  return bits !== undefined && bits < least
    ? `it has ${bits} bits, and ${least} are the least (${ruleOf(target, 'requiredRSASize')})`
    : undefined
}

/** How often a person is asked for a password or a passphrase. */
export function promptsOf({ rules }: Target, otherwise: number): number {
  return rules?.batchMode ? 0 : (rules?.numberOfPasswordPrompts ?? otherwise)
}
