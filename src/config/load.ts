/**
 * Finding and reading the configuration file. The only importer of cosmiconfig.
 * Only data is ever loaded: cosmiconfig's public entry reads a "meta config" of its own from the working directory,
 * which may be a JavaScript file that it runs, so its explorer is used directly (the version is pinned for that),
 * with loaders that return the text.
 */
import { readFile, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import * as explorerModule from 'cosmiconfig/dist/Explorer.js'
import { messageOf, XecError } from '../errors.js'
import { makeInventory, type Inventory } from '../inventory/inventory.js'
import type { PoolOptions } from '../pool/options.js'
import { parseConfig } from './parse.js'

export interface Config {
  /** The file it came from; null when none was found. */
  readonly source: string | null
  readonly inventory: Inventory
  readonly pool: Partial<PoolOptions>
  readonly warnings: readonly string[]
}

export interface LoadConfigOptions {
  readonly cwd: string
  readonly home: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Replaces the search, as XEC_CONFIG does. */
  readonly file?: string
}

const PLACES = ['xec.config.yaml', 'xec.config.yml', 'xec.config.json', '.xecrc', 'package.json']

interface Found {
  readonly file: string
  readonly text: string
}

/**
 * Finds the configuration from `cwd` upwards, then in `$XDG_CONFIG_HOME/xec/config.yaml`; without any, an empty one.
 * @throws XecError XEC_CONFIG for a named file that is missing, and `file:line:col: …` for what is wrong in a file
 */
export async function loadConfig({ cwd, home, env, file = env['XEC_CONFIG'] || undefined }: LoadConfigOptions): Promise<Config> {
  const found = file === undefined ? (await searchOurs(cwd)) ?? (await inUserConfig(home, env)) : await named(resolve(cwd, file), file)
  if (!found) return { source: null, inventory: makeInventory(new Map(), new Map(), {}), pool: {}, warnings: [] }
  const { inventory, pool, holdsSecrets } = parseConfig(found.file, found.text, basename(found.file) === 'package.json' ? 'xec' : undefined)
  const warnings = holdsSecrets && (await othersMayRead(found.file))
    ? [`${found.file} holds a password, passphrase or key and can be read by others: chmod 600 it, or use { env: NAME } or { command: [...] }`]
    : []
  return { source: found.file, inventory, pool, warnings }
}

/**
 * What is found was not asked for: in a directory above this one somebody else may have put it there, for us to run its
 * programs and to send our passwords to its hosts. Likewise ssh refuses a configuration of another owner, and git a repository.
 * @throws XecError XEC_CONFIG
 */
async function searchOurs(cwd: string, uid = process.getuid?.()): Promise<Found | undefined> {
  const found = await search(cwd)
  if (!found || uid === undefined) return found
  const owner = (await stat(found.file)).uid
  if (owner === uid || owner === 0) return found
  throw new XecError('XEC_CONFIG', `${found.file} belongs to another user (uid ${owner}), and a configuration can run programs; if you trust it, name it: -c ${found.file}`)
}

interface Explorer {
  search(from: string): Promise<{ readonly config?: unknown; readonly filepath: string; readonly isEmpty?: boolean } | null>
}
type ExplorerClass = new (options: object) => Explorer

async function search(cwd: string): Promise<Found | undefined> {
  const text = (file: string, content: string): Found => ({ file, text: content })
  const { Explorer } = explorerModule as unknown as { Explorer: ExplorerClass }
  const explorer = new Explorer({
    moduleName: 'xec',
    searchPlaces: PLACES,
    // Of a package.json cosmiconfig takes the property by itself: ours holds the whole text again.
    loaders: { '.json': (file: string, content: string) => (basename(file) === 'package.json' ? packageConfig(file, content) : text(file, content)), '.yaml': text, '.yml': text, noExt: text },
    ignoreEmptySearchPlaces: false,
    searchStrategy: 'none',
    cache: false,
    transform: (result: unknown) => result,
    metaConfigFilePath: null,
  })
  for (let dir = resolve(cwd); ; dir = dirname(dir)) {
    const result = await explorer.search(dir)
    if (result) return result.isEmpty ? { file: result.filepath, text: '' } : (result.config as Found)
    if (dirname(dir) === dir) return undefined
  }
}

/** Somebody else's package.json may be broken; that is not ours to report. */
function packageConfig(file: string, content: string): { xec?: Found | null } {
  try {
    const parsed: unknown = JSON.parse(content)
    return typeof parsed === 'object' && parsed !== null && Object.hasOwn(parsed, 'xec') ? { xec: { file, text: content } } : { xec: null }
  } catch {
    return { xec: null }
  }
}

async function inUserConfig(home: string, env: LoadConfigOptions['env']): Promise<Found | undefined> {
  const own = env['XDG_CONFIG_HOME']
  // A relative one is to be ignored (XDG Base Directory Specification).
  const file = join(own !== undefined && isAbsolute(own) ? own : join(home, '.config'), 'xec', 'config.yaml')
  try {
    return { file, text: await readFile(file, 'utf8') }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw new XecError('XEC_CONFIG', `cannot read ${file}: ${messageOf(error)}`, { cause: error })
  }
}

async function named(file: string, asSaid: string): Promise<Found> {
  if (/\.[cm]?[jt]s$/.test(file)) throw new XecError('XEC_CONFIG', `${asSaid}: a configuration is data, YAML or JSON; no code is run`)
  try {
    return { file, text: await readFile(file, 'utf8') }
  } catch (error) {
    const problem = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : messageOf(error)
    throw new XecError('XEC_CONFIG', `cannot read the configuration ${asSaid}: ${problem}`, { cause: error })
  }
}

async function othersMayRead(file: string): Promise<boolean> {
  return ((await stat(file)).mode & 0o077) !== 0
}
