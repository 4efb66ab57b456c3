/** A real terminal: a tmux server of the test's own, with one window, typed into and looked at. */
import { execFileSync } from 'node:child_process'
import { requireProgram } from './require.js'

/** Where tmux is; undefined, with one loud line, where it is missing (XEC_REQUIRE_TMUX=1 makes that an error). */
export const tmuxProgram = requireProgram('tmux', 'XEC_REQUIRE_TMUX')

const POLL_MS = 50
/** A busy machine is slow, not wrong. */
const PATIENCE_MS = 60_000

let servers = 0

export class Tmux {
  readonly #socket = `xec-test-${process.pid}-${++servers}`

  /** Begins a shell in a window of `columns` × `rows`. */
  constructor(size: { readonly columns: number; readonly rows: number }, env: NodeJS.ProcessEnv, cwd: string) {
    const given = Object.entries({ ...env, PS1: '$ ', HISTFILE: '' }).flatMap(([name, value]) =>
      value === undefined ? [] : ['-e', `${name}=${value}`],
    )
    const shell = ['bash', '--norc', '--noprofile', '-i']
    const size_ = ['-x', String(size.columns), '-y', String(size.rows)]
    this.#run('-f', '/dev/null', 'new-session', '-d', ...size_, '-c', cwd, ...given, ...shell)
  }

  /** Presses keys, by tmux's names (`C-z`, `Enter`). */
  press(...keys: readonly string[]): void {
    this.#run('send-keys', ...keys)
  }

  /** Types a line and Enter. */
  type(line: string): void {
    this.#run('send-keys', '-l', line)
    this.press('Enter')
  }

  /** What the window shows, the scrollback before it, without trailing blanks. */
  get text(): string {
    return this.#run('capture-pane', '-p', '-S', '-').trimEnd()
  }

  /** Waits until the window shows something. @returns what it shows then */
  async until(shows: string | RegExp | ((text: string) => boolean)): Promise<string> {
    const holds = (text: string): boolean =>
      typeof shows === 'string' ? text.includes(shows) : shows instanceof RegExp ? shows.test(text) : shows(text)
    const deadline = Date.now() + PATIENCE_MS
    for (;;) {
      const { text } = this
      if (holds(text)) return text
      if (Date.now() > deadline) throw new Error(`the terminal never showed ${String(shows)}; it shows:\n${text}`)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  /** Ends the server, and with it all that runs in its window. */
  end(): void {
    try {
      this.#run('kill-server')
    } catch {
      // The shell in it has ended, and the server with it.
    }
  }

  #run(...args: string[]): string {
    return execFileSync(tmuxProgram ?? 'tmux', ['-L', this.#socket, ...args], { encoding: 'utf8' })
  }
}
