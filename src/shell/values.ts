/** The values that may stand in a template, and the text that each becomes. Pure. */
import { Secret } from '../runtime/secret.js'
import { ShellResult } from './result.js'

/** One word of a command line. */
export type ShellWord =
  | string
  | number
  | bigint
  | boolean
  | Date
  | ShellResult
  | Uint8Array
  /** A plain object: its JSON. One of an interface type goes as `{ ...value }`. */
  | { readonly [key: string]: unknown }

/** A value that a template takes: a word, or an array with a word for each element. `undefined` and `null` are neither. */
export type ShellValue = ShellWord | readonly ShellWord[]

/** What has no text, in words that follow the name of the value. */
export class Unfit {
  constructor(readonly fault: string) {}
}

/** The text or the bytes of a word, or what is wrong with it. */
export function wordOf(value: unknown): string | Uint8Array | Unfit {
  switch (typeof value) {
    case 'string':
      return /\p{Surrogate}/u.test(value)
        ? new Unfit('has half of a surrogate pair, which has no UTF-8; give it as a Uint8Array, or repair the text')
        : value
    case 'number':
      return Number.isFinite(value)
        ? String(value)
        : new Unfit(`is ${value}; only finite numbers have a place in a command`)
    case 'bigint':
    case 'boolean':
      return String(value)
    case 'undefined':
      return new Unfit("is undefined; an empty word is ''")
    case 'symbol':
    case 'function':
      return new Unfit(`is a ${typeof value}, which has no place in a command line`)
    case 'object':
      return value === null ? new Unfit("is null; an empty word is ''") : textOfObject(value)
  }
}

function textOfObject(value: object): string | Uint8Array | Unfit {
  if (value instanceof Secret) return SECRET
  if (value instanceof ShellResult) return value.text()
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? new Unfit('is a Date that is invalid') : value.toISOString()
  if (value instanceof Uint8Array) return value
  if (Array.isArray(value)) return new Unfit('is an array within an array; flatten it, or join it to one text')
  if (typeof (value as { then?: unknown }).then === 'function')
    return new Unfit('is a promise; await it, and interpolate what it resolves to')
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && !isObjectPrototype(prototype))
    return new Unfit(
      `is an object of class ${nameOfClass(value)}, which has no place in a command line; interpolate its text`,
    )
  return jsonOf(value)
}

/** Also that of another realm, such as a vm context. */
function isObjectPrototype(prototype: unknown): boolean {
  return typeof prototype === 'object' && prototype !== null && Object.getPrototypeOf(prototype) === null
}

function nameOfClass(value: object): string {
  const { constructor } = value as { constructor?: unknown }
  return typeof constructor === 'function' && constructor.name !== '' ? constructor.name : 'unknown'
}

const SECRET = new Unfit(
  'is a Secret, which cannot be put into a command line, where every process of the host could read it; pass it with .env({ NAME: secret })',
)

function jsonOf(value: object): string | Unfit {
  let hasSecret = false
  let json: string | undefined
  try {
    // A Secret has become `[secret]` when the replacer is given it: what it stands in still has it.
    json = JSON.stringify(value, function (this: Record<string, unknown>, key: string, each: unknown) {
      hasSecret ||= this[key] instanceof Secret
      return each
    })
  } catch (error) {
    return new Unfit(`is an object that has no JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (hasSecret) return SECRET
  return json ?? new Unfit('is an object whose JSON is nothing; interpolate its text')
}
