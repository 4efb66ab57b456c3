import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openKey, readKeyText, readPublicKey } from '../../src/openssh/key-format.js'
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
        expect(key.publicBlob).toEqual(published.publicBlob)
        expect(published.comment).toBe('a comment')
        expect(parse(key.text)).toMatchObject({ blob: published.publicBlob, signs: true })
      })

      test(`in ${format} format and encrypted asks for the passphrase, takes the right one and refuses a wrong one`, async () => {
        const file = makeKey(type, format, PASSPHRASE)
        const text = readFileSync(file, 'utf8')
        const published = readPublicKey(readFileSync(`${file}.pub`, 'utf8'))
        if (published?.kind !== 'public') throw new Error('no public key')

        // The public half of a key in OpenSSH's own format is not encrypted.
        const publicBlob = text.includes('BEGIN OPENSSH') ? published.publicBlob : null
        expect(readKeyText(text, null)).toEqual({ kind: 'passphrase-needed', publicBlob })

        const key = await openKey(text, PASSPHRASE)
        if (key.kind !== 'private') throw new Error(key.kind)
        expect(key.publicBlob).toEqual(published.publicBlob)
        expect(parse(key.text)).toMatchObject({ blob: published.publicBlob, signs: true })
        for (const wrong of ['wrong', '']) expect(await openKey(text, wrong)).toEqual({ kind: 'wrong-passphrase' })
      })
    }
  })
}

describe.skipIf(!keygen)('every cipher that ssh-keygen -Z offers', () => {
  const ciphers = keygen ? execFileSync('ssh', ['-Q', 'cipher'], { encoding: 'utf8' }).trim().split('\n') : []
  const passphrase = 'pässphrase with ¢haracters'

  test('there are some', () => expect(ciphers.length).toBeGreaterThan(8))

  test.each([['ed25519'], ['rsa', '2048'], ['ecdsa', '256'], ['ecdsa', '384'], ['ecdsa', '521']])(
    'opens for a key of type %s %s, and is never a wrong passphrase for the right one',
    async (...type) => {
      const plain = makeKey(type, 'RFC4716', '')
      const published = readPublicKey(readFileSync(`${plain}.pub`, 'utf8'))
      if (published?.kind !== 'public') throw new Error('no public key')
      for (const cipher of ciphers) {
        const file = join(dir, `key${++made}`)
        copyFileSync(plain, file)
        execFileSync('ssh-keygen', ['-q', '-p', '-Z', cipher, '-a', '1', '-P', '', '-N', passphrase, '-f', file])
        const text = readFileSync(file, 'utf8')
        expect(readKeyText(text, null)).toEqual({ kind: 'passphrase-needed', publicBlob: published.publicBlob })
        const key = await openKey(text, passphrase)
        if (key.kind !== 'private') throw new Error(`${cipher}: ${key.kind}`)
        expect(parse(key.text)).toMatchObject({ blob: published.publicBlob, signs: true })
        expect(await openKey(text, 'wrong')).toEqual({ kind: 'wrong-passphrase' })
        writeFileSync(file, key.text, { mode: 0o600 })
        const printed = execFileSync('ssh-keygen', ['-y', '-P', '', '-f', file], { encoding: 'utf8' })
        expect(readPublicKey(printed)).toMatchObject({ publicBlob: published.publicBlob })
      }
    },
  )

  test('a cipher or a key derivation of the future is named, before anybody is asked for a passphrase', () => {
    const file = makeKey(['ed25519'], 'RFC4716', PASSPHRASE)
    const text = readFileSync(file, 'utf8')
    const bytes = Buffer.from(text.replace(/-----[^\n]*\n/g, ''), 'base64')
    const published = readPublicKey(readFileSync(`${file}.pub`, 'utf8'))
    if (published?.kind !== 'public') throw new Error('no public key')
    const changed = (from: string, to: string): unknown => {
      const at = bytes.indexOf(from)
      const other = Buffer.concat([bytes.subarray(0, at), Buffer.from(to), bytes.subarray(at + from.length)])
      return readKeyText(
        `-----BEGIN OPENSSH PRIVATE KEY-----\n${other.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`,
        null,
      )
    }
    const rewrite = 'which xec does not decrypt; rewrite it with: ssh-keygen -p -Z aes256-ctr -f FILE'
    expect(changed('aes256-ctr', 'ml\n256-ctr')).toEqual({
      kind: 'unsupported',
      problem: `is encrypted with ml?256-ctr, ${rewrite}`,
      publicBlob: published.publicBlob,
    })
    expect(changed('bcrypt', 'argon2')).toEqual({
      kind: 'unsupported',
      problem: expect.stringContaining('argon2'),
      publicBlob: published.publicBlob,
    })
  })

  test('an encrypted key cut at any byte, or with any byte changed, is damaged or refused, never a crash', async () => {
    const file = makeKey(['ed25519'], 'RFC4716', '')
    execFileSync('ssh-keygen', [
      '-q',
      '-p',
      '-Z',
      'chacha20-poly1305@openssh.com',
      '-a',
      '1',
      '-P',
      '',
      '-N',
      'x',
      '-f',
      file,
    ])
    const bytes = Buffer.from(readFileSync(file, 'utf8').replace(/-----[^\n]*\n/g, ''), 'base64')
    const kindOf = async (changed: Buffer): Promise<string> =>
      (
        await openKey(
          `-----BEGIN OPENSSH PRIVATE KEY-----\n${changed.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`,
          'x',
        )
      ).kind
    for (let end = 0; end < bytes.length; end++) expect(await kindOf(bytes.subarray(0, end))).toBe('unsupported')
    // From the encrypted part on: every bit of it is authenticated.
    for (let at = bytes.length - 60; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(await kindOf(changed)).toBe('wrong-passphrase')
    }
  })
})

describe.skipIf(!isInstalled('openssl'))('encrypted PEM', () => {
  const legacy = ['-provider', 'default', '-provider', 'legacy']
  const plain = join(dir, 'plain.pem')
  beforeAll(() => {
    writeFileSync(
      plain,
      generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' }),
    )
  })
  const written = (argv: readonly string[]): string =>
    execFileSync('openssl', [...argv, '-in', plain, '-passout', 'pass:right', ...legacy], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })

  test.each([
    ['-des3', null],
    ['-aes128', null],
    ['-aes256', null],
    ['-camellia256', null],
    ['-des', 'DES-CBC'],
    ['-rc2', 'RC2-CBC'],
    ['-bf', 'BF-CBC'],
    ['-seed', 'SEED-CBC'],
  ])('%s of the traditional kind opens, or its cipher is named', async (cipher, outdated) => {
    await opensOrIsNamed(written(['rsa', '-traditional', cipher]), outdated)
  })

  test.each([
    ['-v2 aes-256-cbc', null],
    ['-v2 des3', null],
    ['-scrypt', null],
    ['-v1 PBE-SHA1-3DES', null],
    ['-v2 des', 'DES-CBC'],
    ['-v2 rc2', 'RC2-CBC'],
    ['-v2 bf', 'BF-CBC'],
    ['-v2 seed', 'SEED-CBC'],
    ['-v1 PBE-MD5-DES', 'PBE-MD5-DES'],
    ['-v1 PBE-SHA1-RC4-128', 'PBE-SHA1-RC4-128'],
    ['-v1 PBE-SHA1-RC2-40', 'PBE-SHA1-RC2-40'],
  ])('PKCS#8 with %s opens, or its cipher is named', async (options, outdated) => {
    await opensOrIsNamed(written(['pkcs8', '-topk8', ...options.split(' ')]), outdated)
  })

  async function opensOrIsNamed(text: string, outdated: string | null): Promise<void> {
    const key = await openKey(text, 'right')
    if (outdated === null) {
      expect(key.kind).toBe('private')
      expect(await openKey(text, 'wrong')).toEqual({ kind: 'wrong-passphrase' })
    } else
      expect(key).toEqual({
        kind: 'unsupported',
        problem: `is encrypted with ${outdated}, which this Node.js does not decrypt; rewrite it with: openssl pkey -provider legacy -provider default -aes256 -in FILE -out NEW`,
      })
  }
})

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
