/** The built command line, and child processes of it: what a user runs, through real argv. */
import { execFileSync, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DIST = join(ROOT, 'dist')
const LOCK = join(ROOT, 'node_modules', '.xec-build.lock')

/** Longer than a build takes on a slow and busy machine: two builds at once would each take away the other's result. */
const ABANDONED_MS = 300_000

export const BIN = join(ROOT, 'bin', 'xec.js')

/** Builds when src is newer than dist. Safe under parallel workers: one builds, beside, and puts it in place whole. */
export function ensureBuilt(): void {
  const deadline = Date.now() + 2 * ABANDONED_MS
  for (;;) {
    if (isFresh()) return
    try {
      mkdirSync(LOCK)
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      // Left behind by a worker that was killed. It may have gone, or be taken over, at any moment.
      const since = statSync(LOCK, { throwIfNoEntry: false })?.mtimeMs
      if (since !== undefined && Date.now() - since > ABANDONED_MS) rmSync(LOCK, { recursive: true, force: true })
      if (Date.now() > deadline) throw new Error(`${LOCK} does not go away`)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
    }
  }
  try {
    if (isFresh()) return
    const beside = join(ROOT, 'node_modules', `.xec-dist-${process.pid}`)
    try {
      execFileSync(
        process.execPath,
        [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json', '--outDir', beside],
        { cwd: ROOT, stdio: 'pipe' },
      )
    } catch (error) {
      // A type error is the business of `npm run types`; what cannot be run at all is ours.
      if (!existsSync(join(beside, 'cli', 'main.js'))) throw error
    }
    rmSync(DIST, { recursive: true, force: true })
    renameSync(beside, DIST)
  } finally {
    rmSync(LOCK, { recursive: true, force: true })
  }
}

function isFresh(): boolean {
  const built = statSync(join(DIST, 'cli', 'main.js'), { throwIfNoEntry: false })?.mtimeMs
  if (built === undefined) return false
  return readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true }).every(
    (entry) => !entry.isFile() || statSync(join(entry.parentPath, entry.name)).mtimeMs <= built,
  )
}

export interface Ended {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Options {
  readonly env: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Default: nothing, closed at once. */
  readonly stdin?: string | Buffer
  /** A process that has not ended by itself after this is killed, and its signal is SIGKILL. Default 60 000. */
  readonly limitMs?: number
}

/** A child without a controlling terminal, so that nothing asks the person who runs the tests. */
export function start(argv: readonly string[], { env, cwd }: Options): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [BIN, ...argv], { env: { ...env }, cwd: cwd ?? env['HOME'], detached: true })
}

/** Runs xec to its end. */
export async function xec(argv: readonly string[], options: Options): Promise<Ended> {
  const child = start(argv, options)
  child.stdin.on('error', () => {}) // it may end before it has read everything
  child.stdin.end(options.stdin ?? '')
  return ended(child, options.limitMs)
}

export function ended(child: ChildProcessWithoutNullStreams, limitMs = 60_000): Promise<Ended> {
  const out: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] }
  child.stdout.on('data', (chunk: Buffer) => out.stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => out.stderr.push(chunk))
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status, signal) => {
      clearTimeout(timer)
      resolve({
        status,
        signal,
        stdout: Buffer.concat(out.stdout).toString('utf8'),
        stderr: Buffer.concat(out.stderr).toString('utf8'),
      })
    })
  })
}
