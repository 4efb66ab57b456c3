/** Reads ssh_config files and what they include. Runs nothing: match-exec.ts does, when a host is asked of. */
import { hostname, networkInterfaces } from 'node:os'
import { dirname, join } from 'node:path'
import { messageOf, XecError } from '../errors.js'
import { othersMayWrite } from '../runtime/file-trust.js'
import { expandTilde } from '../runtime/home.js'
import { localUser } from '../runtime/local-user.js'
import { readBounded } from '../runtime/read-file.js'
import { configError, parseSshConfig, type Block } from './config-blocks.js'
import { glob } from './glob.js'
import type { Place } from './host-options.js'
import { sshConfig, type SshConfig } from './ssh-config.js'
import type { Surroundings } from './tokens.js'

export interface LoadOptions {
  /** For `~` and for `~/.ssh/config`. */
  home: string
  env: Readonly<Record<string, string | undefined>>
  /** As ssh's -F: this file alone, or `none`. Absent: `~/.ssh/config`, then the system's file. */
  file?: string
  /** Default `/etc/ssh/ssh_config`; its relative includes are next to it. */
  systemFile?: string
}

/** READCONF_MAX_DEPTH of OpenSSH's readconf.c. */
const MAX_DEPTH = 16
/** Files that one configuration may bring in: each may include others, so that depth alone bounds nothing. */
const MAX_FILES = 1_000
const MAX_BYTES = 5_000_000

/**
 * Loads the configuration that ssh would use.
 * A default file that is missing counts as empty; one that cannot be read is left out with a warning, as ssh leaves it out.
 * @throws XecError XEC_CONFIG: a named file that cannot be read; a bad line, with file:line; a file that others may write to.
 */
export async function loadSshConfig(options: LoadOptions): Promise<SshConfig> {
  const { home, env, file, systemFile = '/etc/ssh/ssh_config' } = options
  const around: Surroundings = {
    home,
    env,
    localUser: localUser(env),
    localHost: hostname(),
    uid: process.getuid?.() ?? 0,
    localAddresses: () =>
      Object.values(networkInterfaces()).flatMap(
        (found) => found?.map(({ address }) => address.replace(/%.*/, '')) ?? [],
      ),
  }
  if (file === 'none') return sshConfig([], around)
  const userDir = join(home, '.ssh')
  if (file !== undefined) {
    const loader = new Loader(around, userDir, true)
    const blocks = await loader.named(expandTilde(file, around))
    return sshConfig([blocks], around)
  }
  const notes: string[] = []
  const files = [
    await new Loader(around, userDir, true).byDefault(join(userDir, 'config'), true, notes),
    await new Loader(around, dirname(systemFile), false).byDefault(systemFile, false, notes),
  ]
  return sshConfig(files, around, notes)
}

class Loader {
  #files = 0

  constructor(
    private readonly around: Surroundings,
    /** Where relative includes are. */
    private readonly directory: string,
    /** A user's configuration, in which `~` may be used. */
    private readonly user: boolean,
  ) {}

  async named(path: string): Promise<Block[]> {
    let read: ConfigText
    try {
      read = await readText(path, false)
    } catch (error) {
      throw unreadable(path, error)
    }
    return this.#parse(read, path, [])
  }

  async byDefault(path: string, guarded: boolean, notes: string[]): Promise<Block[]> {
    let read: ConfigText
    try {
      read = await readText(path, guarded)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // What is there and too large, or never ends, may hold restrictions.
      if (error instanceof XecError || code === undefined || code === 'EFBIG') throw unreadable(path, error)
      if (!isMissing(error)) notes.push(`${path} is left out: ${messageOf(error)}`)
      return []
    }
    return this.#parse(read, path, [])
  }

  async #parse({ text, distrust }: ConfigText, path: string, from: readonly string[]): Promise<Block[]> {
    const blocks = parseSshConfig(text, path, distrust)
    const chain = [...from, path]
    for (const { statements } of blocks) {
      for (const statement of statements) {
        if (statement.kind !== 'include') continue
        for (const pattern of statement.patterns) {
          for (const file of await this.#paths(pattern, statement.place)) {
            const blocks = await this.#include(file, statement.place, chain)
            if (blocks) statement.files.push(blocks)
          }
        }
      }
    }
    return blocks
  }

  async #include(path: string, place: Place, chain: readonly string[]): Promise<Block[] | undefined> {
    if (chain.includes(path))
      throw configError(
        place,
        `Include of ${path} goes in a circle: ${[...chain.slice(chain.indexOf(path)), path].join(' → ')}`,
      )
    if (chain.length > MAX_DEPTH) throw configError(place, `Include is nested more than ${MAX_DEPTH} deep`)
    if (++this.#files > MAX_FILES) throw configError(place, `Include brings in more than ${MAX_FILES} files`)
    let read: ConfigText
    try {
      read = await readText(path, true)
    } catch (error) {
      if (isMissing(error) || (error as NodeJS.ErrnoException).code === 'EISDIR') return undefined
      throw configError(place, `Include cannot read ${path}: ${messageOf(error)}`, error)
    }
    return this.#parse(read, path, chain)
  }

  async #paths(pattern: string, place: Place): Promise<string[]> {
    if (!this.user && pattern.startsWith('~'))
      throw configError(place, `Include ${pattern}: a system configuration cannot use ~`)
    let path: string
    try {
      const { env } = this.around
      path = expandTilde(pattern, this.around).replace(/\$\{([^}]*)\}/g, (_, name: string) => {
        const value = env[name]
        if (value === undefined) throw new Error(`uses \${${name}}, which is not set in the environment`)
        return value
      })
    } catch (error) {
      throw configError(place, `Include ${messageOf(error)}`, error)
    }
    try {
      return await glob(path.startsWith('/') ? path : join(this.directory, path), MAX_FILES)
    } catch (error) {
      throw configError(place, `Include ${pattern}: ${messageOf(error)}`, error)
    }
  }
}

interface ConfigText {
  readonly text: string
  /** Why its programs are not run; null when they are. */
  readonly distrust: string | null
}

/**
 * The text of a file of bounded size.
 * @param guarded ssh trusts only files that nobody but root and the user can write to (readconf.c, SSHCONF_CHECKPERM)
 */
async function readText(path: string, guarded: boolean): Promise<ConfigText> {
  let distrust: string | null = null
  const { bytes } = await readBounded(path, {
    largest: MAX_BYTES,
    check(stats) {
      distrust = othersMayWrite(path, stats) ?? null
      if (guarded && distrust !== null)
        throw new XecError('XEC_CONFIG', `bad owner or permissions on ${path}: ${distrust}`)
    },
  })
  return { text: bytes.toString('utf8'), distrust }
}

function unreadable(path: string, error: unknown): XecError {
  return error instanceof XecError
    ? error
    : new XecError('XEC_CONFIG', `cannot read the ssh configuration ${path}: ${messageOf(error)}`, { cause: error })
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENOTDIR'
}
