/** Secrets that are kept elsewhere: each source is read once, before any host is dialled, and only when it is used. */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Readable } from 'node:stream'
import { KILL_AFTER_MS } from '../adapter/kill.js'
import { XecError } from '../errors.js'
import { systemClock, type Clock, type Timer } from '../runtime/clock.js'
import { Secret } from '../runtime/secret.js'
import type { SecretSource } from './inventory.js'

const COMMAND_TIMEOUT_MS = 30_000
/** How long its output is waited for after its end. */
const EXIT_GRACE_MS = 500
const LARGEST_SECRET = 1_000_000

export class Secrets {
  readonly #known = new Map<string, Promise<Secret>>()

  constructor(
    private readonly env: Readonly<Record<string, string | undefined>>,
    private readonly clock: Clock = systemClock,
  ) {}

  /**
   * @param what `web1: password`, for messages
   * @throws XecError XEC_CONFIG that names the source, never the value
   */
  of(source: SecretSource, what: string): Promise<Secret> {
    if (source.kind === 'plain') return Promise.resolve(new Secret(source.value))
    const id = source.kind === 'env' ? `env ${source.name}` : `command ${JSON.stringify(source.argv)}`
    let secret = this.#known.get(id)
    if (!secret)
      this.#known.set(
        id,
        (secret =
          source.kind === 'env'
            ? this.#fromEnv(source.name, source.place, what)
            : fromCommand(source.argv, source.place, what, this.clock)),
      )
    return secret
  }

  async #fromEnv(name: string, place: string, what: string): Promise<Secret> {
    const value = this.env[name]
    if (value === undefined)
      throw new XecError(
        'XEC_CONFIG',
        `${place}: ${what} is to come from the environment variable ${name}, which is not set`,
      )
    return new Secret(value)
  }
}

/** Spawned without a shell, with an empty stdin; what it says on stderr is for the person, as with ssh's askpass. */
function fromCommand(argv: readonly string[], place: string, what: string, clock: Clock): Promise<Secret> {
  const [program = '', ...args] = argv
  // Never an error's own message: it may repeat the arguments.
  const bad = (problem: string): XecError =>
    new XecError('XEC_CONFIG', `${place}: ${what} is to come from the program ${program}, which ${problem}`)
  return new Promise((resolve, reject) => {
    const child = started(program, args)
    if (!child) return reject(bad('cannot be run'))
    const chunks: Buffer[] = []
    let length = 0
    let problem: string | null = null
    const timers: Timer[] = []
    const stop = (why: string): void => {
      problem ??= why
      child.kill('SIGTERM')
      timers.push(clock.timer(KILL_AFTER_MS, () => child.kill('SIGKILL')))
    }
    const settle = (found: string | null): void => {
      for (const timer of timers) timer.clear()
      child.stdout.destroy()
      const value = Buffer.concat(chunks)
        .toString('utf8')
        .replace(/\r?\n$/, '')
      const wrong = found ?? (value === '' ? 'printed nothing' : null)
      if (wrong === null) resolve(new Secret(value))
      else reject(bad(wrong))
    }
    const ended = (code: number | null, signal: string | null): void =>
      settle(problem ?? (signal !== null ? `was killed by ${signal}` : code !== 0 ? `ended with status ${code}` : null))
    timers.push(clock.timer(COMMAND_TIMEOUT_MS, () => stop(`did not answer within ${COMMAND_TIMEOUT_MS / 1_000} s`)))
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length <= LARGEST_SECRET) chunks.push(chunk)
      else if (problem === null) stop(`printed more than ${LARGEST_SECRET} bytes`)
    })
    child.once('error', (error: NodeJS.ErrnoException) =>
      settle(error.code === 'ENOENT' ? 'was not found' : `could not be run (${error.code ?? 'no reason given'})`),
    )
    // Something that it left behind may keep its output open.
    child.once('exit', (code, signal) => timers.push(clock.timer(EXIT_GRACE_MS, () => ended(code, signal))))
    child.once('close', ended)
  })
}

function started(program: string, args: readonly string[]): ChildProcessByStdio<null, Readable, null> | null {
  try {
    return spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  } catch {
    return null
  }
}
