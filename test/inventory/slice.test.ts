import { expect, test } from 'vitest'
import { parseAmount, pickHosts } from '../../src/inventory/pick.js'
import { splitSlice, takeSlice } from '../../src/inventory/slice.js'

const NAMES = ['a', 'b', 'c', 'd', 'e']
const sliced = (text: string): readonly string[] => takeSlice(NAMES, splitSlice(`@g[${text}]`)?.slice ?? NaN)

// What Python 3 answers for 'abcde'[…].
test.each([
  ['0:3', 'abc'],
  [':2', 'ab'],
  ['3:', 'de'],
  [':', 'abcde'],
  ['-2:', 'de'],
  [':-2', 'abc'],
  ['1:-1', 'bcd'],
  ['3:1', ''],
  ['0:99', 'abcde'],
  ['-99:2', 'ab'],
  ['::2', 'ace'],
  ['1::2', 'bd'],
  ['::-1', 'edcba'],
  ['3:0:-2', 'db'],
  ['-1:-4:-1', 'edc'],
  ['0', 'a'],
  ['-1', 'e'],
])('[%s] is what Python takes', (text, taken) => {
  expect(sliced(text).join('')).toBe(taken)
})

test('an index outside and a step of 0 are errors', () => {
  expect(() => sliced('5')).toThrow('there are 5 hosts, and none at 5; the first is 0')
  expect(() => sliced('::0')).toThrow('a step of 0 goes nowhere')
})

test('a range, an address and a group are no slices', () => {
  for (const word of ['web[01-20]', '[::1]:22', '@web', 'web01', 'r[1-2]n[1-4]', 'web[0:3]'])
    expect(splitSlice(word)).toBeUndefined()
})

test('the same seed picks the same hosts; a share is rounded up', () => {
  const names = Array.from({ length: 101 }, (_, i) => `h${i}`)
  const pick = (text: string, seed: number, order?: 'random') =>
    pickHosts(names, { amount: parseAmount(text), seed, order })
  expect(pick('3', 7)).toEqual(pick('3', 7))
  expect(pick('3', 7)).toHaveLength(3)
  expect(pick('10%', 7)).toHaveLength(11)
  expect(pick('0.1%', 7)).toHaveLength(1)
  expect(pick('500', 7)).toEqual(names)
  expect(pick('3', 7)).not.toEqual(pick('3', 8))
  expect([...pick('100%', 7, 'random')].sort()).toEqual([...names].sort())
  expect(pick('100%', 7, 'random')).not.toEqual(names)
  expect(['0', '-1', '1.5', '101%', 'x', ''].map(parseAmount)).toEqual(Array.from({ length: 6 }, () => undefined))
})
