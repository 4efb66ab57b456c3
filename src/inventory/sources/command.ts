/** A program that prints an inventory as Ansible's `--list`: run once, bounded in time and bytes, its answer kept for a while. */
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { messageOf } from '../../errors.js'
import { KILL_AFTER_MS } from '../../adapter/kill.js'
import { formatDuration } from '../../runtime/duration.js'
import { readBounded } from '../../runtime/read-file.js'
import { systemClock, type Clock, type Timer } from '../../runtime/clock.js'
import { faultAt } from './source.js'

export const COMMAND_TIMEOUT_MS = 60_000
const LARGEST_OUTPUT = 64 * 1024 * 1024
/** What is shown of the program's stderr. */
const MOST_STDERR = 2_000

export interface InventoryCommand {
  readonly argv: readonly string[]
  /** Where it is run. */
  readonly cwd: string
  /** How long an answer is good for, in ms; 0: it is not kept. */
  readonly ttlMs: number
  /** Default 60 s. */
  readonly timeoutMs?: number
  /** Where it is said, for messages. */
  readonly place: string
}

export interface CommandSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
  readonly clock?: Clock
}

/**
 * What the program printed, or prints now.
 * @returns the text, and why an answer could not be kept
 * @throws XecError XEC_CONFIG with the program's stderr
 */
export async function outputOf(
  command: InventoryCommand,
  { env, home, clock = systemClock }: CommandSurroundings,
): Promise<{ readonly text: string; readonly warnings: readonly string[] }> {
  const file = join(cacheDirectory(env, home), `${keyOf(command)}.json`)
  const kept = command.ttlMs > 0 ? await keptAnswer(file, command.ttlMs) : undefined
  if (kept !== undefined) return { text: kept, warnings: [] }
  const text = await run(command, env, clock)
  if (command.ttlMs === 0) return { text, warnings: [] }
  try {
    await keep(file, text)
    return { text, warnings: [] }
  } catch (error) {
    return { text, warnings: [`${command.place}: the answer could not be kept: ${messageOf(error)}`] }
  }
}

/** `$XDG_CACHE_HOME/xec/inventory`; a relative one is ignored (XDG Base Directory Specification). */
function cacheDirectory(env: CommandSurroundings['env'], home: string): string {
  const own = env['XDG_CACHE_HOME']
  return join(own !== undefined && isAbsolute(own) ? own : join(home, '.cache'), 'xec', 'inventory')
}

function keyOf({ argv, cwd }: InventoryCommand): string {
  return createHash('sha256')
    .update(JSON.stringify([argv, cwd]))
    .digest('hex')
    .slice(0, 32)
}

/** Only a file that is ours alone counts: its hosts are dialled with our keys. */
async function keptAnswer(file: string, ttlMs: number): Promise<string | undefined> {
  const found = await stat(file).catch(() => undefined)
  if (!found?.isFile()) return undefined
  const age = Date.now() - found.mtimeMs
  const isOurs = (process.getuid === undefined || found.uid === process.getuid()) && (found.mode & 0o077) === 0
  if (!isOurs || age < 0 || age > ttlMs) return undefined
  return (await readBounded(file, { largest: LARGEST_OUTPUT })).bytes.toString('utf8')
}

async function keep(file: string, text: string): Promise<void> {
  await mkdir(join(file, '..'), { recursive: true, mode: 0o700 })
  const temporary = `${file}.${randomBytes(6).toString('hex')}`
  try {
    await writeFile(temporary, text, { mode: 0o600, flag: 'wx' })
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** Without a shell, with an empty stdin. */
function run(command: InventoryCommand, env: CommandSurroundings['env'], clock: Clock): Promise<string> {
  const { argv, cwd, place, timeoutMs = COMMAND_TIMEOUT_MS } = command
  const [program = '', ...args] = argv
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const timers: Timer[] = []
    const output: Buffer[] = []
    let bytes = 0
    let stderr = ''
    let problem: string | undefined
    const stop = (why: string): void => {
      problem ??= why
      child.kill('SIGTERM')
      timers.push(
        clock.timer(KILL_AFTER_MS, () => {
          child.kill('SIGKILL')
          // Something that it left behind may keep its output open.
          for (const stream of [child.stdout, child.stderr]) stream.destroy()
        }),
      )
    }
    const settle = (found: string | undefined): void => {
      for (const timer of timers) timer.clear()
      const why = problem ?? found
      if (why === undefined) return resolve(Buffer.concat(output).toString('utf8'))
      const said = stderr.trim()
      reject(faultAt(place, `the inventory program ${program} ${why}${said === '' ? '' : `; it says: ${said}`}`))
    }
    timers.push(clock.timer(timeoutMs, () => stop(`did not end within ${formatDuration(timeoutMs)}`)))
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= LARGEST_OUTPUT) output.push(chunk)
      else if (problem === undefined) stop(`printed more than ${LARGEST_OUTPUT / 1024 / 1024} MiB`)
    })
    child.stderr.setEncoding('utf8')
    child.stderr.on('data', (text: string) => {
      stderr = (stderr + text).slice(-MOST_STDERR)
    })
    child.once('error', (error: NodeJS.ErrnoException) =>
      settle(
        error.code === 'ENOENT'
          ? `was not found (looked for in ${cwd} and PATH)`
          : `cannot be run: ${messageOf(error)}`,
      ),
    )
    child.once('close', (code, signal) =>
      settle(signal !== null ? `was killed by ${signal}` : code === 0 ? undefined : `ended with status ${code}`),
    )
  })
}
