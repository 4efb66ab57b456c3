import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ended } from '../cli/binary.js'
import { keygen } from '../rig/sshd.js'
import { describeWorld } from '../rig/sshd.js'
import { setStage, type Stage } from './stage.js'

/** Every command line of this machine while a flow runs; the hosts of the tests are this machine. */
function watchProcesses(): { seen: Set<string>; stop(): void } {
  const seen = new Set<string>()
  const look = (): void => {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        seen.add(readFileSync(`/proc/${pid}/cmdline`, 'latin1'))
      } catch {
        // It has ended.
      }
    }
  }
  const timer = setInterval(look, 10)
  return { seen, stop: () => clearInterval(timer) }
}

describeWorld('secrets', () => {
  let stage: Stage
  const canary = {
    password: `canary-password-${randomBytes(8).toString('hex')}`,
    passphrase: `canary-passphrase-${randomBytes(8).toString('hex')}`,
    token: `canary-token-${randomBytes(8).toString('hex')}`,
  }
  let keyBody: string
  let keyText: string
  beforeAll(async () => {
    stage = await setStage({ config: ['PasswordAuthentication yes'] })
    // The same key with a passphrase, so that the server knows it.
    const encrypted = stage.place.path('encrypted')
    copyFileSync(stage.sshd.privateKeyPath, encrypted)
    execFileSync('chmod', ['600', encrypted])
    execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', canary.passphrase, '-f', encrypted])
    keygen(stage.place.path('stranger'), 'ed25519')
    keyText = readFileSync(stage.sshd.privateKeyPath, 'utf8')
    keyBody = keyText.split('\n')[2] ?? ''
    expect(keyBody.length).toBeGreaterThan(40)
    writeFileSync(stage.place.path('secret-token'), canary.token)
    stage.inventory(`
hosts:
  phrase: { host: 127.0.0.1, privateKey: ${encrypted}, passphrase: { env: PHRASE }, env: { TOKEN: { command: [cat, ${stage.place.path('secret-token')}] } } }
  text: { host: 127.0.0.2, privateKey: { command: [cat, ${stage.sshd.privateKeyPath}] }, env: { TOKEN: { env: TOKEN } } }
  wrong: { host: 127.0.0.3, privateKey: ${stage.place.path('stranger')}, password: { env: PASSWORD }, identityAgent: none }
  plain: { host: 127.0.0.4, privateKey: ${encrypted}, passphrase: ${canary.passphrase} }
pool: { maxReconnectAttempts: 0 }`)
  })
  afterAll(() => stage.stop())

  const env = (): Record<string, string> => ({
    ...stage.place.env,
    PHRASE: canary.passphrase,
    PASSWORD: canary.password,
    TOKEN: canary.token,
  })
  const flows: readonly (readonly [name: string, argv: readonly string[], status: number])[] = [
    ['ok', ['exec-all', '-w', 'phrase,text,plain', '-v', 'test ${#TOKEN} -gt 20 || test -z "$TOKEN"; sleep 0.1'], 0],
    ['failing', ['exec-all', '-w', 'phrase,text', '-vv', 'exit 3'], 1],
    ['an authentication that fails', ['exec-all', '-w', 'wrong', '-vv', 'id'], 255],
    ['timeout', ['exec-all', '-w', 'phrase,text', '--timeout', '300ms', '-v', 'sleep 20.3'], 1],
    ['json', ['exec-all', '--all', '--json', 'sleep 0.1'], 255],
    ['run', ['run', 'text', '-v', '--metrics', 'sleep 0.1'], 0],
    ['a forwarded variable', ['run', 'text', '-e', 'TOKEN', 'sleep 0.2'], 0],
    ['a script', ['run', 'text', '--script', 'script.sh', 'an-argument'], 0],
    ['ping', ['ping', '-v'], 255],
    ['hosts', ['hosts', '--json'], 0],
    ['dry run', ['exec-all', '--all', '--dry-run', 'id'], 0],
    ['dry run, json', ['exec-all', '--all', '--dry-run', '--json', 'id'], 0],
    ['pool stats', ['pool', 'stats', '--json'], 0],
  ]

  test.each(flows)('%s: in no output and no command line', async (_, argv, status) => {
    writeFileSync(stage.place.path('script.sh'), 'sleep 0.1\n')
    const watch = watchProcesses()
    const end = await ended(startWith(argv))
    watch.stop()
    expect({ status: end.status, stderr: status === end.status ? '' : end.stderr }).toEqual({ status, stderr: '' })
    const haystacks = [end.stdout, end.stderr, ...watch.seen]
    for (const needle of [...Object.values(canary), keyBody]) {
      // The host's own words may have it, but none of these commands prints it.
      expect(haystacks.filter((text) => text.includes(needle))).toEqual([])
    }
    expect([...watch.seen].some((line) => line.includes(argv[0] ?? ''))).toBe(true)
  })

  test('and in no file that was written meanwhile', () => {
    const state = stage.place.path('.state')
    const written = readdirSync(state, { recursive: true, encoding: 'utf8' })
      .map((name) => join(state, name))
      .filter((path) => statSync(path).isFile())
    expect(written.length).toBeGreaterThan(5)
    for (const path of written) {
      const text = readFileSync(path, 'utf8')
      expect(statSync(path).mode & 0o777).toBe(0o600)
      // The command stands in the record of its run and nowhere else.
      const command = path.includes('/history/') ? [] : ['sleep 0.1', 'an-argument']
      for (const needle of [...Object.values(canary), keyBody, ...command])
        expect(text.includes(needle), `${path} holds ${needle.slice(0, 12)}…`).toBe(false)
    }
  })

  const startWith = (argv: readonly string[]): ReturnType<Stage['start']> => stage.start(argv, env())
})
