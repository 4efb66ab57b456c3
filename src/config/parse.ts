/** A configuration document becomes an inventory and pool options. No IO. */
import { dirname } from 'node:path'
import { isXecError, XecError } from '../errors.js'
import { circleOf } from '../inventory/group-circle.js'
import { makeInventory, type Group, type HostSettings, type Inventory } from '../inventory/inventory.js'
import { checkName, expandRange, hasRange, MOST_NAMES } from '../inventory/names.js'
import type { InventorySpec } from '../inventory/sources/load.js'
import { mergeSettings, NO_SOURCE } from '../inventory/sources/merge.js'
import type { Source } from '../inventory/sources/source.js'
import type { PoolOptions } from '../pool/options.js'
import { nearest } from '../runtime/nearest.js'
import { readDocument, type Entry, type Reader } from './document.js'
import { HOST_KEYS, readPool, readSettings } from './host-keys.js'
import { readInventoryKey } from './inventory-key.js'
import { TOP_KEYS } from './top-keys.js'
import { readTrust } from './trust.js'

export interface Parsed {
  readonly inventory: Inventory
  readonly pool: Partial<PoolOptions>
  /** What `trust` says, and where; undefined when it says nothing. */
  readonly trust: { readonly paths: readonly string[]; readonly place: string } | undefined
  /** Whether a record is kept of each run; default true. */
  readonly history: boolean
  /** With their places. */
  readonly warnings: readonly string[]
  /** A password, passphrase or key stands in the file itself. */
  readonly holdsSecrets: boolean
}

/** A configuration that may name inventories of other tools, which are read before its own hosts and groups are. */
export interface Draft {
  /** What `inventory` names, in its order. */
  readonly inventories: readonly InventorySpec[]
  /**
   * @param source what those inventories came to
   * @throws XecError XEC_CONFIG with file:line:col
   */
  complete(source: Source): Parsed
}

/** A configuration without inventories of other tools. @see draftConfig */
export function parseConfig(file: string, text: string, property?: string): Parsed {
  return draftConfig(file, text, property).complete(NO_SOURCE)
}

/**
 * @param property read the value of this key only (`xec` of a package.json)
 * @throws XecError XEC_CONFIG with file:line:col
 */
export function draftConfig(file: string, text: string, property?: string): Draft {
  const document = readDocument(file, text)
  const root =
    property === undefined ? document : (document.entries().find(({ key }) => key === property)?.value ?? document)
  const top = root.known(TOP_KEYS)
  const pool = top.get('pool')
  const trust = top.get('trust')
  const defaults = readDefaults(top.get('defaults'))
  const own = readHosts(top.get('hosts'))
  const inventory = top.get('inventory')
  return {
    inventories: inventory && !inventory.isNull ? readInventoryKey(inventory, dirname(file)) : [],
    complete(source) {
      const hosts = withSource(own, source)
      const groups = readGroups(top.get('groups'), hosts, source)
      return {
        inventory: makeInventory(hosts, groups, defaults),
        warnings: [...document.warnings, ...source.warnings],
        trust: trust && !trust.isNull ? { paths: readTrust(trust), place: trust.place } : undefined,
        pool: pool ? readPool(pool, false) : {},
        history: top.get('history')?.boolean() ?? true,
        holdsSecrets: [defaults, ...new Set(own.values()), ...[...groups.values()].map((group) => group.settings)].some(
          holdsSecret,
        ),
      }
    },
  }
}

/** The configuration's hosts first, each with what a source adds to it, then the others of the source. */
function withSource(own: ReadonlyMap<string, HostSettings>, source: Source): ReadonlyMap<string, HostSettings> {
  if (source.hosts.size === 0) return own
  const hosts = new Map(own)
  for (const [name, settings] of source.hosts) {
    const above = own.get(name)
    hosts.set(name, above ? mergeSettings(above, settings) : settings)
  }
  return hosts
}

function readDefaults(value: Reader | undefined): HostSettings {
  if (!value) return {}
  const keys = value.known(HOST_KEYS)
  keys.get('host')?.fail('every host has an address of its own; it cannot be a default')
  return readSettings(keys)
}

function readHosts(value: Reader | undefined): Map<string, HostSettings> {
  const hosts = new Map<string, HostSettings>()
  for (const entry of value?.entries() ?? []) {
    const settings = readHost(entry.value)
    for (const name of namesOf(entry)) {
      if (hosts.has(name)) entry.fail(`host ${name} is defined twice; keep one`)
      hosts.set(name, settings)
      if (hosts.size > MOST_NAMES) entry.fail(`more than ${MOST_NAMES} hosts, which is the most of one inventory`)
    }
  }
  return hosts
}

/** `name: address`, `name: { … }`, or `name:` alone, where the name is the address. */
function readHost(value: Reader): HostSettings {
  if (value.isMap) return readSettings(value.known(HOST_KEYS))
  return readSettings(new Map([['host', value]]))
}

/** The names that a key stands for, ranges expanded. */
function namesOf(entry: Entry): string[] {
  const names = inPlace(entry, () => expandRange(entry.key))
  for (const name of names) {
    const problem = checkName(name) ?? (name === 'all' ? 'the name all stands for every host' : undefined)
    if (problem) entry.fail(`${problem}; use letters, digits, dots, - and _`)
  }
  return names
}

/** Names in the lists of all groups together, each counted as often as it is listed. */
const MOST_MEMBERS = 4_000_000

function readGroups(
  value: Reader | undefined,
  hosts: ReadonlyMap<string, HostSettings>,
  source: Source,
): Map<string, Group> {
  const groups = new Map<string, Group>()
  const written = new Map<string, Reader[]>()
  let listed = 0
  for (const entry of value?.entries() ?? []) {
    const problem = checkName(entry.key) ?? (entry.key === 'all' ? 'the name all stands for every host' : undefined)
    if (problem) entry.fail(`${problem}; use letters, digits, dots, - and _`)
    const keys = entry.value.isMap
      ? entry.value.known(['hosts', 'groups', ...HOST_KEYS.filter((key) => key !== 'host')])
      : new Map([['hosts', entry.value]])
    const own = keys.get('hosts')
    const inner = keys.get('groups')
    const members: string[] = []
    for (const item of own && !own.isNull ? (own.isList ? own.items() : [own]) : []) {
      for (const name of membersOf(item, hosts)) members.push(name)
      if (listed + members.length > MOST_MEMBERS)
        item.fail(`the groups list more than ${MOST_MEMBERS} hosts; put groups into groups where they share hosts`)
    }
    listed += members.length
    const items = inner && !inner.isNull ? (inner.isList ? inner.items() : [inner]) : []
    written.set(entry.key, items)
    const settings = new Map([...keys].filter(([key]) => key !== 'hosts' && key !== 'groups'))
    groups.set(
      entry.key,
      Object.freeze({
        name: entry.key,
        hosts: Object.freeze(members),
        groups: Object.freeze(items.map((item) => item.string('the name of a group'))),
        settings: readSettings(settings),
      }),
    )
  }
  for (const items of written.values())
    for (const item of items) {
      const name = item.string('the name of a group')
      if (groups.has(name) || source.groups.has(name)) continue
      const meant = nearest(name, [...groups.keys(), ...source.groups.keys()])
      item.fail(
        `no group ${name}${hosts.has(name) ? '; it is a host, and belongs under hosts' : meant ? `; did you mean ${meant}?` : ' is defined here'}`,
      )
    }
  for (const [name, { hosts: members, groups: inner }] of source.groups) {
    const above = groups.get(name)
    groups.set(
      name,
      Object.freeze({
        name,
        hosts: above ? [...new Set([...above.hosts, ...members])] : members,
        groups: above ? [...new Set([...above.groups, ...inner])] : inner,
        settings: above?.settings ?? {},
      }),
    )
  }
  refuseCycles(groups, written)
  return groups
}

/** The hosts that one item of a group's list names: a name or a range of names. */
function membersOf(item: Reader, hosts: ReadonlyMap<string, HostSettings>): string[] {
  const text = item.string('a host, or a range of hosts')
  const names = hasRange(text) ? inPlace(item, () => expandRange(text)) : [text]
  for (const name of names) {
    if (hosts.has(name)) continue
    if (text.startsWith('@')) item.fail(`groups of a group stand under groups:, without the @`)
    const meant = nearest(name, hosts.keys())
    item.fail(`no host ${name}${meant ? `; did you mean ${meant}?` : ' is defined under hosts'}`)
  }
  return names
}

function refuseCycles(groups: ReadonlyMap<string, Group>, written: ReadonlyMap<string, readonly Reader[]>): void {
  const circle = circleOf(groups)
  if (!circle) return
  const problem = `a circle of groups: ${circle.join(' → ')}; a group cannot be in itself`
  // The one that closes it, as far as it is written here.
  for (const [i, name] of [...circle.entries()].reverse()) {
    const item = written.get(name)?.find((each) => each.string() === circle[i + 1])
    if (item) item.fail(problem)
  }
  throw new XecError('XEC_CONFIG', problem)
}

/** An error of something that knows no places, said at this one. */
function inPlace<T>(at: { fail(problem: string): never }, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (isXecError(error)) return at.fail(error.message)
    throw error
  }
}

function holdsSecret({ password, passphrase, privateKey }: HostSettings): boolean {
  return (
    password?.kind === 'plain' ||
    passphrase?.kind === 'plain' ||
    (privateKey?.kind === 'plain' && privateKey.value.includes('\n'))
  )
}
