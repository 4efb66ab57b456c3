import fc from 'fast-check'
import { isAlias, isMap, isScalar, isSeq, parseDocument, type Node, type Pair } from 'yaml'
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../src/config/parse.js'
import { PlainList, PlainMap, PlainScalar, readPlainLines } from '../../src/config/plain-lines.js'
import { cases, oracleSeed } from '../support/scale.js'

/** What the configuration's reader can see of a tree. */
function seen(node: unknown): unknown {
  if (node instanceof PlainMap)
    return { at: node.offset, map: node.items.map(({ key, value }) => [seen(key), seen(value)]) }
  if (node instanceof PlainList) return { at: node.offset, list: node.items.map(seen) }
  if (node instanceof PlainScalar)
    return { at: node.offset, value: node.value, source: typeof node.value === 'string' ? undefined : node.source }
  if (isAlias(node)) return 'alias'
  const at = (node as Node | null)?.range?.[0]
  if (isMap(node)) return { at, map: node.items.map((pair: Pair) => [seen(pair.key), seen(pair.value)]) }
  if (isSeq(node)) return { at, list: node.items.map(seen) }
  if (isScalar(node)) return { at, value: node.value, source: typeof node.value === 'string' ? undefined : node.source }
  return node
}

function byLibrary(text: string): unknown {
  const document = parseDocument(text, {
    prettyErrors: false,
    uniqueKeys: false,
    version: '1.2',
    schema: 'core',
    merge: false,
  })
  const [problem] = [...document.errors, ...document.warnings]
  return problem ? `error: ${problem.message}` : seen(document.contents)
}

/** True when the reader of plain lines answered, and then as the library does. */
function agrees(text: string): boolean {
  const plain = readPlainLines(text)
  if ('problem' in plain) return false
  expect(seen(plain), JSON.stringify(text)).toEqual(byLibrary(text))
  return true
}

const words = fc.constantFrom(
  'web1', 'a', 'deploy', '10.0.0.1', '22', '007', '5m', '300ms', 'true', 'null', '~', '~/.ssh/id', '/x/y', 'no', '1.5',
  '0x1f', '1e3', '.5', '12e03', 'a b', 'a:b', 'user@host', 'ssh://x:22', '"q: #1"', "'web[01-20]'", '"a\'b"', '""', "''", 'é', '"é"', '-1', '- x', '?', '&a x', '*a', '!t x', '|', 'a #b', 'a#b', 'a,b', '=', '.inf', '0.0.0', '1_000', '12:30', '2001-01-01',
) // prettier-ignore
const pad = fc.constantFrom('', '', '', ' ', '  ', ' # c', '\n', '\n# c', '\n   # é')

interface Layout {
  readonly words: readonly string[]
  readonly pads: readonly string[]
  readonly shape: readonly number[]
}

/** A document drawn from choices: mostly what the reader takes, with anything in between. */
function draw({ words, pads, shape }: Layout): string {
  let next = 0
  const choose = (n: number): number => (shape[next++ % shape.length] ?? 0) % n
  const word = (): string => words[choose(words.length)] ?? 'a'
  const space = (): string => pads[choose(pads.length)] ?? ''
  const flow = (depth: number): string => {
    const gap = (): string => ['', ' ', '\n      '][choose(3)] ?? ''
    if (depth > 3 || choose(3) === 0) return word()
    const items = Array.from(
      { length: choose(4) },
      () => (choose(2) ? `${word()}: ` : `${word()}${['', ' '][choose(2)]}:`) + flow(depth + 1),
    )
    return choose(2)
      ? `{${gap()}${items.join(`,${gap()}`)}${gap()}}`
      : `[${gap()}${items.map(() => flow(depth + 1)).join(`,${gap()}`)}${gap()}]`
  }
  const block = (indent: string, depth: number): string => {
    const list = choose(4) === 0
    return Array.from({ length: 1 + choose(4) }, () => {
      const head = list ? `${indent}- ` : `${indent}${word()}:`
      const kind = depth > 3 ? 0 : choose(4)
      if (kind === 0) return `${head}${choose(6) ? ' ' : ''}${word()}${space()}\n`
      if (kind === 1) return `${head} ${flow(0)}${space()}\n`
      if (kind === 2) return `${head}${space()}\n`
      return `${head}${space()}\n${block(indent + ['  ', '  ', ' ', '    ', ''][choose(5)], depth + 1)}`
    }).join('')
  }
  return `${['', '', '---\n', '# c\n'][choose(4)]}${choose(5) === 0 ? `${flow(0)}\n` : block('', 0)}`
}

const documents = fc
  .record({
    words: fc.array(words, { minLength: 1, maxLength: 12 }),
    pads: fc.array(pad, { minLength: 1, maxLength: 5 }),
    shape: fc.array(fc.nat(60), { minLength: 5, maxLength: 60 }),
  })
  .map(draw)
const edited = fc
  .tuple(documents, fc.nat(), fc.constantFrom(...' \n:,{}[]-#\'"~a1&*!|>?%@`\\.=\t'), fc.boolean())
  .map(([text, at, character, replace]) => {
    const i = at % (text.length + 1)
    return text.slice(0, i) + character + text.slice(i + (replace ? 1 : 0))
  })

describe('where the reader of plain lines answers, its tree is the library’s', () => {
  const parameters = { seed: oracleSeed('plain lines'), numRuns: cases(50_000) }
  test('documents of all layouts', () => {
    let answered = 0
    fc.assert(
      fc.property(documents, (text) => void (answered += agrees(text) ? 1 : 0)),
      parameters,
    )
    expect(answered).toBeGreaterThan(parameters.numRuns / 50)
  })
  test('documents with one character more or another', () => {
    fc.assert(
      fc.property(edited, (text) => void agrees(text)),
      parameters,
    )
  })
  test('any characters', () => {
    const soup = fc.string({ unit: fc.constantFrom(...'ab1 :\n\n  -{}[],#\'"~.'), maxLength: 30 })
    fc.assert(
      fc.property(soup, (text) => void agrees(text)),
      parameters,
    )
  })
})

describe('what programs write is plain', () => {
  test.each([
    ['a line a host', 'hosts:\n  web1: 10.0.0.1\n  web2: web2.example.com\ngroups:\n  web: [web1, web2]\n'],
    ['a map a host', 'hosts:\n  web1: { host: 10.0.0.1, port: 22 }\n'],
    [
      'a block a host',
      'hosts:\n  web1:\n    host: 10.0.0.1\n    env:\n      A: "x y"\n  web2:\ngroups:\n  web:\n  - web1\n  - web2',
    ],
    ['JSON', JSON.stringify({ hosts: { web1: { host: '10.0.0.1', port: 22 } }, groups: { web: ['web1'] } })],
    ['indented JSON', JSON.stringify({ hosts: { web1: '10.0.0.1' }, groups: { web: { hosts: ['web1'] } } }, null, 2)],
    ['comments and a marker', '# made by é\n---\nhosts: # all\n  web1: a # one\n\n  # two\n  web2: b\n'],
  ])('%s', (_, text) => {
    expect(agrees(text)).toBe(true)
  })
})

test('errors of plain lines stand where the library’s do', () => {
  const problem = (text: string): string => {
    try {
      parseConfig('c.yaml', text)
      return 'none'
    } catch (error) {
      return (error as Error).message
    }
  }
  const plain = 'hosts:\n  web1:\n    host: a\n    prot: 22\n'
  expect(problem(plain)).toBe(problem(`${plain}# \t\n`))
  expect(problem(plain)).toBe('c.yaml:4:5: unknown key prot in hosts.web1; did you mean port?')
})
