/**
 * Where each interpolation of a template stands, by the reading of a POSIX shell: XCU 2.2 (quoting), 2.3 (tokens),
 * 2.4 (reserved words, for the patterns of `case`), 2.6 (expansions), 2.7.4 (here-documents). Bash's `$'…'`, `((…))`,
 * `<<<`, `<(…)`, `a=(…)` and subscripts are read as bash reads them, because a value there would become code too. Pure.
 */

/** What surrounds an interpolation; only `word` is a place where a quoted value stays one value. */
export type PlaceKind =
  | 'word'
  | 'single quotes'
  | 'double quotes'
  | 'backquotes'
  | 'comment'
  | 'here-document'
  | 'delimiter'
  | 'arithmetic'
  | 'name'
  | 'backslash'
  | 'dollar'

export interface Place {
  readonly kind: PlaceKind
  /** Text, or another interpolation, belongs to the same word. */
  readonly glued: boolean
  /** The word is the target of a redirection. */
  readonly target: boolean
  /** It follows `$name` at once, so letters would become part of the name. */
  readonly afterName: boolean
  /** An open brace stands before it in its word, where a comma or `..` has a meaning to bash and zsh. */
  readonly inBraces: boolean
}

/** A character of the text, or the number of an interpolation. */
type Unit = string | number

/** What stands between `case` and `esac` at the moment. */
type CaseState = 'subject' | 'in' | 'pattern' | 'body'

interface HereDocument {
  readonly delimiter: string
  readonly quoted: boolean
  readonly stripTabs: boolean
}

/** Reserved words after which the next word may be reserved as well. */
const BEFORE_COMMAND = new Set('if then else elif fi do done while until { } ! time'.split(' '))

/** Ends a word where it stands unquoted. */
const METACHARACTERS = new Set(' \t\n;&|<>()')

/** @param strings the text of a template; between each two of them is an interpolation */
export function scanTemplate(strings: readonly string[]): readonly Place[] {
  const units = strings.flatMap((text, index): Unit[] =>
    index === 0 ? text.split('') : [index - 1, ...text.split('')],
  )
  return new Scanner(units).scan()
}

class Scanner {
  readonly #units: readonly Unit[]
  readonly #places: Place[] = []
  /** Here-documents whose bodies begin after the next newline. */
  readonly #pending: HereDocument[] = []
  /** Where `((` was found to open two subshells. Remembered, so that nested ones are not read again and again. */
  readonly #notArithmetic = new Set<number>()
  #at = 0

  constructor(units: readonly Unit[]) {
    this.#units = units
  }

  scan(): readonly Place[] {
    while (this.#at < this.#units.length) this.#commands(false)
    return this.#places
  }

  /** The next unit, behind line continuations (XCU 2.2.1). */
  #peek(): Unit | undefined {
    while (this.#units[this.#at] === '\\' && this.#units[this.#at + 1] === '\n') this.#at += 2
    return this.#units[this.#at]
  }

  /** Goes past the next unit, and tells of the one behind it. */
  #past(): Unit | undefined {
    this.#at++
    return this.#peek()
  }

  #found(hole: number, kind: PlaceKind, more: Partial<Place> = {}): void {
    const usual = { glued: true, target: false, afterName: false, inBraces: false }
    this.#places[hole] = { kind, ...usual, ...more }
  }

  /** A list of commands; one in parentheses ends behind the closing one. @param words the list of an array, without commands */
  #commands(closed: boolean, words = false): void {
    const grammar = new Grammar(words)
    let target = false
    for (let unit = this.#peek(); unit !== undefined; unit = this.#peek()) {
      if (unit === ' ' || unit === '\t') this.#at++
      else if (unit === '#') this.#skip('comment', '\n')
      else if (unit === '<' || unit === '>') target = this.#redirection()
      else if (unit === '(') {
        if (grammar.opensPattern()) this.#at++
        else this.#parenthesis(grammar)
        target = false
      } else if (unit === ')') {
        this.#at++
        if (!grammar.closesPattern() && closed) return
      } else if (typeof unit === 'string' && METACHARACTERS.has(unit)) {
        this.#operator(unit, grammar)
        target = false
      } else {
        grammar.word(this.#word(target))
        target = false
      }
    }
  }

  #operator(unit: string, grammar: Grammar): void {
    this.#at++
    if (unit === '\n') this.#bodies()
    const next = this.#peek()
    if (unit === ';' && (next === ';' || next === '&')) {
      if (this.#past() === '&' && next === ';') this.#at++
      grammar.endOfCase()
    } else grammar.separator(unit)
  }

  /** `(` where a word could begin, or directly behind one: a subshell, a function's `()`, an array, arithmetic. */
  #parenthesis(grammar: Grammar): void {
    const array = this.#units[this.#at - 1] === '='
    const start = this.#at
    if (this.#past() === '(' && grammar.first && this.#arithmetic(start)) return
    this.#at = start + 1
    this.#commands(true, array)
    grammar.separator('(')
  }

  /** From the second parenthesis of `((` or `$((` on. False, with nothing read, when these are two subshells. */
  #arithmetic(start: number): boolean {
    if (this.#notArithmetic.has(start)) return false
    const pending = [...this.#pending]
    let depth = 0
    for (let unit = this.#past(); unit !== undefined; unit = this.#peek()) {
      if (unit === ')' && depth === 0) {
        if (this.#past() !== ')') break
        this.#at++
        return true
      }
      if (unit === '(') depth++
      if (unit === ')') depth--
      if (typeof unit === 'number') this.#found(unit, 'arithmetic')
      if (!this.#expansion(unit, true)) this.#at++
    }
    this.#notArithmetic.add(start)
    this.#pending.splice(0, Infinity, ...pending)
    return false
  }

  /** @returns whether the next word is a file */
  #redirection(): boolean {
    const first = this.#units[this.#at]
    const second = this.#past()
    if (second === '(') {
      this.#at++
      this.#commands(true)
      return false
    }
    if (first === '<' && second === '<') {
      const third = this.#past()
      if (third === '<') this.#at++
      else {
        if (third === '-') this.#at++
        this.#delimiter(third === '-')
        return false
      }
    } else if (second === '<' || second === '>' || second === '&' || second === '|') this.#at++
    return true
  }

  /** The word behind `<<`, with its quotes removed; no expansion takes place in it (XCU 2.7.4). */
  #delimiter(stripTabs: boolean): void {
    while (this.#peek() === ' ' || this.#peek() === '\t') this.#at++
    let delimiter = ''
    let quoted = false
    let quote: Unit | null = null
    for (let unit = this.#peek(); unit !== undefined; unit = this.#past()) {
      if (typeof unit === 'number') {
        this.#found(unit, 'delimiter')
        continue
      }
      if (quote === null && METACHARACTERS.has(unit)) break
      if (unit === quote) quote = null
      else if (quote === null && (unit === "'" || unit === '"')) {
        quote = unit
        quoted = true
      } else if (unit === '\\' && quote !== "'") {
        quoted = true
        this.#at++
        delimiter += String(this.#units[this.#at] ?? '')
      } else delimiter += unit
    }
    this.#pending.push({ delimiter, quoted, stripTabs })
  }

  /** The bodies of the here-documents of a line, from the newline at its end on. */
  #bodies(): void {
    for (const { delimiter, quoted, stripTabs } of this.#pending.splice(0)) {
      while (this.#at < this.#units.length) {
        const line = this.#bodyLine(!quoted)
        if ((stripTabs ? line.replace(/^\t+/, '') : line) === delimiter) break
      }
    }
  }

  /** @param joins a backslash at its end joins the next line to it */
  #bodyLine(joins: boolean): string {
    let line = ''
    for (; this.#at < this.#units.length; this.#at++) {
      const unit = this.#units[this.#at] as Unit
      if (typeof unit === 'number') {
        this.#found(unit, 'here-document')
        line += '\0'
      } else if (joins && unit === '\\') {
        this.#at++
        const next = this.#units[this.#at]
        if (typeof next === 'number') this.#found(next, 'here-document')
        if (next !== '\n') line += '\\\0'
      } else if (unit === '\n') {
        this.#at++
        break
      } else line += unit
    }
    return line
  }

  /** @returns its text, where nothing of it is quoted, expanded or interpolated */
  #word(target: boolean): string | null {
    let literal: string | null = ''
    let inBraces = false
    const start = this.#at
    for (let unit = this.#peek(); unit !== undefined; unit = this.#peek()) {
      if (typeof unit === 'number') {
        const begins = this.#at === start
        const afterName = this.#isBehindName(start)
        const next = this.#past()
        const ends = next === undefined || (typeof next === 'string' && METACHARACTERS.has(next) && next !== '(')
        this.#found(unit, 'word', { glued: !(begins && ends), target, afterName, inBraces })
        literal = null
      } else if (METACHARACTERS.has(unit)) break
      else if (this.#expansion(unit, false)) literal = null
      else {
        inBraces ||= unit === '{'
        literal = literal === null ? null : literal + unit
        this.#at++
      }
    }
    return literal
  }

  /** Whether `$name`, or a special parameter such as `$?`, ends here. Quoted and braced ones end with another character. */
  #isBehindName(start: number): boolean {
    return this.#nameEnd === this.#at && this.#nameEnd > start
  }
  #nameEnd = -1

  /** What quotes or expands, if `unit` begins such a thing. @param inDouble inside of double quotes, or of what is read like them */
  #expansion(unit: Unit, inDouble: boolean): boolean {
    switch (unit) {
      case '\\': {
        const next = this.#units[this.#at + 1]
        if (typeof next === 'number') this.#found(next, inDouble ? 'double quotes' : 'backslash')
        this.#at += 2
        return true
      }
      case "'":
        if (inDouble) return false
        this.#at++
        this.#skip('single quotes', "'")
        this.#at++
        return true
      case '"':
        this.#doubleQuotes()
        return true
      case '`':
        this.#at++
        this.#skip('backquotes', '`', true)
        this.#at++
        return true
      case '$':
        this.#dollar(inDouble)
        return true
      default:
        return false
    }
  }

  /** Up to a character, which is not read. */
  #skip(kind: PlaceKind, end: string, escapes = false): void {
    for (; this.#at < this.#units.length && this.#units[this.#at] !== end; this.#at++) {
      if (escapes && this.#units[this.#at] === '\\') this.#at++
      const unit = this.#units[this.#at]
      if (typeof unit === 'number') this.#found(unit, kind)
    }
  }

  #doubleQuotes(): void {
    for (let unit = this.#past(); unit !== undefined && unit !== '"'; unit = this.#peek()) {
      if (typeof unit === 'number') this.#found(unit, 'double quotes')
      if (!this.#expansion(unit, true)) this.#at++
    }
    this.#at++
  }

  #dollar(inDouble: boolean): void {
    const start = this.#at
    const next = this.#past()
    if (typeof next === 'number') {
      this.#found(next, inDouble ? 'double quotes' : 'dollar')
      this.#at++
    } else if (next === '(') {
      if (this.#past() === '(' && this.#arithmetic(start)) return
      this.#at = start + 1
      this.#peek()
      this.#at++
      this.#commands(true)
    } else if (next === '{') this.#parameter(inDouble)
    else if (next === '[') this.#untilClosed(']', { kind: 'arithmetic', inDouble: true, quotes: false })
    else if (next === "'" && !inDouble) {
      this.#at++
      this.#skip('single quotes', "'", true)
      this.#at++
    } else if (next !== undefined && /^[@*#?$!0-9-]$/.test(next)) this.#nameEnd = ++this.#at
    else if (next !== undefined && /^[A-Za-z_]$/.test(next)) {
      let unit: Unit | undefined = next
      while (typeof unit === 'string' && /^\w$/.test(unit)) unit = this.#past()
      this.#nameEnd = this.#at
    }
  }

  /** `${…}`, from its brace on (XCU 2.6.2). */
  #parameter(inDouble: boolean): void {
    let unit = this.#past()
    const isName = (): boolean => typeof unit === 'string' && /^\w$/.test(unit)
    if ((unit === '#' || unit === '!') && this.#units[this.#at + 1] !== '}') unit = this.#past()
    if (isName()) while (isName()) unit = this.#past()
    else if (typeof unit === 'string' && '@*#?$!-'.includes(unit)) unit = this.#past()
    if (unit === '[') {
      this.#untilClosed(']', { kind: 'arithmetic', inDouble, quotes: true })
      unit = this.#peek()
    }
    const next = unit === ':' ? this.#units[this.#at + 1] : undefined
    // Bash's `${name:offset:length}` is arithmetic.
    const offset = unit === ':' && !(typeof next === 'string' && '-=?+'.includes(next))
    const isPattern = typeof unit === 'string' && '#%/^,'.includes(unit)
    const transforms = typeof unit === 'number' || unit === '@'
    const kind = transforms ? 'name' : offset ? 'arithmetic' : inDouble ? 'double quotes' : 'word'
    this.#untilClosed('}', { kind, inDouble, quotes: !inDouble || isPattern })
  }

  /** @param how.quotes whether single quotes quote: in a pattern they do, also inside of double quotes (XCU 2.6.2) */
  #untilClosed(
    end: string,
    { kind, inDouble, quotes }: { readonly kind: PlaceKind; readonly inDouble: boolean; readonly quotes: boolean },
  ): void {
    for (let unit = this.#peek(); unit !== undefined && unit !== end; unit = this.#peek()) {
      if (typeof unit === 'number') this.#found(unit, kind, { afterName: this.#nameEnd === this.#at })
      if (unit === "'" && quotes) this.#expansion(unit, false)
      else if (!this.#expansion(unit, inDouble)) this.#at++
    }
    this.#at++
  }
}

/** As much of the shell's grammar as tells a `)` that ends the pattern of a `case` from one that closes a list. */
class Grammar {
  readonly #cases: CaseState[] = []
  readonly #words: boolean
  /** The name of a loop's variable, what may follow that, or the name of a function. */
  #awaits: 'loop' | 'do' | 'function' | null = null
  /** The next word may be a reserved one. */
  first: boolean

  constructor(words: boolean) {
    this.#words = words
    this.first = !words
  }

  /** @param literal null where the word is not the plain text of one */
  word(literal: string | null): void {
    const state = this.#cases.at(-1)
    if (state === 'subject') this.#become('in')
    else if (state === 'in') this.#become(literal === 'in' ? 'pattern' : null)
    else if (state === 'pattern') {
      if (literal === 'esac') this.#become(null)
    } else if (this.#awaits === 'loop') {
      this.first = false
      this.#awaits = 'do'
    } else if (this.#awaits) {
      this.first = this.#awaits === 'function' || literal === 'do'
      this.#awaits = null
    } else if (this.first && literal !== null) this.#reserved(literal)
    else this.first = false
  }

  #reserved(literal: string): void {
    if (literal === 'esac') this.#become(null)
    else if (literal === 'case') {
      this.#cases.push('subject')
      this.first = false
    } else {
      if (literal === 'for' || literal === 'select') this.#awaits = 'loop'
      else if (literal === 'function') this.#awaits = 'function'
      this.first = BEFORE_COMMAND.has(literal)
    }
  }

  /** An operator or a newline. */
  separator(operator: string): void {
    // `for name` may go on in the next line.
    if (operator !== '\n') this.#awaits = null
    this.first = !this.#words
  }

  /** `;;` and its like. */
  endOfCase(): void {
    if (this.#cases.at(-1) === 'body') this.#become('pattern')
    else this.separator(';')
  }

  opensPattern(): boolean {
    return this.#cases.at(-1) === 'pattern'
  }

  closesPattern(): boolean {
    if (!this.opensPattern()) return false
    this.#become('body')
    return true
  }

  #become(state: CaseState | null): void {
    this.#cases.pop()
    if (state) this.#cases.push(state)
    this.first = true
  }
}
