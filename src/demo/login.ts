/** Who may log in to the embedded fleet: one user, with one key, by a signature that is verified. */
import { timingSafeEqual } from 'node:crypto'
import type { AuthContext, ParsedKey } from 'ssh2'
import type { Ssh2 } from '../transport/library.js'
import type { EphemeralKey } from './keys.js'

const METHOD = 'publickey'
const TYPE = 'ssh-ed25519'

/** Answers one authentication request (RFC 4252 §7). */
export type Doorkeeper = (request: AuthContext) => void

export function makeDoorkeeper(ssh2: Ssh2, user: string, key: EphemeralKey): Doorkeeper {
  const parsed = ssh2.utils.parseKey(key.privateKey.reveal())
  if (parsed instanceof Error) throw parsed
  const known: ParsedKey = Array.isArray(parsed) ? (parsed[0] as ParsedKey) : parsed
  return (request) => {
    if (
      request.method !== METHOD ||
      !same(request.username, user) ||
      request.key.algo !== TYPE ||
      !sameBytes(request.key.data, key.publicBlob)
    )
      return request.reject([METHOD])
    // A question whether the key would do; only the signature lets anyone in.
    if (!request.signature) return request.accept()
    // ssh2 answers with an Error where it cannot verify, so that only `true` is a yes.
    if (request.blob && known.verify(request.blob, request.signature, request.hashAlgo) === true)
      return request.accept()
    return request.reject([METHOD])
  }
}

function same(given: string, known: string): boolean {
  return sameBytes(Buffer.from(given), Buffer.from(known))
}

function sameBytes(given: Buffer, known: Buffer): boolean {
  return given.length === known.length && timingSafeEqual(given, known)
}
