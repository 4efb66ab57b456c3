import { expect, test } from 'vitest'
import { Secret } from '../../src/runtime/secret.js'
import { commandLine, rawLine } from '../../src/shell/template.js'

const line = (strings: TemplateStringsArray, ...values: unknown[]): string => commandLine(strings, values)
const raw = (strings: TemplateStringsArray, ...values: unknown[]): string => rawLine(strings, values)

test('what is interpolated is quoted: a word, words, numbers, nothing, JSON', () => {
  expect(line`rm ${'a b; reboot'}`).toBe(`rm 'a b; reboot'`)
  expect(line`cp ${['a', 'b c', 3]} ${'/dst'}`).toBe(`cp a 'b c' 3 /dst`)
  expect(line`sleep ${1.5} ${true} ${10n}`).toBe('sleep 1.5 true 10')
  expect(line`chmod 700 ${null} ${undefined}`).toBe(`chmod 700 '' ''`)
  expect(line`post ${{ a: [1, "it's"] }}`).toBe(`post '{"a":[1,"it'\\''s"]}'`)
  expect(line`ls ${[]} x`).toBe('ls  x')
  // A hole reads as undefined.
  expect(line`set ${['a', , 'b']}`).toBe(`set a '' b`)
})

test('a template that is nothing but one string is the command line itself', () => {
  const command = 'systemctl status nginx | head -3'
  expect(line`${command}`).toBe(command)
  expect(line` ${command} `).toBe(command)
  expect(line`${command}${''}`).toBe(`'${command}'`)
  expect(line`${['rm', 'a b']}`).toBe(`rm 'a b'`)
})

test.each<[string, unknown]>([
  ['an empty string', ''],
  ['an empty string', '  '],
  ['null', null],
  ['undefined', undefined],
  ['an empty array', []],
])('one empty value alone is an error: %s', (what, value) => {
  expect(() => line`${value}`).toThrow(`the command is empty: the template is nothing but ${what}`)
})

test('raw quotes nothing', () => {
  expect(raw`ls ${'*.log | wc -l'} ${['a b', 'c']} ${null}`).toBe('ls *.log | wc -l a b c ')
})

test('what has no text has no place in a command, and a secret least of all', () => {
  expect(() => line`echo ${new Secret('canary')}`).toThrow(/a Secret cannot be put into a command line/)
  expect(() => line`echo ${{ deep: [new Secret('canary')] }}`).toThrow(/a Secret cannot be put into a command line/)
  expect(() => line`echo ${{ toJSON: () => undefined }}`).toThrow('an object whose JSON is nothing')
  expect(() => line`echo ${() => 1}`).toThrow('a function has no place')
  expect(() => line`echo ${new Map()}`).toThrow('an object of class Map has no place')
})

test('an escape sequence that JavaScript does not know is an error, not a gap', () => {
  const tag = (strings: TemplateStringsArray, ...values: unknown[]): string => commandLine(strings, values)
  expect(() => tag`printf '\303'`).toThrow('write two backslashes where the shell is to see one')
  expect(() => tag`\u ${'x'}`).toThrow(TypeError)
  expect(tag`printf '\\303\n' ${'x'}`).toBe("printf '\\303\n' x")
})
