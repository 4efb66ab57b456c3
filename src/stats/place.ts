/** Where xec keeps what it remembers, and whether that place is ours: other local users must not be able to feed or misdirect us. */
import { lstat, mkdir, chmod } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { messageOf } from '../errors.js'

export interface PlaceOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The user's home directory. */
  readonly home: string
}

/**
 * The state directory and ours below it, outermost first: `$XDG_STATE_HOME` (default `~/.local/state`; a relative
 * one is ignored, as the XDG Base Directory Specification demands), `xec`, and in it the directory called `name`.
 */
export function statePlace(
  { env, home }: PlaceOptions,
  name: string,
): { readonly base: string; readonly own: string; readonly directory: string } {
  const given = env.XDG_STATE_HOME
  const base = given !== undefined && isAbsolute(given) ? given : join(home, '.local', 'state')
  const own = join(base, 'xec')
  return { base, own, directory: join(own, name) }
}

/** Where stats files live. */
export function statsPlace(options: PlaceOptions): {
  readonly base: string
  readonly own: string
  readonly runs: string
} {
  const { base, own, directory: runs } = statePlace(options, 'runs')
  return { base, own, runs }
}

/**
 * What is wrong with a directory that should be ours alone, or undefined; `missing` when it is not there.
 * @param what lies there, for the message
 */
export async function checkOwned(
  directory: string,
  what = 'stats files',
): Promise<{ readonly problem: string; readonly missing: boolean } | undefined> {
  let found
  try {
    found = await lstat(directory)
  } catch (error) {
    return { problem: messageOf(error), missing: (error as NodeJS.ErrnoException).code === 'ENOENT' }
  }
  const problem = found.isSymbolicLink()
    ? 'it is a symbolic link'
    : !found.isDirectory()
      ? 'it is not a directory'
      : process.getuid !== undefined && found.uid !== process.getuid()
        ? `it belongs to user id ${found.uid}, not to you`
        : undefined
  return problem === undefined
    ? undefined
    : { problem: `${directory} is not used for ${what}: ${problem}`, missing: false }
}

/**
 * Makes the place of stats files, 0700.
 * @throws Error when a part of it is not ours; the message says which and why.
 */
export function makePlace(options: PlaceOptions): Promise<string> {
  return makeStatePlace(options, 'runs', 'stats files')
}

/**
 * Makes one of the places that `statePlace` names, 0700.
 * @param what lies there, for messages
 * @throws Error when a part of it is not ours; the message says which and why.
 */
export async function makeStatePlace(options: PlaceOptions, name: string, what: string): Promise<string> {
  const { base, own, directory: inner } = statePlace(options, name)
  await makeWithParents(base)
  for (const directory of [own, inner]) {
    await make(directory)
    const wrong = await checkOwned(directory, what)
    if (wrong) throw new Error(wrong.problem)
    // The umask may have taken bits away, an older program may have left some too many.
    await chmod(directory, 0o700)
  }
  return inner
}

async function make(directory: string): Promise<void> {
  await mkdir(directory, { mode: 0o700 }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  })
}

/** One by one: mkdir's own `recursive` never ends where a directory that exists answers ENOENT, as /proc does (Node 20). */
async function makeWithParents(directory: string): Promise<void> {
  try {
    await make(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(directory) === directory) throw error
    await makeWithParents(dirname(directory))
    await make(directory)
  }
}
