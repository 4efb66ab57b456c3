/**
 * What programs give, looked at when they give it: a misspelt option or a value of the wrong kind is a TypeError at the
 * line that has it, not a surprise when the command runs. Pure.
 */
import { Readable } from 'node:stream'
import { nearest } from '../runtime/nearest.js'
import { Secret } from '../runtime/secret.js'
import type { Settings } from './settings.js'

type Check = (value: unknown) => string | undefined

const is = (kind: string) => (what: string): Check => (value) => (typeof value === kind ? undefined : `must be ${what}, not ${shown(value)}`)
const bool = is('boolean')('true or false')
const func = is('function')('a function')
const ms: Check = (value) => (typeof value === 'number' && value >= 0 ? undefined : `must be milliseconds, not ${shown(value)}`)
const abort: Check = (value) => (value instanceof AbortSignal ? undefined : `must be an AbortSignal, not ${shown(value)}`)

/** By setting, so that a forgotten one is a compile error. */
const CHECKS: { readonly [K in keyof Required<Settings>]: Check } = {
  env: checkEnv,
  cwd: (value) => (typeof value === 'string' && value !== '' ? undefined : `must be a directory, not ${shown(value)}`),
  timeoutMs: ms,
  queueTimeoutMs: ms,
  signal: abort,
  stop: abort,
  stdin: (value) => (typeof value === 'string' || value instanceof Uint8Array || value instanceof Readable ? undefined : `must be a text, bytes or a Readable, not ${shown(value)}`),
  nothrow: bool,
  idempotent: bool,
  reading: bool,
  maxBuffer: (value) => (Number.isSafeInteger(value) && (value as number) >= 0 ? undefined : `must be a whole number of bytes, not ${shown(value)}`),
  onStdout: func,
  onStderr: func,
  onStarted: func,
}

function checkEnv(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return `must be an object of variables, not ${shown(value)}`
  for (const [name, each] of Object.entries(value)) {
    if (each === undefined) return `the variable ${name} is undefined; leave it out, or give it a text`
    if (typeof each !== 'string' && !(each instanceof Secret)) return `the variable ${name} must be a text or a Secret, not ${shown(each)}`
  }
  return undefined
}

/** Settings of a command, as given; `undefined` is the same as absent. @throws TypeError that names the setting */
export function checkSettings<S extends Settings>(settings: S): S {
  checkNames('setting', settings, Object.keys(CHECKS), { timeout: 'timeoutMs', queueTimeout: 'queueTimeoutMs' })
  for (const [name, value] of Object.entries(settings)) {
    const problem = value === undefined ? undefined : CHECKS[name as keyof Settings](value)
    if (problem !== undefined) throw new TypeError(problem.startsWith('the variable') ? problem : `${name} ${problem}`)
  }
  return settings
}

/**
 * @param meant what some write for another name
 * @throws TypeError for a name that is none of the known ones, with the one that is meant
 */
export function checkNames(what: string, given: unknown, known: readonly string[], meant: Readonly<Record<string, string>> = {}): void {
  if (typeof given !== 'object' || given === null) throw new TypeError(`${what}s are an object, not ${shown(given)}`)
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue
    const near = meant[name] ?? nearest(name, known)
    throw new TypeError(`unknown ${what} ${name}; ${near ? `did you mean ${near}?` : `known are ${known.join(', ')}`}`)
  }
}

/** A value as it is called in messages; never its content, which may be a secret. */
export function shown(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value === 'object') return Array.isArray(value) ? 'an array' : `an object${value.constructor && value.constructor !== Object ? ` of class ${value.constructor.name}` : ''}`
  return `a ${typeof value === 'string' ? 'text' : typeof value}`
}
