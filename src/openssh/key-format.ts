/**
 * Private and public key texts: which format it is, whether it is encrypted, the public half, and the form that
 * an SSH library reads. PKCS#8 and encrypted PEM are rewritten through node:crypto, an encrypted key in OpenSSH's own format
 * is written anew without encryption.
 */
import { createPrivateKey, randomBytes, type KeyObject } from 'node:crypto'
import { openSealed, tagBytesOf, unknownCipher, type Sealed } from './key-cipher.js'
import { keyTypeOf } from './known-hosts.js'

/** What is in a key text. */
export type KeyText =
  /** Ready for use, and not encrypted. */
  | { readonly kind: 'private'; readonly text: string; readonly publicBlob: Buffer }
  /** In OpenSSH's own format, and encrypted: `openKey` opens it with the passphrase that was given. */
  | { readonly kind: 'sealed'; readonly sealed: Sealed; readonly publicBlob: Buffer }
  | { readonly kind: 'public'; readonly publicBlob: Buffer; readonly comment: string }
  /** Encrypted, and no passphrase was given; the public half is known only in OpenSSH's format. */
  | { readonly kind: 'passphrase-needed'; readonly publicBlob: Buffer | null }
  | { readonly kind: 'wrong-passphrase' }
  /** `publicBlob` where the key itself would do, and only its encryption is not known here. */
  | { readonly kind: 'unsupported'; readonly problem: string; readonly publicBlob?: Buffer }

const CURVES: Readonly<Record<string, string>> = { 'P-256': 'nistp256', 'P-384': 'nistp384', 'P-521': 'nistp521' }
const USABLE = /^(ssh-rsa|ssh-ed25519|ecdsa-sha2-nistp(256|384|521))$/
const MAGIC = Buffer.from('openssh-key-v1\0')

/**
 * Whether what may be a path or a key's text is which; `torn`: a piece of a key's base64, which as a path would be
 * printed by the first who does not find it.
 */
export function keyGivenAs(given: string): 'path' | 'text' | 'torn' {
  if (/[\r\n]|-----BEGIN/.test(given)) return 'text'
  // OpenSSH's own format and ASN.1 begin so; further on, no name in a path is that long and that mixed.
  if (/^(b3BlbnNzaC1rZXktdjEA|M[A-P][A-Za-z0-9+/]{40})/.test(given)) return 'torn'
  const mixed = (name: string): boolean =>
    /^[A-Za-z0-9+=]{48,}$/.test(name) && /[a-z]/.test(name) && /[A-Z]/.test(name) && /[0-9]/.test(name)
  return given.split('/').some(mixed) ? 'torn' : 'path'
}

/** What is said of a torn one; it is not repeated. */
export function tornKey(host: string): string {
  return `${host}: privateKey looks like a key's text that lacks its -----BEGIN … PRIVATE KEY----- line; give the whole text, as it stands in the file, or the file's path`
}

/** Reads any key text; `passphrase` null when none is known. Never throws, and no problem quotes the text. */
export async function openKey(text: string, passphrase: string | null): Promise<Exclude<KeyText, { kind: 'sealed' }>> {
  const found = readKeyText(text, passphrase)
  if (found.kind !== 'sealed') return found
  const { sealed, publicBlob } = found
  const opened = await openSealed(sealed, passphrase ?? '')
  if (opened.kind === 'unsupported') return { ...opened, publicBlob }
  if (opened.kind === 'wrong-passphrase') return opened
  return { kind: 'private', text: writeOpenSsh(publicBlob, opened.section), publicBlob }
}

/** The same without work: a key in OpenSSH's own format stays sealed. */
export function readKeyText(text: string, passphrase: string | null): KeyText {
  const clean = text.replace(/^\ufeff/, '').replaceAll('\r\n', '\n')
  const block = /-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----\n([\s\S]*?)\n-----END \1PRIVATE KEY-----/.exec(clean)
  if (!block) return readPublicKey(clean) ?? notAKey(clean)
  const [pem, label = '', body = ''] = block
  if (label === 'OPENSSH ') return readOpenSsh(`${pem}\n`, body, passphrase)
  if (label === 'DSA ') return { kind: 'unsupported', problem: 'is a DSA key, which servers no longer accept' }
  if (!['', 'ENCRYPTED ', 'RSA ', 'EC '].includes(label))
    return { kind: 'unsupported', problem: `is in an unknown format (${label}PRIVATE KEY)` }
  return readPem(`${pem}\n`, label === 'ENCRYPTED ' || /^Proc-Type: 4,ENCRYPTED$/m.test(body), passphrase)
}

/** One `type base64 comment` line. */
export function readPublicKey(text: string): Extract<KeyText, { kind: 'public' | 'unsupported' }> | undefined {
  const [, type = '', base64 = '', comment = ''] =
    /^\s*([a-z0-9@.-]+)[ \t]+([A-Za-z0-9+/]+={0,2})(?:[ \t]+([^\n]*))?\s*$/.exec(text) ?? []
  const publicBlob = Buffer.from(base64, 'base64')
  if (type === '' || keyTypeOf(publicBlob) !== type) return undefined
  return USABLE.test(type) ? { kind: 'public', publicBlob, comment: comment.trim() } : unsupportedType(type)
}

function notAKey(text: string): KeyText {
  if (text.startsWith('PuTTY-User-Key-File-'))
    return { kind: 'unsupported', problem: 'is a PuTTY key; convert it: puttygen FILE -O private-openssh -o NEW' }
  return {
    kind: 'unsupported',
    problem: text.trim() === '' ? 'is empty' : 'is not a private key in OpenSSH, PEM or PKCS#8 format',
  }
}

function unsupportedType(type: string): Extract<KeyText, { kind: 'unsupported' }> {
  if (type.startsWith('sk-'))
    return { kind: 'unsupported', problem: `is a security key (${type}), which is not supported` }
  if (type.includes('-cert-'))
    return { kind: 'unsupported', problem: `is a certificate (${type}), which is not supported` }
  return { kind: 'unsupported', problem: `has the type ${type}, which is not supported` }
}

/** PROTOCOL.key of OpenSSH: magic, cipher, kdf, kdf options, number of keys, public key, (encrypted) private section. */
function readOpenSsh(text: string, body: string, passphrase: string | null): KeyText {
  const damaged: KeyText = { kind: 'unsupported', problem: 'is damaged: not a whole OpenSSH private key' }
  const bytes = Buffer.from(body, 'base64')
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return damaged
  let at = MAGIC.length
  const field = (): Buffer | undefined => {
    if (at + 4 > bytes.length) return undefined
    const end = at + 4 + bytes.readUInt32BE(at)
    const value = end <= bytes.length ? bytes.subarray(at + 4, end) : undefined
    at = end
    return value
  }
  const cipher = field()?.toString('latin1')
  const kdf = field()?.toString('latin1')
  const kdfOptions = field()
  if (cipher === undefined || kdf === undefined || !kdfOptions || at + 4 > bytes.length) return damaged
  if (bytes.readUInt32BE(at) !== 1) return { kind: 'unsupported', problem: 'holds more than one key' }
  at += 4
  const found = field()
  const type = found && keyTypeOf(found)
  const data = field()
  if (!found || !type || !data) return damaged
  if (!USABLE.test(type)) return unsupportedType(type)
  const publicBlob = Buffer.from(found)
  if (cipher === 'none') return { kind: 'private', text, publicBlob }
  const tagBytes = tagBytesOf(cipher)
  if (tagBytes === null) return { kind: 'unsupported', problem: unknownCipher(cipher), publicBlob }
  if (kdf !== 'bcrypt') return { kind: 'unsupported', problem: unknownCipher(`the key derivation ${kdf}`), publicBlob }
  if (at + tagBytes !== bytes.length || kdfOptions.length < 8) return damaged
  const saltEnd = 4 + kdfOptions.readUInt32BE(0)
  if (saltEnd + 4 !== kdfOptions.length) return damaged
  if (passphrase === null) return { kind: 'passphrase-needed', publicBlob }
  const sealed: Sealed = {
    cipher,
    salt: kdfOptions.subarray(4, saltEnd),
    rounds: kdfOptions.readUInt32BE(saltEnd),
    data,
    tag: bytes.subarray(at),
  }
  return { kind: 'sealed', sealed, publicBlob }
}

function readPem(pem: string, encrypted: boolean, passphrase: string | null): KeyText {
  if (encrypted && passphrase === null) return { kind: 'passphrase-needed', publicBlob: null }
  let key: KeyObject
  try {
    key = createPrivateKey({ key: pem, format: 'pem', passphrase: passphrase ?? undefined })
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (encrypted && code !== 'ERR_OSSL_EVP_UNSUPPORTED') return { kind: 'wrong-passphrase' }
    if (encrypted) return { kind: 'unsupported', problem: outdatedCipher(pem) }
    return { kind: 'unsupported', problem: `cannot be read by OpenSSL${code ? ` (${code})` : ''}` }
  }
  const type = key.asymmetricKeyType
  if (type !== 'rsa' && type !== 'ec' && type !== 'ed25519')
    return { kind: 'unsupported', problem: `has the type ${type ?? 'unknown'}, which SSH servers do not accept` }
  const jwk = key.export({ format: 'jwk' })
  const number = (field: string | undefined): Buffer => Buffer.from(field ?? '', 'base64url')
  const ready = (text: string | Buffer, publicBlob: Buffer): KeyText => ({
    kind: 'private',
    text: text.toString(),
    publicBlob,
  })
  if (type === 'rsa')
    return ready(
      key.export({ type: 'pkcs1', format: 'pem' }),
      wire('ssh-rsa', mpint(number(jwk.e)), mpint(number(jwk.n))),
    )
  if (type === 'ed25519')
    return ready(writeOpenSshEd25519(number(jwk.d), number(jwk.x)), wire('ssh-ed25519', number(jwk.x)))
  const curve = CURVES[jwk.crv ?? '']
  if (!curve)
    return { kind: 'unsupported', problem: `is on the curve ${jwk.crv ?? 'unknown'}, which SSH servers do not accept` }
  const point = Buffer.concat([Buffer.of(4), number(jwk.x), number(jwk.y)])
  return ready(key.export({ type: 'sec1', format: 'pem' }), wire(`ecdsa-sha2-${curve}`, curve, point))
}

/** Ciphers of encrypted PEM that OpenSSL 3 keeps for itself, by their object identifiers in hexadecimal. */
const OUTDATED: Readonly<Record<string, string>> = {
  '06092a864886f70d010503': 'PBE-MD5-DES',
  '06092a864886f70d010506': 'PBE-MD5-RC2-64',
  '06092a864886f70d01050a': 'PBE-SHA1-DES',
  '06092a864886f70d01050b': 'PBE-SHA1-RC2-64',
  '060a2a864886f70d010c0101': 'PBE-SHA1-RC4-128',
  '060a2a864886f70d010c0102': 'PBE-SHA1-RC4-40',
  '060a2a864886f70d010c0105': 'PBE-SHA1-RC2-128',
  '060a2a864886f70d010c0106': 'PBE-SHA1-RC2-40',
  '06082a864886f70d0302': 'RC2-CBC',
  '06052b0e030207': 'DES-CBC',
  '06082a831a8c9a440104': 'SEED-CBC',
  '06092b0601040197550102': 'BF-CBC',
}

/** Names what an encrypted PEM key is encrypted with, and how to change that. */
function outdatedCipher(pem: string): string {
  const bytes = Buffer.from(pem.replace(/-----[^\n]*/g, ''), 'base64').toString('hex')
  const name =
    /^DEK-Info: ([A-Za-z0-9-]{1,40})/m.exec(pem)?.[1] ??
    Object.entries(OUTDATED).find(([identifier]) => bytes.includes(identifier))?.[1] ??
    'an outdated cipher'
  return `is encrypted with ${name}, which this Node.js does not decrypt; rewrite it with: openssl pkey -provider legacy -provider default -aes256 -in FILE -out NEW`
}

/** Ed25519: there is no PEM form that SSH libraries read. */
function writeOpenSshEd25519(seed: Buffer, publicKey: Buffer): string {
  const check = randomBytes(4)
  const section = Buffer.concat([check, check, wire('ssh-ed25519', publicKey, Buffer.concat([seed, publicKey]), '')])
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7].slice(0, (8 - (section.length % 8)) % 8))
  return writeOpenSsh(wire('ssh-ed25519', publicKey), Buffer.concat([section, padding]))
}

/** An unencrypted openssh-key-v1 file. */
function writeOpenSsh(publicBlob: Buffer, section: Buffer): string {
  const bytes = Buffer.concat([MAGIC, wire('none', 'none', ''), Buffer.of(0, 0, 0, 1), wire(publicBlob, section)])
  const lines = bytes.toString('base64').match(/.{1,70}/g) ?? []
  return ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n')
}

/** RFC 4251 §5: strings with their lengths in front. */
function wire(...fields: (string | Buffer)[]): Buffer {
  return Buffer.concat(
    fields.flatMap((field) => {
      const bytes = Buffer.from(field as string)
      const length = Buffer.alloc(4)
      length.writeUInt32BE(bytes.length)
      return [length, bytes]
    }),
  )
}

/** RFC 4251 §5: a positive number whose first bit is not taken for a sign. */
function mpint(magnitude: Buffer): Buffer {
  return (magnitude[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), magnitude]) : magnitude
}
