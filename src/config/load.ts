/**
 * Finding and reading the configuration file. The only importer of cosmiconfig.
 * Where to look is decided here: cosmiconfig's own search passes over a file that it may not read, and so would end at
 * another inventory. Only data is ever loaded: its public entry reads a "meta config" of its own from the working
 * directory, which may be a JavaScript file that it runs, so its explorer is used directly (the version is pinned for
 * that), with loaders that return the text.
 */
import { lstat, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import { messageOf, XecError } from '../errors.js'
import { makeInventory, type Inventory } from '../inventory/inventory.js'
import { NO_SOURCE } from '../inventory/sources/merge.js'
import type { CommandSurroundings } from '../inventory/sources/command.js'
import type { Source } from '../inventory/sources/source.js'
import type { ProgramTrust } from '../inventory/resolve.js'
import type { PoolOptions } from '../pool/options.js'
import { localUser } from '../runtime/local-user.js'
import { readBounded } from '../runtime/read-file.js'
import type { Draft } from './parse.js'
import { isOwn, trustOf } from './trust.js'

export interface Config {
  /** The file it came from; null when none was found. */
  readonly source: string | null
  readonly inventory: Inventory
  readonly pool: Partial<PoolOptions>
  /** Whether a record is kept of each run; default true. */
  readonly history: boolean
  readonly warnings: readonly string[]
  /** Whether the programs that it names may run; looked up when first asked. @see trust.ts */
  readonly trust: () => Promise<ProgramTrust>
}

export interface LoadConfigOptions {
  readonly cwd: string
  readonly home: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Replaces the search, as XEC_CONFIG does. */
  readonly file?: string
  /** Inventories of other tools that the user named, in place of those of the configuration. Relative to `cwd`. */
  readonly inventories?: readonly string[]
}

const PACKAGE = 'package.json'

/** Near the longest string that Node can hold. How many hosts a file may define is bounded where it is parsed. */
const LARGEST_BYTES = 500_000_000

interface Found {
  readonly file: string
  readonly text: string
}

/**
 * Finds the configuration from `cwd` upwards, then in `$XDG_CONFIG_HOME/xec/config.yaml`; without any, an empty one.
 * @throws XecError XEC_CONFIG for a named file that is missing, and `file:line:col: …` for what is wrong in a file
 */
export async function loadConfig({
  cwd,
  home,
  env,
  file = env['XEC_CONFIG'] || undefined,
  inventories,
}: LoadConfigOptions): Promise<Config> {
  const found =
    file === undefined
      ? ((await search(cwd)) ?? (await foundAt(userConfig(home, env))))
      : await named(resolve(cwd, file), file)
  const around = { env, home }
  if (!found && inventories === undefined)
    return {
      source: null,
      inventory: makeInventory(new Map(), new Map(), {}),
      pool: {},
      history: true,
      warnings: [],
      trust: noPrograms,
    }
  if (!found) {
    const { inventoryOf, loadNamed } = await import('./inventories.js')
    const named = await loadNamed(inventories ?? [], cwd, around)
    const { inventory, warnings } = inventoryOf(named)
    return { source: inventories?.[0] ?? null, inventory, pool: {}, history: true, warnings, trust: noPrograms }
  }
  // Most of what it takes to read a file is of no use where there is none.
  const { draftConfig } = await import('./parse.js')
  const { foreignHint } = await import('./foreign.js')
  let draft: Draft
  try {
    draft = draftConfig(found.file, found.text, basename(found.file) === PACKAGE ? 'xec' : undefined)
  } catch (error) {
    // Found by its name, it is meant for a configuration.
    const hint = file === undefined ? undefined : foreignHint(file, found.text)
    throw hint === undefined ? error : new XecError('XEC_CONFIG', hint, { cause: error })
  }
  const origin = { file: found.file, searched: file === undefined, ownFile: userConfig(home, env) }
  let judged: Promise<ProgramTrust> | undefined
  const trustIn = (): Promise<ProgramTrust> => (judged ??= trustOf(origin, { home, localUser: localUser(env) }))
  const source = await sourceOf(draft, { inventories, cwd, around, trustIn })
  const { inventory, pool, history, warnings, holdsSecrets, trust } = draft.complete(source)
  const secrets =
    holdsSecrets && (await othersMayRead(found.file))
      ? [
          `${found.file} holds a password, passphrase or key and can be read by others: chmod 600 it, or use { env: NAME } or { command: [...] }`,
        ]
      : []
  // A project could otherwise trust itself.
  if (trust && !(await isOwn(origin)))
    throw new XecError('XEC_CONFIG', `${trust.place}: trust counts in your own ${origin.ownFile} only; move it there`)
  return {
    source: found.file,
    inventory,
    pool,
    history,
    warnings: [...warnings, ...secrets],
    trust: trustIn,
  }
}

/** What the inventories beside a configuration's own hosts come to; nothing is loaded for a configuration without any. */
async function sourceOf(
  draft: Draft,
  {
    inventories,
    cwd,
    around,
    trustIn,
  }: {
    readonly inventories: readonly string[] | undefined
    readonly cwd: string
    readonly around: CommandSurroundings
    readonly trustIn: () => Promise<ProgramTrust>
  },
): Promise<Source> {
  if (inventories === undefined && draft.inventories.length === 0) return NO_SOURCE
  const { loadNamed, loadSpecs } = await import('./inventories.js')
  if (inventories !== undefined) return loadNamed(inventories, cwd, around)
  return loadSpecs(draft.inventories, { ...around, mayRun: async () => (await trustIn()).proxyCommand })
}

const PLACES = ['xec.config.yaml', 'xec.config.yml', 'xec.config.json', '.xecrc', PACKAGE]

/** @throws XecError XEC_CONFIG for a file that lies there and cannot be used: to go on would be to use another inventory */
async function search(cwd: string): Promise<Found | undefined> {
  for (let dir = resolve(cwd); ; dir = dirname(dir)) {
    const found = await foundIn(dir)
    if (found || dirname(dir) === dir) return found
  }
}

/** The configuration that the search takes from one directory. @throws XecError XEC_CONFIG, as the search does */
export async function foundIn(dir: string): Promise<Found | undefined> {
  for (const name of PLACES) {
    const found = await foundAt(join(dir, name))
    if (found) return found
  }
  return undefined
}

const noPrograms = (): Promise<ProgramTrust> => Promise.resolve({ secrets: null, proxyCommand: null })

/** Where the user's own configuration is, if there is one. */
function userConfig(home: string, env: LoadConfigOptions['env']): string {
  const own = env['XDG_CONFIG_HOME']
  // A relative one is to be ignored (XDG Base Directory Specification).
  return join(own !== undefined && isAbsolute(own) ? own : join(home, '.config'), 'xec', 'config.yaml')
}

/** A file that nobody named. Undefined when there is none. */
async function foundAt(file: string): Promise<Found | undefined> {
  const link = await lstat(file).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return undefined
    throw unreadable(file, error)
  })
  if (!link) return undefined
  try {
    const target = await stat(file)
    // A named pipe, say, would hold the reader for good.
    if (!target.isFile())
      throw new XecError(
        'XEC_CONFIG',
        `${file} is ${target.isDirectory() ? 'a directory' : 'not a regular file'}, and a configuration of that name is looked for there: rename it, or name a configuration: -c FILE`,
      )
    if (target.size > LARGEST_BYTES) throw new Error('it is larger than 500 MB')
    const text = await textOf(file)
    if (text !== undefined) for (const { uid } of [link, target]) refuseOthers(file, uid)
    return text === undefined ? undefined : { file, text }
  } catch (error) {
    throw unreadable(file, error)
  }
}

/**
 * What is found was not asked for: in a directory above this one somebody else may have put it there, for us to run its
 * programs and to send our passwords to its hosts. Likewise ssh refuses a configuration of another owner, and git a repository.
 */
function refuseOthers(file: string, owner: number, uid = process.getuid?.()): void {
  if (uid === undefined || owner === uid || owner === 0) return
  throw new XecError(
    'XEC_CONFIG',
    `${file} belongs to another user (uid ${owner}), and a configuration can run programs; if you trust it, name it: -c ${file}`,
  )
}

interface Explorer {
  load(file: string): Promise<{ readonly config?: unknown; readonly isEmpty?: boolean } | null>
}

/** Undefined for a package.json without our key. */
async function textOf(file: string): Promise<string | undefined> {
  const { Explorer } = (await import('cosmiconfig/dist/Explorer.js')) as unknown as {
    Explorer: new (options: object) => Explorer
  }
  const text = (_: string, content: string): string => content
  // Of a package.json cosmiconfig takes the property by itself: ours holds the whole text again.
  const json = (_: string, content: string): unknown =>
    basename(file) === PACKAGE ? { xec: holdsOurs(content) ? content : null } : content
  const explorer = new Explorer({
    moduleName: 'xec',
    searchPlaces: PLACES,
    loaders: { '.json': json, '.yaml': text, '.yml': text, noExt: text },
    cache: false,
    transform: (result: unknown) => result,
    metaConfigFilePath: null,
  })
  const result = await explorer.load(file)
  if (result?.isEmpty) return basename(file) === PACKAGE ? undefined : ''
  return result === null ? undefined : String(result.config)
}

/** Somebody else's package.json may be broken; that is not ours to report, unless it speaks of us: to pass it over could be to use another inventory. */
function holdsOurs(content: string): boolean {
  try {
    const parsed: unknown = JSON.parse(content)
    return typeof parsed === 'object' && parsed !== null && Object.hasOwn(parsed, 'xec')
  } catch {
    return /"xec"\s*:/.test(content)
  }
}

async function named(file: string, asSaid: string): Promise<Found> {
  if (/\.[cm]?[jt]s$/.test(file))
    throw new XecError('XEC_CONFIG', `${asSaid}: a configuration is data, YAML or JSON; no code is run`)
  try {
    return { file, text: (await readBounded(file, { largest: LARGEST_BYTES })).bytes.toString('utf8') }
  } catch (error) {
    throw unreadable(`the configuration ${asSaid}`, error)
  }
}

function unreadable(file: string, error: unknown): unknown {
  if (error instanceof XecError) return error
  const problem =
    { ENOENT: 'there is no such file', EACCES: 'permission denied', ELOOP: 'its links go in a circle' }[
      codeOf(error)
    ] ?? messageOf(error)
  return new XecError('XEC_CONFIG', `cannot read ${file}: ${problem}`, { cause: error })
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? ''
}

async function othersMayRead(file: string): Promise<boolean> {
  return ((await stat(file)).mode & 0o077) !== 0
}
