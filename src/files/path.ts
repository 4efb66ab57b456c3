/** Paths of transfers, as bytes, and the rules for names that a server gives. Pure, but for the names of temporary files. */
import { randomBytes } from 'node:crypto'
import { XecError } from '../errors.js'
import { printable } from '../transport/words.js'
import { Trouble } from './trouble.js'

const SLASH = 0x2f

/** Where something is to go: `into` a directory, under the name of its source, or to be the path itself. */
export interface Destination {
  readonly path: Buffer
  readonly into: boolean
}

/**
 * A path on the host. SFTP knows no `~`: a relative path starts in the account's home directory, so `~/x` is `x`.
 * @throws XecError XEC_CONFIG for an empty one, a NUL byte, or another account's `~name`
 */
export function remotePath(host: string, given: string): Destination {
  check(host, given, 'remote')
  if (/^~[^/]/.test(given))
    throw new XecError(
      'XEC_CONFIG',
      `${host}: ${given}: another account's home directory cannot be named by ~ over SFTP; write its path, or ./${given} for a file of that name`,
      { host },
    )
  const path = given === '~' ? '.' : given.startsWith('~/') ? given.slice(2).replace(/^\/+/, '') || './' : given
  return destination(path)
}

/** A path here, as it stands. @throws XecError XEC_CONFIG for an empty one or a NUL byte */
export function localPath(host: string, given: string): Destination {
  check(host, given, 'local')
  return destination(process.platform === 'win32' ? given.replaceAll('\\', '/') : given)
}

function check(host: string, path: unknown, side: 'remote' | 'local'): void {
  if (typeof path !== 'string' || path === '')
    throw new XecError('XEC_CONFIG', `${host}: the ${side} path must be a text that is not empty`, { host })
  if (path.includes('\0')) throw new XecError('XEC_CONFIG', `${host}: the ${side} path holds a NUL byte`, { host })
}

function destination(path: string): Destination {
  const bare = path.replace(/\/+$/, '')
  return { path: Buffer.from(bare === '' ? '/' : bare), into: path.endsWith('/') }
}

/** The destination's own path, for a source at `source`. @throws XecError XEC_CONFIG when that has no name to go by */
export function placeFor(host: string, { path, into }: Destination, source: Buffer): Buffer {
  if (!into) return path
  const name = nameOf(source)
  if (['', '.', '..'].includes(name.toString()))
    throw new XecError(
      'XEC_CONFIG',
      `${host}: ${show(source)} has no name of its own to have in ${show(path)}/; write the whole destination`,
      { host },
    )
  return within(path, name)
}

/** The last part of a path. */
export function nameOf(path: Buffer): Buffer {
  return path.subarray(path.lastIndexOf(SLASH) + 1)
}

/** The directory that a path is in; `.` for a bare name. */
export function directoryOf(path: Buffer): Buffer {
  const at = path.lastIndexOf(SLASH)
  return at < 0 ? Buffer.from('.') : at === 0 ? path.subarray(0, 1) : path.subarray(0, at)
}

/** `inner` in `directory`; an empty `inner` is the directory. */
export function within(directory: Buffer, inner: Buffer): Buffer {
  if (inner.length === 0) return directory
  if (directory.length === 0) return inner
  return Buffer.concat([directory, Buffer.from(directory.at(-1) === SLASH ? '' : '/'), inner])
}

/** A new name in the directory of `path`: a rename does not leave a file system that way. */
export function temporaryBeside(path: Buffer): Buffer {
  const name = Buffer.from(`.xec-${randomBytes(8).toString('hex')}.part`)
  return path.includes(SLASH) ? within(directoryOf(path), name) : name
}

/** For messages and progress. */
export function show(path: Buffer): string {
  return printable(path.toString())
}

/**
 * What a server says is in a directory becomes a name here, so it must be one: a server that answers `../.bashrc` would
 * write where it likes. On Windows `\` and `:` lead elsewhere too.
 * @throws Trouble
 */
export function checkServerName(name: Buffer, directory: Buffer, platform: string = process.platform): void {
  const bad =
    name.length === 0 ||
    name.includes(SLASH) ||
    name.includes(0) ||
    (platform === 'win32' && (name.includes(0x5c) || name.includes(0x3a)))
  if (bad)
    throw new Trouble(
      `the server lists ${JSON.stringify(printable(name.toString()))} in ${show(directory) || '.'}, which is no name for a file; nothing of this directory was taken`,
    )
}
