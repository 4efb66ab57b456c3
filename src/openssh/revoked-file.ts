/** The files of RevokedHostKeys on disk, read once for as long as they stay the same. */
import { readFile, stat } from 'node:fs/promises'
import { messageOf } from '../errors.js'
import { readRevokedKeys, type RevokedKeys } from './revoked-keys.js'

/** Why a key is refused, as the end of a sentence; undefined when it is not. */
export type RevokedCheck = (keyBlob: Buffer) => string | undefined

const kept = new Map<string, { readonly stamp: string; readonly keys: RevokedKeys }>()

/**
 * Reads a file of revoked keys. Never rejects: one that is missing or cannot be read refuses every key, as in ssh.
 * @param path absolute
 */
export async function revokedHostKeys(path: string): Promise<RevokedCheck> {
  try {
    const { size, mtimeNs, ino } = await stat(path, { bigint: true })
    const stamp = `${size}:${mtimeNs}:${ino}`
    let found = kept.get(path)
    if (found?.stamp !== stamp) {
      found = { stamp, keys: readRevokedKeys(await readFile(path)) }
      kept.set(path, found)
    }
    const { keys } = found
    return (key) => (keys.has(key) ? `it is revoked in ${path} (RevokedHostKeys)` : undefined)
  } catch (error) {
    const why = `${path} (RevokedHostKeys) cannot be read, and so every key is refused: ${messageOf(error)}`
    return () => why
  }
}
