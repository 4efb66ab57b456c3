/** Variables of Ansible as values: what is encrypted or a template is recognised, never opened or run. */
import type { PlainValue } from '../inventory.js'

/** Encrypted by ansible-vault: there, and not to be read. */
export class Vaulted {}

/** `!unsafe`: a text that is no template, whatever braces it holds. */
export class Unsafe {
  constructor(readonly text: string) {}
}

export interface Variable {
  /** Plain data that may hold `Vaulted` and `Unsafe`. */
  readonly value: unknown
  /** `file:line`. */
  readonly place: string
}

export type Variables = ReadonlyMap<string, Variable>

/** How the whole of an encrypted file begins. */
export const VAULT_HEADER = '$ANSIBLE_VAULT;'

/** Why a value cannot be used; undefined for plain data. */
export function obstacleOf(value: unknown): string | undefined {
  if (value instanceof Vaulted) return 'is encrypted with ansible-vault, which xec does not open'
  if (value instanceof Unsafe) return undefined
  if (typeof value === 'string') {
    if (value.startsWith(VAULT_HEADER)) return 'is encrypted with ansible-vault, which xec does not open'
    return /\{\{|\{%|\{#/.test(value) ? 'is a Jinja template, which xec does not run' : undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  for (const each of Object.values(value)) {
    const found = obstacleOf(each)
    if (found !== undefined) return found
  }
  return undefined
}

/** Plain data without its marks. Ask `obstacleOf` first. */
export function plainOf(value: unknown): PlainValue {
  if (value instanceof Unsafe) return value.text
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map(plainOf)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plainOf(each)]))
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (typeof value === 'number' || typeof value === 'bigint') return value.toString()
  return null
}

/** JSON of `ansible-inventory --list` marks encrypted and unsafe texts by objects of one key. */
export function fromJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromJson)
  if (typeof value !== 'object' || value === null) return value
  if (Object.hasOwn(value, '__ansible_vault')) return new Vaulted()
  const unsafe = (value as Record<string, unknown>)['__ansible_unsafe']
  if (typeof unsafe === 'string') return new Unsafe(unsafe)
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fromJson(each)]))
}
