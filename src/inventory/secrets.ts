/** Secrets that are kept elsewhere: each source is read once, before any host is dialled, and only when it is used. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { XecError } from '../errors.js'
import { Secret } from '../runtime/secret.js'
import type { SecretSource } from './inventory.js'

const run = promisify(execFile)
const COMMAND_TIMEOUT_MS = 30_000
const LARGEST_SECRET = 1_000_000

export class Secrets {
  readonly #known = new Map<string, Promise<Secret>>()

  constructor(private readonly env: Readonly<Record<string, string | undefined>>) {}

  /**
   * @param what `web1: password`, for messages
   * @throws XecError XEC_CONFIG that names the source, never the value
   */
  of(source: SecretSource, what: string): Promise<Secret> {
    if (source.kind === 'plain') return Promise.resolve(new Secret(source.value))
    const id = source.kind === 'env' ? `env ${source.name}` : `command ${JSON.stringify(source.argv)}`
    let secret = this.#known.get(id)
    if (!secret) this.#known.set(id, (secret = source.kind === 'env' ? this.#fromEnv(source.name, source.place, what) : fromCommand(source.argv, source.place, what)))
    return secret
  }

  async #fromEnv(name: string, place: string, what: string): Promise<Secret> {
    const value = this.env[name]
    if (value === undefined) throw new XecError('XEC_CONFIG', `${place}: ${what} is to come from the environment variable ${name}, which is not set`)
    return new Secret(value)
  }
}

/** Spawned without a shell, with an empty stdin. */
async function fromCommand(argv: readonly string[], place: string, what: string): Promise<Secret> {
  const [program = '', ...args] = argv
  try {
    const child = run(program, args, { timeout: COMMAND_TIMEOUT_MS, maxBuffer: LARGEST_SECRET, encoding: 'utf8' })
    child.child.stdin?.end()
    const { stdout } = await child
    return new Secret(stdout.replace(/\r?\n$/, ''))
  } catch (error) {
    // Not the error's message: it repeats the arguments and whatever the program printed.
    const { code, killed } = error as { code?: unknown; killed?: boolean }
    const problem = killed ? `did not answer within ${COMMAND_TIMEOUT_MS / 1_000} s` : code === 'ENOENT' ? 'was not found' : typeof code === 'number' ? `ended with status ${code}` : `failed (${String(code)})`
    throw new XecError('XEC_CONFIG', `${place}: ${what} is to come from the program ${program}, which ${problem}`)
  }
}
