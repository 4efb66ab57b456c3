/**
 * What `$.ssh` takes, as a target for dialling. Reads no file: keys are read when the host is dialled.
 * Credentials, known_hosts and user default as OpenSSH's do; ssh_config is not consulted.
 */
import { isIP } from 'node:net'
import { homedir } from 'node:os'
import { messageOf, XecError } from '../errors.js'
import { addressFault, parseMention } from '../inventory/outside.js'
import { DEFAULT_CONNECT_TIMEOUT_MS, HOST_KEY_CHECKING, type SshHostOptions } from '../openssh/host-options.js'
import { readOption } from '../openssh/keywords.js'
import { defaultIdentityFiles } from '../openssh/identity.js'
import { keyGivenAs, tornKey } from '../openssh/key-format.js'
import { userShell } from '../openssh/match-exec.js'
import { expandForShell, PROXY_COMMAND_TOKENS } from '../openssh/shell-tokens.js'
import { DEFAULT_GLOBAL_KNOWN_HOSTS, defaultUserKnownHosts } from '../openssh/known-hosts-file.js'
import {
  checkPoolOption,
  POOL_OPTIONS,
  type Given,
  type HostPoolOptions,
  type PoolOptionName,
  meantPoolOption,
  poolOptionValue,
} from '../pool/options.js'
import type { PoolTarget } from '../pool/types.js'
import { parseDuration } from '../runtime/duration.js'
import { expandTilde } from '../runtime/home.js'
import { localUser } from '../runtime/local-user.js'
import { nearest } from '../runtime/nearest.js'
import { Secret } from '../runtime/secret.js'
import {
  CONNECTION_RULES,
  type ConnectionRules,
  type Credentials,
  type HostKeyPolicy,
  type KeySource,
  type ProxyCommand,
} from '../transport/transport.js'
import { bool, elsewhere, env, object, secret, shown, text, texts, type Checks } from './check.js'

export type RuleKeys = {
  readonly [K in (typeof CONNECTION_RULES)[number]]?:
    SshHostOptions[K] | (SshHostOptions[K] extends readonly string[] | undefined ? string : never) | undefined
}

/** A host's keys, as in the inventory; `undefined` is the same as absent. Names from ssh_config are in camelCase. */
export interface HostKeys extends RuleKeys {
  readonly host: string
  /** Default 22. */
  readonly port?: number | undefined
  /** Default: the local user's name. */
  readonly username?: string | undefined
  /** The same as `username`. */
  readonly user?: string | undefined
  /** A path (`~` is the home directory), the key's text, or its bytes; a Secret is a text. Default: OpenSSH's identity files. */
  readonly privateKey?: string | Uint8Array | Secret | undefined
  readonly passphrase?: string | Secret | undefined
  readonly password?: string | Secret | undefined
  /** Path of an agent's socket, or `none`. Default: SSH_AUTH_SOCK. */
  readonly identityAgent?: string | undefined
  /** Offer only agent keys that belong to `privateKey`. Default false. */
  readonly identitiesOnly?: boolean | undefined
  /** `'user@hop:port,nexthop'`, or one hop as a target with its own keys. */
  readonly proxyJump?: SshTarget | undefined
  /** A program that makes the connection, with ssh's tokens `%h %n %p %r`; `none`. Never beside `proxyJump`. */
  readonly proxyCommand?: string | undefined
  readonly hostKeyAlias?: string | undefined
  /** Default `accept-new`; `no` is read as that, `yes` is `strict`. */
  readonly strictHostKeyChecking?: boolean | 'strict' | 'yes' | 'no' | 'ask' | 'accept-new' | 'off' | undefined
  /** One path or several; new keys go to the first. Default: `~/.ssh/known_hosts`, `~/.ssh/known_hosts2`. */
  readonly userKnownHostsFile?: string | readonly string[] | undefined
  readonly globalKnownHostsFile?: string | readonly string[] | undefined
  /** One dial: ms, or a text such as `'15s'`. Default 15 s. */
  readonly connectTimeout?: number | string | undefined
  /** Silence before a ping: ms, or a text such as `'30s'`; 0 for none. Default: `keepAliveInterval` of the pool. */
  readonly serverAliveInterval?: number | string | undefined
  readonly serverAliveCountMax?: number | undefined
  /** For every command on the host. */
  readonly env?: Readonly<Record<string, string | Secret>> | undefined
  /** This host's own limits. */
  readonly pool?: Given<HostPoolOptions> | undefined
}

export type SshTarget = string | HostKeys

const KEYS: Checks<HostKeys> = {
  host: elsewhere,
  port: elsewhere,
  username: elsewhere,
  user: elsewhere,
  privateKey: elsewhere,
  passphrase: secret,
  password: secret,
  identityAgent: text,
  identitiesOnly: bool,
  proxyJump: elsewhere,
  proxyCommand: text,
  hostKeyAlias: text,
  strictHostKeyChecking: elsewhere,
  userKnownHostsFile: texts,
  globalKnownHostsFile: texts,
  connectTimeout: elsewhere,
  serverAliveInterval: elsewhere,
  serverAliveCountMax: elsewhere,
  env,
  pool: object,
  ...(Object.fromEntries(CONNECTION_RULES.map((option) => [option, elsewhere])) as Checks<RuleKeys>),
}

/** What other libraries call a key, and what it is here. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  hostname: 'host',
  hostName: 'host',
  address: 'host',
  login: 'username',
  userName: 'username',
  identity: 'privateKey',
  identityFile: 'privateKey',
  privateKeyPath: 'privateKey',
  key: 'privateKey',
  keyPath: 'privateKey',
  agent: 'identityAgent',
  jump: 'proxyJump',
  jumpHost: 'proxyJump',
  proxy: 'proxyJump',
  readyTimeout: 'connectTimeout',
  timeout: 'connectTimeout',
  keepaliveInterval: 'serverAliveInterval',
  keepAliveInterval: 'serverAliveInterval',
  keepaliveCountMax: 'serverAliveCountMax',
  keepAliveCountMax: 'serverAliveCountMax',
  knownHosts: 'userKnownHostsFile',
  connectionPool: 'pool',
}

/** @throws XecError XEC_CONFIG that says what would be right */
export function resolveTarget(given: SshTarget): {
  readonly target: PoolTarget
  readonly env: Readonly<Record<string, string | Secret>> | undefined
} {
  const keys: HostKeys = typeof given === 'string' ? parseAddress(given) : given
  if (typeof keys !== 'object' || keys === null)
    throw wrong("a target is a text like 'user@host:port' or an object with a host")
  for (const [name, value] of Object.entries(keys)) {
    if (Object.hasOwn(KEYS, name)) {
      const problem = value === undefined ? undefined : KEYS[name as keyof HostKeys](value)
      if (problem !== undefined) throw wrong(`${describe(keys)}: ${name} ${problem}`)
      continue
    }
    const meant = (Object.hasOwn(OTHER_NAMES, name) ? OTHER_NAMES[name] : undefined) ?? nearest(name, Object.keys(KEYS))
    throw wrong(`${describe(keys)}: unknown key ${name}${meant ? `; did you mean ${meant}?` : ''}`)
  }
  const { port = 22 } = keys
  const host = hostOf(keys)
  if (!Number.isSafeInteger(port) || port < 1 || port > 65_535)
    throw wrong(
      `${host}: port must be a whole number from 1 to 65535, not ${typeof port === 'string' ? `the text ${JSON.stringify(port)}${/^\d+$/.test(port) ? `; write port: ${Number(port)}` : ''}` : String(port)}`,
    )
  const username = keys.username ?? keys.user ?? localUser(process.env)
  if (typeof username !== 'string' || username === '') throw wrong(`${host}: username must be a text that is not empty`)
  const target: PoolTarget = Object.freeze({
    host,
    address: host,
    port,
    username,
    jump: jumpOf(keys),
    proxyCommand: proxyOf(keys, port, username),
    credentials: credentialsOf(keys),
    hostKeys: hostKeysOf(keys),
    connectTimeoutMs: duration(host, 'connectTimeout', keys.connectTimeout) ?? DEFAULT_CONNECT_TIMEOUT_MS,
    ...poolOf(keys),
    ...rulesOf(keys),
  })
  return { target, env: keys.env && Object.freeze({ ...keys.env }) }
}

function parseAddress(text: string): HostKeys {
  const mention = parseMention(text)
  if (!mention) throw wrong(addressFault(text) ?? `${JSON.stringify(text)} is not [user@]host[:port]`)
  const { base, username, port } = mention
  return { host: base, username, port }
}

/** A name or an address alone; an IPv6 address may stand in brackets. */
function hostOf({ host }: HostKeys): string {
  if (typeof host === 'string') {
    const bare = /^\[(.*)\]$/.exec(host)?.[1] ?? host
    if (isIP(bare)) return bare
    if (/[@:[\]/]/.test(host)) {
      const { base, username, port } = parseMention(host) ?? {}
      if (base === undefined) throw wrong(addressFault(host) ?? `${JSON.stringify(host)} is not a host`)
      if (base !== host)
        throw wrong(
          `host is a name or an address alone, not ${JSON.stringify(host)}; write { host: ${[base, ...(port === undefined ? [] : [`port: ${port}`]), ...(username === undefined ? [] : [`username: ${username}`])].join(', ')} }`,
        )
    }
    if (host !== '' && !/[\s\0]/.test(host) && !host.startsWith('-')) return host
  }
  throw wrong(`${JSON.stringify(host)} is not a host`)
}

function jumpOf({ proxyJump }: HostKeys): PoolTarget | null {
  if (proxyJump === undefined || proxyJump === 'none') return null
  if (typeof proxyJump !== 'string') return resolveTarget(proxyJump).target
  return proxyJump
    .split(',')
    .reduce<PoolTarget | null>((jump, hop) => Object.freeze({ ...resolveTarget(hop.trim()).target, jump }), null)
}

function proxyOf(keys: HostKeys, port: number, username: string): ProxyCommand | null {
  const { proxyCommand, proxyJump, hostKeyAlias } = keys
  const command = proxyCommand?.trim()
  if (command === undefined || command.toLowerCase() === 'none') return null
  const host = hostOf(keys)
  if (proxyJump !== undefined)
    throw wrong(`${host}: proxyCommand stands beside proxyJump, and a host is reached one way`)
  if (command === '' || command === '-' || /[\n\0]/.test(command))
    throw wrong(`${host}: proxyCommand must be the command line of a program, or none, not ${shown(proxyCommand)}`)
  const tokens = { h: host, n: host, k: hostKeyAlias ?? host, p: String(port), r: username }
  try {
    const expanded = expandForShell(command, PROXY_COMMAND_TOKENS, tokens)
    return Object.freeze({ command: expanded, shell: userShell(process.env), from: 'proxyCommand' })
  } catch (error) {
    throw wrong(`${host}: proxyCommand ${messageOf(error)}`)
  }
}

function credentialsOf(keys: HostKeys): Credentials {
  const { identityAgent, identitiesOnly = false, privateKey } = keys
  const passphrase = secretOf(keys.passphrase)
  const agent =
    identityAgent === 'none'
      ? null
      : identityAgent === undefined || identityAgent === 'SSH_AUTH_SOCK'
        ? process.env['SSH_AUTH_SOCK'] || null
        : pathOf(keys.host, identityAgent)
  const explicit: readonly KeySource[] = privateKey === undefined ? [] : [keyOf(keys.host, privateKey, passphrase)]
  const usual = (): KeySource[] =>
    defaultIdentityFiles(homedir()).map((path) =>
      Object.freeze({ origin: path, from: { path }, passphrase, optional: true }),
    )
  return Object.freeze({
    keys: Object.freeze(explicit.length > 0 ? explicit : usual()),
    agent,
    identitiesOnly,
    password: secretOf(keys.password),
  })
}

function keyOf(host: string, key: string | Uint8Array | Secret, passphrase: Secret | null): KeySource {
  if (typeof key === 'string') {
    if (key === '') throw wrong(`${host}: privateKey is empty`)
    const as = keyGivenAs(key)
    if (as === 'torn') throw wrong(tornKey(host))
    if (as === 'path') {
      const path = pathOf(host, key)
      return Object.freeze({ origin: path, from: { path }, passphrase, optional: false })
    }
  } else if (!(key instanceof Uint8Array) && !(key instanceof Secret))
    throw wrong(`${host}: privateKey must be a path, a key's text or its bytes, not ${shown(key)}`)
  const text =
    typeof key === 'string'
      ? new Secret(key)
      : key instanceof Secret
        ? key
        : new Secret(Buffer.from(key).toString('utf8'))
  return Object.freeze({ origin: `the privateKey of ${host}`, from: { text }, passphrase, optional: false })
}

function hostKeysOf(keys: HostKeys): HostKeyPolicy {
  const files = (value: string | readonly string[] | undefined, usual: readonly string[]): readonly string[] =>
    Object.freeze(
      value === undefined ? usual : value === 'none' ? [] : [value].flat().map((path) => pathOf(keys.host, path)),
    )
  return Object.freeze({
    mode: modeOf(keys),
    userFiles: files(keys.userKnownHostsFile, defaultUserKnownHosts(homedir())),
    globalFiles: files(keys.globalKnownHostsFile, DEFAULT_GLOBAL_KNOWN_HOSTS),
    alias: keys.hostKeyAlias ?? null,
  })
}

/** The same words as in ssh_config; a switch is true or false, a list may be an array. */
function rulesOf(keys: HostKeys): Partial<PoolTarget> {
  const said = CONNECTION_RULES.filter((option) => keys[option] !== undefined)
  if (said.length === 0) return {}
  const rules = said.map((option) => {
    const words = [keys[option]].flat().map(String)
    try {
      const value = readOption(option, words)
      return [option, option === 'revokedHostKeys' ? pathOf(keys.host, String(value)) : value]
    } catch (error) {
      throw wrong(`${keys.host}: ${option} ${messageOf(error)}`)
    }
  })
  return { rules: Object.freeze(Object.fromEntries(rules)) as ConnectionRules }
}

function modeOf({ host, strictHostKeyChecking = 'accept-new' }: HostKeys): HostKeyPolicy['mode'] {
  const word = String(strictHostKeyChecking)
  if (word === 'strict') return word
  if (Object.hasOwn(HOST_KEY_CHECKING, word)) return HOST_KEY_CHECKING[word as keyof typeof HOST_KEY_CHECKING]
  throw wrong(
    `${host}: strictHostKeyChecking must be yes, accept-new, ask or no, not ${JSON.stringify(strictHostKeyChecking)}`,
  )
}

function poolOf(keys: HostKeys): { readonly pool?: HostPoolOptions } {
  const interval = duration(keys.host, 'serverAliveInterval', keys.serverAliveInterval)
  const own: Record<string, unknown> = {
    ...(interval === undefined ? {} : interval === 0 ? { keepAlive: false } : { keepAliveInterval: interval }),
    ...(keys.serverAliveCountMax === undefined ? {} : { keepAliveCountMax: keys.serverAliveCountMax }),
    ...keys.pool,
  }
  for (const [name, given] of Object.entries(own)) {
    if (given === undefined) {
      delete own[name]
      continue
    }
    if (!Object.hasOwn(POOL_OPTIONS, name))
      throw wrong(`${keys.host}: unknown pool option ${name}${meantPoolOption(name)}`)
    if (!POOL_OPTIONS[name as PoolOptionName].perHost)
      throw wrong(
        `${keys.host}: pool.${name} is not an option that a host can have; it belongs to the whole pool, new SSHAdapter({ connectionPool })`,
      )
    const value = (own[name] = poolOptionValue(name as PoolOptionName, given))
    const problem = checkPoolOption(name as PoolOptionName, value)
    if (problem) throw wrong(`${keys.host}: pool.${problem}`)
  }
  return Object.keys(own).length > 0 ? { pool: Object.freeze(own as HostPoolOptions) } : {}
}

/** A number is ms, as everywhere in the library, also under the names of ssh_config. */
function duration(host: string, name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined
  const ms = typeof value === 'string' ? parseDuration(value) : value
  if (typeof ms !== 'number' || !Number.isFinite(ms) || ms < 0)
    throw wrong(
      `${host}: ${name} must be milliseconds, or a text such as '15s' or '500ms', not ${JSON.stringify(value)}`,
    )
  return ms
}

function secretOf(value: string | Secret | undefined): Secret | null {
  return value === undefined ? null : value instanceof Secret ? value : new Secret(value)
}

function pathOf(host: string, path: string): string {
  try {
    return expandTilde(path, { home: homedir(), localUser: localUser(process.env) })
  } catch (error) {
    throw wrong(`${host}: ${path} ${messageOf(error)}`)
  }
}

function describe({ host }: HostKeys): string {
  return typeof host === 'string' && host !== '' ? host : 'target'
}

function wrong(message: string): XecError {
  return new XecError('XEC_CONFIG', message)
}
