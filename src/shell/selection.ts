/** Which hosts of an inventory a program means, looked at before it is asked: a slip must not stand for all of them. Pure. */
import type { SelectionRequest } from '../inventory/selector.js'
import { checkNames, shown } from './check.js'

/** `'@web&web*7'`, or groups, expressions and exclusions as the command line's -g, -w and -x. */
export type Selection = string | SelectionRequest

const KEYS: { readonly [K in keyof Required<SelectionRequest>]: true } = {
  groups: true,
  hosts: true,
  exclude: true,
  all: true,
}

/** @throws TypeError for what is no selection, with what would be one */
export function requestOf(selection: Selection): SelectionRequest {
  if (typeof selection === 'string') return { hosts: selection }
  if (typeof selection !== 'object' || selection === null || Array.isArray(selection))
    throw new TypeError(
      `a selection is a text such as '@web,db1' or an object such as { hosts: ['web01', 'db*'] }, not ${shown(selection)}`,
    )
  checkNames('key of a selection', selection, Object.keys(KEYS), { group: 'groups', host: 'hosts' })
  const { all, ...lists } = selection
  if (all !== undefined && typeof all !== 'boolean') throw new TypeError(`all must be true or false, not ${shown(all)}`)
  for (const [name, list] of Object.entries(lists)) {
    const wrong = list === undefined ? [] : [list].flat().filter((each: unknown) => typeof each !== 'string')
    if (wrong.length > 0)
      throw new TypeError(
        `${name} must be a text or an array of texts, not ${Array.isArray(list) ? 'an array with ' : ''}${shown(wrong[0])}`,
      )
  }
  return selection
}
