/**
 * known_hosts as a value (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): text in, an index that can be asked about a name,
 * and the verdict on a key. No IO; known-hosts-file.ts reads and writes.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { hasWildcard, matchPatterns } from './pattern.js'
import type { Place } from './host-options.js'

export interface KnownKey extends Place {
  /** As on the line: `ssh-ed25519`, `ssh-rsa`, … */
  readonly type: string
  readonly fingerprint: string
}

/** What the known_hosts files say about a key that a server showed. */
export type Verdict = {
  /** A @cert-authority for the host that is @revoked for it as well: where. A server that shows a certificate is then refused. */
  readonly revokedAuthority?: Place
} & (
  | { readonly kind: 'known' }
  /** No key of the host is on file. `certAuthority`: only a @cert-authority line names it, and certificates cannot be used here. */
  | { readonly kind: 'new'; readonly certAuthority?: Place }
  /** Other keys of the host are on file, of whatever type. */
  | { readonly kind: 'changed'; readonly known: readonly KnownKey[] }
  | { readonly kind: 'revoked'; readonly at: Place }
)

export interface KnownLine extends Place {
  readonly marker: 'revoked' | 'cert-authority' | null
  readonly type: string
  readonly key: Buffer
}

/** `SHA256:` and base64 without `=`, as ssh prints it. */
export function fingerprint(keyBlob: Buffer): string {
  return `SHA256:${createHash('sha256').update(keyBlob).digest('base64').replace(/=+$/, '')}`
}

/** The type inside a key's wire form (RFC 4253 §6.6), or undefined when it is not one. */
export function keyTypeOf(keyBlob: Buffer): string | undefined {
  if (keyBlob.length < 4) return undefined
  const length = keyBlob.readUInt32BE(0)
  if (length === 0 || length > 64 || keyBlob.length < 4 + length) return undefined
  const type = keyBlob.toString('latin1', 4, 4 + length)
  return /^[\x21-\x7e]+$/.test(type) ? type : undefined
}

/** The name a host is known by: lower case, `[host]:port` unless the port is 22; an alias replaces both. */
export function knownName(address: string, port: number, alias: string | null = null): string {
  if (alias !== null) return alias.toLowerCase()
  return port === 22 ? address.toLowerCase() : `[${address.toLowerCase()}]:${port}`
}

/** The line that makes a key known; hashed, the name cannot be read back from it. */
export function knownLine(name: string, keyBlob: Buffer, hashed = false): string {
  const salt = hashed ? randomBytes(20) : null
  const host = salt ? `|1|${salt.toString('base64')}|${hashName(salt, name).toString('base64')}` : name
  return `${host} ${keyTypeOf(keyBlob) ?? ''} ${keyBlob.toString('base64')}`
}

/** A name that would mean something else, or more than one host, on a line of the file. */
export function isRecordable(name: string): boolean {
  return /^[^\s,*?!|#@\0]+$/.test(name)
}

function hashName(salt: Buffer, name: string): Buffer {
  return createHmac('sha1', salt).update(name).digest()
}

/** Of HMAC-SHA1, and of its salt (hostfile.c, extract_salt). */
const HASH_BYTES = 20

/** Base64 exactly as OpenSSH takes it (base64.c): padded in full, no character more, the unused bits zero. */
function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return text !== '' && bytes.toString('base64') === text ? bytes : undefined
}

/** One file, indexed: plain names by a map, patterns and hashes in turn; answers are kept. */
export class KnownHostsIndex {
  readonly #plain = new Map<string, KnownLine[]>()
  readonly #patterns: { readonly patterns: readonly string[]; readonly line: KnownLine }[] = []
  readonly #hashed: { readonly salt: Buffer; readonly hash: Buffer; readonly line: KnownLine }[] = []
  readonly #answers = new Map<string, KnownLine[]>()
  #lines = 0

  constructor(
    readonly file: string,
    text = '',
  ) {
    const lines = text.split('\n')
    if (lines.at(-1) === '') lines.pop()
    for (const line of lines) this.#read(line)
  }

  /** True when every name in the file is hashed, so that a new one should be too (HashKnownHosts). */
  get prefersHashes(): boolean {
    return this.#hashed.length > 0 && this.#plain.size === 0
  }

  /** The lines that speak of a name, in file order. */
  matches(name: string): readonly KnownLine[] {
    let found = this.#answers.get(name)
    if (!found) {
      found = [...(this.#plain.get(name) ?? [])]
      for (const { patterns, line } of this.#patterns) if (matchPatterns(name, patterns) === 'match') found.push(line)
      for (const { salt, hash, line } of this.#hashed) if (hashName(salt, name).equals(hash)) found.push(line)
      found.sort((a, b) => a.line - b.line)
      this.#answers.set(name, found)
    }
    return found
  }

  /** Takes in a line that was appended to the file for this one name. */
  append(text: string, name: string): void {
    const before = this.#answers.get(name)
    const line = this.#read(text)
    if (before && line) before.push(line)
  }

  /** Bad lines are passed over, as ssh does: one of them must not hide the others. */
  #read(text: string): KnownLine | undefined {
    this.#lines++
    const fields = text.trim().split(/[ \t]+/)
    let marker: KnownLine['marker'] = null
    if (fields[0]?.startsWith('@')) {
      const word = fields.shift()
      if (word === '@revoked') marker = 'revoked'
      else if (word === '@cert-authority') marker = 'cert-authority'
      else return undefined
    }
    const [hosts, type, base64] = fields
    if (!hosts || !type || !base64 || hosts.startsWith('#')) return undefined
    const key = decodeBase64(base64)
    if (!key || keyTypeOf(key) !== type) return undefined
    const line: KnownLine = { file: this.file, line: this.#lines, marker, type, key }
    if (hosts.startsWith('|')) {
      const [, version, first = '', second = '', ...more] = hosts.split('|')
      const [salt, hash] = [decodeBase64(first), decodeBase64(second)]
      if (version !== '1' || more.length > 0 || salt?.length !== HASH_BYTES || hash?.length !== HASH_BYTES)
        return undefined
      this.#hashed.push({ salt, hash, line })
      return line
    }
    const names = hosts
      .toLowerCase()
      .split(',')
      .filter((name) => name !== '')
    if (names.some((name) => name.startsWith('!') || hasWildcard(name))) this.#patterns.push({ patterns: names, line })
    else {
      for (const name of new Set(names)) {
        const there = this.#plain.get(name)
        if (there) there.push(line)
        else this.#plain.set(name, [line])
      }
    }
    return line
  }
}

/**
 * The verdict on a key, given the lines of all files that speak of the host.
 * A revocation wins over everything; any equal key is enough; any other key means that it changed (hostfile.c).
 * @param portless lines for the same address without its port: ssh accepts an equal key from there; a revocation counts too, a different key does not.
 */
export function judge(keyBlob: Buffer, lines: readonly KnownLine[], portless: readonly KnownLine[] = []): Verdict {
  const verdict = judgeKey(keyBlob, lines, portless)
  const all = [...lines, ...portless]
  const authorities = all.filter((line) => line.marker === 'cert-authority')
  const revoked = all.find(
    (line) => line.marker === 'revoked' && authorities.some((authority) => authority.key.equals(line.key)),
  )
  return revoked ? { ...verdict, revokedAuthority: placeOf(revoked) } : verdict
}

function placeOf({ file, line }: KnownLine): Place {
  return { file, line }
}

function judgeKey(keyBlob: Buffer, lines: readonly KnownLine[], portless: readonly KnownLine[]): Verdict {
  const same = (line: KnownLine): boolean => line.key.equals(keyBlob)
  const revoked = [...lines, ...portless].find((line) => line.marker === 'revoked' && same(line))
  if (revoked) return { kind: 'revoked', at: placeOf(revoked) }
  const known = lines.filter((line) => line.marker === null)
  if (known.some(same)) return { kind: 'known' }
  if (known.length > 0)
    return {
      kind: 'changed',
      known: known.map((line) => ({ ...placeOf(line), type: line.type, fingerprint: fingerprint(line.key) })),
    }
  if (portless.some((line) => line.marker === null && same(line))) return { kind: 'known' }
  const authority = lines.find((line) => line.marker === 'cert-authority')
  return authority ? { kind: 'new', certAuthority: placeOf(authority) } : { kind: 'new' }
}

/** Key types in the order they are preferred, and the algorithms that verify with them (RFC 8332 for RSA). */
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
}

/**
 * Host-key algorithms to ask for first, so that the server shows a key that is on file:
 * otherwise every host known by its RSA key alone would look changed (sshconnect2.c, order_hostkeyalgs).
 */
export function algorithmsFor(lines: readonly KnownLine[]): string[] {
  const types = new Set(lines.filter((line) => line.marker === null).map((line) => line.type))
  return Object.entries(ALGORITHMS).flatMap(([type, algorithms]) => (types.has(type) ? algorithms : []))
}
