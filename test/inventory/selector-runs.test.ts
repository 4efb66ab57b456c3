/** Hosts of recorded runs in selections: `@last`, `@last:failed`, `@run(ID):ok`. */
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../src/config/parse.js'
import { checkHost } from '../../src/inventory/outside.js'
import { runsIn, select, type RunReference, type SelectionRequest } from '../../src/inventory/selector.js'
import { parseSshConfig } from './ssh.js'

const YAML = "hosts: { 'web[1-4]': x, db1: x }\ngroups: { web: ['web[1-4]'] }\n"
const ssh = parseSshConfig('')
const RUNS: Readonly<Record<string, readonly string[]>> = {
  last: ['db1', 'web2', 'web1', 'gone'],
  'last:failed': ['web2', 'web1'],
  '2026:ok': ['db1'],
  'last:lost': ['gone', '192.0.2.7'],
}

function chosen(request: SelectionRequest | string, yaml = YAML, names: readonly string[] = []) {
  const { inventory } = parseConfig('c.yaml', yaml)
  const warnings: string[] = []
  const runs = {
    hostsOf: ({ id, outcome }: RunReference) => RUNS[outcome === null ? id : `${id}:${outcome}`] ?? [],
    warn: (message: string) => warnings.push(message),
  }
  const asked = typeof request === 'string' ? { hosts: request } : request
  const outside = (name: string): void => void checkHost(name, inventory, ssh)
  return { names: select(inventory, asked, outside, [], { runs, names }).join(' '), warnings }
}

describe('the hosts of a run', () => {
  test.each<[SelectionRequest | string, string]>([
    ['@last:failed', 'web1 web2'],
    ['@last!gone', 'web1 web2 db1'],
    [{ hosts: '@last', exclude: 'gone' }, 'web1 web2 db1'],
    ['@last&@web', 'web1 web2'],
    ['@web!@last:failed', 'web3 web4'],
    ['@run(2026):ok,web4', 'web4 db1'],
    ['@run(last):failed', 'web1 web2'],
    [{ hosts: '@last:lost', exclude: 'gone' }, '192.0.2.7'],
  ])('%j', (request, names) => expect(chosen(request).names).toBe(names))

  test('a host that is none any more is an error with the way out', () => {
    expect(() => chosen('@last')).toThrow(
      'gone: in the run, but not in the inventory any more; leave it out with -x gone',
    )
    expect(() => chosen({}, YAML, ['web1', 'gone'])).toThrow('leave it out with -x gone')
    expect(chosen({ exclude: 'gone' }, YAML, ['web1', 'gone']).names).toBe('web1')
  })

  test('none of them is an empty selection', () => {
    expect(() => chosen('@last:auth')).toThrow('nothing is selected: -w @last:auth')
  })

  test('a group that is called last wins, with a warning; @run(last) is the run', () => {
    const yaml = `${YAML.replace('groups: {', 'groups: { last: [web4],')}`
    expect(chosen('@last', yaml)).toEqual({ names: 'web4', warnings: [expect.stringContaining('@run(last)')] })
    expect(chosen('@run(last):failed', yaml).names).toBe('web1 web2')
    const { inventory } = parseConfig('c.yaml', yaml)
    expect(runsIn(inventory, ['@last,@last:ok', '@run(7)'])).toEqual([
      { id: 'last', outcome: 'ok' },
      { id: '7', outcome: null },
    ])
  })

  test.each([
    ['@last:faild', 'did you mean @last:failed?'],
    ['@run(7):', 'an outcome is one of ok, failed'],
    ['@run()', 'a run is said by its id'],
    ['@run(7', 'a run is said as @run(ID)'],
  ])('%s is refused with what would be right', (text, message) => expect(() => chosen(text)).toThrow(message))

  test('a program, which has no records, is told so', () => {
    const { inventory } = parseConfig('c.yaml', YAML)
    expect(() => select(inventory, { hosts: '@last' }, () => {})).toThrow('runs are recorded by the command line')
  })
})
