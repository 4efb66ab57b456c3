/**
 * A genders file (libgenders): `node[1-3],node7 attribute,attribute=value` a line. An attribute is a group; with a value it
 * is a group `attribute=value` besides, and a variable. `%n` in a value is the node's name. Pure.
 */
import { messageOf } from '../../errors.js'
import type { HostSettings, PlainValue } from '../inventory.js'
import { wordsOfList } from '../name-list.js'
import { expandWithin, MOST_NAMES } from '../names.js'
import { checkedName, faultAt, type Source, type SourceGroup } from './source.js'

/** @throws XecError XEC_CONFIG `file:line: …` */
export function readGenders(file: string, text: string): Source {
  const nodes = new Map<string, Map<string, PlainValue>>()
  const groups = new Map<string, Set<string>>()
  for (const [i, raw] of text.split(/\r\n|\r|\n/).entries()) {
    const place = `${file}:${i + 1}`
    const line = raw.replace(/#.*$/, '').trim()
    if (line === '') continue
    const [names = '', attributes = '', ...more] = line.split(/\s+/)
    if (more.length > 0)
      throw faultAt(
        place,
        `a line is nodes, a blank, and attributes with commas between them, and here follows ${more[0]}`,
      )
    for (const node of nodesOf(place, names, MOST_NAMES - nodes.size)) {
      const own = nodes.get(node) ?? new Map<string, PlainValue>()
      nodes.set(checkedName(place, node), own)
      for (const attribute of attributes.split(',').filter((each) => each !== ''))
        take(place, node, attribute, own, groups)
    }
  }
  const hosts = [...nodes].map(([name, vars]): [string, HostSettings] => [
    name,
    vars.size > 0 ? Object.freeze({ vars: Object.fromEntries(vars) }) : {},
  ])
  const lists = [...groups].map(([name, members]): [string, SourceGroup] => [name, { hosts: [...members], groups: [] }])
  return { hosts: new Map(hosts), groups: new Map(lists), warnings: [], secretFiles: new Set() }
}

function take(
  place: string,
  node: string,
  attribute: string,
  own: Map<string, PlainValue>,
  groups: Map<string, Set<string>>,
): void {
  const at = attribute.indexOf('=')
  const name = at === -1 ? attribute : attribute.slice(0, at)
  const value =
    at === -1
      ? undefined
      : attribute.slice(at + 1).replaceAll(/%(.)/g, (all, mark) => (mark === 'n' ? node : mark === '%' ? '%' : all))
  if (own.has(name)) throw faultAt(place, `${node} has the attribute ${name} twice; keep one`)
  own.set(name, value ?? true)
  // A value may hold what no group's name can; it is a variable all the same.
  const isName = value !== undefined && /^[\w.:+-]+$/.test(value)
  for (const group of [name, ...(isName ? [`${name}=${value}`] : [])]) {
    const members = groups.get(group) ?? new Set<string>()
    groups.set(checkedName(place, group), members.add(node))
  }
}

function nodesOf(place: string, names: string, room: number): readonly string[] {
  try {
    return wordsOfList(names).flatMap(({ word }) => expandWithin(word, room))
  } catch (error) {
    throw faultAt(place, messageOf(error))
  }
}
