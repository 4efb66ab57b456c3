/** Which kind of inventory a file is, from its beginning. A kind that is said is never doubted. Pure. */
import { faultAt, type Kind } from './source.js'

export interface Looks {
  readonly path: string
  readonly text: string
  readonly isDirectory: boolean
  /** Somebody may run it. */
  readonly isExecutable: boolean
}

/** @throws XecError XEC_CONFIG for what is xec's own configuration */
export function kindOf({ path, text, isDirectory, isExecutable }: Looks): Kind {
  if (isDirectory) return 'ansible'
  if (isExecutable && text.startsWith('#!')) return 'command'
  if (/(?:^|\/)[^/]*genders[^/]*$/.test(path)) return 'genders'
  const lines = text.split(/\r\n|\r|\n/).map((line) => line.trim())
  const said = lines.filter((line) => line !== '' && !/^[#;]/.test(line))
  if (said.some((line) => /^(?:Host|Match)(?:\s+|\s*=\s*)\S/i.test(line))) return 'sshConfig'
  if (said.some((line) => /^\[[^\]\s]+\]\s*(?:#.*)?$/.test(line) && !/^\[[\da-f:.]+\]$/i.test(line))) return 'ansible'
  if (/\.(?:ya?ml|json)$/.test(path) || said[0] === '---' || isYaml(said)) return yamlKind(path, said)
  const columns = said.map((line) => line.split(/\s+/))
  if (columns.some(([, ...rest]) => rest.some((word) => /^ansible_\w+=/.test(word)))) return 'ansible'
  if (columns.length > 0 && columns.some(([, second]) => second !== undefined && isAttributes(second)))
    return columns.every(({ length }) => length <= 2) ? 'genders' : 'ansible'
  return columns.some(([, ...rest]) => rest.some((word) => /^\w+=/.test(word))) ? 'ansible' : 'hosts'
}

/** `rack=1,compute`: an attribute with a value beside another attribute. */
function isAttributes(word: string): boolean {
  const parts = word.split(',')
  return parts.length > 1 && parts.some((part) => part.includes('=')) && !word.includes('[')
}

function isYaml(said: readonly string[]): boolean {
  return (
    said.some((line) => /^(?:all|ungrouped|hosts|children|vars):\s*(?:#.*)?$/.test(line)) || /^\{/.test(said[0] ?? '')
  )
}

function yamlKind(path: string, said: readonly string[]): Kind {
  if (said.some((line) => /^(?:pool|defaults):/.test(line)))
    throw faultAt(path, `this looks like a configuration of xec; name it with -c ${path}`)
  return 'ansible'
}
