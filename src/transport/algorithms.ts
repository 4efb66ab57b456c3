/** Which algorithms a dial offers: what ssh_config or the inventory says, as far as ssh2 can. Pure. */
import { expandAlgorithms, knownAlgorithms, type AlgorithmKind } from '../openssh/algorithm-list.js'
import { keywordOf } from '../openssh/keywords.js'
import { dialError } from './dial-error.js'
import type { Target } from './transport.js'

/** What is agreed on in a key exchange. */
export type Negotiated = Extract<AlgorithmKind, 'kexAlgorithms' | 'ciphers' | 'macs' | 'hostKeyAlgorithms'>
export const NEGOTIATED: readonly Negotiated[] = ['kexAlgorithms', 'hostKeyAlgorithms', 'ciphers', 'macs']

export type Offers = Readonly<Record<Negotiated, readonly string[]>>

/** What a library can do, and what it would offer by itself. */
export interface Abilities {
  readonly defaults: Offers
  readonly supported: Offers
}

/** Signatures of our own keys when nothing is said: ssh's, without SHA-1. */
const SIGNATURES: readonly string[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
  'rsa-sha2-512',
  'rsa-sha2-256',
]

/** Below this no RSA key is used, whatever RequiredRSASize says (ssh_config(5)). */
const LEAST_RSA_BITS = 1_024

/**
 * The lists to offer. Only what both the list and the library know counts.
 * @throws DialError XEC_CONFIG, final, when nothing is left of a list: it names both.
 */
export function offersOf(target: Target, { defaults, supported }: Abilities): Offers {
  const offers = NEGOTIATED.map((kind) => {
    const list = expandAlgorithms(target.rules?.[kind], defaults[kind], knownAlgorithms(kind))
    const usable = list.filter((name) => supported[kind].includes(name))
    if (usable.length > 0) return [kind, usable] as const
    throw dialError(
      target,
      'XEC_CONFIG',
      'config',
      'final',
      `${ruleOf(target, kind)} leaves ${list.length > 0 ? list.join(',') : 'nothing'}, of which xec can do none; it can do ${supported[kind].join(',')}`,
    )
  })
  return Object.fromEntries(offers) as unknown as Offers
}

/** Whether known keys go to the front: a list that is spelt out, or put in front, stays as it is (sshconnect2.c). */
export function followsKnownHosts(target: Target): boolean {
  const list = target.rules?.hostKeyAlgorithms
  return list === undefined || list.startsWith('+') || list.startsWith('-')
}

/** The known keys' algorithms ahead of the rest, as ssh does, or a host known by its RSA key would look changed. */
export function preferKnown(offered: readonly string[], knownTypes: readonly string[]): string[] {
  // A list that allows SHA-1 allows it for a known RSA key, too.
  const known = knownTypes.includes('rsa-sha2-512') ? [...knownTypes, 'ssh-rsa'] : knownTypes
  const first = known.filter((name) => offered.includes(name))
  return [...first, ...offered.filter((name) => !first.includes(name))]
}

/** The signatures that our own keys may make. */
export function acceptedSignatures({ rules }: Target): ReadonlySet<string> {
  const kind = 'pubkeyAcceptedAlgorithms'
  return new Set(expandAlgorithms(rules?.[kind], SIGNATURES, knownAlgorithms(kind)))
}

/** The algorithms by which a key of a type signs. */
export function signaturesOf(type: string): readonly string[] {
  return type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'] : [type]
}

/** The smallest RSA key that is used, theirs or ours, in bits. */
export function leastRsaBits({ rules }: Target): number {
  return Math.max(LEAST_RSA_BITS, rules?.requiredRSASize ?? 0)
}

/** The bits of an RSA key in its wire form (RFC 4253 §6.6); undefined for a key of another type. */
export function rsaBits(blob: Buffer): number | undefined {
  const fields: Buffer[] = []
  for (let at = 0; at + 4 <= blob.length && fields.length < 3;) {
    const length = blob.readUInt32BE(at)
    fields.push(blob.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  const [type, , modulus] = fields
  if (type?.toString('latin1') !== 'ssh-rsa' || !modulus) return undefined
  const first = modulus.findIndex((byte) => byte !== 0)
  return first < 0 ? 0 : (modulus.length - first) * 8 - Math.clz32(modulus[first] ?? 0) + 24
}

/** `KexAlgorithms +x (~/.ssh/config:3)`: a rule as it was said, for messages; its keyword alone when nobody said it. */
export function ruleOf(target: Target, option: keyof NonNullable<Target['rules']>): string {
  const value = target.rules?.[option]
  const said =
    value === undefined ? '' : ` ${typeof value === 'boolean' ? (value ? 'yes' : 'no') : [value].flat().join(',')}`
  const place = target.rulePlaces?.[option]
  return `${keywordOf(option)}${said}${place === undefined ? '' : ` (${place})`}`
}
