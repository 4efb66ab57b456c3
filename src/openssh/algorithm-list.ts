/**
 * Lists of algorithms as ssh_config(5) writes them: names with commas; `+LIST` adds to the default, `-LIST` takes away
 * from it (with wildcards), `^LIST` puts in front of it (kex.c, kex_assemble_names). Pure.
 */
import { hasWildcard, matchPattern, matchPatterns } from './pattern.js'

/** What is negotiated, or accepted; each has a keyword of its own. */
export type AlgorithmKind =
  'kexAlgorithms' | 'ciphers' | 'macs' | 'hostKeyAlgorithms' | 'pubkeyAcceptedAlgorithms' | 'caSignatureAlgorithms'

const DH = 'diffie-hellman-group'
const KEX: readonly string[] = [
  'mlkem768x25519-sha256',
  'sntrup761x25519-sha512',
  'sntrup761x25519-sha512@openssh.com',
  'curve25519-sha256',
  'curve25519-sha256@libssh.org',
  'ecdh-sha2-nistp256',
  'ecdh-sha2-nistp384',
  'ecdh-sha2-nistp521',
  `${DH}-exchange-sha256`,
  `${DH}16-sha512`,
  `${DH}18-sha512`,
  `${DH}14-sha256`,
  `${DH}14-sha1`,
  `${DH}1-sha1`,
  `${DH}-exchange-sha1`,
]
const CIPHERS: readonly string[] = [
  'chacha20-poly1305@openssh.com',
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
  'aes128-cbc',
  'aes192-cbc',
  'aes256-cbc',
  'rijndael-cbc@lysator.liu.se',
  '3des-cbc',
]
const MAC_NAMES = [
  'hmac-sha1',
  'hmac-sha1-96',
  'hmac-sha2-256',
  'hmac-sha2-512',
  'hmac-md5',
  'hmac-md5-96',
  'umac-64',
  'umac-128',
]
const MACS: readonly string[] = MAC_NAMES.flatMap((name) => [
  name.startsWith('umac') ? `${name}@openssh.com` : name,
  `${name}-etm@openssh.com`,
])
const PLAIN_KEYS = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
  'rsa-sha2-512',
  'rsa-sha2-256',
  'ssh-rsa',
  'ssh-dss',
]
const CERTIFICATES = PLAIN_KEYS.map((name) => `${name.replace('@openssh.com', '')}-cert-v01@openssh.com`)
const SIGNATURES: readonly string[] = [
  ...PLAIN_KEYS,
  'webauthn-sk-ecdsa-sha2-nistp256@openssh.com',
  ...CERTIFICATES,
  'ssh-xmss@openssh.com',
  'ssh-xmss-cert-v01@openssh.com',
]

/** The names that OpenSSH (up to 10) knows. */
const OF_SSH: Readonly<Record<AlgorithmKind, readonly string[]>> = {
  kexAlgorithms: KEX,
  ciphers: CIPHERS,
  macs: MACS,
  hostKeyAlgorithms: SIGNATURES,
  pubkeyAcceptedAlgorithms: SIGNATURES,
  caSignatureAlgorithms: PLAIN_KEYS,
}

/** Names that old servers and other clients know, and that a list may hold although OpenSSH has dropped them. */
const OF_OTHERS: Readonly<Partial<Record<AlgorithmKind, readonly string[]>>> = {
  kexAlgorithms: [`${DH}15-sha512`, `${DH}17-sha512`],
  ciphers: ['blowfish-cbc', 'cast128-cbc', 'arcfour', 'arcfour128', 'arcfour256'],
  macs: ['hmac-ripemd160', 'hmac-sha2-256-96', 'hmac-sha2-512-96'],
}

/** Kinds in which every list may hold wildcards; in the others only a `-LIST` may. */
const WILD = new Set<AlgorithmKind>(['hostKeyAlgorithms', 'pubkeyAcceptedAlgorithms', 'caSignatureAlgorithms'])

/** Every name of a kind that a list may hold. */
export function knownAlgorithms(kind: AlgorithmKind): readonly string[] {
  return [...OF_SSH[kind], ...(OF_OTHERS[kind] ?? [])]
}

/**
 * Checks a list as ssh checks it: each name is known, wildcards stand where they may. A `-LIST` is not checked.
 * @returns the list as it was written
 * @throws Error with the problem alone
 */
export function readAlgorithms(kind: AlgorithmKind, list: string): string {
  if (list.startsWith('-')) return list
  const names = list.replace(/^[+^]/, '').split(',')
  const known = knownAlgorithms(kind)
  for (const name of names) {
    const isKnown = hasWildcard(name)
      ? WILD.has(kind) && known.some((each) => matchPattern(each, name))
      : known.includes(name)
    if (!isKnown) throw new Error(`names ${name === '' ? 'an empty algorithm' : name}, which ssh does not know`)
  }
  return list
}

/**
 * What a list means.
 * @param list as it is written; undefined: the defaults
 * @param defaults what holds when nothing is said, in order
 * @param known the names that wildcards may stand for; others are left out
 */
export function expandAlgorithms(
  list: string | undefined,
  defaults: readonly string[],
  known: readonly string[],
): readonly string[] {
  if (list === undefined || list === '') return defaults
  const how = /^[-+^]/.test(list) ? list.charAt(0) : ''
  const said = list.slice(how.length).split(',')
  if (how === '-') return defaults.filter((name) => matchPatterns(name, said) === 'none')
  const named = said.flatMap((pattern) =>
    hasWildcard(pattern)
      ? known.filter((name) => matchPattern(name, pattern))
      : known.includes(pattern)
        ? [pattern]
        : [],
  )
  const all = how === '+' ? [...defaults, ...named] : how === '^' ? [...named, ...defaults] : named
  return [...new Set(all)]
}
