/** What every kind of inventory becomes before it joins the configuration: hosts and groups as plain values. */
import { checkName } from '../names.js'
import type { HostSettings } from '../inventory.js'
import { XecError } from '../../errors.js'

export interface SourceGroup {
  /** Its own hosts, without those of its groups. */
  readonly hosts: readonly string[]
  readonly groups: readonly string[]
}

export interface Source {
  /** In the order of first mention. */
  readonly hosts: ReadonlyMap<string, HostSettings>
  readonly groups: ReadonlyMap<string, SourceGroup>
  /** Each with the file that it concerns. */
  readonly warnings: readonly string[]
  /** Files in which a password stands. */
  readonly secretFiles: ReadonlySet<string>
}

export const KINDS = ['ansible', 'genders', 'hosts', 'sshConfig', 'command'] as const

export type Kind = (typeof KINDS)[number]

/** An error of an inventory file. @param place `file:line`, or a file alone */
export function faultAt(place: string, problem: string, cause?: unknown): XecError {
  return new XecError('XEC_CONFIG', `${place}: ${problem}`, cause === undefined ? {} : { cause })
}

/** @throws XecError XEC_CONFIG for a name that no selection could hold */
export function checkedName(place: string, name: string): string {
  const problem = checkName(name)
  if (problem !== undefined) throw faultAt(place, `${problem}; xec takes letters, digits, dots, - and _ in names`)
  return name
}
