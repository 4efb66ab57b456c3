import { describe, expect, test } from 'vitest'
import {
  checkServerName,
  directoryOf,
  nameOf,
  placeFor,
  remotePath,
  temporaryBeside,
  within,
} from '../../src/files/path.js'
import { Trouble } from '../../src/files/trouble.js'

const b = (text: string): Buffer => Buffer.from(text)

describe('a path on the host', () => {
  test.each([
    ['/srv/app', '/srv/app', false],
    ['/srv/app/', '/srv/app', true],
    ['/', '/', true],
    ['//', '/', true],
    ['app', 'app', false],
    ['app//', 'app', true],
    ['~', '.', false],
    ['~/', '.', true],
    ['~/app', 'app', false],
    ['~//app/', 'app', true],
    ['./~bob', './~bob', false],
    ['-rf', '-rf', false],
    ['a ~', 'a ~', false],
  ])('%s', (given, path, into) => {
    expect(remotePath('web1', given)).toEqual({ path: b(path), into })
  })

  test.each([
    ['', 'web1: the remote path must be a text that is not empty'],
    ['a\0b', 'web1: the remote path holds a NUL byte'],
    [
      '~bob/x',
      "web1: ~bob/x: another account's home directory cannot be named by ~ over SFTP; write its path, or ./~bob/x for a file of that name",
    ],
  ])('%j cannot be one', (given, message) => {
    expect(() => remotePath('web1', given)).toThrow(expect.objectContaining({ code: 'XEC_CONFIG', message }) as Error)
  })
})

test('where a source goes', () => {
  const place = (given: string, source: string): string =>
    placeFor('web1', remotePath('web1', given), b(source)).toString()
  expect(place('/srv/app', 'dist')).toBe('/srv/app')
  expect(place('/srv/', 'build/dist')).toBe('/srv/dist')
  expect(place('/', 'dist')).toBe('/dist')
  expect(place('~/', '/x/dist')).toBe('./dist')
  for (const nameless of ['.', '..', '/', 'a/..'])
    expect(() => place('/srv/', nameless)).toThrow('has no name of its own')
})

test('parts of paths', () => {
  expect([nameOf(b('/a/b')), nameOf(b('b')), nameOf(b('/'))].map(String)).toEqual(['b', 'b', ''])
  expect(
    [directoryOf(b('/a/b')), directoryOf(b('/b')), directoryOf(b('b')), directoryOf(b('a/b')), directoryOf(b('/'))].map(
      String,
    ),
  ).toEqual(['/a', '/', '.', 'a', '/'])
  expect(
    [within(b('/'), b('a')), within(b('a'), b('b')), within(b(''), b('b')), within(b('a'), b(''))].map(String),
  ).toEqual(['/a', 'a/b', 'b', 'a'])
  expect(String(temporaryBeside(b('/a/b')))).toMatch(/^\/a\/\.xec-[0-9a-f]{16}\.part$/)
  expect(String(temporaryBeside(b('b')))).toMatch(/^\.xec-[0-9a-f]{16}\.part$/)
  expect(temporaryBeside(b('b'))).not.toEqual(temporaryBeside(b('b')))
})

describe('a name from the server', () => {
  test.each(['a', '..a', '...', ' ', '-', 'ä', 'a\nb'])('%j is one', (name) => {
    checkServerName(b(name), b('dir'), 'linux')
  })
  test.each(['', '/', 'a/b', '../a', 'a\0'])('%j is none', (name) => {
    expect(() => checkServerName(b(name), b('dir'), 'linux')).toThrow(Trouble)
  })
  test.each(['a\\b', '..\\a', 'C:a', 'a:stream'])('%j is none on Windows', (name) => {
    checkServerName(b(name), b('dir'), 'linux')
    expect(() => checkServerName(b(name), b('dir'), 'win32')).toThrow(Trouble)
  })
})
