import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../src/config/parse.js'
import { makeInventory, type Inventory } from '../../src/inventory/inventory.js'
import { checkHost } from '../../src/inventory/outside.js'
import { matching } from '../../src/inventory/regex.js'
import { evaluate, parseSelector, select, type SelectionRequest } from '../../src/inventory/selector.js'
import { nearest } from '../../src/runtime/nearest.js'
import { parseSshConfig } from './ssh.js'

const inventory = parseConfig(
  'c.yaml',
  `
hosts: { bastion: x, 'web[01-06]': x, 'db[1-2]': x, cache1: x }
groups:
  web: ['web[01-06]']
  odd: [web05, web03, web01, db1]
  prod: { groups: [web], hosts: ['db[1-2]'] }
  none: []
`,
).inventory
const ssh = parseSshConfig('Host myalias\n  HostName 192.0.2.9\n')
const outside = (name: string): void => void checkHost(name, inventory, ssh)
const chosen = (request: SelectionRequest | string): string =>
  select(inventory, typeof request === 'string' ? { hosts: [request] } : request, outside).join(' ')

describe('an expression', () => {
  test.each<[string, string]>([
    ['web03', 'web03'],
    ['web03,bastion', 'bastion web03'],
    ['web*', 'web01 web02 web03 web04 web05 web06'],
    ['web0?', 'web01 web02 web03 web04 web05 web06'],
    ['*1', 'web01 db1 cache1'],
    ['web[02-03,06]', 'web02 web03 web06'],
    ['@odd', 'web01 web03 web05 db1'],
    ['@prod&@odd', 'web01 web03 web05 db1'],
    ['@prod!@odd', 'web02 web04 web06 db2'],
    ['all', 'bastion web01 web02 web03 web04 web05 web06 db1 db2 cache1'],
    ['~/^web.*[13]$/', 'web01 web03'],
    ['~/1$/', 'web01 db1 cache1'],
    ['~/a\\/b|db1/', 'db1'],
    ['!@web', 'bastion db1 db2 cache1'],
    ['all!@web!cache1', 'bastion db1 db2'],
    ['@web&~/[13]$/,db1', 'web01 web03 db1'],
    ['db1,@web&web01', 'web01'],
    ['web01!web01,web02', 'web02'],
    [' web01 , web02 ', 'web01 web02'],
    ['web01,!web01,db1', 'db1'],
    ['web02,web01,web02', 'web01 web02'],
    ['root@web01', 'root@web01'],
    ['192.0.2.1,web01', 'web01 192.0.2.1'],
    ['host.example.com:2222', 'host.example.com:2222'],
    ['[2001:db8::1]:22', '[2001:db8::1]:22'],
    ['2001:db8::1', '2001:db8::1'],
    ['ssh://u@h:22', 'ssh://u@h:22'],
    ['web02\nweb01 db1', 'web01 web02 db1'],
    ['@web[0:2]', 'web01 web02'],
    ['@web[-1]&@web', 'web06'],
    ['myalias', 'myalias'],
  ])('%s', (text, names) => expect(chosen(text)).toBe(names))

  test.each<[string, string]>([
    ['', 'the selection "", column 1: it is empty; say names, web*, web[01-20], @group or all'],
    ['web01,', 'the selection "web01,", column 7: nothing follows ,'],
    ['&web01', 'the selection "&web01", column 1: nothing stands before &'],
    ['web01,&web02', 'the selection "web01,&web02", column 7: & follows ,; a name belongs between them'],
    ['@web[9]', '@web[9]: there are 6 hosts, and none at 9; the first is 0'],
    ['^hosts.ok', '^hosts.ok: lists are read by the command line, and only it can select by them'],
    ['~/web', 'the selection "~/web", column 1: the regular expression has no closing /'],
    ['a,~/(/', 'the selection "a,~/(/", column 3: Invalid regular expression: /(/u: Unterminated group'],
    ['@', 'the selection "@", column 1: @ needs the name of a group'],
    ['@wbe', 'no group wbe; did you mean web?'],
    ['@nothing', 'no group nothing; groups are web, odd, prod, none'],
    ['wbe01', 'unknown host "wbe01"; did you mean web01?'],
    ['web[01-09]', 'unknown host "web07"; did you mean web01?'],
    ['web', 'unknown host "web"; it is a group: -g web'],
    ['web[9-1]', '"web[9-1]": the range 9-1 runs backwards; a range looks like web[01-20,30]'],
    ['myalais', 'unknown host "myalais"; did you mean myalias?'],
    [
      'zzzzzz',
      'unknown host "zzzzzz"; a host is a name of the inventory or of ~/.ssh/config, user@host, host:port, an address, or a name with a dot',
    ],
  ])('%j is refused', (text, message) => expect(() => chosen(text)).toThrow(message))
})

describe('a request', () => {
  test.each<[SelectionRequest, string]>([
    [{ groups: ['odd'] }, 'web01 web03 web05 db1'],
    [{ groups: ['web', 'odd'], exclude: ['web0[1-4],db*'] }, 'web05 web06'],
    [{ hosts: ['cache1', 'bastion'] }, 'bastion cache1'],
    [{ all: true, exclude: ['@prod'] }, 'bastion cache1'],
    [{ all: true }, 'bastion web01 web02 web03 web04 web05 web06 db1 db2 cache1'],
    [{ hosts: 'web01,db1' }, 'web01 db1'],
    [{ groups: 'odd', hosts: [], exclude: 'web*' }, 'db1'],
  ])('%j', (request, names) =>
    expect(
      chosen(request.exclude?.[0] === 'web0[1-4],db*' ? { ...request, exclude: ['web[01-04],db*'] } : request),
    ).toBe(names),
  )

  test.each<[SelectionRequest, string]>([
    [{ groups: ['none'] }, 'nothing is selected: -g none stands for none of the 10 hosts of the inventory'],
    [
      { hosts: ['web01'], exclude: ['@web'] },
      'nothing is selected: -w web01 without @web stands for none of the 10 hosts of the inventory',
    ],
    [{ hosts: ['zz*'] }, 'nothing is selected: -w zz* stands for none of the 10 hosts of the inventory'],
  ])('%j selects nothing, which is an error', (request, message) => expect(() => chosen(request)).toThrow(message))

  test.each<SelectionRequest>([
    {},
    { hosts: [] },
    { groups: [] },
    { hosts: undefined },
    { exclude: ['web*'] },
    { all: false },
  ])('%j does not stand for every host', (request) => {
    expect(() => chosen(request)).toThrow('the selection names no groups and no hosts; every host is all: true')
  })

  test('without an inventory, that is what is said', () => {
    const { inventory: empty } = parseConfig('c.yaml', '')
    expect(() => select(empty, { all: true }, () => {})).toThrow('no hosts: the inventory is empty')
  })
})

/** The algebra as one would write it down: sets, from left to right. */
function naive(model: Inventory, steps: readonly (readonly [operator: string, term: string])[]): Set<string> {
  const of = (term: string): string[] => {
    if (term === 'all') return [...model.hosts.keys()]
    if (term.startsWith('@')) return [...(model.membersOf(term.slice(1)) ?? [])]
    if (term.endsWith('*')) return [...model.hosts.keys()].filter((name) => name.startsWith(term.slice(0, -1)))
    return [term]
  }
  let set = new Set<string>()
  for (const [operator, term] of steps) {
    const other = new Set(of(term))
    if (operator === ',') set = new Set([...set, ...other])
    else set = new Set([...set].filter((name) => other.has(name) === (operator === '&')))
  }
  return set
}

test('the algebra is what it says, on any inventory and any expression', () => {
  const arbitrary = fc
    .uniqueArray(fc.constantFrom('a1', 'a2', 'a3', 'b1', 'b2', 'c1', 'ab'), { minLength: 1 })
    .chain((hosts) =>
      fc.record({
        hosts: fc.constant(hosts),
        groups: fc.dictionary(fc.constantFrom('x', 'y', 'z'), fc.subarray(hosts)),
        steps: fc.array(
          fc.tuple(
            fc.constantFrom(',', '&', '!'),
            fc.oneof(fc.constantFrom(...hosts), fc.constantFrom('all', 'a*', 'b*', 'q*', '@x', '@y', '@z')),
          ),
          { minLength: 1, maxLength: 8 },
        ),
      }),
    )
  fc.assert(
    fc.property(arbitrary, ({ hosts, groups, steps }) => {
      const model = parseConfig(
        'c.yaml',
        JSON.stringify({
          hosts: Object.fromEntries(hosts.map((name) => [name, 'x'])),
          groups: { x: [], y: [], z: [], ...groups },
        }),
      ).inventory
      const terms = steps.map(([operator, term], i) => [i === 0 ? ',' : operator, term] as const)
      const text = terms.map(([operator, term], i) => (i === 0 ? term : operator + term)).join('')
      const expected = naive(model, terms)
      expect(evaluate(parseSelector(text), model, () => {})).toEqual(expected)
      const inOrder = hosts.filter((name) => expected.has(name))
      if (inOrder.length > 0) expect(select(model, { hosts: [text] }, () => {})).toEqual(inOrder)
      else expect(() => select(model, { hosts: [text] }, () => {})).toThrow('nothing is selected')
    }),
    { numRuns: 1_000 },
  )
})

describe('every selection ends in bounded time and memory', () => {
  const names = new Map([...Array(40).keys()].map((i) => [`${'a'.repeat(i)}x`, {}] as const))
  const letters = makeInventory(names, new Map(), {})
  const problem = (...hosts: string[]): string => {
    try {
      select(letters, { hosts }, () => {})
      return 'none'
    } catch (error) {
      return (error as Error).message
    }
  }

  test('a regular expression that backtracks without end is stopped', () => {
    expect(() => matching(/(a+)+$/u, [...names.keys()], 50)).toThrow(
      'the regular expression ~/(a+)+$/u took longer than 0.05 s; a repetition inside a repetition, as in (a+)+, is the usual reason: write it without',
    )
  })

  test('one that is too large to run is a mistake of the selection', () => {
    const nested = `~/${'('.repeat(20_000)}a${')'.repeat(20_000)}/`
    expect(problem(nested)).toMatch(/^the regular expression .{0,200}$/)
  })

  test('ranges together stand for a million names at the most', () => {
    expect(problem('b[1-600000],c[1-600000]')).toBe(
      '"c[1-600000]": with the ranges before it, it stands for more than 1000000 names; a range looks like web[01-20,30]',
    )
    expect(problem('b[1-600000]', 'c[1-600000]')).toMatch('with the ranges before it')
  })

  test('a word as long as a book is compared with nothing', () => {
    const word = 'x'.repeat(1_000_000)
    expect(nearest(word, [`${word}y`])).toBeUndefined()
  })
})

describe('names that ssh_config has outright', () => {
  const config = parseSshConfig('Host web07 dev-* github.example\n User x')
  const both = (text: string): string =>
    select(inventory, { hosts: text }, (name) => void checkHost(name, inventory, config), config.hosts).join(' ')

  test('are meant by a glob with a literal part, behind the hosts of the inventory, and are filtered as these are', () => {
    expect(both('web0[5-6],web*')).toBe('web01 web02 web03 web04 web05 web06 web07')
    expect(both('*7,bastion')).toBe('bastion web07')
    expect(both('web*!~/[1-6]$/')).toBe('web07')
    expect(both('web*&web07')).toBe('web07')
  })

  test('are not meant by * alone, a regular expression or all; and no pattern is a name', () => {
    expect(both('*')).toBe(both('all'))
    expect(both('?*')).toBe(both('all'))
    expect(both('~/^web/')).not.toContain('web07')
    expect(() => both('dev-*')).toThrow('stands for none of the 10 hosts of the inventory')
  })
})
