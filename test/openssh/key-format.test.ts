import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readKeyText, readPublicKey } from '../../src/openssh/key-format.js'
import { isInstalled } from './programs.js'

const dir = mkdtempSync(join(tmpdir(), 'xec-keys-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const TYPES = [['ed25519'], ['rsa', '2048'], ['ecdsa', '256'], ['ecdsa', '384'], ['ecdsa', '521']] as const
const FORMATS = ['RFC4716', 'PEM', 'PKCS8'] as const
const PASSPHRASE = 'correct horse'
const keygen = isInstalled('ssh-keygen')
let made = 0

function makeKey(type: readonly string[], format: string, passphrase: string): string {
  const file = join(dir, `key${++made}`)
  const [name, bits] = type
  execFileSync('ssh-keygen', [
    '-q',
    '-t',
    name ?? '',
    ...(bits ? ['-b', bits] : []),
    '-m',
    format,
    '-N',
    passphrase,
    '-C',
    'a comment',
    '-f',
    file,
  ])
  return file
}

/** What ssh2 makes of a text: the oracle for "a library can read it". */
function parse(text: string, passphrase?: string): { type: string; blob: Buffer; signs: boolean } {
  const key = ssh2.utils.parseKey(text, passphrase)
  if (key instanceof Error) throw key
  const message = Buffer.from('to be signed')
  const signature = key.sign(message)
  return {
    type: key.type,
    blob: key.getPublicSSH(),
    signs: Buffer.isBuffer(signature) && key.verify(message, signature) === true,
  }
}

for (const type of TYPES) {
  describe.skipIf(!keygen)(`an ssh-keygen ${type.join(' ')} key`, () => {
    for (const format of FORMATS) {
      test(`in ${format} format is readable, and its public half is the one in the .pub file`, () => {
        const file = makeKey(type, format, '')
        const published = readPublicKey(readFileSync(`${file}.pub`, 'utf8'))
        const key = readKeyText(readFileSync(file, 'utf8'), null)
        if (key.kind !== 'private' || published?.kind !== 'public') throw new Error(`${key.kind} ${published?.kind}`)
        expect(key.encrypted).toBe(false)
        expect(key.publicBlob).toEqual(published.publicBlob)
        expect(published.comment).toBe('a comment')
        expect(parse(key.text)).toMatchObject({ blob: published.publicBlob, signs: true })
      })

      test(`in ${format} format and encrypted asks for the passphrase, takes the right one and refuses a wrong one`, () => {
        const file = makeKey(type, format, PASSPHRASE)
        const text = readFileSync(file, 'utf8')
        const published = readPublicKey(readFileSync(`${file}.pub`, 'utf8'))
        if (published?.kind !== 'public') throw new Error('no public key')

        const locked = readKeyText(text, null)
        expect(locked.kind).toBe('passphrase-needed')

        const key = readKeyText(text, PASSPHRASE)
        if (key.kind !== 'private') throw new Error(key.kind)
        expect(key.publicBlob).toEqual(published.publicBlob)
        expect(parse(key.text, key.encrypted ? PASSPHRASE : undefined)).toMatchObject({
          blob: published.publicBlob,
          signs: true,
        })

        const wrong = readKeyText(text, 'wrong')
        // OpenSSH's own format is opened, and a wrong passphrase noticed, by whoever parses it.
        if (text.includes('BEGIN OPENSSH')) {
          expect(locked).toMatchObject({ publicBlob: published.publicBlob })
          expect(wrong).toMatchObject({ kind: 'private', encrypted: true })
          expect(() => parse((wrong as { text: string }).text, 'wrong')).toThrow()
        } else {
          expect(locked).toEqual({ kind: 'passphrase-needed', publicBlob: null })
          expect(wrong).toEqual({ kind: 'wrong-passphrase' })
        }
      })
    }
  })
}

describe('keys made by node:crypto', () => {
  let ed25519: string
  beforeAll(() => {
    ed25519 = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  })

  test.skipIf(!keygen)(
    'an Ed25519 PKCS#8 key becomes an OpenSSH key that ssh-keygen reads to the same public key',
    () => {
      const key = readKeyText(ed25519, null)
      if (key.kind !== 'private') throw new Error(key.kind)
      const file = join(dir, 'converted')
      writeFileSync(file, key.text, { mode: 0o600 })
      const printed = execFileSync('ssh-keygen', ['-y', '-f', file], { encoding: 'utf8' })
      expect(readPublicKey(printed)).toMatchObject({ publicBlob: key.publicBlob })
      expect(parse(key.text)).toMatchObject({ type: 'ssh-ed25519', blob: key.publicBlob, signs: true })
    },
  )

  test('a hundred Ed25519 keys all convert: no padding or leading zero is special', () => {
    for (let i = 0; i < 100; i++) {
      const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      const key = readKeyText(pem, null)
      if (key.kind !== 'private') throw new Error(key.kind)
      expect(parse(key.text)).toMatchObject({ blob: key.publicBlob, signs: true })
    }
  })

  test('an encrypted PKCS#8 key of each kind opens with its passphrase', () => {
    for (const privateKey of [
      generateKeyPairSync('ed25519').privateKey,
      generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
      generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
    ]) {
      const pem = privateKey
        .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: PASSPHRASE })
        .toString()
      expect(readKeyText(pem, null)).toEqual({ kind: 'passphrase-needed', publicBlob: null })
      expect(readKeyText(pem, '')).toEqual({ kind: 'wrong-passphrase' })
      const key = readKeyText(pem, PASSPHRASE)
      if (key.kind !== 'private') throw new Error(key.kind)
      expect(parse(key.text)).toMatchObject({ blob: key.publicBlob, signs: true })
    }
  })

  test('CRLF line ends, a BOM, text around the key and a missing last newline do not matter', () => {
    const plain = readKeyText(ed25519, null)
    for (const text of [
      ed25519.replaceAll('\n', '\r\n'),
      `\ufeff${ed25519}`,
      `Bag Attributes\n${ed25519}\nmore`,
      ed25519.trimEnd(),
    ]) {
      expect(readKeyText(text, null)).toMatchObject({
        kind: 'private',
        publicBlob: (plain as { publicBlob: Buffer }).publicBlob,
      })
    }
  })

  test('an EC PARAMETERS block in front, as openssl writes it, is passed over', () => {
    const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      .privateKey.export({ type: 'sec1', format: 'pem' })
      .toString()
    const key = readKeyText(
      `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${pem}`,
      null,
    )
    if (key.kind !== 'private') throw new Error(key.kind)
    expect(parse(key.text).type).toBe('ecdsa-sha2-nistp256')
  })

  test('keys that no server accepts are named, not passed on', () => {
    const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()
    const problem = (text: string): string => {
      const key = readKeyText(text, null)
      return key.kind === 'unsupported' ? key.problem : key.kind
    }
    expect(problem(pem(generateKeyPairSync('ed448').privateKey))).toBe(
      'has the type ed448, which SSH servers do not accept',
    )
    expect(problem(pem(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey))).toBe(
      'has the type rsa-pss, which SSH servers do not accept',
    )
    expect(problem(pem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey))).toBe(
      'is on the curve secp256k1, which SSH servers do not accept',
    )
  })
})

describe('what is not a usable key', () => {
  const problem = (text: string): string => {
    const key = readKeyText(text, 'x')
    return key.kind === 'unsupported' ? key.problem : key.kind
  }

  test('says what it is', () => {
    expect(problem('')).toBe('is empty')
    expect(problem('hello')).toBe('is not a private key in OpenSSH, PEM or PKCS#8 format')
    expect(problem('PuTTY-User-Key-File-3: ssh-ed25519\n')).toBe(
      'is a PuTTY key; convert it: puttygen FILE -O private-openssh -o NEW',
    )
    expect(problem('-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n')).toBe(
      'is a DSA key, which servers no longer accept',
    )
    expect(problem('-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n')).toMatch(
      /^cannot be read by OpenSSL/,
    )
  })

  test('a security key is recognised by its public half', () => {
    const type = Buffer.from('sk-ssh-ed25519@openssh.com')
    const length = (n: number): Buffer => Buffer.of(0, 0, 0, n)
    const blob = Buffer.concat([length(type.length), type, length(0)])
    const text = (word: string): Buffer => Buffer.concat([length(word.length), Buffer.from(word)])
    const key = Buffer.concat([
      Buffer.from('openssh-key-v1\0'),
      text('none'),
      text('none'),
      text(''),
      length(1),
      length(blob.length),
      blob,
      text(''),
    ])
    expect(
      problem(`-----BEGIN OPENSSH PRIVATE KEY-----\n${key.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`),
    ).toBe('is a security key (sk-ssh-ed25519@openssh.com), which is not supported')
    expect(problem(`sk-ssh-ed25519@openssh.com ${blob.toString('base64')} me`)).toBe(
      'is a security key (sk-ssh-ed25519@openssh.com), which is not supported',
    )
  })

  test('an OpenSSH key cut at any byte is damaged, never a crash', () => {
    const whole = readKeyText(
      generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      null,
    )
    if (whole.kind !== 'private') throw new Error(whole.kind)
    const bytes = Buffer.from(whole.text.replace(/-----[^\n]*\n/g, ''), 'base64')
    for (let end = 0; end < bytes.length; end++) {
      const cut = bytes.subarray(0, end).toString('base64')
      expect(problem(`-----BEGIN OPENSSH PRIVATE KEY-----\n${cut}\n-----END OPENSSH PRIVATE KEY-----\n`)).toMatch(
        /^is damaged|^is not a private key/,
      )
    }
  })

  test('a public key with a type that is not the one inside is not a key', () => {
    const published = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE1haW4gc3RyZWV0IHRlc3Qga2V5IG5vdCByZWFsISEh comment here'
    expect(readPublicKey(published)).toMatchObject({ kind: 'public', comment: 'comment here' })
    expect(readPublicKey(published.replace('ssh-ed25519', 'ssh-rsa'))).toBeUndefined()
    expect(readPublicKey('ssh-ed25519 AAAA')).toBeUndefined()
  })
})
