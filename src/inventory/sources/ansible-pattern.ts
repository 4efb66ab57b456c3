/** Host patterns of Ansible inventories: `web[01:20].example.com:2222`, `db-[a:f]`, `[2001:db8::1]:22`. */
import { MOST_NAMES } from '../names.js'

export interface HostPattern {
  readonly names: readonly string[]
  readonly port: number | undefined
}

const BRACKETED = /^\[(.+)\]:(\d+)$/
const WITH_PORT = /^((?:[^:[\]]|\[[^\]]*\])*):(\d+)$/
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'

/** @throws Error with the problem alone */
export function expandHostPattern(pattern: string): HostPattern {
  const [, base = pattern, digits] = BRACKETED.exec(pattern) ?? WITH_PORT.exec(pattern) ?? []
  if (pattern.endsWith(':') && !base.includes('::'))
    throw new Error(`the host ${JSON.stringify(pattern)} ends in a colon; a port belongs behind it`)
  if (pattern === '---') throw new Error('--- begins a YAML file; name it FILE.yml, or say kind: ansible')
  if (digits !== undefined && !(Number(digits) >= 1 && Number(digits) <= 65_535))
    throw new Error(`a port is a number from 1 to 65535, not ${digits}`)
  return { names: expand(base), port: digits === undefined ? undefined : Number(digits) }
}

/** A range is `[` `:` `]` in this order, as Ansible sees one. */
function hasAnsibleRange(text: string): boolean {
  const [open, colon, close] = [text.indexOf('['), text.indexOf(':'), text.indexOf(']')]
  return open !== -1 && open < colon && colon < close
}

function expand(text: string): string[] {
  let names = ['']
  let rest = text
  while (hasAnsibleRange(rest)) {
    const [open, close] = [rest.indexOf('['), rest.indexOf(']')]
    const values = rangeOf(rest.slice(open + 1, close))
    if (values.length * names.length > MOST_NAMES)
      throw new Error(`the range ${JSON.stringify(text)} stands for more than ${MOST_NAMES} names`)
    const head = rest.slice(0, open)
    names = names.flatMap((name) => values.map((value) => name + head + value))
    rest = rest.slice(close + 1)
  }
  if (/\[\d+-\d+\]/.test(rest))
    throw new Error(`${JSON.stringify(text)}: an Ansible range has a colon, as in web[01:20]`)
  return names.map((name) => name + rest)
}

/** `01:20`, `a:f`, `1:9:2`, `:5`. */
function rangeOf(text: string): readonly string[] {
  const wrong = (problem: string): Error => new Error(`the range [${text}] ${problem}`)
  const [from = '', to = '', by = '1', ...more] = text.split(':')
  if (more.length > 0) throw wrong('has more than begin, end and step')
  if (to === '') throw wrong('has no end')
  if (!/^\d+$/.test(by) || Number(by) === 0) throw wrong('has a step that is no number from 1')
  const step = Number(by)
  const begin = from === '' ? '0' : from
  const [first, last] = [LETTERS.indexOf(begin), LETTERS.indexOf(to)]
  if (begin.length === 1 && to.length === 1 && first !== -1 && last !== -1) {
    if (first > last) throw wrong('runs backwards')
    return [...LETTERS.slice(first, last + 1)].filter((_, i) => i % step === 0)
  }
  if (!/^\d+$/.test(begin) || !/^\d+$/.test(to)) throw wrong('is neither of numbers nor of single letters')
  const isPadded = begin.startsWith('0') && begin.length > 1
  if (isPadded && begin.length !== to.length) throw wrong('is padded, and its ends are of different lengths')
  const [low, high] = [Number(begin), Number(to)]
  if ((high - low) / step >= MOST_NAMES) throw wrong(`stands for more than ${MOST_NAMES} names`)
  const values: string[] = []
  for (let n = low; n <= high; n += step) values.push(String(n).padStart(isPadded ? begin.length : 0, '0'))
  return values
}
