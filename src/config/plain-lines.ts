/**
 * The part of YAML and JSON that inventories of many hosts are written in, read several times as fast as by the library:
 * maps and lists by indentation, `{ … }` and `[ … ]`, words, numbers, and quotes without escapes. Everything else (anchors,
 * tags, block scalars, escapes, whatever is an error) is handed to the library. Where this reader answers, its nodes
 * have the values and places of the library's; a property test compares them. They are classes of our own, because a
 * node of the library is three times as large.
 */

/** A word, a number or a quoted text. */
export class PlainScalar {
  constructor(
    /** Where it begins in the text. */
    readonly offset: number,
    readonly value: string | number | boolean | null,
    /** As it was written, without quotes. */
    readonly source: string,
  ) {}
}

export class PlainMap {
  readonly items: { readonly key: PlainScalar; readonly value: PlainNode }[] = []
  constructor(readonly offset: number) {}
}

export class PlainList {
  readonly items: PlainNode[] = []
  constructor(readonly offset: number) {}
}

export type PlainNode = PlainScalar | PlainMap | PlainList

/** What is not plain, and where: the library must read the text. */
export interface NotPlain {
  readonly offset: number
  readonly problem: string
}

/** Deeper nesting is the library's to refuse. */
const DEEPEST = 30
/** A longer key is no implicit key to YAML, and longer values are seldom plain. */
const LONGEST = 1_000

/** A word, or words with single spaces between; what may follow them decides whether they are the value. */
const WORDS = /[A-Za-z0-9_./~](?:[\w./@~+%=-]|:(?=[\w./@~+%=-])| (?=[\w./@~+%=-]))*/y
const QUOTED = /'[^'\\\n]*'|"[^"\\\n]*"/y
/** Blank lines, and lines of a comment alone. */
const SKIPPED_LINES = /(?: *(?:#[^\n]*)?\n)+/y
const SPACES = / */y
const LINE_END = /(?: +#[^\n]*| *)(?:\n|$)/y
/** Within brackets, over lines. */
const FLOW_SPACE = /[ \n]*/y

/** The text as a tree, or why the library must read it. */
export function readPlainLines(text: string): PlainNode | NotPlain {
  // What has a tab, a carriage return or a control character in it may be anything.
  const odd = text.search(/[^\n -~\u00a1-\ufefe\uff00-\ufffc]/)
  if (odd !== -1) return { offset: odd, problem: 'this character' }
  try {
    return new PlainReader(text).document()
  } catch (error) {
    if (error instanceof Handover) return { offset: error.offset, problem: error.message }
    throw error
  }
}

class Handover extends Error {
  constructor(
    readonly offset: number,
    problem = 'what stands here',
  ) {
    super(problem)
  }
}

class PlainReader {
  #at = 0

  constructor(private readonly text: string) {}

  document(): PlainNode {
    this.#skipLines()
    if (this.text.startsWith('---\n', this.#at)) {
      this.#at += 4
      this.#skipLines()
    }
    const indent = this.#indentHere()
    const node = this.#startsFlow(this.#at + indent) ? this.#flowAt(indent, -1) : this.#block(indent, 0)
    if (this.#at < this.text.length) throw new Handover(this.#at)
    return node
  }

  /** A map or a list whose first line begins, with its indentation, where the reader is. */
  #block(indent: number, depth: number): PlainNode {
    if (depth > DEEPEST) throw new Handover(this.#at)
    return this.text.startsWith('- ', this.#at + indent) ? this.#list(indent) : this.#map(indent, depth)
  }

  #map(indent: number, depth: number): PlainMap {
    const map = new PlainMap(this.#at + indent)
    const seen = new Set<string>()
    while (this.#at < this.text.length && this.#indentHere() === indent) {
      this.#at += indent
      const key = this.#scalar()
      const name = nameOf(key)
      if (seen.has(name)) throw new Handover(key.offset, 'a key that stands twice in the same map')
      seen.add(name)
      if (this.text[this.#at] !== ':') throw new Handover(this.#at)
      this.#at++
      map.items.push({ key, value: this.#mapValue(indent, depth) })
      this.#skipLines()
    }
    if (map.items.length === 0) throw new Handover(this.#at)
    return map
  }

  /** What stands behind the colon, or on the lines below. */
  #mapValue(indent: number, depth: number): PlainNode {
    const nothing = this.#at + this.#indentHere()
    if (!this.#take(LINE_END)) return this.#inline(indent)
    this.#skipLines()
    const below = this.#at < this.text.length ? this.#indentHere() : -1
    // A list may stand as far left as its key.
    if (below > indent || (below === indent && this.text.startsWith('- ', this.#at + below)))
      return this.#block(below, depth + 1)
    return new PlainScalar(nothing, null, '')
  }

  #list(indent: number): PlainList {
    const list = new PlainList(this.#at + indent)
    while (
      this.#at < this.text.length &&
      this.#indentHere() === indent &&
      this.text.startsWith('- ', this.#at + indent)
    ) {
      this.#at += indent + 1
      list.items.push(this.#inline(indent))
      this.#skipLines()
    }
    return list
  }

  /** A value on the rest of the line; brackets may go on over lines that are indented deeper than `indent`. */
  #inline(indent: number): PlainNode {
    if (this.text[this.#at] !== ' ') throw new Handover(this.#at)
    this.#take(SPACES)
    const node = this.#startsFlow(this.#at) ? this.#flow(indent, 0) : this.#scalar()
    this.#endLine(indent)
    return node
  }

  #flowAt(spaces: number, indent: number): PlainNode {
    this.#at += spaces
    const node = this.#flow(indent, 0)
    this.#endLine(indent)
    return node
  }

  /** Nothing but a comment may follow, and no line that would go on with the value. */
  #endLine(indent: number): void {
    if (!this.#take(LINE_END)) throw new Handover(this.#at)
    this.#skipLines()
    if (this.#at < this.text.length && this.#indentHere() > indent) throw new Handover(this.#at)
  }

  #startsFlow(at: number): boolean {
    return this.text[at] === '{' || this.text[at] === '['
  }

  #flow(indent: number, depth: number): PlainMap | PlainList {
    if (depth > DEEPEST) throw new Handover(this.#at)
    const map = this.text[this.#at] === '{'
    const close = map ? '}' : ']'
    const node = map ? new PlainMap(this.#at) : new PlainList(this.#at)
    this.#at++
    const seen = new Set<string>()
    this.#flowSpace(indent)
    while (this.text[this.#at] !== close) {
      if (node instanceof PlainList) node.items.push(this.#flowValue(indent, depth))
      else node.items.push(this.#flowPair(indent, depth, seen))
      this.#flowSpace(indent)
      if (this.text[this.#at] === close) break
      if (this.text[this.#at] !== ',') throw new Handover(this.#at)
      this.#at++
      this.#flowSpace(indent)
      if (this.text[this.#at] === close) throw new Handover(this.#at)
    }
    this.#at++
    return node
  }

  #flowPair(indent: number, depth: number, seen: Set<string>): PlainMap['items'][number] {
    const key = this.#scalar()
    const name = nameOf(key)
    if (seen.has(name)) throw new Handover(key.offset, 'a key that stands twice in the same map')
    seen.add(name)
    const colon = this.#at
    if (this.text[colon] !== ':') throw new Handover(colon)
    this.#at++
    this.#flowSpace(indent)
    // `"a":1` is a pair because of the quotes; `a:1` is a word.
    if (this.#at === colon + 1 && !'\'"'.includes(this.text[key.offset] ?? '')) throw new Handover(colon)
    return { key, value: this.#flowValue(indent, depth) }
  }

  #flowValue(indent: number, depth: number): PlainNode {
    return this.#startsFlow(this.#at) ? this.#flow(indent, depth + 1) : this.#scalar()
  }

  #flowSpace(indent: number): void {
    const from = this.#at
    this.#take(FLOW_SPACE)
    const space = this.text.slice(from, this.#at)
    const newline = space.lastIndexOf('\n')
    if (newline !== -1 && space.length - newline - 1 <= indent) throw new Handover(this.#at)
  }

  #scalar(): PlainScalar {
    const start = this.#at
    if (this.#take(QUOTED)) {
      if (this.#at - start > LONGEST) throw new Handover(start)
      const quoted = this.text.slice(start + 1, this.#at - 1)
      return new PlainScalar(start, quoted, quoted)
    }
    if (!this.#take(WORDS) || this.#at - start > LONGEST) throw new Handover(start)
    const words = this.text.slice(start, this.#at)
    const value = plainValue(words)
    if (value === undefined) throw new Handover(start)
    return new PlainScalar(start, value, words)
  }

  #skipLines(): void {
    this.#take(SKIPPED_LINES)
    // The last line may lack its newline.
    const rest = /^ *(?:#[^\n]*)?$/
    if (this.#at < this.text.length && !this.text.includes('\n', this.#at) && rest.test(this.text.slice(this.#at)))
      this.#at = this.text.length
  }

  #indentHere(): number {
    SPACES.lastIndex = this.#at
    SPACES.test(this.text)
    return SPACES.lastIndex - this.#at
  }

  #take(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at
    if (!pattern.test(this.text)) return false
    this.#at = pattern.lastIndex
    return true
  }
}

/** YAML's core schema; undefined for what only looks plain, so that the library decides. */
function plainValue(words: string): string | number | boolean | null | undefined {
  if (/^(?:null|Null|NULL|~)$/.test(words)) return null
  if (/^(?:true|True|TRUE)$/.test(words)) return true
  if (/^(?:false|False|FALSE)$/.test(words)) return false
  if (/^[A-Za-z_/]/.test(words) || words.startsWith('~/')) return words
  if (/^\d{1,15}$/.test(words)) return Number(words)
  // Addresses, durations and names that begin with a digit; 1.5, 1e3 and 0x1f are numbers.
  return /^\d+(?:\.\d+){2,}|^\d+(?:ms|[smh])$/.test(words) ? words : undefined
}

function nameOf({ value, source }: PlainScalar): string {
  return typeof value === 'string' ? value : source
}
