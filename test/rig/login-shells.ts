/** The login shells under which a command line of xec's must mean the same, as far as this machine has them. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withUserLock } from './login-user.js'

const SHELL_NAMES = ['sh', 'dash', 'bash', 'zsh', 'mksh', 'ash', 'fish', 'csh', 'tcsh'] as const
export type ShellName = (typeof SHELL_NAMES)[number]

export interface LoginShell {
  readonly name: ShellName
  readonly path: string
}

/** Where Debian keeps them; `csh` may be a link to tcsh, which is another shell. */
const PATHS: Readonly<Record<ShellName, readonly string[]>> = {
  sh: ['/bin/sh'],
  dash: ['/bin/dash'],
  bash: ['/bin/bash'],
  zsh: ['/bin/zsh'],
  mksh: ['/bin/mksh'],
  ash: ['/bin/busybox'],
  fish: ['/usr/bin/fish'],
  csh: ['/bin/bsd-csh'],
  tcsh: ['/bin/tcsh'],
}

/** busybox is a shell when it is called by the name of one. */
const ASH = join(tmpdir(), 'xectest-shells-ash', 'ash')

/**
 * The shells that are installed. The others are named in one line on stderr.
 * @throws Error when one is missing and XEC_REQUIRE_SHELLS=1
 */
export function loginShells(): LoginShell[] {
  const found = SHELL_NAMES.flatMap((name) => {
    const path = PATHS[name].find((each) => existsSync(each))
    return path === undefined ? [] : [{ name, path: name === 'ash' ? linked(path) : path }]
  })
  const missing = SHELL_NAMES.filter((name) => !found.some((each) => each.name === name))
  if (missing.length > 0) {
    const message = `${missing.join(', ')} not installed, so nothing is tried under such a login shell`
    if (process.env['XEC_REQUIRE_SHELLS'] === '1') throw new Error(message)
    process.stderr.write(`SKIPPED: ${message}\n`)
  }
  return found
}

function linked(busybox: string): string {
  withUserLock(() => {
    if (existsSync(ASH)) return
    execFileSync('mkdir', ['-p', '-m', '755', join(ASH, '..')])
    symlinkSync(busybox, ASH)
  })
  return ASH
}

/** As root: an ordinary user `xectest-NAME` with that login shell and an empty home. Idempotent. */
export function userOf({ name, path }: LoginShell): string {
  const user = `xectest-${name}`
  withUserLock(() => {
    if (readFileSync('/etc/passwd', 'utf8').includes(`\n${user}:`)) return
    // `*` is no password, and does not lock the account as `!` does.
    execFileSync('useradd', ['--create-home', '--skel', '/nonexistent', '--password', '*', '--shell', path, user], {
      stdio: 'pipe',
    })
  })
  return user
}

/** What sshd does with the line of an exec request: the user's shell with -c, SHELL in the environment. */
export function asLogin(
  { path }: LoginShell,
  line: string | Buffer,
  { input = '', env = {} }: { input?: string | Buffer; env?: Record<string, string> } = {},
): { status: number | null; signal: string | null; stdout: Buffer; stderr: string } {
  const options = {
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', SHELL: path, ...env },
    maxBuffer: 64 * 1024 * 1024,
    input,
  }
  const ran =
    typeof line === 'string'
      ? spawnSync(path, ['-c', line], options)
      : withFile(line, (file) =>
          // Node passes no bytes as an argument.
          spawnSync('/bin/sh', ['-c', 'l=$(cat "$2";echo x);exec "$1" -c "${l%x}"', 'sh', path, file], options),
        )
  return { status: ran.status, signal: ran.signal, stdout: ran.stdout, stderr: String(ran.stderr) }
}

function withFile<T>(content: Buffer, use: (file: string) => T): T {
  const dir = mkdtempSync(join(tmpdir(), 'xec-line-'))
  try {
    writeFileSync(join(dir, 'line'), content)
    return use(join(dir, 'line'))
  } finally {
    rmSync(dir, { recursive: true })
  }
}
