/** RevokedHostKeys as a value: a text file with a key a line, or a key revocation list (OpenSSH's PROTOCOL.krl). Pure. */
import { createHash } from 'node:crypto'
import { keyTypeOf } from './known-hosts.js'

export interface RevokedKeys {
  has(keyBlob: Buffer): boolean
}

const MAGIC = Buffer.from('SSHKRL\n\0', 'latin1')
const FORMAT_VERSION = 1
const SECTION = { certificates: 1, explicitKey: 2, sha1: 3, signature: 4, sha256: 5, extension: 255 } as const

/**
 * Reads either form.
 * @throws Error with the problem alone; the caller then refuses every key, as ssh does
 */
export function readRevokedKeys(bytes: Buffer): RevokedKeys {
  return bytes.subarray(0, MAGIC.length).equals(MAGIC) ? readKrl(bytes) : readText(bytes.toString('utf8'))
}

/** A line that is no key makes the whole file unusable: it could be a key that somebody meant to revoke. */
function readText(text: string): RevokedKeys {
  const blobs = new Set<string>()
  text.split('\n').forEach((raw, index) => {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) return
    const [type = '', base64 = ''] = line.split(/[ \t]+/)
    const blob = Buffer.from(base64, 'base64')
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || keyTypeOf(blob) !== type)
      throw new Error(`line ${index + 1} is not a public key`)
    blobs.add(blob.toString('base64'))
  })
  return { has: (key) => blobs.has(key.toString('base64')) }
}

/** Sections about certificates are checked for their form and passed over: host certificates are not used. */
function readKrl(bytes: Buffer): RevokedKeys {
  const file = new Fields(bytes, MAGIC.length)
  const version = file.uint32()
  if (version !== FORMAT_VERSION)
    throw new Error(`is a key revocation list of format ${version}, not ${FORMAT_VERSION}`)
  file.skip(24) // its version, its date, its flags
  file.string() // reserved
  file.string() // comment
  const blobs = new Set<string>()
  const hashes = { sha1: new Set<string>(), sha256: new Set<string>() }
  const readHashes = (section: Fields, algorithm: 'sha1' | 'sha256', length: number): void => {
    while (!section.over) {
      const hash = section.string()
      if (hash.length !== length) throw new Error(`has a ${algorithm} fingerprint of ${hash.length} bytes`)
      hashes[algorithm].add(hash.toString('base64'))
    }
  }
  while (!file.over) {
    const type = file.byte()
    const section = new Fields(file.string())
    switch (type) {
      case SECTION.explicitKey:
        while (!section.over) blobs.add(section.string().toString('base64'))
        break
      case SECTION.sha1:
        readHashes(section, 'sha1', 20)
        break
      case SECTION.sha256:
        readHashes(section, 'sha256', 32)
        break
      case SECTION.certificates:
        section.string() // the authority's key
        section.string() // reserved
        while (!section.over) {
          section.byte()
          section.string()
        }
        break
      case SECTION.extension: {
        const name = section.string().toString('latin1')
        if (section.byte() !== 0) throw new Error(`has a critical extension that is not known: ${name}`)
        break
      }
      case SECTION.signature:
        throw new Error('is signed, and signatures of key revocation lists are not supported')
      default:
        throw new Error(`has a section of an unknown type, ${type}`)
    }
  }
  const hash = (algorithm: 'sha1' | 'sha256', key: Buffer): string => createHash(algorithm).update(key).digest('base64')
  return {
    has: (key) =>
      blobs.has(key.toString('base64')) ||
      (hashes.sha1.size > 0 && hashes.sha1.has(hash('sha1', key))) ||
      (hashes.sha256.size > 0 && hashes.sha256.has(hash('sha256', key))),
  }
}

/** SSH's wire encoding (RFC 4251 §5), read from front to back. */
class Fields {
  constructor(
    private readonly bytes: Buffer,
    private at = 0,
  ) {}

  get over(): boolean {
    return this.at >= this.bytes.length
  }

  byte(): number {
    return this.#take(1).readUInt8(0)
  }

  uint32(): number {
    return this.#take(4).readUInt32BE(0)
  }

  string(): Buffer {
    return this.#take(this.uint32())
  }

  skip(length: number): void {
    this.#take(length)
  }

  #take(length: number): Buffer {
    if (this.at + length > this.bytes.length) throw new Error('is a key revocation list that is cut off')
    const part = this.bytes.subarray(this.at, this.at + length)
    this.at += length
    return part
  }
}
