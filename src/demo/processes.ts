/** The commands of the fleet as local processes: each in a process group of its own, so that it is stopped whole. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { statSync } from 'node:fs'
import { homedir } from 'node:os'

/** What a login would give a command (sshd(8), LOGIN PROCESS): nothing else of this process's environment, which may hold secrets. */
const INHERITED = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'TMPDIR', 'TZ', 'LANG', 'LC_ALL', 'LC_CTYPE']

export class Processes {
  readonly #running = new Map<ChildProcessWithoutNullStreams, Promise<void>>()
  /** Groups whose first process has ended and left others behind, e.g. by `&`. */
  readonly #leftBehind = new Set<number>()

  /** Commands whose own process has not ended. */
  get count(): number {
    return this.#running.size
  }

  /** `/bin/sh -c command`, as this user. What cannot be started says so by the child's `error`. */
  start(command: string, env: Readonly<Record<string, string>>): ChildProcessWithoutNullStreams {
    const inherited = INHERITED.flatMap((name) =>
      process.env[name] === undefined ? [] : [[name, process.env[name]] as const],
    )
    const child = spawn('/bin/sh', ['-c', command], {
      cwd: homeOrRoot(),
      env: { ...Object.fromEntries(inherited), ...env },
      detached: true,
      stdio: 'pipe',
    })
    this.#running.set(
      child,
      new Promise((resolve) => {
        const over = (): void => {
          this.#running.delete(child)
          // Asked now, while the number cannot belong to anybody else yet.
          if (signalGroup(child.pid, 0)) this.#leftBehind.add(child.pid as number)
          resolve()
        }
        child.once('exit', over)
        child.once('error', over)
      }),
    )
    return child
  }

  /** Everything that was started and is still there gets KILL. Synchronous, for the way out of the process. */
  killAll(): void {
    for (const { pid } of this.#running.keys()) signalGroup(pid, 'SIGKILL')
    for (const pid of this.#leftBehind) signalGroup(pid, 'SIGKILL')
    this.#leftBehind.clear()
  }

  /** Resolves when the processes of all commands have ended. */
  async ended(): Promise<void> {
    await Promise.all(this.#running.values())
  }
}

/** @returns false when there is no such group (any more) */
export function signalGroup(pid: number | undefined, signal: NodeJS.Signals | 0): boolean {
  if (pid === undefined) return false
  try {
    return process.kill(-pid, signal)
  } catch {
    return false
  }
}

function homeOrRoot(): string {
  try {
    const home = homedir()
    return statSync(home).isDirectory() ? home : '/'
  } catch {
    return '/'
  }
}
