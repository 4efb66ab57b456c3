/** A file that was given as a configuration and is an inventory of another tool: what to do in place of its first syntax error. Pure. */
import { kindOf } from '../inventory/sources/recognise.js'
import { TOP_KEYS } from './top-keys.js'

const NAMES = {
  ansible: 'an Ansible inventory',
  genders: 'a genders file',
  sshConfig: 'an ssh configuration',
  hosts: undefined,
  command: undefined,
}

/** A sentence for whoever named the file; undefined for what may well be a configuration with a mistake in it. */
export function foreignHint(file: string, text: string): string | undefined {
  const keys = [...text.matchAll(/^([\w-]+):/gm)].map(([, key = '']) => key)
  if (keys.some((key) => (TOP_KEYS as readonly string[]).includes(key))) return undefined
  // Any YAML file could be an inventory to Ansible; without these words it is none.
  const isYaml = keys.length > 0
  if (isYaml && !/^(?:all|ungrouped):|^\s+(?:hosts|children|vars):/m.test(text)) return undefined
  const kind = isYaml ? 'ansible' : kindOf({ path: file, text, isDirectory: false, isExecutable: false })
  const name = NAMES[kind]
  return (
    name &&
    `${file}: this looks like ${name}: read it with --inventory ${file}, or put "inventory: ${file}" into a configuration; xec init --from ${kind === 'sshConfig' ? 'ssh-config' : kind} ${file} makes one of it`
  )
}
