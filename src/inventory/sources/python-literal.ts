/** Values of INI inventories: what Python's ast.literal_eval takes for a literal is one, everything else is a text. */
import type { PlainValue } from '../inventory.js'

/** As Ansible's `_parse_value`: `22` is a number, `True` a boolean, `[1, 2]` a list, `'a b'` a text, `www` itself. */
export function readLiteral(text: string): PlainValue {
  try {
    return new LiteralReader(text).whole()
  } catch (error) {
    if (error instanceof NoLiteral) return text
    throw error
  }
}

class NoLiteral extends Error {}

const NUMBER =
  /[+-]?(?:0[xX](?:_?[\da-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|(?:\d(?:_?\d)*)?\.\d(?:_?\d)*(?:[eE][+-]?\d+)?|\d(?:_?\d)*\.?(?:[eE][+-]?\d+)?)/y
const WORD = /[A-Za-z_]\w*/y
const SPACE = /[ \t\f]*/y
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
}

class LiteralReader {
  #at = 0
  #depth = 0

  constructor(private readonly text: string) {}

  whole(): PlainValue {
    const first = this.#value()
    const items = [first]
    let isTuple = false
    while (this.#takes(',')) {
      isTuple = true
      if (this.#ends()) break
      items.push(this.#value())
    }
    if (!this.#ends()) throw new NoLiteral()
    return isTuple ? items : first
  }

  /** Nothing but a comment is left. */
  #ends(): boolean {
    this.#match(SPACE)
    return this.#at === this.text.length || this.text[this.#at] === '#'
  }

  #value(): PlainValue {
    this.#match(SPACE)
    const mark = this.text[this.#at]
    if (mark === '[') return this.#list(']')
    if (mark === '(') return this.#tuple()
    if (mark === '{') return this.#braces()
    if (mark !== undefined && /['"]/.test(mark)) return this.#strings()
    const word = this.#match(WORD)
    if (word !== undefined) return this.#word(word)
    return this.#number()
  }

  #word(word: string): PlainValue {
    if (word === 'True') return true
    if (word === 'False') return false
    if (word === 'None') return null
    if (/^[uUrR]$/.test(word) && /['"]/.test(this.text[this.#at] ?? '')) return this.#strings(/[rR]/.test(word))
    throw new NoLiteral()
  }

  #number(): PlainValue {
    const digits = this.#match(NUMBER)?.replaceAll('_', '')
    // `12ab`, `10.0.0.1` and `1-2` are texts.
    if (digits === undefined || /[\w.]/.test(this.text[this.#at] ?? '')) throw new NoLiteral()
    // Python refuses 007, and reads 00.
    if (/^[+-]?0\d/.test(digits) && !/^[+-]?0+$/.test(digits) && !/[.eE]/.test(digits)) throw new NoLiteral()
    const [, sign, rest = ''] = /^([+-]?)(.*)$/.exec(digits) ?? []
    const value = Number(rest) * (sign === '-' ? -1 : 1)
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) throw new NoLiteral()
    return value
  }

  #strings(raw = false): string {
    let text = this.#string(raw)
    // 'a' 'b' is one text, as in Python.
    for (;;) {
      this.#match(SPACE)
      if (!/['"]/.test(this.text[this.#at] ?? '')) return text
      text += this.#string(false)
    }
  }

  #string(raw: boolean): string {
    const quote = this.text.charAt(this.#at)
    const end = this.text.startsWith(quote.repeat(3), this.#at) ? quote.repeat(3) : quote
    this.#at += end.length
    let value = ''
    for (;;) {
      if (this.#at >= this.text.length) throw new NoLiteral()
      if (this.text.startsWith(end, this.#at)) {
        this.#at += end.length
        return value
      }
      value += raw ? this.text.charAt(this.#at++) : this.#character()
    }
  }

  #character(): string {
    const c = this.text.charAt(this.#at++)
    if (c !== '\\') return c
    const escape = this.text.charAt(this.#at++)
    const width = { x: 2, u: 4, U: 8 }[escape]
    if (width !== undefined) {
      const digits = this.text.slice(this.#at, this.#at + width)
      if (!/^[\da-fA-F]+$/.test(digits) || digits.length < width) throw new NoLiteral()
      this.#at += width
      const code = parseInt(digits, 16)
      if (code > 0x10_ff_ff) throw new NoLiteral()
      return String.fromCodePoint(code)
    }
    const octal = /^[0-7]{1,3}/.exec(this.text.slice(this.#at - 1))?.[0]
    if (octal !== undefined) {
      this.#at += octal.length - 1
      return String.fromCodePoint(parseInt(octal, 8))
    }
    return ESCAPES[escape] ?? `\\${escape}`
  }

  #list(close: string): PlainValue[] {
    this.#enter()
    const items: PlainValue[] = []
    while (!this.#takes(close)) {
      items.push(this.#value())
      if (!this.#takes(',')) {
        if (!this.#takes(close)) throw new NoLiteral()
        break
      }
    }
    this.#depth--
    return items
  }

  /** `(1)` is one, `(1,)` and `()` are tuples. */
  #tuple(): PlainValue {
    const start = this.#at
    const items = this.#list(')')
    const [first = null] = items
    const isTuple = items.length !== 1 || /,\s*\)$/.test(this.text.slice(start, this.#at))
    return isTuple ? items : first
  }

  /** A dict; of a set, a list. */
  #braces(): PlainValue {
    this.#enter()
    const entries: [string, PlainValue][] = []
    const items: PlainValue[] = []
    let isSet = false
    while (!this.#takes('}')) {
      const key = this.#value()
      if (this.#takes(':')) entries.push([typeof key === 'string' ? key : JSON.stringify(key), this.#value()])
      else {
        isSet = true
        items.push(key)
      }
      if (!this.#takes(',')) {
        if (!this.#takes('}')) throw new NoLiteral()
        break
      }
    }
    this.#depth--
    if (isSet && entries.length > 0) throw new NoLiteral()
    return isSet ? items : Object.fromEntries(entries)
  }

  #enter(): void {
    this.#at++
    if (++this.#depth > 64) throw new NoLiteral()
  }

  #takes(mark: string): boolean {
    this.#match(SPACE)
    if (this.text[this.#at] !== mark) return false
    this.#at++
    return true
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.text)?.[0]
    if (found === undefined) return undefined
    this.#at += found.length
    return found
  }
}
