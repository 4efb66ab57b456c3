/** The ordinary user that the tests log in as when they run as root; one for the machine, made once. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'

export interface LoginUser {
  readonly name: string
  readonly home: string
  /** Known only when the tests run as root. */
  readonly password: string | null
}

const NAME = 'xectest'
const SECRET_FILE = '/run/xectest.password'
const LOCK = '/run/xectest.lock'

/**
 * As root: creates `xectest` (/bin/sh, an empty home, a random password kept in a 0600 file), idempotent and
 * safe under parallel workers. sshd refuses to signal the processes of root logins (OpenSSH up to 9.9), and a
 * person's own shell may read heavy rc files. As anyone else: that user, the only one sshd can log in.
 */
export function loginUser(): LoginUser {
  if (process.getuid?.() !== 0) {
    const me = userInfo()
    return { name: me.username, home: me.homedir, password: null }
  }
  mkdirSync('/run/sshd', { recursive: true })
  return withUserLock(() => {
    let home = homeOf(NAME)
    if (home === undefined) {
      execFileSync('useradd', ['--create-home', '--skel', '/nonexistent', '--shell', '/bin/sh', NAME], {
        stdio: 'pipe',
      })
      home = homeOf(NAME) ?? `/home/${NAME}`
    }
    let password = read(SECRET_FILE)?.trim()
    if (!password) {
      password = randomBytes(16).toString('hex')
      // Without a password the account counts as locked and sshd turns keys away too.
      execFileSync('chpasswd', [], { input: `${NAME}:${password}\n`, stdio: 'pipe' })
      writeFileSync(SECRET_FILE, password, { mode: 0o600 })
    }
    return { name: NAME, home, password }
  })
}

function homeOf(name: string): string | undefined {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find((fields) => fields[0] === name)?.[5]
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** mkdir is the lock: atomic, and a leftover one is taken over after ten seconds. */
export function withUserLock<T>(fn: () => T): T {
  const deadline = Date.now() + 10_000
  for (;;) {
    try {
      mkdirSync(LOCK)
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      if (Date.now() > deadline) break
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
    }
  }
  try {
    return fn()
  } finally {
    try {
      rmdirSync(LOCK)
    } catch {
      // Another worker took the leftover lock over and has removed it.
    }
  }
}
