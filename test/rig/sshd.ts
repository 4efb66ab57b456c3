/** Real OpenSSH servers for the tests: one process each, a random port, everything in a temp dir that `stop` removes. */
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { loginUser } from './login-user.js'

const SSHD = '/usr/sbin/sshd'

export type HostKeyType = 'ed25519' | 'rsa' | 'ecdsa'

export interface SshdOptions {
  /** sshd_config lines, in place of the rig's own. */
  readonly config?: readonly string[]
  /** Default: ed25519 only, because it is cheap. */
  readonly hostKeyTypes?: readonly HostKeyType[]
  /** Default 0.0.0.0, so that every 127.x.y.z is a host of its own; logins are allowed from loopback only. */
  readonly address?: string
  /** Default: a free one. */
  readonly port?: number
}

export interface Sshd {
  readonly port: number
  /** 127.0.0.1; with the default address every other 127.x.y.z answers as well. */
  readonly host: string
  readonly user: string
  readonly home: string
  /** The user's password, when the tests run as root; offer it with `config: ['PasswordAuthentication yes']`. */
  readonly password: string | null
  /** An unencrypted ed25519 key that logs `user` in. */
  readonly privateKeyPath: string
  /** `type base64` of the first host key, as known_hosts writes it. */
  readonly hostKeyPublic: string
  readonly hostKeysPublic: readonly string[]
  readonly dir: string
  readonly pid: number
  /** One pid for each TCP connection being served, also before authentication. */
  connections(): number[]
  /** The processes that speak the protocol once somebody is logged in (what `$PPID` is in a command): to stop or kill. */
  children(): number[]
  /** What the server said on stderr, LogLevel VERBOSE. */
  log(): string
  /** Ends the server, its sessions and what they started; removes the dir. Idempotent. */
  stop(): Promise<void>
}

const running = new Set<number>()
process.on('exit', () => {
  for (const pid of running) killTree(pid)
})

export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const user = loginUser()
  const dir = mkdtempSync(join(tmpdir(), 'xec-sshd-'))
  // The user's process reads authorized_keys, so it must be able to pass through; the keys stay 0600.
  chmodSync(dir, 0o711)
  const types = options.hostKeyTypes ?? ['ed25519']
  for (const type of types) keygen(join(dir, `host_${type}`), type)
  keygen(join(dir, 'user'), 'ed25519')
  writeFileSync(join(dir, 'authorized_keys'), readFileSync(join(dir, 'user.pub')), { mode: 0o644 })

  const attempts = options.port === undefined ? 5 : 1
  let failure = ''
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = options.port ?? (await freePort())
    const config = join(dir, 'sshd_config')
    const own = [
      `ListenAddress ${options.address ?? '0.0.0.0'}:${port}`,
      ...types.map((type) => `HostKey ${join(dir, `host_${type}`)}`),
      'PidFile none',
      `AllowUsers ${user.name}@127.0.0.0/8`,
      `AuthorizedKeysFile ${join(dir, 'authorized_keys')}`,
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'MaxSessions 10',
      'MaxStartups 1000',
      'LoginGraceTime 120',
      'UseDNS no',
      'PrintMotd no',
      'PrintLastLog no',
      'Subsystem sftp internal-sftp',
      'LogLevel VERBOSE',
      ...(sshdVersion() >= 9.8 ? ['PerSourcePenalties no'] : []),
    ]
    // Not left to "the first value counts": MaxStartups takes the last.
    const keyword = (line: string): string => line.trim().split(/\s/)[0]?.toLowerCase() ?? ''
    const theirs = new Set((options.config ?? []).map(keyword))
    writeFileSync(
      config,
      [...(options.config ?? []), ...own.filter((line) => !theirs.has(keyword(line))), ''].join('\n'),
    )

    // The absolute path is required: sshd runs itself again for every connection.
    const [command, ...args] = [...dieWithParent(), SSHD, '-D', '-e', '-f', config]
    const child = spawn(command ?? SSHD, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let log = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text))
    const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
    const pid = child.pid
    if (pid === undefined) throw new Error(`${SSHD} did not start`)
    running.add(pid)
    if (!(await answers(port, () => child.exitCode !== null))) {
      killTree(pid)
      await exited
      running.delete(pid)
      failure = log
      continue
    }
    const hostKeysPublic = types.map((type) => publicPart(join(dir, `host_${type}.pub`)))
    return {
      port,
      host: '127.0.0.1',
      user: user.name,
      home: user.home,
      password: user.password,
      dir,
      pid,
      privateKeyPath: join(dir, 'user'),
      hostKeyPublic: hostKeysPublic[0] ?? '',
      hostKeysPublic,
      connections: () => childrenOf(pid),
      children: () => {
        const all = processes()
        // No further down: between its fork and its exec a command's own process goes by the server's name, too.
        return childrenOf(pid, all).flatMap((connection) => childrenOf(connection, all).filter(isSshd))
      },
      log: () => log,
      async stop() {
        if (running.delete(pid)) killTree(pid)
        await exited
        rmSync(dir, { recursive: true, force: true })
      },
    }
  }
  rmSync(dir, { recursive: true, force: true })
  throw new Error(`sshd did not start: ${failure}`)
}

/** Whether this machine has a server; with XEC_REQUIRE_SSHD=1 (CI) a missing one is an error. */
export function requireSshd(): boolean {
  if (existsSync(SSHD)) return true
  if (process.env['XEC_REQUIRE_SSHD'] === '1') throw new Error(`${SSHD} is missing and XEC_REQUIRE_SSHD=1`)
  if (process.env['XEC_SSHD_WARNED'] !== '1') {
    process.env['XEC_SSHD_WARNED'] = '1'
    process.stderr.write(
      `\n!!! ${SSHD} is missing: every test on a real SSH server is SKIPPED (apt-get install openssh-server)\n\n`,
    )
  }
  return false
}

/** `describe` for tests that need a real server. */
export function describeWorld(name: string, fn: () => void): void {
  let present: boolean
  try {
    present = requireSshd()
  } catch (error) {
    describe(name, () =>
      test('finds sshd', () => {
        throw error
      }),
    )
    return
  }
  if (present) describe(name, fn)
  else describe.skip(name, fn)
}

/** Makes an OpenSSH key pair at `path` and `path.pub`. */
export function keygen(path: string, type: HostKeyType, passphrase = '', extra: readonly string[] = []): void {
  const bits = type === 'rsa' ? ['-b', '2048'] : []
  execFileSync('ssh-keygen', ['-q', '-t', type, ...bits, '-N', passphrase, '-C', 'test', '-f', path, ...extra], {
    stdio: 'pipe',
  })
}

function publicPart(path: string): string {
  return readFileSync(path, 'utf8').split(' ').slice(0, 2).join(' ').trim()
}

/** A worker that is killed runs no exit hook: the kernel ends its servers then (prctl(2), PR_SET_PDEATHSIG). */
function dieWithParent(): string[] {
  const setpriv = '/usr/bin/setpriv'
  return existsSync(setpriv) ? [setpriv, '--pdeathsig', 'KILL', '--'] : []
}

/** The installed OpenSSH; `sshd -V` is too new an option to rely on, and both print to stderr. */
function sshdVersion(): number {
  const text = execFileSync('/bin/sh', ['-c', 'ssh -V 2>&1']).toString()
  return Number(/OpenSSH_(\d+\.\d+)/.exec(text)?.[1] ?? 0)
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** Ready means that the ident line came; a bare connect would cost a penalty on newer servers. */
async function answers(port: number, gone: () => boolean): Promise<boolean> {
  const deadline = Date.now() + 10_000
  while (Date.now() < deadline && !gone()) {
    const said = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.setTimeout(5_000, () => socket.destroy())
      socket.once('data', (data) => {
        resolve(data.toString('latin1').startsWith('SSH-2.0'))
        socket.destroy()
      })
      socket.once('error', () => resolve(false))
      socket.once('close', () => resolve(false))
    })
    if (said) return true
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return false
}

function childrenOf(pid: number, all = processes()): number[] {
  return all.filter((entry) => entry.parent === pid).map((entry) => entry.pid)
}

function descendants(pid: number, all = processes()): number[] {
  return childrenOf(pid, all).flatMap((child) => [child, ...descendants(child, all)])
}

function isSshd(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('sshd')
  } catch {
    return false
  }
}

function processes(): { pid: number; parent: number }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        return [{ pid: Number(name), parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) }]
      } catch {
        return []
      }
    })
}

/** Ends a process and those that it started, found by parentage. */
export function killTree(pid: number): void {
  // Halted first, until a listing has nobody new: whoever forks between a listing and its end leaves a child that no later listing finds.
  const halted = new Set<number>()
  for (let fresh = [pid]; fresh.length > 0; fresh = [pid, ...descendants(pid)].filter((each) => !halted.has(each))) {
    for (const each of fresh) {
      halted.add(each)
      signal(each, 'SIGSTOP')
    }
  }
  for (const each of halted) signal(each, 'SIGKILL')
}

function signal(pid: number, name: 'SIGSTOP' | 'SIGKILL'): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended by itself.
  }
}
