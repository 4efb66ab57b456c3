/**
 * Runs the programs of `Match exec`, as ssh does: by the user's shell, with nothing to read and nowhere to print but
 * stderr; exit status 0 is a match. Each command line is run once and remembered.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { messageOf, XecError } from '../errors.js'
import { systemClock, type Clock, type Timer } from '../runtime/clock.js'
import type { GivenOptions, MatchExec, SshAnswer, SshConfig } from './ssh-config.js'

/** ssh waits for ever; a forgotten question must not stop a run for ever. */
const TIMEOUT_MS = 30_000
const KILL_AFTER_MS = 1_000

export class MatchCommands {
  readonly #met = new Map<string, boolean>()

  constructor(
    private readonly env: Readonly<Record<string, string | undefined>>,
    private readonly clock: Clock = systemClock,
  ) {}

  /**
   * Asks ssh_config of a host, and runs what must be run for the answer.
   * @throws XecError XEC_CONFIG, also for a program that a signal ended or that does not end
   */
  async resolve(ssh: SshConfig, name: string, given: GivenOptions): Promise<SshAnswer> {
    // Each turn knows the answer of one more command, and a configuration has only so many.
    for (;;) {
      const answer = ssh.resolve(name, { ...given, met: this.#met })
      if (!answer.asks) return answer
      this.#met.set(answer.asks.command, (await this.#run(answer.asks)) === 0)
    }
  }

  #run({ command, where }: MatchExec): Promise<number> {
    const shell = userShell(this.env)
    const failed = (problem: string, cause?: unknown): XecError =>
      new XecError('XEC_CONFIG', `${where}: the command of Match exec ${problem}`, { cause })
    return new Promise((resolve, reject) => {
      let child: ChildProcess
      try {
        child = spawn(shell, ['-c', command], { stdio: ['ignore', 'ignore', 'inherit'] })
      } catch (error) {
        return reject(failed(`could not be run by ${shell}: ${messageOf(error)}`, error))
      }
      let late = false
      let timer: Timer = this.clock.timer(TIMEOUT_MS, () => {
        late = true
        child.kill('SIGTERM')
        timer = this.clock.timer(KILL_AFTER_MS, () => child.kill('SIGKILL'))
      })
      child.once('error', (error: NodeJS.ErrnoException) => {
        timer.clear()
        reject(
          failed(
            error.code === 'ENOENT' || error.code === 'EACCES'
              ? `is run by ${shell}, the shell of $SHELL, which cannot be run (${error.code})`
              : `could not be run: ${messageOf(error)}`,
            error,
          ),
        )
      })
      child.once('exit', (code, signal) => {
        timer.clear()
        if (late) reject(failed(`did not end within ${TIMEOUT_MS / 1_000}s`))
        else if (code === null) reject(failed(`was killed by ${signal ?? 'a signal'}`))
        else resolve(code)
      })
    })
  }
}

/** What runs a ProxyCommand and `Match exec`: `$SHELL`, else /bin/sh. */
export function userShell(env: Readonly<Record<string, string | undefined>>): string {
  return env['SHELL'] || '/bin/sh'
}
