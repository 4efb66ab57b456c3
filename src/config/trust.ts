/**
 * Whether the programs that a configuration names may be run: its file must be yours or root's, and nobody else may be
 * able to write to it. One that the search found inside a version-controlled tree was perhaps written by whoever can
 * push to that; what is run for merely reaching a host needs `trust: [PATH]` in the user's own configuration.
 */
import { access, readFile, realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative } from 'node:path'
import { messageOf, XecError } from '../errors.js'
import type { ProgramTrust } from '../inventory/resolve.js'
import { othersMayWrite } from '../runtime/file-trust.js'
import { expandTilde, type Home } from '../runtime/home.js'
import type { Reader } from './document.js'

/** What lies at the root of a version-controlled tree (of CVS and old Subversion: in each of its directories). */
const VERSION_CONTROL = [
  '.git',
  '.hg',
  '.svn',
  '.jj',
  '.sl',
  '.bzr',
  '_darcs',
  '.pijul',
  '.fslckout',
  '_FOSSIL_',
  '.repo',
  'CVS',
] as const

export interface ConfigOrigin {
  readonly file: string
  /** Nobody named it. */
  readonly searched: boolean
  /** The user's own configuration, whether or not it is there. */
  readonly ownFile: string
}

/**
 * @returns for each kind of program why it may not run, as the end of a sentence; null when it may
 * @throws XecError XEC_CONFIG for a file that cannot be looked at, and for a `trust` of the user's own that is not usable
 */
export async function trustOf(origin: ConfigOrigin, home: Home): Promise<ProgramTrust> {
  const { file, searched, ownFile } = origin
  const fault = othersMayWrite(file, await stat(file))
  if (fault !== undefined) {
    const why = `a file that names programs must be yours or root's alone: ${fault}`
    return { secrets: why, proxyCommand: why }
  }
  const tree = searched && !(await isOwn(origin)) ? await versionControlAbove(file) : undefined
  if (tree === undefined || (await isTrusted(file, ownFile, home))) return { secrets: null, proxyCommand: null }
  return {
    secrets: null,
    proxyCommand: `${file} was found inside a version-controlled tree (${tree}), and others may have written it; if you trust it, put "trust: [${dirname(tree)}]" into ${ownFile}, or name the file: -c ${file}`,
  }
}

/**
 * `trust: [PATH]`: directories, or single files.
 * @throws XecError XEC_CONFIG with the place
 */
export function readTrust(value: Reader): string[] {
  const items = value.isList ? value.items() : [value]
  return items.map((item) => {
    const path = item.string('an absolute path, or one that begins with ~/')
    if (path !== '~' && !path.startsWith('~/') && !isAbsolute(path))
      item.fail(`must be an absolute path, or one that begins with ~/, not ${item.shown}`)
    return path
  })
}

/** The nearest mark of a version control above a file, or above what the file is a link to. */
async function versionControlAbove(file: string): Promise<string | undefined> {
  for (const start of new Set([dirname(file), dirname(await real(file))]))
    for (let dir = start; ; dir = dirname(dir)) {
      for (const mark of VERSION_CONTROL) if (await isThere(join(dir, mark))) return join(dir, mark)
      if (dirname(dir) === dir) break
    }
  return undefined
}

async function isTrusted(file: string, ownFile: string, home: Home): Promise<boolean> {
  const target = await real(file)
  for (const path of await trustedPaths(ownFile, home)) {
    const away = relative(await real(path), target)
    if (away === '' || (away !== '..' && !away.startsWith('../') && !isAbsolute(away))) return true
  }
  return false
}

/** What the user's own configuration trusts; nothing without one. */
async function trustedPaths(ownFile: string, home: Home): Promise<string[]> {
  let text: string
  try {
    text = await readFile(ownFile, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
    throw new XecError('XEC_CONFIG', `cannot read ${ownFile}: ${messageOf(error)}`, { cause: error })
  }
  const { readDocument } = await import('./document.js')
  const entry = readDocument(ownFile, text)
    .entries()
    .find(({ key }) => key === 'trust')
  if (!entry || entry.value.isNull) return []
  const fault = othersMayWrite(ownFile, await stat(ownFile))
  if (fault !== undefined)
    throw new XecError('XEC_CONFIG', `${entry.place}: trust counts only in a file of yours: ${fault}`)
  return readTrust(entry.value).map((path) => expandTilde(path, home))
}

/** Whether a configuration is the user's own, under whatever name. */
export async function isOwn({ file, ownFile }: Pick<ConfigOrigin, 'file' | 'ownFile'>): Promise<boolean> {
  return (await real(file)) === (await real(ownFile))
}

/** Links followed; a path that is not there is itself. */
function real(path: string): Promise<string> {
  return realpath(path).catch(() => path)
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
