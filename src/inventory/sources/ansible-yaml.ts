/** Ansible's YAML inventories into the model. Pure. */
import { messageOf } from '../../errors.js'
import type { AnsibleModel } from './ansible-model.js'
import { expandHostPattern, type HostPattern } from './ansible-pattern.js'
import { faultAt } from './source.js'
import { readYamlMap, type YamlValue } from './yaml-text.js'

const DEEPEST = 64

/**
 * @returns warnings
 * @throws XecError XEC_CONFIG `file:line: …`
 */
export function readAnsibleYaml(file: string, text: string, model: AnsibleModel): string[] {
  const top = readYamlMap(file, text)
  if (!top) throw faultAt(file, 'it is empty; a YAML inventory begins with all:')
  const plugin = top.get('plugin')
  if (plugin)
    throw faultAt(
      plugin.place,
      `it configures an inventory plugin, which only Ansible runs; say inventory: { command: [ansible-inventory, -i, ${file}, --list] }`,
    )
  const warnings: string[] = []
  for (const [name, data] of top) readGroup(name, data, { model, warnings, depth: 0 })
  return warnings
}

interface Surroundings {
  readonly model: AnsibleModel
  readonly warnings: string[]
  readonly depth: number
}

function readGroup(name: string, data: YamlValue, around: Surroundings): void {
  const { model, warnings, depth } = around
  const { entries, place } = data
  if (depth > DEEPEST) throw faultAt(place, `groups are nested more than ${DEEPEST} deep`)
  if (!entries && !data.isNull) {
    warnings.push(`${place}: ${name} is no group and is passed over; a group is a map of hosts, children and vars`)
    return
  }
  model.addGroup(name, place)
  for (const [key, section] of entries ?? []) {
    if (section.isNull) continue
    if (key === 'vars') readVariables(name, section, model)
    else if (key === 'hosts')
      for (const [pattern, vars] of sectionOf(name, key, section)) readHosts(name, pattern, vars, model)
    else if (key === 'children')
      for (const [child, inner] of sectionOf(name, key, section)) {
        if (inner) readGroup(child, inner, { ...around, depth: depth + 1 })
        else model.addGroup(child, section.place)
        if (model.hasGroup(child)) model.addChild(name, child, (inner ?? section).place)
      }
    else
      warnings.push(`${section.place}: ${key} in the group ${name} is passed over; known are hosts, children and vars`)
  }
}

function readVariables(group: string, section: YamlValue, model: AnsibleModel): void {
  for (const [name, value] of sectionOf(group, 'vars', section))
    model.setGroupVariable(group, name, value?.variable ?? { value: null, place: section.place })
}

/** A section is a map, or one name alone. */
function sectionOf(group: string, key: string, section: YamlValue): Iterable<readonly [string, YamlValue | undefined]> {
  const { entries } = section
  if (entries) return entries
  const { value } = section
  if (typeof value === 'string') return [[value, undefined]]
  throw faultAt(section.place, `${key} of the group ${group} must be a map: each name with a colon behind it`)
}

function readHosts(group: string, pattern: string, vars: YamlValue | undefined, model: AnsibleModel): void {
  const place = vars?.place ?? ''
  const variables = vars?.entries
  if (vars && !variables && !vars.isNull)
    throw faultAt(place, `the host ${pattern} must be a map of its variables, or have nothing behind its colon`)
  let found: HostPattern
  try {
    found = expandHostPattern(pattern)
  } catch (error) {
    throw faultAt(place, messageOf(error))
  }
  for (const name of found.names) {
    model.addHost(name, group, place, found.port)
    for (const [key, value] of variables ?? []) model.setHostVariable(name, key, value.variable)
  }
}
