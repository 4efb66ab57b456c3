/** Ed25519 keys that exist in memory only, for one run. */
import { generateKeyPairSync } from 'node:crypto'
import { readKeyText } from '../openssh/key-format.js'
import { Secret } from '../runtime/secret.js'

export interface EphemeralKey {
  /** OpenSSH's private key format, which ssh2 reads. */
  readonly privateKey: Secret
  /** The public half as it travels (RFC 8709 §4). */
  readonly publicBlob: Buffer
}

/** By Node's generator: ssh2's own writes some 3 of 1 000 Ed25519 keys in a form that it then cannot read. */
export function makeKey(): EphemeralKey {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const key = readKeyText(pem, null)
  if (key.kind !== 'private') throw new Error(`bug: a key just made is ${key.kind}`)
  return { privateKey: new Secret(key.text), publicBlob: key.publicBlob }
}
