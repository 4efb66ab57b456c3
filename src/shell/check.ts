/**
 * What programs give, looked at when they give it: a misspelt option or a value of the wrong kind is a TypeError at the
 * line that has it, not a surprise when the command runs. Pure.
 */
import { Readable } from 'node:stream'
import { parseDuration } from '../runtime/duration.js'
import { nearest } from '../runtime/nearest.js'
import { Secret } from '../runtime/secret.js'

/** What is wrong with a value, in words that follow its name; undefined when nothing is. */
export type Check = (value: unknown) => string | undefined

/** What some write for another name; or, where that name is not an option here at all, what to do instead. */
export type Meant = Readonly<Record<string, string | { readonly instead: string }>>

/** By option, so that a forgotten one is a compile error. */
export type Checks<T> = { readonly [K in keyof Required<T>]: Check }

export const must =
  (what: string, isSo: (value: unknown) => boolean): Check =>
  (value) =>
    isSo(value) ? undefined : `must be ${what}, not ${shown(value)}`

export const bool = must('true or false', (value) => typeof value === 'boolean')
export const func = must('a function', (value) => typeof value === 'function')
export const text = must('a text', (value) => typeof value === 'string')
export const number = must('a number', (value) => typeof value === 'number')
export const object = must('an object', (value) => typeof value === 'object' && value !== null && !Array.isArray(value))
export const ms = must('milliseconds', (value) => typeof value === 'number' && value >= 0)
export const bytes = must('a whole number of bytes', (value) => Number.isSafeInteger(value) && (value as number) >= 0)
export const count = must(
  'a whole number that is not negative',
  (value) => Number.isSafeInteger(value) && (value as number) >= 0,
)
export const signal = must('an AbortSignal', (value) => value instanceof AbortSignal)
export const signals = must(
  'an array of AbortSignals',
  (value) => Array.isArray(value) && value.every((each) => each instanceof AbortSignal),
)
export const input = must(
  'a text, bytes or a Readable',
  (value) => typeof value === 'string' || value instanceof Uint8Array || value instanceof Readable,
)
export const directory = must('a directory', (value) => typeof value === 'string' && value !== '')
export const secret = must('a text or a Secret', (value) => typeof value === 'string' || value instanceof Secret)
export const texts = must('a text or an array of texts', (value) =>
  [value].flat().every((each) => typeof each === 'string'),
)
/** Looked at by whoever takes it, who knows more. */
export const elsewhere: Check = () => undefined

export const duration: Check = (value) => {
  const length = typeof value === 'string' ? parseDuration(value) : value
  return typeof length === 'number' && Number.isFinite(length) && length >= 0
    ? undefined
    : `must be milliseconds, or a text such as '30s', '500ms' or '5m', not ${typeof value === 'string' ? JSON.stringify(value) : shown(value)}`
}

export const env: Check = (value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return `must be an object of variables, not ${shown(value)}`
  for (const [name, each] of Object.entries(value)) {
    if (each === undefined) return `has the variable ${name}, which is undefined; leave it out, or give it a text`
    if (typeof each !== 'string' && !(each instanceof Secret))
      return `has the variable ${name}, which must be a text or a Secret, not ${shown(each)}`
  }
  return undefined
}

/**
 * Options as given; `undefined` is the same as absent.
 * @param what they are called one by one
 * @throws TypeError that names the option, and what would be right
 */
export function checked<T extends object>(what: string, given: T, checks: Checks<T>, meant: Meant = {}): T {
  checkNames(what, given, Object.keys(checks), meant)
  for (const [name, value] of Object.entries(given)) {
    const problem = value === undefined ? undefined : checks[name as keyof T](value)
    if (problem !== undefined) throw new TypeError(`${name} ${problem}`)
  }
  return given
}

/** @throws TypeError for a name that is none of the known ones, with the one that is meant */
export function checkNames(what: string, given: unknown, known: readonly string[], meant: Meant = {}): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new TypeError(`${what.replace(/^\w+/, '$&s')} are an object, not ${shown(given)}`)
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue
    const own = Object.hasOwn(meant, name) ? meant[name] : undefined
    if (typeof own === 'object') throw new TypeError(`unknown ${what} ${name}; ${own.instead}`)
    const near = own ?? nearest(name, known)
    throw new TypeError(`unknown ${what} ${name}; ${near ? `did you mean ${near}?` : `known are ${known.join(', ')}`}`)
  }
}

/** A value as it is called in messages; never its content, which may be a secret. */
export function shown(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'number' || typeof value === 'boolean')
    return String(value)
  if (typeof value === 'object')
    return Array.isArray(value)
      ? 'an array'
      : `an object${value.constructor && value.constructor !== Object ? ` of class ${value.constructor.name}` : ''}`
  return `a ${typeof value === 'string' ? 'text' : typeof value}`
}
