/** The inventory as a value: hosts in the order of the file, groups, and what each layer says. Immutable. */
import type { HostPoolOptions } from '../pool/options.js'
import type { SshHostOptions } from '../openssh/host-options.js'
import { CONNECTION_RULES, type HostKeyPolicy } from '../transport/transport.js'

/** Where something is written, for messages: `file:line:col`. */
export type Place = string

/** A value that may be kept elsewhere. Resolved before any host is dialled, and only for hosts that are used. */
export type SecretSource =
  | { readonly kind: 'plain'; readonly value: string }
  | { readonly kind: 'env'; readonly name: string; readonly place: Place }
  | { readonly kind: 'command'; readonly argv: readonly string[]; readonly place: Place }

/** Plain data of variables, as JSON and YAML have it. */
export type PlainValue =
  string | number | boolean | null | readonly PlainValue[] | { readonly [key: string]: PlainValue }

/** The keys that say the same as a keyword of ssh_config and take its place: `passwordAuthentication: true`. */
export const LIFTING_KEYS = [
  ...CONNECTION_RULES,
  'connectionAttempts',
  'remoteCommand',
  'requestTTY',
  'sessionType',
  'stdinNull',
] as const satisfies readonly (keyof SshHostOptions)[]

type LiftingSettings = { readonly [K in (typeof LIFTING_KEYS)[number]]?: SshHostOptions[K] }

/** What an inventory of another tool says of a host that no configuration can say. */
export interface SourceMarks {
  /** Why the host is never dialled, with its place. */
  readonly notDialled?: string
  /** For a setting that could not be read: what is wrong, with its place. It counts where no layer above says the setting. */
  readonly faults?: { readonly [K in keyof WrittenSettings]?: string }
}

/** What one layer (a host, a group, the defaults) says. Names as in the file; everything optional. */
export interface HostSettings extends WrittenSettings, SourceMarks {}

/** The keys that a configuration may say. */
export interface WrittenSettings extends LiftingSettings {
  readonly host?: string
  readonly port?: number
  readonly username?: string
  readonly privateKey?: SecretSource
  readonly passphrase?: SecretSource
  readonly password?: SecretSource
  /** Hops in order of travel; empty for `none`. */
  readonly proxyJump?: readonly string[]
  /** Never beside `proxyJump` in one layer. `none` for the command: directly. */
  readonly proxyCommand?: { readonly command: string; readonly place: Place }
  readonly identityAgent?: string
  readonly identitiesOnly?: boolean
  readonly hostKeyAlias?: string
  readonly strictHostKeyChecking?: HostKeyPolicy['mode']
  readonly userKnownHostsFile?: readonly string[]
  readonly connectTimeout?: number
  readonly serverAliveInterval?: number
  readonly serverAliveCountMax?: number
  readonly env?: Readonly<Record<string, SecretSource>>
  readonly pool?: HostPoolOptions
  /** Plain data for templates; no secret. */
  readonly vars?: Readonly<Record<string, PlainValue>>
}

export interface Group {
  readonly name: string
  /** As written: its own hosts, without those of its groups. */
  readonly hosts: readonly string[]
  readonly groups: readonly string[]
  readonly settings: HostSettings
}

export interface Inventory {
  /** In the order of the file, ranges expanded. */
  readonly hosts: ReadonlyMap<string, HostSettings>
  readonly groups: ReadonlyMap<string, Group>
  readonly defaults: HostSettings
  /** The hosts of a group and of the groups in it. Undefined for an unknown name. */
  membersOf(group: string): ReadonlySet<string> | undefined
  /** The groups that a host is in, nearest first: those that list it, then those that hold these; the file's order among equals. */
  groupsOf(host: string): readonly Group[]
}

export function makeInventory(
  hosts: ReadonlyMap<string, HostSettings>,
  groups: ReadonlyMap<string, Group>,
  defaults: HostSettings,
): Inventory {
  const members = new Map<string, ReadonlySet<string>>()
  let listing: Map<string, Group[]> | undefined
  let holding: Map<string, Group[]> | undefined

  const membersOf = (name: string): ReadonlySet<string> | undefined => {
    const known = members.get(name)
    if (known) return known
    const group = groups.get(name)
    if (!group) return undefined
    const found = new Set<string>()
    // A set visits what is added while it is walked, so that a long chain of groups needs no stack.
    const within = new Set([group])
    for (const { hosts: own, groups: inner } of within) {
      for (const host of own) found.add(host)
      for (const each of inner.map((one) => groups.get(one))) if (each) within.add(each)
    }
    members.set(name, found)
    return found
  }

  /** Made once, when first asked: an index, so that 100,000 hosts do not each search every group. */
  const index = (): void => {
    listing = new Map()
    holding = new Map()
    for (const group of groups.values()) {
      for (const host of group.hosts) append(listing, host, group)
      for (const inner of group.groups) append(holding, inner, group)
    }
  }

  return Object.freeze({
    hosts,
    groups,
    defaults,
    membersOf,
    groupsOf(host: string) {
      if (!listing) index()
      const found = new Set<Group>(listing?.get(host))
      // A set visits what is added while it is walked: breadth first, so nearest first.
      for (const group of found) for (const outer of holding?.get(group.name) ?? []) found.add(outer)
      return [...found]
    },
  })
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}
