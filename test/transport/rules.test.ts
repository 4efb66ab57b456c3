/** What ssh_config restricts, on real servers: algorithms, methods, addresses, revoked keys, variables. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Secret } from '../../src/runtime/secret.js'
import { Ssh2Transport } from '../../src/transport/ssh2.js'
import type { ConnectionRules, Credentials, HostKeyPolicy, Target } from '../../src/transport/transport.js'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, keygen, startSshd, type Sshd } from '../rig/sshd.js'
import { dial, errorOf, keyFile, makeTarget, quiet, run } from './fixture.js'

let place: Place
let count = 0
beforeAll(() => {
  place = makePlace()
})
afterAll(() => place.remove())

interface More {
  readonly credentials?: Partial<Credentials>
  readonly hostKeys?: Partial<HostKeyPolicy>
  readonly target?: Partial<Target>
}

const withRules = (server: Sshd, rules: ConnectionRules, { credentials, hostKeys, target }: More = {}): Target =>
  makeTarget(server, place.path(`known_hosts.${count++}`), {
    credentials: { keys: [keyFile(server.privateKeyPath)], ...credentials },
    hostKeys: { ...hostKeys },
    target: {
      rules,
      rulePlaces: Object.fromEntries(Object.keys(rules).map((option, i) => [option, `config:${i + 1}`])),
      ...target,
    },
  })

const answers = async (target: Target, command = 'echo in'): Promise<string> => {
  const link = await dial(target)
  const { stdout } = await run(link, command)
  link.end()
  await link.ended
  return stdout.trim()
}
const refusal = async (target: Target): Promise<string> => (await errorOf(dial(target))).message

describeWorld('old servers', () => {
  const old: Partial<Record<'kex' | 'cipher' | 'hostKey' | 'rsa', Sshd>> = {}
  beforeAll(async () => {
    old.kex = await startSshd({ config: ['KexAlgorithms diffie-hellman-group1-sha1,diffie-hellman-group14-sha1'] })
    old.cipher = await startSshd({ config: ['Ciphers aes128-cbc,3des-cbc', 'MACs hmac-sha1-96'] })
    old.hostKey = await startSshd({ hostKeyTypes: ['rsa'], config: ['HostKeyAlgorithms ssh-rsa'] })
  })
  afterAll(() => Promise.all(Object.values(old).map((server) => server.stop())))
  const server = (name: 'kex' | 'cipher' | 'hostKey'): Sshd => old[name] as Sshd

  test('are refused without a cure, with what they offer, what is allowed, and the cure', async () => {
    const said = await refusal(withRules(server('kex'), {}))
    expect(said).toContain(
      'no key exchange in common: the server offers diffie-hellman-group1-sha1, diffie-hellman-group14-sha1; xec allows curve25519-sha256',
    )
    expect(said).toContain('KexAlgorithms +diffie-hellman-group1-sha1 in ~/.ssh/config')
    expect(await refusal(withRules(server('cipher'), {}))).toContain(
      'no cipher in common: the server offers aes128-cbc, 3des-cbc; xec allows aes128-gcm@openssh.com',
    )
    expect(await refusal(withRules(server('hostKey'), {}))).toContain(
      'no host key algorithm in common: the server offers ssh-rsa; xec allows ssh-ed25519',
    )
    expect(await refusal(withRules(server('kex'), { kexAlgorithms: '^ecdh-sha2-nistp256' }))).toContain(
      'KexAlgorithms ^ecdh-sha2-nistp256 (config:1) allows ecdh-sha2-nistp256, ',
    )
  })

  test('are reached with it', async () => {
    expect(await answers(withRules(server('kex'), { kexAlgorithms: '+diffie-hellman-group1-sha1' }))).toBe('in')
    expect(await answers(withRules(server('kex'), { kexAlgorithms: 'diffie-hellman-group14-sha1' }))).toBe('in')
    expect(await answers(withRules(server('cipher'), { ciphers: '+aes128-cbc', macs: '+hmac-sha1-96' }))).toBe('in')
    expect(await answers(withRules(server('cipher'), { ciphers: '3des-cbc', macs: 'hmac-sha1-96' }))).toBe('in')
    expect(await refusal(withRules(server('cipher'), { ciphers: '+aes128-cbc' }))).toContain(
      'no MAC in common: the server offers hmac-sha1-96',
    )
  })

  test('SHA-1 signatures of host keys pass only where HostKeyAlgorithms says so, new and known', async () => {
    const target = withRules(server('hostKey'), { hostKeyAlgorithms: '+ssh-rsa' })
    expect(await answers(target)).toBe('in')
    expect(await answers({ ...target, hostKeys: { ...target.hostKeys, mode: 'strict' } })).toBe('in')
    expect(await answers(withRules(server('hostKey'), { hostKeyAlgorithms: 'ssh-*' }))).toBe('in')
  })

  test('a list of which nothing can be done names both lists, before anything is dialled', async () => {
    const error = await errorOf(dial(withRules(server('kex'), { macs: 'umac-64@openssh.com', ciphers: 'aes128-ctr' })))
    expect(error).toMatchObject({ code: 'XEC_CONFIG', verdict: 'final' })
    expect(error.message).toContain(
      'MACs umac-64@openssh.com (config:1) leaves umac-64@openssh.com, of which xec can do none; it can do hmac-sha2-256-etm@openssh.com',
    )
    expect(await refusal(withRules(server('kex'), { ciphers: '-*' }))).toContain('leaves nothing')
  })
})

describeWorld('keys and methods', () => {
  let sshd: Sshd
  beforeAll(async () => {
    sshd = await startSshd({
      hostKeyTypes: ['ed25519', 'rsa'],
      config: ['PasswordAuthentication yes', 'AcceptEnv XEC_*'],
    })
    for (const [name, bits] of [
      ['rsa1024', '1024'],
      ['rsa2048', '2048'],
    ] as const)
      execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-b', bits, '-N', '', '-f', place.path(name)])
    const keys = ['rsa1024', 'rsa2048'].map((name) => readFileSync(place.path(`${name}.pub`), 'utf8'))
    writeFileSync(`${sshd.dir}/authorized_keys`, keys.join(''), { flag: 'a' })
  })
  afterAll(() => sshd.stop())
  const password = (): Partial<Credentials> => ({ keys: [], password: new Secret(sshd.password ?? '') })
  const rsa = (name: string): Partial<Credentials> => ({ keys: [keyFile(place.path(name))] })

  test('a method that is turned off is not tried, and the error names the line', async () => {
    expect(await refusal(withRules(sshd, { pubkeyAuthentication: false }))).toContain(
      'keys because of PubkeyAuthentication no (config:1)',
    )
    expect(
      await refusal(
        withRules(
          sshd,
          { passwordAuthentication: false, kbdInteractiveAuthentication: false },
          { credentials: password() },
        ),
      ),
    ).toContain(
      'password because of PasswordAuthentication no (config:1); keyboard-interactive because of KbdInteractiveAuthentication no (config:2)',
    )
    expect(
      await refusal(withRules(sshd, { preferredAuthentications: ['publickey'] }, { credentials: password() })),
    ).toContain('password because of PreferredAuthentications publickey (config:1)')
    expect(await answers(withRules(sshd, { passwordAuthentication: false }))).toBe('in')
  })

  test.skipIf(process.getuid?.() !== 0)('PreferredAuthentications is the order, too', async () => {
    const both = { keys: [keyFile(sshd.privateKeyPath)], password: new Secret(sshd.password ?? '') }
    const before = sshd.log().length
    await answers(withRules(sshd, { preferredAuthentications: ['password', 'publickey'] }, { credentials: both }))
    expect(sshd.log().slice(before)).toContain('Accepted password')
  })

  test('a key whose algorithm is not accepted is not offered', async () => {
    expect(await refusal(withRules(sshd, { pubkeyAcceptedAlgorithms: '-ssh-ed25519' }))).toContain(
      'ssh-ed25519 is not among the algorithms of PubkeyAcceptedAlgorithms -ssh-ed25519 (config:1)',
    )
    for (const name of ['rsa-sha2-512', 'rsa-sha2-256']) {
      const before = sshd.log().length
      expect(await answers(withRules(sshd, { pubkeyAcceptedAlgorithms: name }, { credentials: rsa('rsa2048') }))).toBe(
        'in',
      )
      expect(sshd.log().slice(before)).toContain('Accepted publickey')
    }
  })

  test('RequiredRSASize holds for our keys and for theirs', async () => {
    const own = withRules(sshd, { requiredRSASize: 3072 }, { credentials: rsa('rsa2048') })
    expect(await refusal(own)).toContain('it has 2048 bits, and 3072 are the least (RequiredRSASize 3072 (config:1))')
    expect(await answers(withRules(sshd, { requiredRSASize: 2048 }, { credentials: rsa('rsa2048') }))).toBe('in')
    expect(await refusal(withRules(sshd, { requiredRSASize: 4096, hostKeyAlgorithms: 'rsa-sha2-512' }))).toMatch(
      /its host key ssh-rsa SHA256:\S+ has \d+ bits, and 4096 are the least/,
    )
  })

  test('BatchMode and NumberOfPasswordPrompts 0 ask nobody', async () => {
    const file = place.path('encrypted')
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'secret', '-f', file])
    let asked = 0
    const transport = new Ssh2Transport({
      ...quiet,
      prompt: () => Promise.resolve(asked++ > 10 ? null : 'wrong'),
      askPasswords: true,
    })
    for (const rules of [{ batchMode: true }, { numberOfPasswordPrompts: 0 }] satisfies ConnectionRules[]) {
      const error = await errorOf(
        dial(withRules(sshd, rules, { credentials: { keys: [keyFile(file)] } }), { transport }),
      )
      expect(error.message).toContain('is encrypted, and nobody is to be asked')
    }
    expect(
      (await errorOf(dial(withRules(sshd, { batchMode: true }, { hostKeys: { mode: 'ask' } }), { transport }))).message,
    ).toContain('there is no terminal to ask')
    expect(asked).toBe(0)
    await errorOf(dial(withRules(sshd, { numberOfPasswordPrompts: 2 }, { credentials: { keys: [] } }), { transport }))
    expect(asked).toBe(2)
  })

  test('SetEnv and SendEnv reach the session where the server accepts them', async () => {
    process.env['XEC_OWN'] = 'mine'
    process.env['XEC_KEPT'] = 'here'
    try {
      expect(
        await answers(
          withRules(sshd, { setEnv: ['XEC_SET=a b', 'XEC_SET=late'], sendEnv: ['XEC_KEP?', '-XEC_K*', 'XEC_O?N'] }),
          'echo "$XEC_SET,$XEC_OWN,$XEC_KEPT"',
        ),
      ).toBe('a b,mine,')
    } finally {
      delete process.env['XEC_OWN']
      delete process.env['XEC_KEPT']
    }
  })

  test('BindAddress, BindInterface and AddressFamily', async () => {
    const from = 'echo $SSH_CLIENT'
    expect(await answers(withRules(sshd, { bindAddress: '127.0.0.9' }), from)).toMatch(/^127\.0\.0\.9 /)
    expect(await answers(withRules(sshd, { bindInterface: 'lo' }), from)).toMatch(/^127\.0\.0\.1 /)
    expect(await answers(withRules(sshd, { addressFamily: 'inet' }, { target: { address: 'localhost' } }))).toBe('in')
    const inet6 = await errorOf(dial(withRules(sshd, { addressFamily: 'inet6' }, { target: { address: 'localhost' } })))
    expect(inet6).toMatchObject({ code: 'XEC_CONNECT' })
    const error = await errorOf(dial(withRules(sshd, { bindAddress: '192.0.2.1' })))
    expect(error).toMatchObject({ code: 'XEC_CONFIG', verdict: 'final' })
    expect(error.message).toContain('BindAddress 192.0.2.1 (config:1) is no address from which to connect there')
    expect(await refusal(withRules(sshd, { bindInterface: 'xec9' }))).toContain('is no interface of this machine')
  })

  test('RevokedHostKeys refuses: by a text file, by a key revocation list, and every key by a file that cannot be read', async () => {
    const [file, other] = [place.path('revoked'), place.path('other')]
    keygen(other, 'ed25519')
    const both = (): Promise<string> => refusal(withRules(sshd, { revokedHostKeys: file }))
    writeFileSync(file, `# note\n\n${sshd.hostKeyPublic} comment\n`)
    expect(await both()).toContain(`it is revoked in ${file} (RevokedHostKeys)`)
    writeFileSync(file, readFileSync(`${other}.pub`))
    expect(await answers(withRules(sshd, { revokedHostKeys: file }))).toBe('in')
    writeFileSync(place.path('theirs.pub'), `${sshd.hostKeyPublic}\n`)
    execFileSync('ssh-keygen', ['-q', '-k', '-f', file, place.path('theirs.pub')])
    expect(await both()).toContain('it is revoked')
    execFileSync('ssh-keygen', ['-q', '-k', '-f', file, `${other}.pub`])
    expect(await answers(withRules(sshd, { revokedHostKeys: file }))).toBe('in')
    writeFileSync(file, 'no key at all\n')
    expect(await both()).toContain('cannot be read, and so every key is refused: line 1 is not a public key')
    expect(await refusal(withRules(sshd, { revokedHostKeys: place.path('nothing') }))).toContain('ENOENT')
  })

  test('NoHostAuthenticationForLocalhost passes over known_hosts, and over nothing else', async () => {
    const wrong = place.path('wrong')
    keygen(place.path('k'), 'ed25519')
    writeFileSync(wrong, `[127.0.0.1]:${sshd.port} ${readFileSync(place.path('k.pub'), 'utf8')}`)
    const hostKeys = { userFiles: [wrong], mode: 'strict' as const }
    expect(await answers(withRules(sshd, { noHostAuthenticationForLocalhost: true }, { hostKeys }))).toBe('in')
    expect(readFileSync(wrong, 'utf8').split('\n')).toHaveLength(2)
    expect(await refusal(withRules(sshd, {}, { hostKeys }))).toContain('HOST KEY CHANGED')
    expect(
      await refusal(
        withRules(
          sshd,
          { noHostAuthenticationForLocalhost: true },
          { hostKeys: { ...hostKeys, alias: `[127.0.0.1]:${sshd.port}` } },
        ),
      ),
    ).toContain('HOST KEY CHANGED')
  })
})

describeWorld('a revoked authority', () => {
  let sshd: Sshd
  let authority: string
  beforeAll(async () => {
    sshd = await startSshd()
    const ca = place.path('ca')
    keygen(ca, 'ed25519')
    authority = readFileSync(`${ca}.pub`, 'utf8').split(' ').slice(0, 2).join(' ')
    execFileSync('ssh-keygen', ['-q', '-s', ca, '-I', 'x', '-h', '-n', '127.0.0.1', `${sshd.dir}/host_ed25519.pub`])
    const config = `${sshd.dir}/sshd_config`
    writeFileSync(config, `${readFileSync(config, 'utf8')}HostCertificate ${sshd.dir}/host_ed25519-cert.pub\n`)
    process.kill(sshd.pid, 'SIGHUP')
    for (;;) {
      const { stdout } = await execScan(sshd.port)
      if (stdout.includes('-cert-v01')) break
    }
  })
  afterAll(() => sshd.stop())

  test('@cert-authority and @revoked: a server that shows a certificate is refused, whatever else is known', async () => {
    const name = `[127.0.0.1]:${sshd.port}`
    const file = place.path('ca_known_hosts')
    writeFileSync(file, `@cert-authority ${name} ${authority}\n`)
    const hostKeys = { userFiles: [file] }
    expect(await answers(withRules(sshd, {}, { hostKeys }))).toBe('in')
    writeFileSync(file, `@cert-authority ${name} ${authority}\n@revoked * ${authority}\n`)
    expect(await refusal(withRules(sshd, {}, { hostKeys }))).toContain(`@revoked at ${file}:2`)
    writeFileSync(
      file,
      `@cert-authority ${name} ${authority}\n@revoked * ${authority}\n${name} ${sshd.hostKeyPublic}\n`,
    )
    expect(await refusal(withRules(sshd, {}, { hostKeys }))).toContain(`@revoked at ${file}:2`)
  })
})

async function execScan(port: number): Promise<{ stdout: string }> {
  const { promisify } = await import('node:util')
  const { execFile } = await import('node:child_process')
  return promisify(execFile)('ssh-keyscan', ['-c', '-p', String(port), '127.0.0.1']).catch(() => ({ stdout: '' }))
}
