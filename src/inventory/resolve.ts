/**
 * Names become targets. Each setting is taken from the first layer that has it:
 * flags and XEC_* variables, then the host, its groups (nearest first), the defaults, ssh_config, and what OpenSSH would do.
 */
import { isIP } from 'node:net'
import { messageOf, XecError } from '../errors.js'
import { DEFAULT_CONNECT_TIMEOUT_MS, type RequestTTY } from '../openssh/host-options.js'
import { DEFAULT_GLOBAL_KNOWN_HOSTS, defaultUserKnownHosts } from '../openssh/known-hosts-file.js'
import { defaultIdentityFiles } from '../openssh/identity.js'
import { keyGivenAs, tornKey } from '../openssh/key-format.js'
import { MatchCommands, userShell } from '../openssh/match-exec.js'
import { expandForShell, PROXY_COMMAND_TOKENS } from '../openssh/shell-tokens.js'
import type { Refusal, SshAnswer, SshConfig, SshHostOptions } from '../openssh/ssh-config.js'
import type { Tokens } from '../openssh/tokens.js'
import type { HostPoolOptions, PoolOptions } from '../pool/options.js'
import type { PoolTarget } from '../pool/types.js'
import { expandTilde } from '../runtime/home.js'
import { Secret } from '../runtime/secret.js'
import {
  CONNECTION_RULES,
  type Credentials,
  type HostKeyPolicy,
  type KeySource,
  type ProxyCommand,
  type Target,
} from '../transport/transport.js'
import { LIFTING_KEYS, type HostSettings, type Inventory, type PlainValue, type SecretSource } from './inventory.js'
import { checkHost, type Mention } from './outside.js'
import { Secrets } from './secrets.js'
import { wayOf, type Way } from './way.js'

/** What flags and variables say, for every host of a run. */
export interface HostOverrides {
  readonly username?: string
  readonly port?: number
  /** From variables: these come after what `user@host:port` says. */
  readonly variables?: { readonly username?: string; readonly port?: number }
  readonly identityFiles?: readonly string[]
  /** As -J takes it: `none`, or hops divided by commas. */
  readonly proxyJump?: string
  readonly connectTimeoutMs?: number
  /** From -o, as parsed; `~`, variables and tokens not yet expanded. */
  readonly ssh?: SshHostOptions
}

export interface ResolveContext {
  readonly inventory: Inventory
  readonly ssh: SshConfig
  readonly overrides: HostOverrides
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
  /** The local user's name: the last default of a login. */
  readonly user: string
  /** Runs the commands of `Match exec` and remembers them. Default: one of its own. */
  readonly commands?: MatchCommands
  /** Whether programs that the inventory names may run. Default: they may. @see config/trust.ts */
  readonly trust?: () => Promise<ProgramTrust>
  /** False: for listings; secrets are left out, no program is run for them. Default true. */
  readonly secrets?: boolean
  /** What the configuration says of the pool: ssh_config comes after it. */
  readonly pool?: Partial<PoolOptions>
}

/** For each kind of program in the inventory, why it may not run, as the end of a sentence; null when it may. */
export interface ProgramTrust {
  readonly secrets: string | null
  readonly proxyCommand: string | null
}

export interface ResolvedTarget {
  readonly target: PoolTarget
  /** Set for every command on the host. */
  readonly env: Readonly<Record<string, string | Secret>>
  /** The groups that it is in, nearest first. */
  readonly groups: readonly string[]
  /** The inventory's variables: the host's, its groups' nearest first, the defaults'. */
  readonly vars: Readonly<Record<string, PlainValue>>
  /** What is said of commands, not of the connection. */
  readonly session: SessionRules
}

/** RemoteCommand, RequestTTY and StdinNull, as far as they are said. */
export interface SessionRules {
  /** With the place where it is said; `none` is left out. */
  readonly remoteCommand?: { readonly command: string; readonly place: string }
  readonly requestTTY?: RequestTTY
  readonly stdinNull?: boolean
}

/**
 * @returns one target a name, in the same order; a jump host is the same object for everything behind it. A host that its
 *   inventory says not to dial is left out with a warning.
 * @throws XecError XEC_CONFIG, XEC_UNKNOWN_HOST, before anything is dialled
 */
export async function resolveTargets(
  names: readonly string[],
  context: ResolveContext,
): Promise<{ readonly targets: readonly ResolvedTarget[]; readonly warnings: readonly string[] }> {
  const resolver = new Resolver(context)
  const targets: ResolvedTarget[] = []
  const left: string[] = []
  for (const name of names) {
    const reason = resolver.reasonNotToDial(name)
    if (reason === undefined) targets.push(await resolver.resolve(name))
    else left.push(`${name} is not dialled: ${reason}`)
  }
  if (targets.length === 0 && left[0] !== undefined)
    throw new XecError('XEC_CONFIG', `${left[0]}${left.length > 1 ? `; so are ${left.length - 1} more` : ''}`)
  for (const warning of left) resolver.warnings.add(warning)
  return { targets, warnings: [...resolver.warnings] }
}

class Resolver {
  readonly warnings = new Set<string>()
  readonly #secrets: Secrets
  readonly #commands: MatchCommands
  readonly #hops = new Map<string, Promise<PoolTarget>>()

  constructor(private readonly context: ResolveContext) {
    this.#secrets = new Secrets(context.env)
    this.#commands = context.commands ?? new MatchCommands(context.env)
  }

  /** Of the host that a name stands for; undefined for one that is dialled. */
  reasonNotToDial(name: string): string | undefined {
    const { inventory, ssh } = this.context
    const { base } = inventory.hosts.has(name) ? { base: name } : checkHost(name, inventory, ssh)
    return inventory.hosts.get(base)?.notDialled
  }

  async resolve(name: string): Promise<ResolvedTarget> {
    const { inventory, overrides } = this.context
    const host = await this.#host(name, overrides)
    const { mention } = host
    const target = await this.#target(name, host, overrides, () => this.#wayOf(name, host, overrides, [mention.base]))
    const env: Record<string, string | Secret> = {}
    for (const layer of [...host.layers].reverse()) {
      for (const [variable, source] of Object.entries(layer.env ?? {}))
        env[variable] = source.kind === 'plain' ? source.value : await this.#secret(source, `${name}: env.${variable}`)
    }
    return {
      target,
      env: Object.freeze(env),
      groups: inventory.groupsOf(mention.base).map((group) => group.name),
      vars: varsOf(host.layers),
      session: sessionOf(host, overrides),
    }
  }

  /** What the layers and ssh_config say of a name. */
  async #host(name: string, overrides: HostOverrides): Promise<Host> {
    const { inventory, ssh } = this.context
    const mention = checkHost(name, inventory, ssh)
    const own = inventory.hosts.get(mention.base)
    const layers = [
      ...(own ? [own, ...inventory.groupsOf(mention.base).map((group) => group.settings)] : []),
      inventory.defaults,
    ]
    for (const [key, problem] of Object.entries(own?.faults ?? {}))
      if (!isSaid(key, overrides, mention))
        this.#refuse(
          name,
          `${problem}; say ${key} for it under hosts: of the configuration, or leave it out: -x ${mention.base}`,
        )
    const address = first(layers, 'host')?.replaceAll('{name}', mention.base) ?? mention.base
    const username =
      overrides.username ?? mention.username ?? overrides.variables?.username ?? first(layers, 'username')
    const port = overrides.port ?? mention.port ?? overrides.variables?.port ?? first(layers, 'port')
    const found = await this.#commands.resolve(ssh, address, { user: username, port, options: overrides.ssh })
    for (const warning of found.warnings) this.warnings.add(warning)
    // Whether a ProxyCommand counts is not known yet.
    const proxyRefusals = found.refusals.filter(({ option }) => PROXY_OPTIONS.has(option))
    for (const refusal of found.refusals) {
      const { option, problem } = refusal
      if (!proxyRefusals.includes(refusal) && !isLifted(option, layers, overrides)) this.#refuse(name, problem)
    }
    return { mention, layers, address, username, port, ssh: found.options, places: found.places, proxyRefusals }
  }

  async #target(name: string, host: Host, overrides: HostOverrides, way: () => Promise<Reach>): Promise<PoolTarget> {
    const { layers, ssh } = host
    const said = overrides.ssh ?? {}
    /** -o goes before the inventory, the files after it. */
    const pick = <K extends keyof SshHostOptions, V>(key: K, inventory: V | undefined): V | SshHostOptions[K] =>
      Object.hasOwn(said, key) ? ssh[key] : (inventory ?? ssh[key])
    const pool = Object.freeze({
      ...this.#attemptsOf(host, overrides),
      ...aliveOf(
        first(layers, 'serverAliveInterval') ?? ssh.serverAliveIntervalMs,
        first(layers, 'serverAliveCountMax') ?? ssh.serverAliveCountMax,
      ),
      ...layers.reduceRight<HostPoolOptions>((below, layer) => ({ ...below, ...layer.pool }), {}),
      ...(said.serverAliveIntervalMs ? { keepAlive: true } : {}),
      ...aliveOf(said.serverAliveIntervalMs, said.serverAliveCountMax),
    })
    return Object.freeze({
      host: name,
      address: ssh.hostName ?? host.address,
      port: host.port ?? ssh.port ?? 22,
      username: host.username ?? ssh.user ?? this.context.user,
      ...(await way()),
      credentials: await this.#credentials(name, host, overrides, pick),
      hostKeys: this.#hostKeys(name, layers, pick),
      connectTimeoutMs:
        overrides.connectTimeoutMs ??
        pick('connectTimeoutMs', first(layers, 'connectTimeout')) ??
        DEFAULT_CONNECT_TIMEOUT_MS,
      ...(Object.keys(pool).length > 0 ? { pool } : {}),
      ...rulesOf(host, overrides, (path) => this.#path(name, path)),
    })
  }

  /** ConnectionAttempts, unless the pool of the configuration says how often to dial. */
  #attemptsOf({ layers, ssh }: Host, { ssh: said = {} }: HostOverrides): HostPoolOptions {
    const own = said.connectionAttempts ?? first(layers, 'connectionAttempts')
    const attempts = own ?? (this.context.pool?.maxReconnectAttempts === undefined ? ssh.connectionAttempts : undefined)
    return attempts === undefined ? {} : { maxReconnectAttempts: attempts - 1 }
  }

  async #credentials(name: string, { layers, ssh }: Host, overrides: HostOverrides, pick: Pick): Promise<Credentials> {
    const { home, env } = this.context
    const passphraseFrom = first(layers, 'passphrase')
    const passwordFrom = first(layers, 'password')
    const passphrase = passphraseFrom ? await this.#secret(passphraseFrom, `${name}: passphrase`) : null
    const file = (path: string, optional: boolean): KeySource =>
      Object.freeze({ origin: path, from: { path }, passphrase, optional })
    // An IdentityFile of ssh_config that is not there is passed over, as ssh does.
    const ofSsh = ssh.identityFiles?.map((path) => file(path, true))
    const ofFlags = overrides.identityFiles?.map((path) => file(this.#path(name, path), false))
    const keyFrom = first(layers, 'privateKey')
    const keys = ofFlags
      ? [...ofFlags, ...(Object.hasOwn(overrides.ssh ?? {}, 'identityFiles') ? (ofSsh ?? []) : [])]
      : keyFrom && !Object.hasOwn(overrides.ssh ?? {}, 'identityFiles')
        ? [await this.#key(name, keyFrom, passphrase)]
        : (ofSsh ?? defaultIdentityFiles(home).map((path) => file(path, true)))
    const agent = pick('identityAgent', first(layers, 'identityAgent')) ?? 'SSH_AUTH_SOCK'
    return Object.freeze({
      keys: Object.freeze(keys),
      agent:
        agent === 'none' ? null : agent === 'SSH_AUTH_SOCK' ? env['SSH_AUTH_SOCK'] || null : this.#path(name, agent),
      identitiesOnly: pick('identitiesOnly', first(layers, 'identitiesOnly')) ?? false,
      password: passwordFrom ? await this.#secret(passwordFrom, `${name}: password`) : null,
    })
  }

  /** A path with `~`, or the text of a key. */
  async #key(name: string, source: SecretSource, passphrase: Secret | null): Promise<KeySource> {
    const as = source.kind === 'plain' ? keyGivenAs(source.value) : 'text'
    if (as === 'torn') throw new XecError('XEC_CONFIG', tornKey(name), { host: name })
    if (source.kind === 'plain' && as === 'path') {
      const path = this.#path(name, source.value)
      return Object.freeze({ origin: path, from: { path }, passphrase, optional: false })
    }
    const text = await this.#secret(source, `${name}: privateKey`)
    return Object.freeze({ origin: `the privateKey of ${name}`, from: { text }, passphrase, optional: false })
  }

  #hostKeys(name: string, layers: readonly HostSettings[], pick: Pick): HostKeyPolicy {
    const files = first(layers, 'userKnownHostsFile')?.map((path) => this.#path(name, path))
    return Object.freeze({
      mode: pick('strictHostKeyChecking', first(layers, 'strictHostKeyChecking')) ?? 'accept-new',
      userFiles:
        pick('userKnownHostsFiles', files && (files.length === 1 && files[0] === 'none' ? [] : files)) ??
        defaultUserKnownHosts(this.context.home),
      globalFiles: pick('globalKnownHostsFiles', undefined) ?? DEFAULT_GLOBAL_KNOWN_HOSTS,
      alias: pick('hostKeyAlias', first(layers, 'hostKeyAlias')) ?? null,
    })
  }

  /** @param path the names that led here, to find a circle */
  async #wayOf(name: string, host: Host, overrides: HostOverrides, path: readonly string[]): Promise<Reach> {
    const { layers, ssh, places } = host
    const way = wayOf({ jumpFlag: overrides.proxyJump, layers, ssh, places })
    if (way.kind === 'jump') return { jump: await this.#chain(name, way.hops, path), proxyCommand: null }
    return { jump: null, proxyCommand: await this.#proxyOf(name, host, way) }
  }

  async #proxyOf(name: string, host: Host, way: Extract<Way, { kind: 'proxy' }>): Promise<ProxyCommand | null> {
    const { address, mention, ssh } = host
    if (way.by === 'inventory') {
      const why = (await this.context.trust?.())?.proxyCommand ?? null
      if (why !== null) this.#refuse(name, `${way.from}: proxyCommand is not run: ${why}`)
    } else for (const { problem } of host.proxyRefusals) this.#refuse(name, problem)
    const dialled = ssh.hostName ?? address
    const tokens: Tokens = {
      h: isIP(dialled) ? dialled : dialled.toLowerCase(),
      // To ssh_config the address is the name that was asked for.
      n: way.by === 'ssh_config' ? address : mention.base,
      k: first(host.layers, 'hostKeyAlias') ?? ssh.hostKeyAlias ?? address,
      p: String(host.port ?? ssh.port ?? 22),
      r: host.username ?? ssh.user ?? this.context.user,
    }
    try {
      const command = expandForShell(way.command, PROXY_COMMAND_TOKENS, tokens)
      return Object.freeze({ command, shell: userShell(this.context.env), from: way.from })
    } catch (error) {
      this.#refuse(name, `${way.from}: the ProxyCommand ${messageOf(error)}`)
      return null
    }
  }

  /** The first hop is reached by its own proxyJump or proxyCommand, each further one through the hop before it, as ssh -J does. */
  async #chain(name: string, hops: readonly string[], path: readonly string[]): Promise<PoolTarget | null> {
    let jump: PoolTarget | null = null
    let id = ''
    for (const [i, hop] of hops.entries()) {
      id += `${hop},`
      const before: PoolTarget | null = jump
      const mention = checkHop(name, hop, this.context)
      let found = path.includes(mention.base) ? undefined : this.#hops.get(id)
      if (!found) {
        if (path.includes(mention.base))
          throw new XecError(
            'XEC_CONFIG',
            `${path[0] ?? name}: the jump hosts run in a circle: ${[...path, mention.base].join(' → ')}`,
            { host: name },
          )
        const host = await this.#host(hop, {})
        const { connectTimeoutMs } = this.context.overrides
        const own = (): Promise<Reach> =>
          i === 0
            ? this.#wayOf(hop, host, {}, [...path, mention.base])
            : Promise.resolve({ jump: before, proxyCommand: null })
        found = this.#target(hop, host, connectTimeoutMs === undefined ? {} : { connectTimeoutMs }, own)
        this.#hops.set(id, found)
      }
      jump = await found
    }
    return jump
  }

  /** Dialled all the same, the host would be another one, or a restriction would be passed over. For listings it is told alone. */
  #refuse(name: string, text: string): void {
    const problem = `${name}: ${text}`
    if (this.context.secrets !== false) throw new XecError('XEC_CONFIG', problem, { host: name })
    this.warnings.add(problem)
  }

  async #secret(source: SecretSource, what: string): Promise<Secret> {
    if (this.context.secrets === false) return new Secret('')
    if (source.kind === 'command') {
      const why = (await this.context.trust?.())?.secrets ?? null
      if (why !== null)
        throw new XecError('XEC_CONFIG', `${source.place}: ${what} is to come from a program, which is not run: ${why}`)
    }
    return this.#secrets.of(source, what)
  }

  #path(name: string, path: string): string {
    try {
      return expandTilde(path, { home: this.context.home, localUser: this.context.user })
    } catch (error) {
      throw new XecError('XEC_CONFIG', `${name}: ${path} ${messageOf(error)}`, { host: name })
    }
  }
}

interface Host {
  readonly mention: Mention
  /** The host's own, its groups' nearest first, the defaults. */
  readonly layers: readonly HostSettings[]
  readonly address: string
  readonly username: string | undefined
  readonly port: number | undefined
  readonly ssh: SshHostOptions
  readonly places: SshAnswer['places']
  /** What forbids to use the ProxyCommand of ssh_config. */
  readonly proxyRefusals: readonly Refusal[]
}

const PROXY_OPTIONS: ReadonlySet<keyof SshHostOptions> = new Set(['proxyCommand', 'proxyUseFdpass'])

/** What a connection is made over: TCP when both are null. */
interface Reach {
  readonly jump: PoolTarget | null
  readonly proxyCommand: ProxyCommand | null
}

/** Whether the command line says what an inventory says in a way that cannot be read. */
function isSaid(
  key: string,
  { username, port, identityFiles, proxyJump, ssh = {} }: HostOverrides,
  mention: Mention,
): boolean {
  switch (key) {
    case 'username':
      return (username ?? mention.username) !== undefined
    case 'port':
      return (port ?? mention.port) !== undefined
    case 'privateKey':
      return identityFiles !== undefined || ssh.identityFiles !== undefined
    case 'proxyJump':
      return (proxyJump ?? ssh.proxyJump ?? ssh.proxyCommand) !== undefined
    default:
      return false
  }
}

/** Key by key, the nearest layer that has it. */
function varsOf(layers: readonly HostSettings[]): Readonly<Record<string, PlainValue>> {
  const said = layers.flatMap(({ vars }) => (vars ? [vars] : []))
  return said.length === 1 && said[0]
    ? said[0]
    : Object.freeze(Object.fromEntries(said.reverse().flatMap((vars) => Object.entries(vars))))
}

/** Whether the inventory says something else where ssh_config says what cannot be honoured. */
function isLifted(option: keyof SshHostOptions, layers: readonly HostSettings[], { ssh = {} }: HostOverrides): boolean {
  return (
    !Object.hasOwn(ssh, option) &&
    (LIFTING_KEYS as readonly string[]).includes(option) &&
    first(layers, option as (typeof LIFTING_KEYS)[number]) !== undefined
  )
}

/** -o, then the inventory, then ssh_config. */
function sessionOf({ layers, ssh, places }: Host, { ssh: said = {} }: HostOverrides): SessionRules {
  const pick = <K extends 'remoteCommand' | 'requestTTY' | 'stdinNull'>(
    option: K,
  ): SshHostOptions[K] | HostSettings[K] =>
    Object.hasOwn(said, option) ? ssh[option] : (first(layers, option) ?? ssh[option])
  const command = pick('remoteCommand')
  const [requestTTY, stdinNull] = [pick('requestTTY'), pick('stdinNull')]
  const place = command === ssh.remoteCommand ? (places.remoteCommand ?? '-o') : 'the inventory'
  return Object.freeze({
    ...(command === undefined || command.toLowerCase() === 'none' ? {} : { remoteCommand: { command, place } }),
    ...(requestTTY === undefined ? {} : { requestTTY }),
    ...(stdinNull === undefined ? {} : { stdinNull }),
  })
}

/** What narrows a connection down: -o, then the inventory, then ssh_config. */
function rulesOf(
  { layers, ssh, places }: Host,
  { ssh: said = {} }: HostOverrides,
  pathOf: (path: string) => string,
): Partial<Target> {
  const rules: Record<string, unknown> = {}
  const rulePlaces: Record<string, string | undefined> = {}
  for (const option of CONNECTION_RULES) {
    const own = Object.hasOwn(said, option) ? undefined : first(layers, option)
    const value = own ?? ssh[option]
    if (value === undefined) continue
    rules[option] = option === 'revokedHostKeys' && own !== undefined ? pathOf(String(own)) : value
    rulePlaces[option] = own === undefined ? places[option] : 'the inventory'
  }
  if (Object.keys(rules).length === 0) return {}
  return { rules: Object.freeze(rules), rulePlaces: Object.freeze(rulePlaces) }
}

type Pick = <K extends keyof SshHostOptions, V>(key: K, inventory: V | undefined) => V | SshHostOptions[K]

function first<K extends keyof HostSettings>(layers: readonly HostSettings[], key: K): HostSettings[K] | undefined {
  for (const layer of layers) if (layer[key] !== undefined) return layer[key]
  return undefined
}

function checkHop(name: string, hop: string, { inventory, ssh }: ResolveContext): Mention {
  try {
    return checkHost(hop, inventory, ssh)
  } catch (error) {
    if (!(error instanceof XecError)) throw error
    throw new XecError('XEC_UNKNOWN_HOST', `${name}: jump host: ${error.message}`, { host: name, cause: error })
  }
}

/** Keepalive in ssh's words. */
function aliveOf(intervalMs: number | undefined, countMax: number | undefined): HostPoolOptions {
  return {
    ...(intervalMs === undefined ? {} : intervalMs === 0 ? { keepAlive: false } : { keepAliveInterval: intervalMs }),
    ...(countMax === undefined ? {} : { keepAliveCountMax: countMax }),
  }
}
