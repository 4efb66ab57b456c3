/** Template literals to command lines for a POSIX shell. Pure. */
import { encodeTemplate, type TemplatePart } from '../adapter/template-line.js'
import { textOfBytes } from '../adapter/wire-bytes.js'
import { dropsBackslash, faultAt, misplaced } from './template-fault.js'
import { scanTemplate, type Place } from './template-scan.js'
import { Unfit, wordOf } from './values.js'

/** Each call site has one array of strings, so its template is read once. */
const scanned = new WeakMap<readonly string[], readonly Place[]>()

/**
 * Quotes what is interpolated: a string is one word, an array one word an element, numbers and booleans as they are, a
 * Date its ISO text, a plain object its JSON, a result its text, bytes their text.
 * **A template that is nothing but one string is the command line itself**, unquoted: the door for whole commands.
 * One array alone is quoted words, like elsewhere.
 * @throws TypeError that shows the place: for a value that is none of `ShellValue`, `undefined` and `null` among them; for
 * one that stands where quotes do not hold it (inside quotes, backquotes, a comment, a here-document; behind `$` or a
 * backslash; a text in arithmetic); for an empty array that is part of a word; when one empty value is all there is; and
 * for a backslash that JavaScript takes out of the template.
 */
export function commandLine(strings: readonly string[], values: readonly unknown[]): string {
  mustBeTemplate(strings)
  mustHaveText(strings)
  if (values.length === 1 && strings.every((text) => text.trim() === '')) {
    const [only] = values
    if (isEmpty(only)) throw new TypeError(`the command is empty: the template is nothing but ${describe(only)}`)
    if (typeof only === 'string') {
      checked(strings, 0, only)
      return only
    }
  }
  const places = placesOf(strings)
  return encodeTemplate(
    interleave(strings, values, (value, index) => written(strings, value, index, places[index] as Place)),
  )
}

/**
 * Quotes nothing, and takes the text of the template as it is written, backslashes included. Arrays are joined by spaces.
 * What is interpolated is shell code.
 * @throws TypeError for a value that is none of `ShellValue`, and for an empty array that is part of a word
 */
export function rawLine(strings: readonly string[], values: readonly unknown[]): string {
  mustBeTemplate(strings)
  const { raw = strings } = strings as Partial<TemplateStringsArray>
  const textOf = (word: string | Uint8Array): string => (typeof word === 'string' ? word : textOfBytes(word))
  return interleave(raw, values, (value, index) => {
    if (!Array.isArray(value)) return [{ text: textOf(checked(raw, index, value)) }]
    if (value.length === 0 && isGlued(raw, index)) throw faultAt(raw, index, EMPTY_IN_WORD)
    const words = elementsOf(value).map((each, element) => textOf(checked(raw, index, each, element)))
    return [{ text: words.join(' ') }]
  })
    .map(({ text }) => text)
    .join('')
}

/** Whether text, or another interpolation, is directly beside. Without the shell's reading: raw text may be for any shell. */
function isGlued(strings: readonly string[], index: number): boolean {
  const [before = '', after = ''] = [strings[index], strings[index + 1]]
  return (
    /[^\s;&|<>()]$/.test(before) ||
    /^[^\s;&|<>()]/.test(after) ||
    (before === '' && index > 0) ||
    (after === '' && index + 2 < strings.length)
  )
}

const EMPTY_IN_WORD = 'is an empty array, and part of a word, which would change; give it an element'

function mustBeTemplate(strings: unknown): asserts strings is readonly string[] {
  if (!Array.isArray(strings))
    throw new TypeError('a command is a template, ssh`uptime`; a command line in a variable is ssh`${line}`')
}

/** What JavaScript gives has lost something where it could not read an escape, or has dropped a backslash. */
function mustHaveText(strings: readonly (string | undefined)[]): asserts strings is readonly string[] {
  // A tag is given undefined for text that JavaScript cannot read (ECMA-262, TemplateStrings); most would lose it silently.
  if (strings.some((text) => text === undefined))
    throw new TypeError(
      'the template has an escape sequence that JavaScript does not know, such as \\303 or \\u; write two backslashes where the shell is to see one, or use ssh.raw`…`',
    )
  const { raw } = strings as Partial<TemplateStringsArray>
  if (!raw || scanned.has(strings as readonly string[])) return
  const fault = dropsBackslash(raw)
  if (fault) throw fault
}

function placesOf(strings: readonly string[]): readonly Place[] {
  const known = scanned.get(strings)
  if (known) return known
  const places = scanTemplate(strings)
  // An array that may still change is read at each call.
  if (Object.isFrozen(strings)) scanned.set(strings, places)
  return places
}

/** Left to right, so that the first fault is the one that is told. */
function interleave<P extends TemplatePart>(
  strings: readonly string[],
  values: readonly unknown[],
  partsOf: (value: unknown, index: number) => readonly P[],
): (P | { readonly text: string })[] {
  return strings.flatMap((text, index) => [
    { text },
    ...(index < strings.length - 1 ? partsOf(values[index], index) : []),
  ])
}

/** A value as words for the place where it stands. */
function written(strings: readonly string[], value: unknown, index: number, place: Place): TemplatePart[] {
  if (place.kind === 'arithmetic' && (typeof value === 'number' || typeof value === 'bigint'))
    return [{ text: String(checked(strings, index, value)) }]
  if (place.kind !== 'word') throw misplaced(strings, index, place)
  if (!Array.isArray(value)) return wordAt(place, checked(strings, index, value))
  const words = elementsOf(value).map((each, element) => wordAt(place, checked(strings, index, each, element)))
  if (words.length === 0) {
    if (place.glued) throw faultAt(strings, index, EMPTY_IN_WORD)
    if (place.target)
      throw faultAt(strings, index, 'is an empty array, and the target of a redirection; give it an element')
  }
  return words.flatMap((word, element) => (element === 0 ? word : [{ text: ' ' }, ...word]))
}

/** One word. Empty quotes part it from text that would give it a meaning: `$HOMEx` is another variable than `$HOME''x`. */
function wordAt(place: Place, word: string | Uint8Array): TemplatePart[] {
  const parted = place.afterName || (place.inBraces && typeof word === 'string' && word.includes('..'))
  return parted ? [{ text: "''" }, { word }] : [{ word }]
}

function checked(strings: readonly string[], index: number, value: unknown, element?: number): string | Uint8Array {
  const word = wordOf(value)
  if (word instanceof Unfit) throw faultAt(strings, index, word.fault, element)
  return word
}

/** `from` gives a hole in an array as the undefined that it reads as; `map` would pass it over. */
function elementsOf(value: readonly unknown[]): unknown[] {
  return Array.from(value)
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
