/** The hosts of a command line: configuration, inventory and ssh_config read, flags laid over them, names turned into targets. */
import { isAbsolute } from 'node:path'
import type { Command } from '../adapter/types.js'
import { openInventory } from '../config/open.js'
import type { Inventory } from '../inventory/inventory.js'
import type { HostOverrides, ResolvedTarget } from '../inventory/resolve.js'
import { listsIn, runsIn, type SelectionRequest } from '../inventory/selector.js'
import { loadKeyText } from '../openssh/identity.js'
import type { SshHostOptions } from '../openssh/ssh-config.js'
import { parseSshOption, sshOptionWarning } from '../openssh/ssh-option.js'
import type { PoolOptions } from '../pool/options.js'
import type { PoolTarget } from '../pool/types.js'
import type { HostCommand } from '../run/local.js'
import { expandTilde } from '../runtime/home.js'
import { localUser } from '../runtime/local-user.js'
import { parseAmount, pickHosts } from '../inventory/pick.js'
import { systemRandom } from '../runtime/random.js'
import type { Invocation } from './command.js'
import { checkStdinUsers, readHostLists } from './host-lists.js'
import type { Io } from './io.js'
import type { Notices } from './notices.js'
import type { OptionValues } from './options.js'
import { poolOptionsOf } from './parse.js'
import { lookUpRuns } from './run-lookup.js'
import { usage } from './values.js'

export interface Fleet {
  /** The configuration's file; null when none was found. */
  readonly source: string | null
  readonly inventory: Inventory
  /** Whether the configuration wants runs recorded. */
  readonly history: boolean
  /** The configuration's, with flags and variables over it. */
  readonly pool: Partial<PoolOptions>
  /**
   * The names that -g, -w, -x, -a and further expressions stand for; without -g, -w and expressions, all.
   * Reads the records of runs that they name.
   * @throws XecError XEC_CONFIG, XEC_UNKNOWN_HOST; also when they stand for nothing
   */
  select(
    options: Pick<OptionValues, 'group' | 'hosts' | 'exclude' | 'all'>,
    expressions?: readonly string[],
  ): Promise<readonly string[]>
  /**
   * Hosts of an earlier run, as names, less those that are excluded.
   * @throws XecError XEC_UNKNOWN_HOST for those that are no hosts any more
   */
  selectNamed(names: readonly string[], exclude: readonly string[]): Promise<readonly string[]>
  /**
   * @param secrets false for what only looks: no secret is read, no program run for one
   * @throws XecError XEC_CONFIG, XEC_UNKNOWN_HOST
   */
  resolve(names: readonly string[], secrets: boolean): Promise<readonly ResolvedTarget[]>
}

/**
 * @param from where the search for the configuration begins; default the working directory
 * @throws XecError XEC_CONFIG for a file, a flag or a variable that is not usable
 */
export async function openFleet(
  io: Io,
  { options, fromEnv }: Pick<Invocation, 'options' | 'fromEnv'>,
  notices: Notices,
  from?: string,
): Promise<Fleet> {
  const { home, env } = io
  const overrides = overridesOf(options, fromEnv, notices)
  // Keepalive has no flag but -o, so that what stands here came from variables, which come after it.
  const { keepAlive, keepAliveInterval, keepAliveCountMax, ...rest } = poolOptionsOf(options, env)
  const flags: Partial<PoolOptions> = {
    ...rest,
    ...(overrides.ssh?.serverAliveIntervalMs === undefined ? present({ keepAlive, keepAliveInterval }) : {}),
    ...(overrides.ssh?.serverAliveCountMax === undefined ? present({ keepAliveCountMax }) : {}),
  }
  // Asked for only where it counts: it may have been removed.
  const named = [...(options.config === undefined ? [] : [options.config]), ...(options.inventory ?? [])]
  const cwd = options.config !== undefined && named.every(isAbsolute) ? '/' : (from ?? io.cwd)
  const open = await openInventory({
    cwd,
    home,
    env,
    file: options.config,
    inventories: options.inventory,
    sshConfig: options.sshConfig,
    overrides,
  })
  for (const warning of open.warnings) notices.warning(warning)
  const select = async (request: SelectionRequest, names?: readonly string[]): Promise<readonly string[]> => {
    const texts = [request.hosts ?? [], request.exclude ?? []].flat()
    const asked = runsIn(open.inventory, texts)
    const runs = await lookUpRuns(io, asked, (message) => notices.warning(message))
    const wanted = listsIn(texts)
    checkStdinUsers(options, wanted)
    const lists = await readHostLists(io, wanted)
    return picked(open.select(request, { runs, lists, names }), options, notices)
  }
  return {
    source: open.source,
    inventory: open.inventory,
    history: open.history,
    pool: { ...open.pool, ...flags },
    select: ({ group = [], hosts = [], exclude, all }, expressions = []) => {
      const said = [...hosts, ...expressions]
      return select({ groups: group, hosts: said, exclude, all: all ?? (group.length === 0 && said.length === 0) })
    },
    selectNamed: (names, exclude) => select({ exclude }, names),
    async resolve(names, secrets) {
      if (secrets)
        for (const path of overrides.identityFiles ?? [])
          await checkKey(fromEnv.has('identity') ? 'XEC_IDENTITY' : '-i', path, home, env)
      const { targets, warnings } = await open.resolve(names, secrets)
      for (const warning of warnings) notices.warning(warning)
      const over = overrider(flags)
      return targets.map((resolved) => ({ ...resolved, target: over(resolved.target) }))
    },
  }
}

/** What --pick and --order leave of a selection, and the seed that repeats it. */
function picked(names: readonly string[], options: OptionValues, notices: Notices): readonly string[] {
  const { pick, order, pickSeed } = options
  if (pick === undefined && order !== 'random') {
    if (pickSeed !== undefined) throw usage('--pick-seed repeats what --pick or --order random chose; say one of them')
    return names
  }
  const amount = pick === undefined ? undefined : parseAmount(pick)
  if (pick !== undefined && amount === undefined)
    throw usage(`--pick ${pick}: a number of hosts from 1, or a share such as 10%`)
  const seed = pickSeed ?? Math.floor(systemRandom.next() * 1_000_000_000)
  const taken = pickHosts(names, { amount, order: order === 'random' ? 'random' : 'inventory', seed })
  const what = pick === undefined ? 'in random order' : `picked ${taken.length} of ${names.length} hosts`
  notices.note(`${what}; --pick-seed ${seed} repeats it`)
  return taken
}

/**
 * Each host's own environment, with the command line's over it.
 * @throws XecError XEC_CONFIG for a host that has a command of its own (RemoteCommand)
 */
export function commandsOf(resolved: readonly ResolvedTarget[], command: Command): HostCommand[] {
  for (const { target, session } of resolved) {
    if (session.remoteCommand === undefined) continue
    const { command: own, place } = session.remoteCommand
    throw usage(
      `${target.host}: ${place}: RemoteCommand ${own} stands against the command of the command line; run yours with -o RemoteCommand=none`,
    )
  }
  return resolved.map(({ target, env }) => ({ target, command: { ...command, env: { ...env, ...command.env } } }))
}

function overridesOf(options: OptionValues, fromEnv: Invocation['fromEnv'], notices: Notices): HostOverrides {
  const ssh: SshHostOptions = {}
  for (const assignment of options.sshOption ?? []) {
    const said = parseSshOption(assignment)
    const warning = sshOptionWarning(assignment)
    if (warning !== undefined) notices.warning(warning)
    // As in a file: the first value wins, identity files add up.
    const identityFiles = [...(ssh.identityFiles ?? []), ...(said.identityFiles ?? [])]
    const sendEnv = [...(ssh.sendEnv ?? []), ...(said.sendEnv ?? [])]
    Object.assign(
      ssh,
      { ...said, ...ssh },
      identityFiles.length > 0 ? { identityFiles } : {},
      sendEnv.length > 0 ? { sendEnv } : {},
    )
  }
  /** A flag's value, or its variable's where no -o says the same. */
  const unless = <N extends 'identity' | 'jump' | 'connectTimeout'>(
    name: N,
    option: keyof SshHostOptions,
  ): OptionValues[N] => (fromEnv.has(name) && Object.hasOwn(ssh, option) ? undefined : options[name])
  if (!fromEnv.has('jump') && options.jump !== undefined && (ssh.proxyCommand ?? 'none') !== 'none')
    throw usage('-J and -o ProxyCommand are two ways to reach a host; keep one')
  return {
    username: (fromEnv.has('login') ? undefined : options.login) ?? ssh.user,
    port: (fromEnv.has('port') ? undefined : options.port) ?? ssh.port,
    // What stands before the command in the shell is further away than `user@host:port` in its words.
    variables: {
      username: fromEnv.has('login') ? options.login : undefined,
      port: fromEnv.has('port') ? options.port : undefined,
    },
    identityFiles: unless('identity', 'identityFiles'),
    proxyJump: Object.hasOwn(ssh, 'proxyCommand') && fromEnv.has('jump') ? undefined : unless('jump', 'proxyJump'),
    connectTimeoutMs: unless('connectTimeout', 'connectTimeoutMs'),
    ssh,
  }
}

/** A key that was named and cannot be read is a mistake of the command line, not of any host. */
async function checkKey(name: string, path: string, home: string, env: Io['env']): Promise<void> {
  const loaded = await loadKeyText({
    origin: path,
    from: { path: expandTilde(path, { home, localUser: localUser(env) }) },
    passphrase: null,
  })
  if (loaded.kind === 'unusable') throw usage(`${name} ${path}: ${loaded.message}`)
  // As ssh has it: a public key says which of an agent's to use.
  if (loaded.kind === 'public' && !env['SSH_AUTH_SOCK'] && path.endsWith('.pub'))
    throw usage(
      `${name} ${path} is a public key, which only says which key of an agent to use, and SSH_AUTH_SOCK names none; did you mean ${path.slice(0, -'.pub'.length)}?`,
    )
}

/** Without the entries that have no value. */
function present<T extends object>(entries: T): Partial<T> {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as Partial<T>
}

/** A flag wins over a host's own limit too. A hop that several targets share stays one object. */
function overrider(flags: Partial<PoolOptions>): (target: PoolTarget) => PoolTarget {
  const done = new Map<PoolTarget, PoolTarget>()
  const over = (target: PoolTarget): PoolTarget => {
    let found = done.get(target)
    if (!found) {
      const own = Object.entries(target.pool ?? {}).filter(([name]) => !Object.hasOwn(flags, name))
      found = Object.freeze({ ...target, jump: target.jump && over(target.jump), pool: Object.fromEntries(own) })
      done.set(target, found)
    }
    return found
  }
  return over
}
