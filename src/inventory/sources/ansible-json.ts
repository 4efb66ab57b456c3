/** The JSON that a program prints for `--list`: groups by name, and `_meta.hostvars`. Pure. */
import { messageOf } from '../../errors.js'
import type { AnsibleModel } from './ansible-model.js'
import { fromJson, type Variable } from './ansible-values.js'
import { faultAt } from './source.js'

type Fields = Readonly<Record<string, unknown>>

/**
 * @param origin what printed it, for messages
 * @throws XecError XEC_CONFIG
 */
export function readInventoryJson(origin: string, text: string, model: AnsibleModel): void {
  let top: unknown
  try {
    top = JSON.parse(text)
  } catch (error) {
    throw faultAt(origin, `it printed no JSON: ${messageOf(error)}`)
  }
  if (!isFields(top)) throw faultAt(origin, 'it must print one JSON object of groups, as for --list')
  const variable = (value: unknown): Variable => ({ value: fromJson(value), place: origin })
  for (const [name, given] of Object.entries(top)) {
    if (name === '_meta') continue
    const data = groupData(name, given)
    model.addGroup(name, origin)
    for (const host of namesIn(origin, `hosts of ${name}`, data['hosts'])) model.addHost(host, name, origin)
    for (const [key, value] of Object.entries(fieldsIn(origin, `vars of ${name}`, data['vars'])))
      model.setGroupVariable(name, key, variable(value))
    for (const child of namesIn(origin, `children of ${name}`, data['children'])) {
      model.addGroup(child, origin)
      model.addChild(name, child, origin)
    }
  }
  const meta = fieldsIn(origin, '_meta', top['_meta'])
  for (const [host, vars] of Object.entries(fieldsIn(origin, '_meta.hostvars', meta['hostvars'])))
    for (const [key, value] of Object.entries(fieldsIn(origin, `_meta.hostvars.${host}`, vars)))
      model.setHostVariable(host, key, variable(value))
}

/** A list alone is its hosts; a map without the three keys is a host of that name with variables (an old form). */
function groupData(name: string, given: unknown): Fields {
  if (!isFields(given)) return { hosts: given }
  if (['hosts', 'vars', 'children'].some((key) => Object.hasOwn(given, key))) return given
  return Object.keys(given).length === 0 ? {} : { hosts: [name], vars: given }
}

function namesIn(origin: string, what: string, value: unknown): readonly string[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value
  throw faultAt(origin, `${what} must be a list of names`)
}

function fieldsIn(origin: string, what: string, value: unknown): Fields {
  if (value === undefined || value === null) return {}
  if (isFields(value)) return value
  throw faultAt(origin, `${what} must be an object`)
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
