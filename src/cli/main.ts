/** The command line: which command, its options, its exit status. Nothing that a `--help` does not need is loaded for it. */
import { readFileSync } from 'node:fs'
import { nearest } from '../runtime/nearest.js'
import type { CommandSpec } from './command.js'
import { COMMANDS } from './commands.js'
import { BROKEN_PIPE, errorStatus, UNREACHED, USAGE } from './exit-status.js'
import { processIo, type Io, type Output } from './io.js'
import { createNotices } from './notices.js'
import type { OptionValues } from './options.js'
import { usage } from './values.js'

/** Runs xec in this process and sets its exit status; the process ends when nothing is left to do. */
export async function start(argv: readonly string[]): Promise<void> {
  const io = processIo(argv)
  // A bug, here or in a library: still one line, still a status that no remote command is blamed for.
  process.once('uncaughtException', (error) => {
    createNotices(io, { verbose: argv.includes('-vv') ? 2 : 0 }).error(error)
    io.exit(UNREACHED)
  })
  process.exitCode = await main(io)
}

/** Runs one command line to its exit status. Never rejects. */
export async function main(io: Io): Promise<number> {
  const streams = [watch(io.stdout), watch(io.stderr)] as const
  let status: number
  let options: Pick<OptionValues, 'quiet' | 'verbose'> = {}
  try {
    status = await dispatch(io, (values) => {
      options = values
    })
  } catch (error) {
    createNotices(io, options).error(error)
    status = errorStatus(error)
  }
  for (const stream of streams) await stream.flushed()
  const [{ problem, gone }] = streams
  // Nobody saw all of it; a status that says more goes on saying it. What stderr lost was about the work, not the work.
  if (problem === undefined) return status === 0 && gone ? BROKEN_PIPE : status
  createNotices(io, options).error(usage(`cannot write the output: ${problem.message}`))
  return UNREACHED
}

async function dispatch(io: Io, heard: (options: OptionValues) => void): Promise<number> {
  const { argv } = io
  const [first, second] = argv
  if (first === undefined) {
    io.stderr.write(overview())
    return USAGE
  }
  if (first === '--version' || first === '-V') {
    io.stdout.write(`${version()}\n`)
    return 0
  }
  if (first === '--help' || first === '-h' || (first === 'help' && second === undefined)) {
    io.stdout.write(overview())
    return 0
  }
  // `xec pool --help` asks about the one command that begins so.
  const below =
    (second === '--help' || second === '-h') && !COMMANDS.some(({ name }) => name === first)
      ? COMMANDS.find(({ name }) => name.startsWith(`${first} `))
      : undefined
  const asksHelp = first === 'help' || below !== undefined
  const named = below?.name.split(' ') ?? (asksHelp ? argv.slice(1) : argv)
  const spec = specOf(named)
  const rest = named.slice(spec.name.split(' ').length)
  const { parseCommand } = await import('./parse.js')
  const parsed = parseCommand(spec, asksHelp ? ['--help'] : rest, io.env)
  if ('help' in parsed) {
    io.stdout.write(parsed.help)
    return 0
  }
  heard(parsed.options)
  const run = await spec.load()
  return run(io, parsed)
}

/** The command that argv begins with: one word, or two for `pool stats` and `runs show`. */
function specOf(argv: readonly string[]): CommandSpec {
  const [first = '', second] = argv
  const found =
    COMMANDS.find(({ name }) => name === `${first} ${second ?? ''}`) ?? COMMANDS.find(({ name }) => name === first)
  if (found) return found
  if (first.startsWith('-')) throw usage(`options stand behind the command, as in: xec run ${first} …; see xec --help`)
  const below = COMMANDS.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name)
  if (below.length > 0) {
    throw usage(
      `xec ${first} needs one more word: ${below.map((name) => name.slice(first.length + 1)).join(', ')}${second === undefined ? '' : `, not ${second}`}`,
    )
  }
  const near = nearest(
    first,
    COMMANDS.map(({ name }) => name),
  )
  throw usage(
    `${first} is no xec command; ${near === undefined ? `for one host: xec run ${first} <command...>; see xec --help` : `did you mean xec ${near}?`}`,
  )
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length))
  return `Usage: xec <command> [options]

Runs commands and scripts over SSH on one host or many, through one connection pool.

Commands:
${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n')}

Examples:
  xec demo                          # see it work: no server, key or config needed
  xec run deploy@web1.example.com uptime
  xec init && xec exec-all --all uptime

xec <command> --help tells about each; xec --version tells which xec this is.
`
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

interface Watched {
  /** Why output was lost; undefined while none was, and for a reader that went away. */
  readonly problem: Error | undefined
  /** True once the reader has gone away. */
  readonly gone: boolean
  /** Resolves when what was written has left this process, or cannot. */
  flushed(): Promise<void>
}

/** A reader that goes away (`| head`) is no error of ours; a full disk is one. */
function watch(stream: Output): Watched {
  let problem: Error | undefined
  let closed = false
  let gone = false
  stream.on('error', (error: NodeJS.ErrnoException) => {
    closed = true
    if (error.code === 'EPIPE') gone = true
    else problem ??= error
  })
  return {
    get problem() {
      return problem
    },
    get gone() {
      return gone
    },
    flushed: () =>
      new Promise((resolve) => {
        if (closed || stream.destroyed) return resolve()
        stream.once('error', () => resolve())
        stream.write('', () => resolve())
      }),
  }
}
