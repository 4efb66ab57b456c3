/** The files of RevokedHostKeys on disk, read once for as long as they stay the same. */
import { stat } from 'node:fs/promises'
import { messageOf } from '../errors.js'
import { readBounded } from '../runtime/read-file.js'
import { shortageOf } from '../runtime/shortage.js'
import { readRevokedKeys, type RevokedKeys } from './revoked-keys.js'

/** Why a key is refused, as the end of a sentence; undefined when it is not. */
export type RevokedCheck = (keyBlob: Buffer) => string | undefined

const kept = new Map<string, { readonly stamp: string; readonly keys: RevokedKeys }>()

/** A list of all keys that a large site ever revoked is far smaller. */
const LARGEST_BYTES = 100_000_000

/**
 * Reads a file of revoked keys. One that is missing or cannot be read refuses every key, as in ssh. Rejects only when this
 * process has no descriptor left to read it with.
 * @param path absolute
 */
export async function revokedHostKeys(path: string): Promise<RevokedCheck> {
  try {
    const { size, mtimeNs, ino } = await stat(path, { bigint: true })
    const stamp = `${size}:${mtimeNs}:${ino}`
    let found = kept.get(path)
    if (found?.stamp !== stamp) {
      found = { stamp, keys: readRevokedKeys((await readBounded(path, { largest: LARGEST_BYTES })).bytes) }
      kept.set(path, found)
    }
    const { keys } = found
    return (key) => (keys.has(key) ? `it is revoked in ${path} (RevokedHostKeys)` : undefined)
  } catch (error) {
    if (shortageOf(error) !== undefined) throw error
    const why = `${path} (RevokedHostKeys) cannot be read, and so every key is refused: ${messageOf(error)}`
    return () => why
  }
}
