/** Template literals to command lines for a POSIX shell. Pure. */
import { encodeTemplate, type TemplatePart } from '../adapter/template-line.js'
import { Secret } from '../runtime/secret.js'
import { ShellResult } from './result.js'

/**
 * Quotes what is interpolated: a string is one word, an array one word an element, numbers and booleans as they are,
 * null and undefined an empty word, a plain object its JSON, a result its text.
 * **A template that is nothing but one string is the command line itself**, unquoted: the door for whole commands.
 * One array alone is quoted words, like elsewhere.
 * @throws TypeError when one empty value is all there is, for what has no text (functions, symbols, Secrets), and for an
 * escape sequence in the template that JavaScript does not know.
 */
export function commandLine(strings: readonly string[], values: readonly unknown[]): string {
  mustBeTemplate(strings)
  if (values.length === 1 && strings.every((text: string | undefined) => text?.trim() === '')) {
    const [only] = values
    if (isEmpty(only)) throw new TypeError(`the command is empty: the template is nothing but ${describe(only)}`)
    if (typeof only === 'string') return only
  }
  const parts = interleave(strings, values, (value) => wordsOf(value))
  return encodeTemplate(parts)
}

/** Quotes nothing: arrays are joined by spaces, null and undefined vanish. What is interpolated is shell code. */
export function rawLine(strings: readonly string[], values: readonly unknown[]): string {
  mustBeTemplate(strings)
  const raw = (value: unknown): string => {
    if (value === null || value === undefined) return ''
    return Array.isArray(value) ? Array.from(value, raw).join(' ') : textOf(value)
  }
  return weave(strings, values, raw)
}

function mustBeTemplate(strings: unknown): void {
  if (!Array.isArray(strings))
    throw new TypeError('a command is a template, ssh`uptime`; a command line in a variable is ssh`${line}`')
}

function weave(strings: readonly string[], values: readonly unknown[], write: (value: unknown) => string): string {
  return interleave(strings, values, (value) => [{ text: write(value) }])
    .map((part) => ('text' in part ? part.text : ''))
    .join('')
}

function interleave(
  strings: readonly string[],
  values: readonly unknown[],
  partsOf: (value: unknown) => TemplatePart[],
): TemplatePart[] {
  // A tag is given undefined for text that JavaScript cannot read (ECMA-262, TemplateStrings); most would lose it silently.
  if (strings.some((text: string | undefined) => text === undefined))
    throw new TypeError(
      'the template has an escape sequence that JavaScript does not know, such as \\303 or \\u; write two backslashes where the shell is to see one',
    )
  return strings.flatMap((text, index) => [{ text }, ...(index < values.length ? partsOf(values[index]) : [])])
}

/** An array is one word an element. */
function wordsOf(value: unknown): TemplatePart[] {
  if (value === null || value === undefined) return [{ word: '' }]
  // `from` gives a hole in an array as the undefined that it reads as; `map` would pass it over.
  if (Array.isArray(value))
    return Array.from(value, (each, at) => [...(at > 0 ? [{ text: ' ' }] : []), ...wordsOf(each)]).flat()
  return [{ word: value instanceof Uint8Array ? value : textOf(value) }]
}

function textOf(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value)
    case 'object': {
      if (value instanceof Secret) throw secretInLine()
      if (value instanceof ShellResult) return value.text()
      if (value instanceof Date) return value.toISOString()
      const prototype: unknown = value && Object.getPrototypeOf(value)
      if (value && (prototype === Object.prototype || prototype === null || Array.isArray(value))) return jsonOf(value)
      throw new TypeError(
        `an object of class ${value?.constructor.name ?? 'unknown'} has no place in a command line; interpolate its text`,
      )
    }
    case 'undefined':
    case 'symbol':
    case 'function':
      throw new TypeError(`a ${typeof value} has no place in a command line`)
  }
}

function jsonOf(value: object): string {
  // A Secret has become `[secret]` when the replacer is given it: what it stands in still has it.
  const json = JSON.stringify(value, function (this: Record<string, unknown>, key: string, each: unknown) {
    if (this[key] instanceof Secret) throw secretInLine()
    return each
  }) as string | undefined
  if (json === undefined)
    throw new TypeError('an object whose JSON is nothing has no place in a command line; interpolate its text')
  return json
}

function secretInLine(): TypeError {
  return new TypeError(
    'a Secret cannot be put into a command line, where every process of the host could read it; pass it with .env({ NAME: secret })',
  )
}

function isEmpty(value: unknown): boolean {
  return (
    value === null ||
    value === undefined ||
    (typeof value === 'string' && value.trim() === '') ||
    (Array.isArray(value) && value.length === 0)
  )
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'an empty array'
  return typeof value === 'string' ? 'an empty string' : String(value)
}
