/** The stage of the world tests: the built binary, a home of its own, an inventory, and what the server saw. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureBuilt, start, xec, type Ended, type Options } from '../cli/binary.js'
import { makePlace, type Place } from '../rig/place.js'
import { startSshd, type Sshd, type SshdOptions } from '../rig/sshd.js'

export interface Stage {
  readonly sshd: Sshd
  readonly place: Place
  /** A directory that the login user can write to; for oracles and gates. */
  readonly shared: string
  /** Writes xec.config.yaml: the way to the server as defaults, then this. */
  inventory(yaml: string): void
  /** Runs xec to its end. */
  run(argv: readonly string[], options?: Partial<Options>): Promise<Ended>
  start(argv: readonly string[], env?: Readonly<Record<string, string>>): ReturnType<typeof start>
  stop(): Promise<void>
}

export async function setStage(options: SshdOptions = {}): Promise<Stage> {
  ensureBuilt()
  const sshd = await startSshd(options)
  const place = makePlace()
  const shared = mkdtempSync(join(tmpdir(), 'xec-shared-'))
  chmodSync(shared, 0o777)
  return {
    sshd,
    place,
    shared,
    inventory(yaml) {
      writeFileSync(
        place.path('xec.config.yaml'),
        `defaults: { username: ${sshd.user}, port: ${sshd.port}, privateKey: ${sshd.privateKeyPath} }\n${yaml}\n`,
        { mode: 0o600 },
      )
    },
    run: (argv, more = {}) => xec(argv, { env: place.env, ...more }),
    start: (argv, env = place.env) => start(argv, { env, cwd: place.home }),
    async stop() {
      await sshd.stop()
      place.remove()
      rmSync(shared, { recursive: true, force: true })
    },
  }
}

/** `name: { host: 127.0.x.y }` for so many hosts, each an address of its own. */
export function hostsOf(prefix: string, count: number): string {
  return `hosts:\n${Array.from({ length: count }, (_, i) => `  ${prefix}${String(i + 1).padStart(3, '0')}: { host: ${addressOf(i)} }`).join('\n')}`
}

/** 127.3.0.1, 127.3.0.2, … */
export function addressOf(i: number): string {
  return `127.3.${Math.floor(i / 200)}.${(i % 200) + 1}`
}

export interface JsonReport {
  readonly ok: boolean
  readonly counts: Readonly<Record<string, number>>
  readonly hosts: readonly {
    readonly host: string
    readonly outcome: string
    readonly executed: string
    readonly exitCode: number | null
    readonly stdout: string
    readonly stderr: string
    readonly remoteProcess: string | null
    readonly error: { readonly code: string; readonly message: string } | null
  }[]
  readonly pool: Readonly<Record<string, number>>
}

export function report({ stdout }: Ended): JsonReport {
  return JSON.parse(stdout) as JsonReport
}

/** The lines of a file; none when it is not there. */
export function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
  } catch {
    return []
  }
}

/** Waits for something that another process brings about; the limit only ends a test that has failed. */
export async function until(what: string, there: () => boolean, limitMs = 60_000): Promise<void> {
  const deadline = Date.now() + limitMs
  while (!there()) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${limitMs / 1_000} s`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
