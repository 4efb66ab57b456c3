/**
 * A configuration text as nodes that know where they stand, so that every error names file, line and column and says
 * in one line what would be right. YAML 1.2 core schema; JSON is read by the same parser.
 */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node as YamlNode,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import { XecError } from '../errors.js'
import type { PlainValue } from '../inventory/inventory.js'
import { parseDuration } from '../runtime/duration.js'
import { nearest } from '../runtime/nearest.js'
import { PlainList, PlainMap, PlainScalar, readPlainLines, type PlainNode } from './plain-lines.js'

/** The library needs up to 150 times the size of a text in memory. */
export const LARGEST_FOR_LIBRARY = 10_000_000
const MOST_ALIASES = 100
const DEEPEST = 64

/** Names that would reach into JavaScript's objects. */
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype'])

interface Source {
  readonly file: string
  readonly lines: LineCounter
  /** What aliases refer to; plain lines have none. */
  readonly document: Document | null
  /** What a reader should know, and no error: the first of each kind. */
  readonly warnings: Map<string, string>
}

/** @throws XecError XEC_CONFIG `file:line:col: what is wrong; what would be right` */
export function readDocument(file: string, text: string): Reader {
  const body = text.startsWith('\uFEFF') ? text.slice(1) : text
  const lines = new LineCounter()
  const plainSource: Source = { file, lines, document: null, warnings: new Map() }
  // U+FFFD stands in a text where the bytes were no UTF-8: a name or a password would silently be another.
  const bad = body.search(/[\0\uFFFD]/)
  if (bad !== -1) {
    countLines(body, lines)
    throw fail(
      plainSource,
      bad,
      body[bad] === '\0' ? 'a NUL byte; the file is not text' : 'this is not UTF-8; save the file as UTF-8',
    )
  }
  const plain = readPlainLines(body)
  if (!('problem' in plain)) {
    countLines(body, lines)
    return new Reader(plainSource, plain, '')
  }
  if (body.length > LARGEST_FOR_LIBRARY) {
    countLines(body, lines)
    throw fail(
      plainSource,
      plain.offset,
      `a file of more than ${LARGEST_FOR_LIBRARY / 1_000_000} MB may hold plain lines only (name: value, - value, { name: value }), not ${plain.problem}; or use ranges like web[001-500] for many hosts`,
    )
  }
  return readByLibrary(file, body, lines)
}

function countLines(text: string, lines: LineCounter): void {
  lines.addNewLine(0)
  for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', end + 1)) lines.addNewLine(end + 1)
}

function readByLibrary(file: string, body: string, lines: LineCounter): Reader {
  const document = parseDocument(body, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    version: '1.2',
    schema: 'core',
    merge: false,
    stringKeys: false,
  })
  const source: Source = { file, lines, document, warnings: new Map() }
  const [error] = document.errors
  if (error) throw fail(source, error.pos[0], explainSyntax(error.code, error.message))
  const [warning] = document.warnings
  if (warning) throw fail(source, warning.pos[0], explainSyntax(warning.code, warning.message))
  let aliases = 0
  visit(document, {
    Alias(_, node) {
      if (++aliases > MOST_ALIASES)
        throw fail(
          source,
          node.range?.[0],
          `more than ${MOST_ALIASES} aliases; write the values out, or put them into a group`,
        )
    },
    Node(_, node, path) {
      if (path.length > DEEPEST * 2) throw fail(source, node.range?.[0], `nested more than ${DEEPEST} deep`)
    },
    Map(_, node) {
      refuseDoubles(source, node)
    },
  })
  return new Reader(source, document.contents, '')
}

/** The parser can do this too, by comparing every key with every other: minutes for 100,000 hosts. */
function refuseDoubles(source: Source, { items }: YAMLMap): void {
  const seen = new Set<string>()
  for (const { key } of items) {
    if (!isScalar(key)) continue
    const text = textOf(key)
    if (seen.has(text)) throw fail(source, key.range?.[0], 'this key stands twice in the same map; keep one')
    seen.add(text)
  }
}

/** A key as it was written: `true` and `"true"` are one. */
function textOf({ value, source }: Scalar | PlainScalar): string {
  return typeof value === 'string' ? value : (source ?? String(value))
}

function explainSyntax(code: string, message: string): string {
  switch (code) {
    case 'TAB_AS_INDENT':
      return 'a tab indents this line; YAML takes spaces only'
    case 'TAG_RESOLVE_FAILED':
      return `${message.replace(/^Unresolved tag: /, 'the tag ')} means nothing here; what is kept elsewhere is { env: NAME } or { command: [program, argument] }`
    case 'MULTIPLE_DOCS':
      return 'a second document begins here; a configuration is one document'
    default:
      // The parser recurses; what it says when it runs out of stack is no help.
      return /call stack/.test(message) ? `nested more than ${DEEPEST} deep` : message.replaceAll(/\s+/g, ' ')
  }
}

function fail(source: Source, offset: number | undefined, problem: string): XecError {
  return new XecError('XEC_CONFIG', `${placeOf(source, offset)}: ${problem}`)
}

function placeOf({ file, lines }: Source, offset = 0): string {
  const { line, col } = lines.linePos(offset)
  return `${file}:${Math.max(1, line)}:${Math.max(1, col)}`
}

/** A node of either reader. */
type ConfigNode = YamlNode | PlainNode

function offsetOf(node: ConfigNode | null): number | undefined {
  if (node === null) return undefined
  return 'offset' in node ? node.offset : node.range?.[0]
}

function isMapNode(node: ConfigNode | null): node is YAMLMap | PlainMap {
  return node instanceof PlainMap || isMap(node)
}

function isListNode(node: ConfigNode | null): node is YAMLSeq | PlainList {
  return node instanceof PlainList || isSeq(node)
}

function isScalarNode(node: ConfigNode | null): node is Scalar | PlainScalar {
  return node instanceof PlainScalar || isScalar(node)
}

export interface Entry {
  readonly key: string
  readonly value: Reader
  /** Where the key stands. */
  readonly place: string
  fail(problem: string): never
}

/** One value of the document, and the questions that can be asked of it. Every one throws XEC_CONFIG with the place. */
export class Reader {
  constructor(
    private readonly source: Source,
    private readonly node: ConfigNode | null,
    /** What it is called in messages: `hosts.web1.port`. */
    readonly path: string,
    private readonly keyOffset?: number,
  ) {}

  get place(): string {
    return placeOf(this.source, offsetOf(this.node) ?? this.keyOffset)
  }

  /** Of the whole document, with their places. */
  get warnings(): string[] {
    return [...this.source.warnings].map(([problem, place]) => `${place}: ${problem}`)
  }

  /** Something to know that is no error; told once, at its first place. */
  warn(problem: string): void {
    if (!this.source.warnings.has(problem)) this.source.warnings.set(problem, this.place)
  }

  get isNull(): boolean {
    const node = this.#resolved
    return node === null || (isScalarNode(node) && (node.value === null || node.value === undefined))
  }

  get isMap(): boolean {
    return isMapNode(this.#resolved)
  }

  get isList(): boolean {
    return isListNode(this.#resolved)
  }

  fail(problem: string): never {
    throw fail(this.source, offsetOf(this.node) ?? this.keyOffset, `${this.path ? `${this.path}: ` : ''}${problem}`)
  }

  /** What was written, as a message shows it. */
  get shown(): string {
    const node = this.#resolved
    if (isMapNode(node)) return 'a map'
    if (isListNode(node)) return 'a list'
    return node === null ? 'nothing' : JSON.stringify(isScalarNode(node) ? node.value : null)
  }

  /** The entries of a map, in order; of nothing, none. */
  entries(): Entry[] {
    const node = this.#resolved
    if (this.isNull) return []
    if (!isMapNode(node)) return this.fail(`must be a map, not ${this.shown}`)
    return node.items.map((pair) => this.#entry(pair))
  }

  #entry(pair: { readonly key: unknown; readonly value: unknown }): Entry {
    const keyNode = pair.key as ConfigNode | null
    const offset = offsetOf(keyNode)
    const refuse = (problem: string): never => {
      throw fail(this.source, offset, problem)
    }
    if (isAlias(keyNode) || !isScalarNode(keyNode)) return refuse('a key must be a plain text')
    const key = textOf(keyNode)
    if (FORBIDDEN_KEYS.has(key)) return refuse(`the key ${key} is not allowed`)
    if (key === '<<') return refuse('merge keys (<<) are not read; put what hosts share into a group or into defaults')
    return {
      key,
      value: new Reader(this.source, pair.value as ConfigNode | null, this.path ? `${this.path}.${key}` : key, offset),
      place: placeOf(this.source, offset),
      fail: refuse,
    }
  }

  /** Whatever stands here, as plain data. */
  plain(): PlainValue {
    const node = this.#resolved
    if (isMapNode(node)) return Object.fromEntries(this.entries().map(({ key, value }) => [key, value.plain()]))
    if (isListNode(node)) return this.items().map((item) => item.plain())
    const value = isScalarNode(node) ? node.value : null
    if (value === null || value === undefined) return null
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
    return this.fail(`must be plain data, not ${this.shown}`)
  }

  /** The entries of a map whose keys are known. */
  known<K extends string>(keys: readonly K[]): Map<K, Reader> {
    const found = new Map<K, Reader>()
    for (const entry of this.entries()) {
      if (!(keys as readonly string[]).includes(entry.key)) {
        const meant = nearest(entry.key, keys)
        entry.fail(
          `unknown key ${entry.key}${this.path ? ` in ${this.path}` : ''}; ${meant ? `did you mean ${meant}?` : `known are ${keys.join(', ')}`}`,
        )
      }
      found.set(entry.key as K, entry.value)
    }
    return found
  }

  items(): Reader[] {
    const node = this.#resolved
    if (!isListNode(node)) return this.fail(`must be a list, not ${this.shown}`)
    return node.items.map((item, i) => new Reader(this.source, item as ConfigNode | null, `${this.path}[${i}]`))
  }

  string(what = 'a text'): string {
    const node = this.#resolved
    if (isScalarNode(node)) {
      if (typeof node.value === 'string') return node.value
      // 0123 and 1.10 were meant as they are written, where a text belongs.
      if (typeof node.value === 'number' && node.source !== undefined) return node.source
    }
    return this.fail(`must be ${what}, not ${this.shown}`)
  }

  boolean(): boolean {
    const node = this.#resolved
    if (isScalarNode(node) && typeof node.value === 'boolean') return node.value
    return this.fail(`must be true or false, not ${this.shown}`)
  }

  integer(min: number, max = Number.MAX_SAFE_INTEGER): number {
    const node = this.#resolved
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
    if (
      isScalarNode(node) &&
      typeof node.value === 'number' &&
      Number.isSafeInteger(node.value) &&
      node.value >= min &&
      node.value <= max
    )
      return node.value
    return this.fail(`must be a whole number ${range}, not ${this.shown}`)
  }

  /** Milliseconds. A bare number is milliseconds where the name is ours, and refused where it comes from ssh_config, which means seconds. */
  duration(bare: 'milliseconds' | 'refused'): number {
    const node = this.#resolved
    const value = isScalarNode(node) ? node.value : undefined
    if (typeof value === 'number' && Number.isFinite(value) && value >= 0) {
      if (bare === 'milliseconds') return value
      return this.fail(
        `a bare number means seconds in ssh_config and milliseconds elsewhere here; say ${value}s or ${value}ms`,
      )
    }
    const ms = typeof value === 'string' ? parseDuration(value) : undefined
    return ms ?? this.fail(`must be a duration like 500ms, 30s, 5m or 1h, not ${this.shown}`)
  }

  get #resolved(): ConfigNode | null {
    if (!isAlias(this.node)) return this.node
    return (
      (this.source.document && (this.node.resolve(this.source.document) as YamlNode | undefined)) ??
      this.fail(`the alias *${this.node.source} stands for nothing`)
    )
  }
}
