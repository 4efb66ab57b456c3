/** What an option's text may be: one reader for each kind of value. Pure; a problem is an XEC_CONFIG that says what would be right. */
import { XecError } from '../errors.js'
import { parseDuration } from '../runtime/duration.js'

/** The value that each kind of option has once it is read. */
export interface Values {
  /** Given or not. */
  flag: true
  /** Given, and its opposite given. */
  switch: boolean
  /** One of the choices, the `bare` one when no value is given, `off` for its opposite. The value stands behind `=` only. */
  mode: string
  /** How often it was given. */
  level: number
  count: number
  port: number
  /** Milliseconds. */
  duration: number
  text: string
  /** Repeatable; in the order given. */
  list: string[]
  choice: string
}

export type Kind = keyof Values

export interface ValueRules {
  /** For counts and durations (ms). Default 0. */
  readonly min?: number
  readonly choices?: readonly string[]
  /** Of a mode: what it is without a value. */
  readonly bare?: string
}

/** Of anything that is counted here. */
const MOST = 999_999_999

/** The longest that a timer can wait (2^31 - 1 ms). */
const LONGEST = 2 ** 31 - 1

/**
 * Reads one text.
 * @param name how the person wrote the option, for the message: `--timeout`, `XEC_TIMEOUT`
 * @throws XecError XEC_CONFIG
 */
export function readValue<K extends Kind>(kind: K, name: string, text: string, rules: ValueRules = {}): Values[K] {
  return READERS[kind](name, text, rules)
}

const READERS: { readonly [K in Kind]: (name: string, text: string, rules: ValueRules) => Values[K] } = {
  flag(name, text) {
    if (readSwitch(name, text)) return true
    throw usage(`${name}: leave it out instead of ${text}`)
  },
  switch: readSwitch,
  mode(name, text, { choices = [], bare = '' }) {
    if (choices.includes(text)) return text
    if (isSwitch(text)) return readSwitch(name, text) ? bare : 'off'
    throw usage(`${name} ${shown(text)}: choose ${choices.join(', ')}`)
  },
  level: (name, text) => readCount(name, text, { min: 0 }),
  count: readCount,
  port(name, text) {
    const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
    if (port < 1 || port > 65_535) throw usage(`${name} ${shown(text)}: a port is a number from 1 to 65535`)
    return port
  },
  duration: readDuration,
  text(name, text) {
    if (text === '') throw usage(`${name} needs a value, not an empty one`)
    if (text.includes('\0')) throw usage(`${name} contains a NUL character`)
    return text
  },
  list: (name, text, rules) => [READERS.text(name, text, rules)],
  choice(name, text, { choices = [] }) {
    if (!choices.includes(text)) throw usage(`${name} ${shown(text)}: choose ${choices.join(', ')}`)
    return text
  },
}

const YES = ['1', 'true', 'yes', 'on']
const NO = ['0', 'false', 'no', 'off']

const isSwitch = (text: string): boolean => [...YES, ...NO].includes(text.toLowerCase())

function readSwitch(name: string, text: string): boolean {
  const word = text.toLowerCase()
  if (YES.includes(word)) return true
  if (NO.includes(word)) return false
  throw usage(`${name} ${shown(text)}: say true or false`)
}

function readCount(name: string, text: string, { min = 0 }: ValueRules): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN
  if (Number.isNaN(value)) throw usage(`${name} ${shown(text)}: a whole number is needed, at least ${min}`)
  if (value < min) throw usage(`${name} ${shown(text)}: at least ${min}`)
  if (value > MOST) throw usage(`${name} ${text}: at most ${MOST}`)
  return value
}

function readDuration(name: string, text: string, { min = 0 }: ValueRules): number {
  // Seconds to some tools, milliseconds to others: nobody's guess is safe.
  if (/^\d+(\.\d+)?$/.test(text)) throw usage(`${name} ${text}: say ${text}s or ${text}ms`)
  const value = parseDuration(text)
  if (value === undefined)
    throw usage(`${name} ${shown(text)}: a duration has a number and a unit, such as 500ms, 30s, 5m or 1h`)
  if (value < min) throw usage(`${name} ${text}: at least ${min}ms`)
  if (value > LONGEST) throw usage(`${name} ${text}: at most 24d`)
  return value
}

function shown(text: string): string {
  return text === '' ? "''" : text
}

export function usage(message: string): XecError {
  return new XecError('XEC_CONFIG', message)
}
