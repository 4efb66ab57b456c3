/** The table of docs/ssh-config.md is made from the code, and nothing that ssh knows is missing in it. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { KEYWORDS, readKeyword } from '../../src/openssh/keywords.js'
import { isInstalled } from '../openssh/programs.js'

const path = fileURLToPath(new URL('../../docs/ssh-config.md', import.meta.url))
const BEGIN = '<!-- The table is made by XEC_UPDATE_DOCS=1 npx vitest run test/docs/ssh-config.test.ts -->\n'
const END = '<!-- end of the table -->\n'

/** ssh_config(5) of OpenSSH 10, by hand: what the table must hold at least. */
const MANUAL =
  'Host Match AddKeysToAgent AddressFamily BatchMode BindAddress BindInterface CanonicalDomains CanonicalizeFallbackLocal ' +
  'CanonicalizeHostname CanonicalizeMaxDots CanonicalizePermittedCNAMEs CASignatureAlgorithms CertificateFile ChannelTimeout ' +
  'CheckHostIP Ciphers ClearAllForwardings Compression ConnectionAttempts ConnectTimeout ControlMaster ControlPath ControlPersist ' +
  'DynamicForward EnableEscapeCommandline EnableSSHKeysign EscapeChar ExitOnForwardFailure FingerprintHash ' +
  'ForkAfterAuthentication ForwardAgent ForwardX11 ForwardX11Timeout ForwardX11Trusted GatewayPorts GlobalKnownHostsFile ' +
  'GSSAPIAuthentication GSSAPIDelegateCredentials HashKnownHosts HostbasedAcceptedAlgorithms HostbasedAuthentication ' +
  'HostKeyAlgorithms HostKeyAlias HostName IdentitiesOnly IdentityAgent IdentityFile IgnoreUnknown Include IPQoS ' +
  'KbdInteractiveAuthentication KbdInteractiveDevices KexAlgorithms KnownHostsCommand LocalCommand LocalForward LogLevel ' +
  'LogVerbose MACs NoHostAuthenticationForLocalhost NumberOfPasswordPrompts ObscureKeystrokeTiming PasswordAuthentication ' +
  'PermitLocalCommand PermitRemoteOpen PKCS11Provider Port PreferredAuthentications ProxyCommand ProxyJump ProxyUseFdpass ' +
  'PubkeyAcceptedAlgorithms PubkeyAuthentication RefuseConnection RekeyLimit RemoteCommand RemoteForward RequestTTY ' +
  'RequiredRSASize RevokedHostKeys SecurityKeyProvider SendEnv ServerAliveCountMax ServerAliveInterval SessionType SetEnv ' +
  'StdinNull StreamLocalBindMask StreamLocalBindUnlink StrictHostKeyChecking SyslogFacility Tag TCPKeepAlive Tunnel ' +
  'TunnelDevice UpdateHostKeys User UserKnownHostsFile VerifyHostKeyDNS VersionAddendum VisualHostKey WarnWeakCrypto XAuthLocation'

function table(): string {
  const rows = KEYWORDS.map(({ keyword, aliases, effect, note }) => {
    const also = aliases.length > 0 ? ` (${aliases.map((alias) => `\`${alias}\``).join(', ')})` : ''
    return `| \`${keyword}\`${also} | ${effect} | ${note.replaceAll('|', '\\|')} |`
  })
  return ['| keyword | what becomes of it | notes |', '|---|---|---|', ...rows, ''].join('\n')
}

test('the table of docs/ssh-config.md is the one in the code', () => {
  const text = readFileSync(path, 'utf8')
  const [begin, end] = [text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)]
  expect([begin, end].every((at) => at > 0)).toBe(true)
  const fresh = `${text.slice(0, begin)}\n${table()}\n${text.slice(end)}`
  if (process.env['XEC_UPDATE_DOCS'] === '1') writeFileSync(path, fresh)
  expect(readFileSync(path, 'utf8'), 'renew it: XEC_UPDATE_DOCS=1 npx vitest run test/docs/ssh-config.test.ts').toBe(
    fresh,
  )
})

test('it holds each keyword of ssh_config(5) once', () => {
  expect([...KEYWORDS.map(({ keyword }) => keyword.toLowerCase())].sort()).toEqual(
    MANUAL.split(' ')
      .map((keyword) => keyword.toLowerCase())
      .sort(),
  )
})

test.skipIf(!isInstalled('ssh'))('no keyword that ssh -G prints is unknown', () => {
  const { stdout } = spawnSync('ssh', ['-G', '-F', 'none', 'host'], { encoding: 'utf8' })
  const printed = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[0]?.toLowerCase() ?? '')
    .filter((name) => name !== 'host')
  expect(printed.length).toBeGreaterThan(60)
  const known = (name: string): boolean => {
    try {
      return readKeyword(name, 'x').kind !== 'unknown'
    } catch {
      return true // It knows the keyword, and not this value.
    }
  }
  expect(printed.filter((name) => !known(name))).toEqual([])
})
