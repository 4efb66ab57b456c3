/** What options and words say about the command itself. Everything that can be wrong with it is said before anything is dialled. */
import { isAbsolute, resolve } from 'node:path'
import { encodeCommand } from '../adapter/command.js'
import type { Command } from '../adapter/types.js'
import { messageOf } from '../errors.js'
import { readBounded } from '../runtime/read-file.js'
import { Secret } from '../runtime/secret.js'
import type { PtyRequest } from '../transport/transport.js'
import type { Io } from './io.js'
import type { OptionValues } from './options.js'
import { usage } from './values.js'

/** As the inventory file's limit: a script is text that someone wrote. */
const LARGEST_SCRIPT = 5_000_000

/** A local script, read. */
interface Script {
  /** As it was named. */
  readonly name: string
  readonly content: Buffer
}

/**
 * The command to run: the words joined by single spaces, as ssh does, or a script with the words as its arguments.
 * @param stored a script that was read before, in place of the one that `--script` names
 * @throws XecError XEC_CONFIG: no command, an unreadable script, a bad variable, a command that cannot be sent
 */
export async function readCommand(
  io: Io,
  options: OptionValues,
  words: readonly string[],
  pty?: PtyRequest,
  stored?: Script,
): Promise<Command> {
  const { script: path, cwd } = options
  if (path === undefined && stored === undefined && words.join(' ').trim() === '')
    throw usage('no command given: what should run there? For a shell, say one: xec run -t HOST sh')
  const env = readEnv(options.env ?? [], io.env, pty !== undefined)
  const script = stored ?? (path === undefined ? undefined : await readScript(io, path))
  const command: Command = {
    line: script ? '' : words.join(' '),
    script: script && { ...script, args: words },
    env,
    cwd,
    pty,
  }
  encodeCommand(command)
  return command
}

/** How a command is called in reports and in the heading of the live view. */
export function titleOf({ line, script }: Command): string {
  return script ? [script.name, ...script.args].join(' ') : line
}

async function readStdin(io: Io): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of io.stdin as AsyncIterable<Buffer | string>) {
    const bytes = Buffer.from(chunk)
    length += bytes.length
    if (length > LARGEST_SCRIPT) throw Object.assign(new Error('it is longer than 5 MB'), { code: 'EFBIG' })
    chunks.push(bytes)
  }
  return Buffer.concat(chunks)
}

async function readScript(io: Io, name: string): Promise<Script> {
  const path = isAbsolute(name) ? name : resolve(io.cwd, name)
  try {
    if (name === '-') return { name, content: await readStdin(io) }
    return { name, content: (await readBounded(path, { largest: LARGEST_SCRIPT })).bytes }
  } catch (error) {
    const hint = (error as NodeJS.ErrnoException).code === 'EFBIG' ? '; copy it to the hosts and run it there' : ''
    throw usage(`cannot read the script ${name}: ${messageOf(error)}${hint}`)
  }
}

/**
 * `K=V`, or `K` alone to forward one's own. A forwarded value travels as a secret does, on stdin, because it is so often
 * one; with a terminal, which would echo it, as plainly as `K=V`.
 */
function readEnv(given: readonly string[], own: Io['env'], plain: boolean): Record<string, string | Secret> {
  // Entries, because a variable may be called __proto__.
  const env = new Map<string, string | Secret>()
  for (const text of given) {
    const at = text.indexOf('=')
    const name = at === -1 ? text : text.slice(0, at)
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      throw usage(
        `--env ${at === -1 ? text : `${name}=…`}: a name has letters, digits and _, and does not begin with a digit`,
      )
    if (at !== -1) {
      env.set(name, text.slice(at + 1))
      continue
    }
    const value = own[name]
    if (value === undefined)
      throw usage(`--env ${name}: ${name} is not set here, so there is nothing to forward; say ${name}=VALUE`)
    env.set(name, plain ? value : new Secret(value))
  }
  return Object.fromEntries(env)
}
