/** The values of ssh_config's keywords: words in, a value out. Each throws an Error with the problem alone. */
import { checkQuotes } from './config-line.js'

export function one(args: readonly string[]): string {
  const [value, ...more] = args
  if (value === undefined) throw new Error('has no value')
  if (more.length > 0) throw new Error(`takes one value, and there is more on the line: ${more.join(' ')}`)
  return value
}

export function choice<T>(args: readonly string[], values: Readonly<Record<string, T>>): T {
  const value = one(args).toLowerCase()
  const found = Object.hasOwn(values, value) ? values[value] : undefined
  if (found === undefined) throw new Error(`takes one of ${Object.keys(values).join(', ')}, not ${value}`)
  return found
}

/** yes, true, no, false: as ssh writes a switch. */
export function flag(args: readonly string[]): boolean {
  return choice(args, { yes: true, true: true, no: false, false: false })
}

export function port(value: string): number {
  const number = /^\d{1,5}$/.test(value) ? Number(value) : NaN
  if (!(number >= 1 && number <= 65_535)) throw new Error(`takes a port number from 1 to 65535, not ${value}`)
  return number
}

/** @param least the smallest number that is taken */
export function count(value: string, least = 0): number {
  if (!/^\d{1,9}$/.test(value) || Number(value) < least)
    throw new Error(`takes a whole number${least > 0 ? ` from ${least}` : ''}, not ${value}`)
  return Number(value)
}

export function files(args: readonly string[]): string[] {
  if (args.length === 1 && args[0]?.toLowerCase() === 'none') return []
  if (args.some((arg) => arg.toLowerCase() === 'none')) throw new Error('takes none only alone')
  return [...args]
}

/** A command for a shell: the rest of the line as it stands, if its quotes are whole; `none` in any case. */
export function command(rest: string): string {
  checkQuotes(rest)
  const text = rest.replace(/^[\s=]+/, '')
  if (text === '') throw new Error('has no value')
  return text.toLowerCase() === 'none' ? 'none' : text
}

/** One hop: `[user@]host[:port]` or `ssh://…`; a hop is checked further when it is dialled. */
export function jump(value: string): string {
  if (value.toLowerCase() === 'none') return 'none'
  for (const hop of value.split(',')) {
    if (!/^(?:ssh:\/\/)?(?:[^\s@/]+@)*(?:\[[^\s\]]+\]|[^\s@/:[\]]+)(?::\d{1,5})?\/?$/.test(hop)) {
      throw new Error(`takes [user@]host[:port] hops with commas between them, not ${JSON.stringify(value)}`)
    }
  }
  return value
}

const SECONDS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 }

/** sshd_config(5), TIME FORMATS: `90`, `1m30s`. Milliseconds; undefined for `none`, which to ssh is as if the line were not there. */
export function seconds(value: string): number | undefined {
  if (value === 'none') return undefined
  const parts = value.toLowerCase().match(/\d+[smhdw]?/g)
  if (parts?.join('') !== value.toLowerCase()) throw new Error(`takes a time such as 30 or 1m30s, not ${value}`)
  const total = parts.reduce((sum, part) => sum + parseInt(part, 10) * (SECONDS[part.replace(/\d+/, '')] ?? NaN), 0)
  if (!(total < 2 ** 31)) throw new Error(`takes a time below 2^31 seconds, not ${value}`)
  return total * 1_000
}

/** Names and patterns of variables; no values. */
export function variablePatterns(args: readonly string[]): readonly string[] {
  const bad = args.find((arg) => arg.includes('='))
  if (bad !== undefined) throw new Error(`takes names of variables, not ${bad}; SetEnv takes NAME=value`)
  return args
}

/** `NAME=value` words. */
export function assignments(args: readonly string[]): readonly string[] {
  const bad = args.find((arg) => !/^[^=\s]+=/.test(arg))
  if (bad !== undefined) throw new Error(`takes NAME=value, not ${bad}`)
  return args
}
