/** YAML as Ansible writes it: YAML 1.1 with merge keys and its tags. Every value knows the line that it stands on. */
import {
  isAlias,
  isMap,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
  type ScalarTag,
} from 'yaml'
import { faultAt } from './source.js'
import { Unsafe, Vaulted, type Variable } from './ansible-values.js'

/** The library needs up to 150 times the size of a text in memory. */
const LARGEST = 10_000_000
const MOST_ALIASES = 100
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype'])

const TAGS: ScalarTag[] = [
  ...['!vault', '!vault-encrypted'].map((tag): ScalarTag => ({ tag, resolve: () => new Vaulted() })),
  { tag: '!unsafe', resolve: (text) => new Unsafe(text) },
]

interface Text {
  readonly file: string
  readonly document: Document
  readonly lines: LineCounter
}

/** One value of a YAML text. */
export class YamlValue {
  constructor(
    private readonly text: Text,
    private readonly node: Node | null,
    /** `file:line` of its key, or of itself. */
    readonly place: string,
  ) {}

  get isNull(): boolean {
    const node = this.#resolved
    return node === null || (isScalar(node) && (node.value === null || node.value === undefined))
  }

  /** The entries of a map; undefined for anything else. */
  get entries(): ReadonlyMap<string, YamlValue> | undefined {
    const node = this.#resolved
    if (!isMap(node)) return undefined
    const own = new Map<string, YamlValue>()
    const merged = new Map<string, YamlValue>()
    for (const { key, value } of node.items) {
      const place = isNode(key) ? placeOf(this.text, key) : this.place
      const entry = new YamlValue(this.text, isNode(value) ? value : null, place)
      const name = isScalar(key) ? String(key.value) : String(key)
      if (name !== '<<') own.set(name, entry)
      else for (const [each, inner] of entry.entries ?? []) merged.set(each, inner)
    }
    // What stands in the map itself wins over what it merges.
    return new Map([...[...merged].filter(([name]) => !own.has(name)), ...own])
  }

  /** Plain data that may hold `Vaulted` and `Unsafe`. */
  get value(): unknown {
    try {
      const value: unknown = this.node?.toJS(this.text.document, { maxAliasCount: MOST_ALIASES })
      return value ?? null
    } catch (cause) {
      throw faultAt(this.place, `it refers to more than ${MOST_ALIASES} aliases, or to none that is there`, cause)
    }
  }

  get variable(): Variable {
    return { value: this.value, place: this.place }
  }

  get #resolved(): Node | null {
    return isAlias(this.node) ? (this.node.resolve(this.text.document) ?? null) : this.node
  }
}

/**
 * The entries of the map that a text is.
 * @returns undefined for a text without content
 * @throws XecError XEC_CONFIG `file:line: …`
 */
export function readYamlMap(file: string, body: string): ReadonlyMap<string, YamlValue> | undefined {
  if (body.length > LARGEST)
    throw faultAt(file, `it is larger than ${LARGEST / 1_000_000} MB, the most of a YAML file of Ansible`)
  const lines = new LineCounter()
  const document = parseDocument(body, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    version: '1.1',
    merge: true,
    customTags: (tags) => [...tags, ...TAGS],
  })
  const text: Text = { file, document, lines }
  const [error] = document.errors
  if (error) throw faultAt(lineOf(text, error.pos[0]), error.message.replaceAll(/\s+/g, ' '))
  visit(document, {
    Scalar(_, node) {
      // To Ansible's parser, y and n are texts.
      if (typeof node.value === 'boolean' && /^[yn]$/i.test(node.source ?? '')) node.value = node.source
    },
    Pair(_, { key }) {
      if (isScalar(key) && FORBIDDEN_KEYS.has(String(key.value)))
        throw faultAt(placeOf(text, key), `the key ${String(key.value)} is not allowed`)
    },
  })
  const root = new YamlValue(text, document.contents, document.contents ? placeOf(text, document.contents) : file)
  if (root.isNull) return undefined
  const { entries } = root
  if (!entries) throw faultAt(root.place, 'a map must stand at its top: name: value')
  return entries
}

function placeOf(text: Text, { range }: Node): string {
  return lineOf(text, range?.[0])
}

function lineOf({ file, lines }: Text, offset = 0): string {
  return `${file}:${Math.max(1, lines.linePos(offset).line)}`
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'toJS' in value
}
