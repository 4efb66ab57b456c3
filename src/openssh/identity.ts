/** Identity files: OpenSSH's default list, and reading one key from wherever it is. */
import { join } from 'node:path'
import { messageOf } from '../errors.js'
import { readBounded } from '../runtime/read-file.js'
import { Secret } from '../runtime/secret.js'
import { shortageOf } from '../runtime/shortage.js'
import { openKey, readPublicKey, type KeyText } from './key-format.js'

/** transport.ts's KeySource fits. */
export interface KeyInput {
  /** For messages: the file's path, or where the text came from. */
  readonly origin: string
  /** A file (already expanded), or the key itself. */
  readonly from: { readonly path: string } | { readonly text: Secret }
  readonly passphrase: Secret | null
}

export type LoadedKey =
  /** `text` is not encrypted any more. */
  | { readonly kind: 'private'; readonly text: Secret; readonly publicBlob: Buffer }
  /** Only the public half is here: it says which of an agent's keys to use. */
  | { readonly kind: 'public'; readonly publicBlob: Buffer; readonly comment: string }
  /** Ask for one and load again. `publicBlob`, when known, may already be tried with an agent. */
  | { readonly kind: 'passphrase-needed'; readonly publicBlob: Buffer | null }
  /** `message` is a sentence with the origin in it; `publicBlob` as above. */
  | {
      readonly kind: 'unusable'
      readonly reason: 'missing' | 'unreadable' | 'permissions' | 'wrong-passphrase' | 'unsupported'
      readonly message: string
      readonly publicBlob: Buffer | null
    }

/** sshkey_load_file of OpenSSH's authfile.c reads no more than this. */
const MAX_KEY_BYTES = 1_000_000

/** What ssh tries when no IdentityFile is given, in its order; security keys are listed and come out as unsupported. */
export function defaultIdentityFiles(home: string): string[] {
  return ['id_rsa', 'id_ecdsa', 'id_ecdsa_sk', 'id_ed25519', 'id_ed25519_sk'].map((name) => join(home, '.ssh', name))
}

/**
 * Reads a key and brings it into a form that an SSH library parses: OpenSSH, PKCS#1 or SEC1.
 * What is wrong with the key is in the answer, because one bad key must not hide the next. Rejects only when this process
 * has no descriptor left to read it with, which says nothing of the key.
 * A private key file of the user's own that others may read is refused, as ssh refuses it (authfile.c, sshkey_perm_ok).
 */
export async function loadKeyText(key: KeyInput): Promise<LoadedKey> {
  const { origin, from } = key
  const unusable = (
    reason: Extract<LoadedKey, { kind: 'unusable' }>['reason'],
    message: string,
    publicBlob: Buffer | null = null,
  ): LoadedKey => ({ kind: 'unusable', reason, message, publicBlob })
  const passphrase = key.passphrase?.reveal() ?? null
  const where = 'path' in from ? from.path : 'FILE'
  if ('text' in from) return judged(await openKey(from.text.reveal(), passphrase), null)

  const publicHalf = async (): Promise<Extract<KeyText, { kind: 'public' }> | null> => {
    const text = await readKeyFile(`${from.path}.pub`).then(
      (file) => file.text,
      (error: unknown) => {
        if (shortageOf(error) !== undefined) throw error
        return ''
      },
    )
    const found = readPublicKey(text)
    return found?.kind === 'public' ? found : null
  }
  let file: KeyFile
  try {
    file = await readKeyFile(from.path)
  } catch (error) {
    if (shortageOf(error) !== undefined) throw error
    const missing = ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
    const half = await publicHalf()
    // As ssh does: the private half may be in the agent alone.
    if (missing && half) return half
    return missing
      ? unusable('missing', `${origin} does not exist`)
      : unusable('unreadable', `${origin} cannot be read: ${messageOf(error)}`, half?.publicBlob)
  }
  const found = await openKey(file.text, passphrase)
  if (found.kind !== 'public' && found.kind !== 'unsupported' && file.tooOpen !== null) {
    return unusable(
      'permissions',
      `${origin}: permissions ${file.tooOpen} are too open, others may read this private key, so it is not used; try: chmod 600 ${from.path}`,
      (await publicHalf())?.publicBlob,
    )
  }
  const needsHalf =
    found.kind === 'wrong-passphrase' || (found.kind === 'passphrase-needed' && found.publicBlob === null)
  return judged(found, needsHalf ? ((await publicHalf())?.publicBlob ?? null) : null)

  function judged(found: Exclude<KeyText, { kind: 'sealed' }>, publicBlob: Buffer | null): LoadedKey {
    switch (found.kind) {
      case 'private':
        return { ...found, text: new Secret(found.text) }
      case 'public':
        return found
      case 'passphrase-needed':
        return { ...found, publicBlob: found.publicBlob ?? publicBlob }
      case 'wrong-passphrase':
        return unusable('wrong-passphrase', `${origin}: wrong passphrase, or a damaged key`, publicBlob)
      case 'unsupported':
        return unusable(
          'unsupported',
          `${origin} ${found.problem.replace('FILE', () => where)}`,
          found.publicBlob ?? null,
        )
    }
  }
}

/** The certificate that ssh would load with a key (ssh.c, load_public_identity_files): its path, or null for none. */
export async function certificateBeside(path: string): Promise<string | null> {
  const certificate = `${path.replace(/\.pub$/, '')}-cert.pub`
  const file = await readKeyFile(certificate).catch(() => null)
  return file && /^\s*[a-z0-9@.-]+-cert-v\d\d@openssh\.com[ \t]/.test(file.text) ? certificate : null
}

interface KeyFile {
  readonly text: string
  /** The mode, when the file is the user's own and others have any right to it. */
  readonly tooOpen: string | null
}

async function readKeyFile(path: string): Promise<KeyFile> {
  const { bytes, stats } = await readBounded(path, { largest: MAX_KEY_BYTES })
  const open = stats.isFile() && stats.uid === process.getuid?.() && (stats.mode & 0o077) !== 0
  return {
    text: bytes.toString('utf8'),
    tooOpen: open ? (stats.mode & 0o777).toString(8).padStart(4, '0') : null,
  }
}
