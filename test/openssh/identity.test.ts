import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { defaultIdentityFiles, loadKeyText, type LoadedKey } from '../../src/openssh/identity.js'
import { Secret } from '../../src/runtime/secret.js'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'xec-identity-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const PEM = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const LOCKED = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'opens' })
  .toString()
const PUBLIC = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE1haW4gc3RyZWV0IHRlc3Qga2V5IG5vdCByZWFsISEh ops@example'
const PUBLIC_BLOB = Buffer.from(PUBLIC.split(' ')[1] ?? '', 'base64')

function file(name: string, text: string, mode = 0o600): string {
  const path = join(dir, name)
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}
const load = (path: string, passphrase?: string): Promise<LoadedKey> =>
  loadKeyText({ origin: path, from: { path }, passphrase: passphrase === undefined ? null : new Secret(passphrase) })

test('the default identities are those of OpenSSH, in its order', () => {
  expect(defaultIdentityFiles('/home/ops')).toEqual([
    '/home/ops/.ssh/id_rsa',
    '/home/ops/.ssh/id_ecdsa',
    '/home/ops/.ssh/id_ecdsa_sk',
    '/home/ops/.ssh/id_ed25519',
    '/home/ops/.ssh/id_ed25519_sk',
  ])
})

describe('a key file', () => {
  test('is read, and its text does not show when the answer is printed', async () => {
    const key = await load(file('key', PEM))
    expect(key).toMatchObject({ kind: 'private' })
    expect(JSON.stringify(key)).not.toContain('PRIVATE KEY')
    expect((key as { text: Secret }).text.reveal()).toContain('BEGIN OPENSSH PRIVATE KEY')
  })

  test('that is missing says so', async () => {
    expect(await load(join(dir, 'none'))).toEqual({
      kind: 'unusable',
      reason: 'missing',
      message: `${join(dir, 'none')} does not exist`,
      publicBlob: null,
    })
    expect(await load(join(file('plain', ''), 'below'))).toMatchObject({ reason: 'missing' })
  })

  test('that is missing, with its .pub file there, names a key of the agent', async () => {
    file('id.pub', PUBLIC, 0o644)
    expect(await load(join(dir, 'id'))).toEqual({ kind: 'public', publicBlob: PUBLIC_BLOB, comment: 'ops@example' })
  })

  test('that is a public key names a key of the agent, whatever its permissions', async () => {
    expect(await load(file('only.pub', PUBLIC, 0o644))).toEqual({
      kind: 'public',
      publicBlob: PUBLIC_BLOB,
      comment: 'ops@example',
    })
  })

  test('that others may read is refused as ssh refuses it, and the words say what to do', async () => {
    const path = file('open', PEM, 0o644)
    expect(await load(path)).toEqual({
      kind: 'unusable',
      reason: 'permissions',
      publicBlob: null,
      message: `${path}: permissions 0644 are too open, others may read this private key, so it is not used; try: chmod 600 ${path}`,
    })
    chmodSync(path, 0o640)
    expect(await load(path)).toMatchObject({ reason: 'permissions' })
    chmodSync(path, 0o400)
    expect(await load(path)).toMatchObject({ kind: 'private' })
  })

  test.skipIf(process.getuid?.() !== 0)('that belongs to somebody else is not judged by its permissions', async () => {
    const path = file('theirs', PEM, 0o644)
    chownSync(path, 12_345, 12_345)
    expect(await load(path)).toMatchObject({ kind: 'private' })
  })

  test('that is encrypted asks for the passphrase, with the public half from the .pub file', async () => {
    const path = file('locked', LOCKED)
    expect(await load(path)).toEqual({ kind: 'passphrase-needed', publicBlob: null })
    file('locked.pub', PUBLIC, 0o644)
    expect(await load(path)).toEqual({ kind: 'passphrase-needed', publicBlob: PUBLIC_BLOB })
    expect(await load(path, 'opens')).toMatchObject({ kind: 'private' })
    expect(await load(path, 'not that')).toEqual({
      kind: 'unusable',
      reason: 'wrong-passphrase',
      message: `${path}: wrong passphrase, or a damaged key`,
      publicBlob: PUBLIC_BLOB,
    })
  })

  test('that is a directory, or far too large, is unreadable', async () => {
    mkdirSync(join(dir, 'folder'))
    expect(await load(join(dir, 'folder'))).toMatchObject({
      reason: 'unreadable',
      message: `${join(dir, 'folder')} cannot be read: it is a directory`,
    })
    expect(await load(file('large', 'x'.repeat(1_000_001)))).toMatchObject({
      reason: 'unreadable',
      message: `${join(dir, 'large')} cannot be read: it is larger than 1 MB, which is the most that is read`,
    })
  })

  test('that is something else is named, and none of it is quoted', async () => {
    const path = file('notes', 'my password is hunter2')
    expect(await load(path)).toEqual({
      kind: 'unusable',
      reason: 'unsupported',
      message: `${path} is not a private key in OpenSSH, PEM or PKCS#8 format`,
      publicBlob: null,
    })
  })
})

test('a key given as text is read like a file, without permissions', async () => {
  const key = await loadKeyText({ origin: 'hosts.db1.privateKey', from: { text: new Secret(PEM) }, passphrase: null })
  expect(key).toMatchObject({ kind: 'private' })
  const bad = await loadKeyText({
    origin: 'hosts.db1.privateKey',
    from: { text: new Secret('~/.ssh/id') },
    passphrase: null,
  })
  expect(bad).toMatchObject({ message: 'hosts.db1.privateKey is not a private key in OpenSSH, PEM or PKCS#8 format' })
})
