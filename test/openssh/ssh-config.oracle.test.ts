/**
 * `ssh -G` as the oracle: every honoured keyword that it prints, on configurations made of chance.
 * What may differ, and why:
 * - StrictHostKeyChecking `no` and `off` are read as accept-new (warned of);
 * - an IdentityFile of `none` is left out of the list, where ssh keeps it and passes over it;
 * - the ~ of RevokedHostKeys is expanded here, and by ssh only after -G;
 * - RefuseConnection and the tokens of RevokedHostKeys are newer than the ssh here, and are not generated;
 * - names of algorithms that only others know are accepted, and are not generated;
 * - `Match exec`, ProxyCommand and Include have tests of their own.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { expandAlgorithms, type AlgorithmKind } from '../../src/openssh/algorithm-list.js'
import type { SshHostOptions } from '../../src/openssh/host-options.js'
import { loadSshConfig } from '../../src/openssh/ssh-config-load.js'
import { cases, oracleSeed } from '../support/scale.js'
import { isInstalled } from './programs.js'

type Printed = ReadonlyMap<string, readonly string[]>

const dir = mkdtempSync(join(tmpdir(), 'xec-ssh-oracle-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const { homedir: home, username } = userInfo()

function askSsh(file: string, host: string): Printed | null {
  const { status, stdout } = spawnSync('ssh', ['-G', '-F', file, host], { encoding: 'utf8' })
  if (status !== 0) return null
  const printed = new Map<string, string[]>()
  for (const line of stdout.trim().split('\n')) {
    const at = line.indexOf(' ')
    const key = line.slice(0, at)
    printed.set(key, [...(printed.get(key) ?? []), line.slice(at + 1)])
  }
  return printed
}

/** What ssh -Q lists: the names that its wildcards stand for, in its own order. */
function known(query: string): readonly string[] {
  let found = queried.get(query)
  if (!found) {
    found = spawnSync('ssh', ['-Q', query], { encoding: 'utf8' }).stdout.trim().split('\n')
    queried.set(query, found)
  }
  return found
}
const queried = new Map<string, readonly string[]>()

const LISTS: Readonly<Record<AlgorithmKind, readonly [key: string, query: string]>> = {
  kexAlgorithms: ['kexalgorithms', 'kex'],
  ciphers: ['ciphers', 'cipher'],
  macs: ['macs', 'mac'],
  hostKeyAlgorithms: ['hostkeyalgorithms', 'HostKeyAlgorithms'],
  pubkeyAcceptedAlgorithms: ['pubkeyacceptedalgorithms', 'PubkeyAcceptedAlgorithms'],
  caSignatureAlgorithms: ['casignaturealgorithms', 'key-sig'],
}

const yesNo = (value: boolean | undefined, otherwise: string): string =>
  value === undefined ? otherwise : value ? 'yes' : 'no'

/** The resolver's answer in the words of ssh -G, with ssh's own defaults where nothing is said. */
function inWordsOfSsh(options: SshHostOptions, host: string, defaults: Printed): Record<string, unknown> {
  const one = (key: string): string => defaults.get(key)?.[0] ?? ''
  const algorithms = Object.fromEntries(
    Object.entries(LISTS).map(([option, [key, query]]) => [
      key,
      expandAlgorithms(options[option as AlgorithmKind], one(key).split(','), known(query)).join(','),
    ]),
  )
  const files = (list: readonly string[] | undefined, key: string): string =>
    list === undefined ? one(key) : list.join(' ') || 'none'
  return {
    ...algorithms,
    hostname: options.hostName ?? host,
    user: options.user ?? username,
    port: String(options.port ?? 22),
    addressfamily: options.addressFamily ?? 'any',
    batchmode: yesNo(options.batchMode, 'no'),
    bindaddress: options.bindAddress,
    bindinterface: options.bindInterface,
    connectionattempts: String(options.connectionAttempts ?? 1),
    connecttimeout: options.connectTimeoutMs === undefined ? 'none' : String(options.connectTimeoutMs / 1_000),
    globalknownhostsfile: files(options.globalKnownHostsFiles, 'globalknownhostsfile'),
    hostbasedauthentication: yesNo(options.hostbasedAuthentication, 'no'),
    hostkeyalias: options.hostKeyAlias,
    identitiesonly: yesNo(options.identitiesOnly, 'no'),
    identityagent: options.identityAgent,
    identityfile: [...(options.identityFiles ?? defaults.get('identityfile') ?? [])].map((path) =>
      path.replace(/^~\//, `${home}/`),
    ),
    kbdinteractiveauthentication: yesNo(options.kbdInteractiveAuthentication, 'yes'),
    nohostauthenticationforlocalhost: yesNo(options.noHostAuthenticationForLocalhost, 'no'),
    numberofpasswordprompts: String(options.numberOfPasswordPrompts ?? 3),
    passwordauthentication: yesNo(options.passwordAuthentication, 'yes'),
    preferredauthentications: options.preferredAuthentications?.join(','),
    proxyjump: options.proxyJump === 'none' ? undefined : options.proxyJump,
    pubkeyauthentication: String(options.pubkeyAuthentication ?? true),
    remotecommand: options.remoteCommand === 'none' ? undefined : options.remoteCommand,
    requesttty:
      options.requestTTY === 'yes' ? 'true' : options.requestTTY === 'no' ? 'false' : (options.requestTTY ?? 'auto'),
    requiredrsasize: String(options.requiredRSASize ?? 1_024),
    revokedhostkeys: options.revokedHostKeys === 'none' ? undefined : options.revokedHostKeys,
    sendenv: sent(options.sendEnv ?? []),
    // Debian's ssh sets another default with BatchMode.
    serveraliveinterval: String((options.serverAliveIntervalMs ?? (options.batchMode ? 300_000 : 0)) / 1_000),
    serveralivecountmax: String(options.serverAliveCountMax ?? 3),
    sessiontype: options.sessionType ?? 'default',
    setenv: firstOfEach(options.setEnv ?? []),
    stdinnull: yesNo(options.stdinNull, 'no'),
    stricthostkeychecking: { strict: 'true', 'accept-new': 'accept-new', ask: 'ask' }[
      options.strictHostKeyChecking ?? 'ask'
    ],
    userknownhostsfile: files(options.userKnownHostsFiles, 'userknownhostsfile'),
  }
}

function sent(patterns: readonly string[]): string[] {
  let kept: string[] = []
  for (const pattern of patterns) {
    if (!pattern.startsWith('-')) kept.push(pattern)
    else kept = kept.filter((name) => name !== pattern.slice(1))
  }
  return kept
}

function firstOfEach(assignments: readonly string[]): string[] {
  const name = (text: string): string => text.split('=')[0] ?? ''
  return assignments.filter((text, i) => assignments.findIndex((other) => name(other) === name(text)) === i)
}

/** A small generator of its own, so that a seed means the same for ever (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

const FLAG = ['yes', 'no', 'true', 'FALSE', 'maybe']
const VALUES: Readonly<Record<string, readonly string[]>> = {
  HostName: ['%h.lan', '10.1.2.3', 'other'],
  User: ['ops', '"a b"'],
  Port: ['22', '2200', '0'],
  IdentityFile: ['/i', '~/k', 'none'],
  IdentitiesOnly: FLAG,
  IdentityAgent: ['none', '/run/agent', 'SSH_AUTH_SOCK'],
  ProxyJump: ['j', 'u@k:22,l', 'none'],
  UserKnownHostsFile: ['/u /v', 'none', '/%n-%p'],
  GlobalKnownHostsFile: ['/g', 'none'],
  StrictHostKeyChecking: ['yes', 'ask', 'accept-new', 'x'],
  HostKeyAlias: ['alias', 'Alias'],
  RevokedHostKeys: ['/r', 'none'],
  NoHostAuthenticationForLocalhost: FLAG,
  ConnectTimeout: ['3', '1m', 'none', 'x'],
  ConnectionAttempts: ['1', '4', 'x'],
  AddressFamily: ['any', 'inet', 'INET6', 'inet4'],
  BindAddress: ['127.0.0.1'],
  BindInterface: ['lo'],
  ServerAliveInterval: ['0', '15', '1m'],
  ServerAliveCountMax: ['2', 'x'],
  KexAlgorithms: ['+diffie-hellman-group1-sha1', '-ecdh*', '^ecdh-sha2-nistp521', 'curve25519-sha256', 'nope', 'ecdh*'],
  Ciphers: ['+aes128-cbc,aes256-cbc', '-*gcm*,chacha*', '^aes256-ctr', 'aes128-ctr,aes192-ctr', '+', '-nope'],
  MACs: ['+hmac-md5', '-*etm*', '^hmac-sha2-512', 'hmac-sha1', 'hmac-x'],
  HostKeyAlgorithms: ['+ssh-rsa', '+ssh-*', '-*cert*', '^rsa-sha2-256', 'ssh-ed25519', 'nope*'],
  PubkeyAcceptedAlgorithms: ['+ssh-rsa', '-ecdsa*', '^ssh-ed25519', 'rsa-sha2-512', 'x'],
  PubkeyAcceptedKeyTypes: ['+ssh-dss'],
  CASignatureAlgorithms: ['-rsa*', 'ssh-ed25519', '^rsa-sha2-512'],
  RequiredRSASize: ['2048', '0x10'],
  PubkeyAuthentication: ['yes', 'no', 'true'],
  PasswordAuthentication: FLAG,
  KbdInteractiveAuthentication: FLAG,
  ChallengeResponseAuthentication: ['no'],
  HostbasedAuthentication: ['no', 'x'],
  PreferredAuthentications: ['publickey', 'password,publickey', 'a b'],
  NumberOfPasswordPrompts: ['0', '2', 'x'],
  BatchMode: FLAG,
  SendEnv: ['LANG LC_*', 'XEC_?', '-LANG', 'A='],
  SetEnv: ['A=1 B="2 3"', 'A=2', 'C=x A=y', 'D'],
  RemoteCommand: ['none', 'echo "a  b" # c'],
  RequestTTY: ['yes', 'no', 'force', 'auto', 'x'],
  SessionType: ['default', 'none', 'subsystem', 'x'],
  StdinNull: ['yes', 'no', '1'],
  Compression: ['yes'],
  LogLevel: ['ERROR'],
}

function makeConfig(random: () => number): string {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const keywords = Object.keys(VALUES)
  const lines = Array.from({ length: 2 + Math.floor(random() * 14) }, () => {
    if (random() < 0.15) return pick(['Host a', 'Host b', 'Host * !b', 'Host ?', 'Match all', 'Match originalhost a'])
    const keyword = pick(keywords)
    const values = VALUES[keyword] ?? []
    // Bad values end a configuration at once, so that most are good.
    const good = values.filter((value) => !/^(x|maybe|nope\*?|0x10|inet4|1|D|A=|\+|a b|hmac-x|ecdh\*)$/.test(value))
    const value = random() < 0.02 || good.length === 0 ? pick(values) : pick(good)
    return ` ${random() < 0.1 ? keyword.toUpperCase() : keyword}${pick([' ', '=', '\t'])}${value}`
  })
  return lines.join('\n')
}

describe.skipIf(!isInstalled('ssh'))('ssh -G and the resolver', () => {
  test('agree on every honoured keyword', { timeout: 1_800_000 }, async () => {
    const random = randomOf(oracleSeed('ssh -G'))
    const empty = join(dir, 'empty')
    writeFileSync(empty, '')
    const defaults = askSsh(empty, 'a')
    if (!defaults) throw new Error('ssh -G refuses an empty file')
    let refused = 0
    for (let i = 0; i < cases(500); i++) {
      const text = makeConfig(random)
      const file = join(dir, 'config')
      writeFileSync(file, text)
      const host = random() < 0.7 ? 'a' : 'b'
      const said = askSsh(file, host)
      let mine: Record<string, unknown> | null
      try {
        const { options } = (await loadSshConfig({ home, env: process.env, file })).resolve(host)
        mine = inWordsOfSsh(options, host, defaults)
      } catch (error) {
        expect(error, text).toMatchObject({ code: 'XEC_CONFIG' })
        mine = null
      }
      if (!said || !mine) {
        refused++
        expect({ text, refused: mine === null }).toEqual({ text, refused: said === null })
        continue
      }
      const theirs = Object.fromEntries(
        Object.keys(mine).map((key) => {
          const values = said.get(key)
          if (key === 'identityfile')
            return [
              key,
              (values ?? []).filter((path) => path !== 'none').map((path) => path.replace(/^~\//, `${home}/`)),
            ]
          return [key, key === 'sendenv' || key === 'setenv' ? (values ?? []) : values?.[0]]
        }),
      )
      expect(mine, `${host} in:\n${text}`).toEqual(theirs)
    }
    expect(refused).toBeLessThan(cases(500) / 2)
  })
})
