/**
 * Real shells as the oracle of where a value may stand: in a template that is accepted, no value becomes code, whatever
 * the template's own text does with its quotes, expansions and here-documents.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { commandLine } from '../../src/shell/template.js'
import { cases, oracleSeed } from '../support/scale.js'

const HOLE: unique symbol = Symbol('an interpolation')

/** What a template is made of: each piece opens, closes or looks like something. Nothing here writes to a file by itself. */
const piece = fc.constantFrom<string | typeof HOLE>(
  ...Array.from({ length: 6 }, (): typeof HOLE => HOLE),
  ...["'", '"', '`', '\\', '\\\\', '\\\n', ' ', ' ', '\n', '#', ' # ', ';', '|', '=', '~', '{', '}', '$', "$'", '$"'],
  ...[
    'echo ',
    'echo ',
    ' a',
    'b',
    '1',
    ':;',
    '$a',
    '$#',
    '$$',
    '"$(echo ',
    '$(echo ',
    '$(',
    '(',
    ')',
    ')"',
    '((',
    '))',
  ],
  ...['$((', '${a:-', '"${a:-', '${a#', '"${a%', '${a', '${#a', '}"', '}', ',', '..', '[', ']', '2>&1', '<&-'],
  ...[
    'case a in ',
    'a) ',
    ' in ',
    ';;',
    ' esac',
    '(a|b)',
    'if :; then ',
    ' fi',
    'for a in a; do ',
    ' done',
    'f() { ',
    '; }',
  ],
  ...['cat <<E', "cat <<'E'", 'cat <<-E', ' <<\\E', '\nE\n', '\n\tE\n', 'E', 'cat <<<', 'a=(', '!', '&&', '||', '%'],
)

/** Each would print the mark if any of it were run or expanded; as text it holds none. */
const value = fc.constantFrom(
  "';echo M$((1+1))M;'",
  '";echo M$((1+1))M;"',
  '`echo M$((1+1))M`',
  '$(echo M$((1+1))M)',
  '$((1+1))M',
  "\\';echo M$((1+1))M;#",
  '\necho M$((1+1))M\n',
  '\nE\necho M$((1+1))M\n',
  '\n\tE\necho M$((1+1))M\n',
  ');echo M$((1+1))M;(',
  '};echo M$((1+1))M;{ :',
  '))\necho M$((1+1))M',
  ';;esac;echo M$((1+1))M',
  'a[$(echo M$((1+1))M >&2)]',
)
const MARK = /M2M|2M/

const SHELLS = [['dash'], ['bash'], ['mksh'], ['busybox', 'ash'], ['zsh']].filter(([name = '']) =>
  ['/bin', '/usr/bin'].some((directory) => existsSync(join(directory, name))),
)

const directory = mkdtempSync(join(tmpdir(), 'xec-oracle-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('no value of an accepted template becomes code in dash, bash, mksh, busybox ash or zsh', () => {
  let accepted = 0
  let refused = 0
  fc.assert(
    fc.property(fc.array(piece, { minLength: 2, maxLength: 14 }), value, fc.nat(), (pieces, given, pick) => {
      const strings = ['']
      for (const each of pieces) {
        if (each === HOLE) strings.push('')
        else strings[strings.length - 1] += each
      }
      if (strings.length === 1) return
      let line: string
      try {
        line = commandLine(
          strings,
          strings.slice(1).map(() => given),
        )
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError)
        refused++
        return
      }
      // A template that is only the value is the command line itself.
      if (strings.length === 2 && strings.every((text) => text.trim() === '')) return
      accepted++
      const [program = '', ...args] = SHELLS[pick % SHELLS.length] as string[]
      const { stdout, stderr, error } = spawnSync(program, [...args, '-c', line], {
        cwd: directory,
        encoding: 'utf8',
        timeout: 10_000,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { PATH: '/bin:/usr/bin', a: 'x' },
      })
      expect(error).toBeUndefined()
      // Messages of a shell repeat the text, but nothing in the text is the mark.
      expect(`${program}: ${line}\n${stdout}${stderr}`).not.toMatch(MARK)
    }),
    { numRuns: cases(5_000), seed: oracleSeed('template'), endOnFailure: false },
  )
  expect(SHELLS.length).toBeGreaterThan(0)
  expect(accepted).toBeGreaterThan(50)
  expect(refused).toBeGreaterThan(50)
}, 600_000)
