/** What is wrong with a template, with the line that has it and a mark below the place. Pure. */
import type { Place, PlaceKind } from './template-scan.js'

/** Characters of a line that are shown on each side of the place. */
const SHOWN = 60

const MARK = '${…}'

/** What to do in place of an interpolation there. */
const ADVICE: Readonly<Record<Exclude<PlaceKind, 'word'>, string>> = {
  'single quotes':
    'stands inside single quotes, which its own quotes would end; drop the quotes around it: every value is quoted already',
  'double quotes':
    'stands inside double quotes, where its own quotes are no quotes; drop the quotes around it: every value is quoted already',
  backquotes: 'stands inside backquotes, which take one layer of its quoting away; write $(…) in place of them',
  comment: 'stands in a comment, which a newline in it would end; drop the # in front of it',
  'here-document':
    'stands in a here-document, where nothing is quoted; drop the here-document, and pass the text by .stdin(text)',
  delimiter: 'is the end word of a here-document; write that word into the template',
  arithmetic: 'stands in arithmetic, where a text is code; only a number or a bigint can stand there',
  name: 'is part of a parameter expansion in front of its word, where nothing can be quoted; write the name into the template',
  backslash:
    'stands behind a backslash, which would take its first quote away; drop the backslash, or write \\\\ where the shell is to see one',
  dollar:
    'stands behind a $, which would read it as a name or as code; drop the $, or write \\\\$ where the shell is to see one',
}

/** @returns the TypeError for an interpolation that stands where a quoted value would not stay one value */
export function misplaced(strings: readonly string[], index: number, { kind }: Place): TypeError {
  return faultAt(strings, index, kind === 'word' ? 'has no place here' : ADVICE[kind])
}

/** @param fault words that follow the name of the value */
export function faultAt(strings: readonly string[], index: number, fault: string, element?: number): TypeError {
  const value = `${element === undefined ? '' : `element ${element + 1} of `}value ${index + 1}`
  return new TypeError(`${value} of the template ${fault}\n${marked(strings, index)}`)
}

/** The line of the template that has an interpolation, cut to what is near it. */
function marked(strings: readonly string[], index: number): string {
  const before = strings
    .slice(0, index + 1)
    .join(MARK)
    .split('\n')
    .at(-1)
  const after = strings
    .slice(index + 1)
    .join(MARK)
    .split('\n')[0]
  const left = printable(before ?? '')
  const right = printable(after ?? '')
  const start = left.length > SHOWN ? `…${left.slice(-SHOWN)}` : left
  const end = right.length > SHOWN ? `${right.slice(0, SHOWN)}…` : right
  return `  ${start}${MARK}${end}\n  ${' '.repeat(start.length)}${'^'.repeat(MARK.length)}`
}

/** One column a character. */
function printable(text: string): string {
  return text.replace(/[\p{C}\u2028\u2029]/gu, (each) => (each === '\t' ? ' ' : '\ufffd'))
}

/**
 * A backslash that JavaScript takes out of the text, so that the shell would never see it (ECMA-262, NonEscapeCharacter
 * and SingleEscapeCharacter). Those that JavaScript needs stay: `\\`, a backquote, `\${`, `$\{`, `\n`, `\r`, `\t`, `\0`,
 * codes, and the end of a line. `\b`, `\v` and `\f` would become control characters, which no command means.
 */
export function dropsBackslash(raw: readonly string[]): TypeError | null {
  for (const text of raw) {
    for (const match of text.matchAll(/\\(\r\n|[^])/g)) {
      const [escape, next = ''] = match
      const rest = text.slice(match.index + escape.length)
      const before = text[match.index - 1]
      if (/[\\`nrt0-9xu\r\n\u2028\u2029]/.test(next)) continue
      if ((next === '$' && rest.startsWith('{')) || (next === '{' && before === '$')) continue
      const becomes = 'bvf'.includes(next)
        ? 'makes a control character'
        : `drops the backslash: the shell would see ${next}`
      return new TypeError(
        `the template has ${escape}, of which JavaScript ${becomes}. Write \\\\${next} where the shell is to see ${escape}, or use ssh.raw\`…\`, which takes the text as it stands and quotes nothing\n  ${printable(lineAround(text, match.index))}`,
      )
    }
  }
  return null
}

function lineAround(text: string, at: number): string {
  const start = text.lastIndexOf('\n', at - 1) + 1
  const end = text.indexOf('\n', at)
  const [from, to] = [Math.max(start, at - SHOWN), Math.min(end < 0 ? text.length : end, at + SHOWN)]
  return `${from > start ? '…' : ''}${text.slice(from, to)}${to < (end < 0 ? text.length : end) ? '…' : ''}`
}
