/**
 * Hosts, groups and variables of an Ansible inventory while its files are read, and what counts for each host in the
 * end. The order of precedence is that of Ansible's `VARIABLE_PRECEDENCE`, without playbooks:
 * variables of `all`, of groups, group_vars/all, group_vars of groups, of the host, host_vars. Groups come in the order of their
 * depth, `ansible_group_priority` and name; the later wins. Pure.
 */
import type { SourceGroup } from './source.js'
import { checkedName, faultAt } from './source.js'
import type { Variable, Variables } from './ansible-values.js'

interface AnsibleGroup {
  readonly name: string
  readonly vars: Map<string, Variable>
  readonly hosts: Set<string>
  readonly children: Set<string>
  readonly parents: Set<string>
  priority: number
}

/** What stands in group_vars and host_vars. */
export interface VariableFiles {
  group(name: string): Variables | undefined
  host(name: string): Variables | undefined
}

export const NO_FILES: VariableFiles = { group: () => undefined, host: () => undefined }

const ALL = 'all'
const UNGROUPED = 'ungrouped'
const PRIORITY = 'ansible_group_priority'

export class AnsibleModel {
  readonly #groups = new Map<string, AnsibleGroup>()
  readonly #hosts = new Map<string, Map<string, Variable>>()

  constructor() {
    for (const name of [ALL, UNGROUPED]) this.#groups.set(name, newGroup(name))
  }

  get groupNames(): Iterable<string> {
    return this.#groups.keys()
  }

  hasGroup(name: string): boolean {
    return this.#groups.has(name)
  }

  hasHost(name: string): boolean {
    return this.#hosts.has(name)
  }

  addGroup(name: string, place: string): void {
    if (!this.#groups.has(name)) this.#groups.set(checkedName(place, name), newGroup(name))
  }

  /** @throws XecError XEC_CONFIG for a circle */
  addChild(parent: string, child: string, place: string): void {
    const [above, below] = [this.#group(parent), this.#group(child)]
    if (above.children.has(child)) return
    if (child === ALL || parent === child || this.#ancestorsOf([parent]).has(child))
      throw faultAt(place, `the group ${child} holds ${parent} already: a group cannot be in itself`)
    above.children.add(child)
    below.parents.add(parent)
  }

  /** @param port of a first mention such as `web1:2222` */
  addHost(name: string, group: string, place: string, port?: number): void {
    if (!this.#hosts.has(name)) {
      const vars = new Map<string, Variable>()
      if (port !== undefined) vars.set('ansible_port', { value: port, place })
      this.#hosts.set(checkedName(place, name), vars)
    }
    this.#group(group).hosts.add(name)
  }

  setGroupVariable(group: string, name: string, variable: Variable): void {
    const found = this.#group(group)
    if (name === PRIORITY) found.priority = priorityOf(variable)
    else found.vars.set(name, variable)
  }

  setHostVariable(host: string, name: string, variable: Variable): void {
    this.#hosts.get(host)?.set(name, variable)
  }

  /** The variables that count for each host, in the order of first mention, and the groups without `all`. */
  finish(files: VariableFiles): {
    readonly hosts: ReadonlyMap<string, Variables>
    readonly groups: ReadonlyMap<string, SourceGroup>
  } {
    const direct = this.#directGroups()
    const depths = this.#depths()
    const merged = new Map<string, Variables>()
    const hosts = new Map<string, Variables>()
    for (const [name, own] of this.#hosts) {
      const groups = direct.get(name) ?? []
      const id = groups.join('\0')
      let shared = merged.get(id)
      if (!shared) merged.set(id, (shared = this.#groupVariables(groups, depths, files)))
      const inFiles = files.host(name)
      hosts.set(name, inFiles || own.size > 0 ? new Map([...shared, ...own, ...(inFiles ?? [])]) : shared)
    }
    return { hosts, groups: this.#sourceGroups(direct) }
  }

  /** The groups that list each host, without `ungrouped` for those that have another. */
  #directGroups(): Map<string, string[]> {
    const direct = new Map<string, string[]>()
    for (const group of this.#groups.values()) {
      if (group.name === ALL || group.name === UNGROUPED) continue
      for (const host of group.hosts) {
        const list = direct.get(host)
        if (list) list.push(group.name)
        else direct.set(host, [group.name])
      }
    }
    for (const host of this.#hosts.keys()) if (!direct.has(host)) direct.set(host, [UNGROUPED])
    return direct
  }

  #groupVariables(direct: readonly string[], depths: ReadonlyMap<string, number>, files: VariableFiles): Variables {
    const ordered = [...this.#ancestorsOf(direct)]
      .filter((name) => name !== ALL)
      .map((name) => this.#group(name))
      .sort((a, b) => depthOf(depths, a) - depthOf(depths, b) || a.priority - b.priority || byText(a.name, b.name))
    return new Map([
      ...this.#group(ALL).vars,
      ...ordered.flatMap(({ vars }) => [...vars]),
      ...(files.group(ALL) ?? []),
      ...ordered.flatMap(({ name }) => [...(files.group(name) ?? [])]),
    ])
  }

  #sourceGroups(direct: ReadonlyMap<string, readonly string[]>): Map<string, SourceGroup> {
    const groups = new Map<string, SourceGroup>()
    for (const { name, hosts, children } of this.#groups.values()) {
      if (name === ALL || name === UNGROUPED) continue
      groups.set(name, { hosts: [...hosts], groups: [...children] })
    }
    const rest = [...direct].filter(([, [first]]) => first === UNGROUPED).map(([host]) => host)
    if (rest.length > 0) groups.set(UNGROUPED, { hosts: rest, groups: [] })
    return groups
  }

  /** The groups and all that hold them. */
  #ancestorsOf(names: readonly string[]): Set<string> {
    const found = new Set(names)
    // A set visits what is added while it is walked.
    for (const name of found) for (const parent of this.#group(name).parents) found.add(parent)
    return found
  }

  /** The longest way from `all`, which holds whatever no other group holds. */
  #depths(): Map<string, number> {
    const depths = new Map<string, number>()
    const waiting = new Map<string, number>()
    const ready: string[] = []
    for (const { name, parents } of this.#groups.values()) {
      const others = [...parents].filter((parent) => parent !== ALL).length
      depths.set(name, name === ALL ? 0 : 1)
      if (others === 0) ready.push(name)
      else waiting.set(name, others)
    }
    for (const name of ready) {
      if (name === ALL) continue
      for (const child of this.#group(name).children) {
        depths.set(child, Math.max(depths.get(child) ?? 1, (depths.get(name) ?? 1) + 1))
        const left = (waiting.get(child) ?? 1) - 1
        waiting.set(child, left)
        if (left === 0) ready.push(child)
      }
    }
    return depths
  }

  #group(name: string): AnsibleGroup {
    const found = this.#groups.get(name)
    if (!found) throw new Error(`the group ${name} was never added`)
    return found
  }
}

function newGroup(name: string): AnsibleGroup {
  return { name, vars: new Map(), hosts: new Set(), children: new Set(), parents: new Set(), priority: 1 }
}

function depthOf(depths: ReadonlyMap<string, number>, { name }: AnsibleGroup): number {
  return depths.get(name) ?? 1
}

/** By code units, as Python compares texts. */
function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function priorityOf({ value, place }: Variable): number {
  const priority = typeof value === 'boolean' ? Number(value) : Math.trunc(Number(value))
  if (!Number.isSafeInteger(priority) || value === '' || value === null)
    throw faultAt(place, `${PRIORITY} must be a whole number, not ${JSON.stringify(value)}`)
  return priority
}
