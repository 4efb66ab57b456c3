/** Ansible's INI inventories: `[group]`, `[group:children]`, `[group:vars]`, and a host with its variables a line. Pure. */
import { messageOf } from '../../errors.js'
import { expandHostPattern, type HostPattern } from './ansible-pattern.js'
import type { AnsibleModel } from './ansible-model.js'
import { readLiteral } from './python-literal.js'
import { faultAt } from './source.js'
import { splitWords } from './words.js'

const SECTION = /^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$/
const GROUP_NAME = /^([^:\]\s]+)\s*(?:#.*)?$/

/** A group that was named before it was defined. */
interface Pending {
  readonly line: number
  readonly kind: 'children' | 'vars'
  /** The groups that list it as a child. */
  readonly parents: Set<string>
}

/** @throws XecError XEC_CONFIG `file:line: …` */
export function readAnsibleIni(file: string, text: string, model: AnsibleModel): void {
  new IniReader(file, model).read(text)
}

class IniReader {
  #line = 0
  #group = 'ungrouped'
  #section: 'hosts' | 'children' | 'vars' = 'hosts'
  readonly #pending = new Map<string, Pending>()

  constructor(
    private readonly file: string,
    private readonly model: AnsibleModel,
  ) {}

  read(text: string): void {
    for (const raw of text.split(/\r\n|\r|\n/)) {
      this.#line++
      const line = raw.trim()
      if (line !== '' && !line.startsWith('#') && !line.startsWith(';')) this.#take(line)
    }
    for (const [name, { line, kind, parents }] of this.#pending) {
      const place = `${this.file}:${line}`
      if (kind === 'vars') throw faultAt(place, `[${name}:vars] is for a group that is defined nowhere; add [${name}]`)
      throw faultAt(place, `[${[...parents][0] ?? ''}:children] lists ${name}, which is no group; add [${name}]`)
    }
  }

  get #place(): string {
    return `${this.file}:${this.#line}`
  }

  #fail(problem: string): never {
    throw faultAt(this.#place, problem)
  }

  #take(line: string): void {
    const section = SECTION.exec(line)
    if (section) return this.#begin(section[1] ?? '', section[2] ?? 'hosts')
    if (line.startsWith('[') && line.endsWith(']'))
      this.#fail(`${line} is no section; a section is [group], [group:children] or [group:vars], without blanks`)
    if (line.startsWith('[') && !line.includes(']')) this.#fail(`${JSON.stringify(line)}: the [ has no ]`)
    if (this.#section === 'hosts') this.#host(line)
    else if (this.#section === 'vars') this.#variable(line)
    else this.#child(line)
  }

  #begin(group: string, section: string): void {
    if (section !== 'hosts' && section !== 'children' && section !== 'vars')
      this.#fail(`[${group}:${section}]: a section is [group], [group:children] or [group:vars]`)
    this.#group = group
    this.#section = section
    const isNew = !this.model.hasGroup(group)
    if (isNew && section === 'vars' && !this.#pending.has(group))
      this.#pending.set(group, { line: this.#line, kind: 'vars', parents: new Set() })
    this.model.addGroup(group, this.#place)
    const pending = this.#pending.get(group)
    if (pending && section !== 'vars') {
      this.#pending.delete(group)
      for (const parent of pending.parents) this.model.addChild(parent, group, this.#place)
    }
  }

  #host(line: string): void {
    const [pattern = '', ...assignments] = this.#try(() => splitWords(line, { comments: true }))
    const { names, port } = this.#try((): HostPattern => expandHostPattern(pattern))
    const vars = assignments.map((assignment) => {
      const at = assignment.indexOf('=')
      if (at === -1)
        this.#fail(`${JSON.stringify(assignment)} behind a host must be name=value; a host has a line of its own`)
      return [assignment.slice(0, at), readLiteral(assignment.slice(at + 1))] as const
    })
    for (const name of names) {
      this.model.addHost(name, this.#group, this.#place, port)
      for (const [key, value] of vars) this.model.setHostVariable(name, key, { value, place: this.#place })
    }
  }

  #variable(line: string): void {
    const at = line.indexOf('=')
    if (at === -1) this.#fail(`in [${this.#group}:vars] a line is name=value, not ${JSON.stringify(line)}`)
    const value = readLiteral(line.slice(at + 1).trim())
    this.model.setGroupVariable(this.#group, line.slice(0, at).trim(), { value, place: this.#place })
  }

  #child(line: string): void {
    const child =
      GROUP_NAME.exec(line)?.[1] ??
      this.#fail(`in [${this.#group}:children] a line is the name of a group, not ${JSON.stringify(line)}`)
    const pending = this.#pending.get(child)
    if (this.model.hasGroup(child) && pending?.kind !== 'children') this.model.addChild(this.#group, child, this.#place)
    else if (pending) pending.parents.add(this.#group)
    else this.#pending.set(child, { line: this.#line, kind: 'children', parents: new Set([this.#group]) })
  }

  #try<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      return this.#fail(messageOf(error))
    }
  }
}
