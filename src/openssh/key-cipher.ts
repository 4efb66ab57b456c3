/**
 * Encrypted keys in OpenSSH's own format (PROTOCOL.key): opened here, with every cipher that `ssh-keygen -Z` offers,
 * because ssh2 opens only some of them and calls the passphrase wrong for the others.
 */
import { createCipheriv, createDecipheriv, timingSafeEqual } from 'node:crypto'
import type * as Bcrypt from 'bcrypt-pbkdf'

/** The encrypted part of a key file. */
export interface Sealed {
  readonly cipher: string
  readonly salt: Buffer
  readonly rounds: number
  readonly data: Buffer
  /** Behind the data, for ciphers that authenticate; empty for others. */
  readonly tag: Buffer
}

export type Opened =
  | { readonly kind: 'opened'; readonly section: Buffer }
  | { readonly kind: 'wrong-passphrase' }
  | { readonly kind: 'unsupported'; readonly problem: string }

interface CipherShape {
  /** Node's name of it. */
  readonly name: string
  readonly keyBytes: number
  readonly ivBytes: number
  readonly blockBytes: number
  readonly tagBytes: number
}

const cbcOrCtr = (name: string, keyBytes: number): CipherShape => ({
  name,
  keyBytes,
  ivBytes: 16,
  blockBytes: 16,
  tagBytes: 0,
})
const gcm = (name: string, keyBytes: number): CipherShape => ({
  name,
  keyBytes,
  ivBytes: 12,
  blockBytes: 16,
  tagBytes: 16,
})

/** cipher.c of OpenSSH. */
const CIPHERS: Readonly<Record<string, CipherShape>> = {
  '3des-cbc': { name: 'des-ede3-cbc', keyBytes: 24, ivBytes: 8, blockBytes: 8, tagBytes: 0 },
  'aes128-cbc': cbcOrCtr('aes-128-cbc', 16),
  'aes192-cbc': cbcOrCtr('aes-192-cbc', 24),
  'aes256-cbc': cbcOrCtr('aes-256-cbc', 32),
  'rijndael-cbc@lysator.liu.se': cbcOrCtr('aes-256-cbc', 32),
  'aes128-ctr': cbcOrCtr('aes-128-ctr', 16),
  'aes192-ctr': cbcOrCtr('aes-192-ctr', 24),
  'aes256-ctr': cbcOrCtr('aes-256-ctr', 32),
  'aes128-gcm@openssh.com': gcm('aes-128-gcm', 16),
  'aes256-gcm@openssh.com': gcm('aes-256-gcm', 32),
  'chacha20-poly1305@openssh.com': { name: 'chacha20', keyBytes: 64, ivBytes: 0, blockBytes: 8, tagBytes: 16 },
}

/** How many bytes of tag stand behind the data; null for a cipher that is not known here. */
export function tagBytesOf(cipher: string): number | null {
  return Object.hasOwn(CIPHERS, cipher) ? (CIPHERS[cipher]?.tagBytes ?? null) : null
}

/** What is said of a cipher or key derivation that is not known here. */
export function unknownCipher(name: string): string {
  return `is encrypted with ${name.replace(/[^\x21-\x7e]/g, '?').slice(0, 64)}, which xec does not decrypt; rewrite it with: ssh-keygen -p -Z aes256-ctr -f FILE`
}

/** Decrypts. Takes as long as the key's author wanted (`ssh-keygen -a`): hundreds of milliseconds as a rule. */
export async function openSealed(sealed: Sealed, passphrase: string): Promise<Opened> {
  const shape = CIPHERS[sealed.cipher]
  if (!shape) return { kind: 'unsupported', problem: unknownCipher(sealed.cipher) }
  const { keyBytes, ivBytes, blockBytes } = shape
  if (sealed.data.length === 0 || sealed.data.length % blockBytes !== 0)
    return { kind: 'unsupported', problem: 'is damaged: its encrypted part has an impossible length' }
  // Loaded when there is something to decrypt.
  const { default: bcrypt } = (await import('bcrypt-pbkdf')) as unknown as { default: typeof Bcrypt }
  const secret = Buffer.from(passphrase, 'utf8')
  const derived = Buffer.alloc(keyBytes + ivBytes)
  const { salt, rounds } = sealed
  if (bcrypt.pbkdf(secret, secret.length, salt, salt.length, derived, derived.length, rounds) !== 0)
    return secret.length === 0
      ? { kind: 'wrong-passphrase' }
      : { kind: 'unsupported', problem: 'is damaged: its key derivation has no salt or no rounds' }
  let section: Buffer | null
  try {
    section = decrypt(shape, derived.subarray(0, keyBytes), derived.subarray(keyBytes), sealed)
  } catch {
    return {
      kind: 'unsupported',
      problem: `is encrypted with ${sealed.cipher}, which this Node.js does not decrypt; rewrite it with: ssh-keygen -p -Z aes256-ctr -f FILE`,
    }
  }
  const opens = section !== null && section.length >= 8 && section.subarray(0, 4).equals(section.subarray(4, 8))
  return section !== null && opens ? { kind: 'opened', section } : { kind: 'wrong-passphrase' }
}

/** Null when the tag is not that of the data. Throws for a cipher that Node lacks. */
function decrypt(shape: CipherShape, key: Buffer, iv: Buffer, { data, tag }: Sealed): Buffer | null {
  if (shape.name === 'chacha20') return openChaCha(key, data, tag)
  const decipher = createDecipheriv(shape.name, key, iv)
  decipher.setAutoPadding(false)
  if (shape.tagBytes > 0)
    (decipher as ReturnType<typeof createDecipheriv> & { setAuthTag(tag: Buffer): void }).setAuthTag(tag)
  const clear = decipher.update(data)
  try {
    return Buffer.concat([clear, decipher.final()])
  } catch {
    return null
  }
}

/**
 * PROTOCOL.chacha20poly1305 with sequence number 0 and no packet length: the first half of the key makes the Poly1305 key
 * (block 0) and the key stream (from block 1). It is not RFC 8439's construction, which Node has.
 */
function openChaCha(key: Buffer, data: Buffer, tag: Buffer): Buffer | null {
  const stream = (block: number, input: Buffer): Buffer => {
    const iv = Buffer.alloc(16)
    iv.writeUInt32LE(block)
    return createCipheriv('chacha20', key.subarray(0, 32), iv).update(input)
  }
  const expected = poly1305(stream(0, Buffer.alloc(32)), data)
  return tag.length === expected.length && timingSafeEqual(expected, tag) ? stream(1, data) : null
}

const little = (bytes: Buffer): bigint => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)

/** RFC 8439 §2.5. */
function poly1305(key: Buffer, data: Buffer): Buffer {
  const prime = (1n << 130n) - 5n
  const r = little(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn
  let sum = 0n
  for (let at = 0; at < data.length; at += 16) {
    const block = data.subarray(at, at + 16)
    sum = ((sum + little(block) + (1n << BigInt(8 * block.length))) * r) % prime
  }
  const tag = (sum + little(key.subarray(16, 32))) & ((1n << 128n) - 1n)
  return Buffer.from(tag.toString(16).padStart(32, '0'), 'hex').reverse()
}
