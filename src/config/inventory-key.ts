/** `inventory:` of a configuration: a file, `{ kind, file }`, `{ command: [program, argument], ttl }`, or a list of these. */
import { resolve } from 'node:path'
import type { InventorySpec } from '../inventory/sources/load.js'
import { KINDS, type Kind } from '../inventory/sources/source.js'
import { nearest } from '../runtime/nearest.js'
import type { Reader } from './document.js'

/** The keys of one inventory that is written as a map. */
export const INVENTORY_KEYS = ['kind', 'file', 'command', 'ttl', 'timeout'] as const

/**
 * @param directory that relative files are in, and where programs run: the configuration's
 * @throws XecError XEC_CONFIG with file:line:col
 */
export function readInventoryKey(value: Reader, directory: string): InventorySpec[] {
  return (value.isList ? value.items() : [value]).map((item) => readOne(item, directory))
}

function readOne(value: Reader, directory: string): InventorySpec {
  if (!value.isMap) return { kind: undefined, file: fileOf(value, directory), place: value.place }
  const keys = value.known(INVENTORY_KEYS)
  const kind = keys.get('kind')
  const said = kind && kindOf(kind)
  const command = keys.get('command')
  const file = keys.get('file')
  if (command) {
    if (said !== undefined && said !== 'command') kind?.fail(`must be command beside command, not ${said}`)
    file?.fail('stands beside command; keep one')
    const argv = command.isList
      ? command.items().map((item) => item.string())
      : [command.string('a list: [program, argument]')]
    if (!argv[0]) command.fail('must name a program: [program, argument]')
    const timeout = keys.get('timeout')?.duration('milliseconds')
    if (timeout === 0) keys.get('timeout')?.fail('must be more than 0')
    return {
      kind: 'command',
      argv,
      cwd: directory,
      ttlMs: keys.get('ttl')?.duration('milliseconds') ?? 0,
      ...(timeout === undefined ? {} : { timeoutMs: timeout }),
      place: command.place,
    }
  }
  for (const key of ['ttl', 'timeout'] as const) keys.get(key)?.fail('belongs to an inventory with a command')
  if (said === 'command') return kind?.fail('needs command: [program, argument]') as never
  if (!file) return value.fail('must have file, or command: [program, argument]')
  return { kind: said, file: fileOf(file, directory), place: file.place }
}

function kindOf(value: Reader): Kind {
  const text = value.string(`one of ${KINDS.join(', ')}`)
  const found = KINDS.find((kind) => kind === text)
  if (found) return found
  const meant = nearest(text, KINDS)
  return value.fail(`must be one of ${KINDS.join(', ')}, not ${value.shown}${meant ? `; did you mean ${meant}?` : ''}`)
}

function fileOf(value: Reader, directory: string): string {
  const text = value.string('the path of an inventory')
  return text.trim() === '' ? value.fail('must be the path of an inventory, not empty') : resolve(directory, text)
}
