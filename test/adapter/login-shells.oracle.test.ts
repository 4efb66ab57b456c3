/** What is interpolated, and what stands in options, arrives byte for byte under every login shell. The shells are the oracle. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeCommand } from '../../src/adapter/command.js'
import { encodeTemplate, LONGEST_VALUE, type TemplatePart } from '../../src/adapter/template-line.js'
import type { Command } from '../../src/adapter/types.js'
import { onWire } from '../../src/adapter/wire-bytes.js'
import { createXec, type Xec } from '../../src/xec.js'
import { asLogin, loginShells, userOf, type LoginShell } from '../rig/login-shells.js'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, startSshd, type Sshd } from '../rig/sshd.js'
import { cases, oracleSeed } from '../support/scale.js'
import { keyFile, makeTarget } from '../transport/fixture.js'

const shells = loginShells()
type Value = string | Uint8Array
const UTF8 = { LANG: 'C.UTF-8' }

/** `/usr/bin/printf` prints the words, each with a NUL byte behind it. */
const printing = (values: readonly Value[]): string =>
  encodeTemplate([
    { text: `/usr/bin/printf '%s\\0' .` },
    ...values.flatMap((word): TemplatePart[] => [{ text: ' ' }, { word }]),
  ])
const printed = (values: readonly Value[]): string =>
  Buffer.concat(['.', ...values].flatMap((value) => [Buffer.from(value as string), Buffer.of(0)])).toString('latin1')
const sent = (shell: LoginShell, command: Partial<Command>, env = {}): ReturnType<typeof asLogin> => {
  const { line, preamble } = encodeCommand({ line: '', ...command })
  for (const word of line.match(/(?:'[^']*'|\\.|[^ '\\])+/g) ?? []) expect(word.length).toBeLessThan(4_000)
  return asLogin(shell, onWire(line), { input: preamble, env })
}
const part = (word: Value): TemplatePart => ({ word })

const odd = [...'\'"\\$`!*?[]{}()<>|&;~#=%^ \t\n\r\u001b-.,:/aZ0é漢😀\u0001\u007f\u0085\uf600\ufdd0']
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }).map((each) => each.replaceAll('\0', '').toWellFormed()),
  fc.string({ unit: fc.constantFrom(...odd), maxLength: 40 }),
  fc.string({ unit: fc.constantFrom("'", '\\', '!', '\n', '$'), maxLength: 30 }),
  fc.constantFrom(
    '',
    '-n',
    '--',
    '~',
    '~root',
    '=ls',
    '%1',
    '%self',
    '^a^b',
    '#',
    '!!',
    '!$',
    '\n',
    '\n\n',
    'a\n',
    '\\\n',
    '!\n',
    "\\'",
    '{a,b}',
  ),
)
const bytes = fc.uint8Array({ min: 1, maxLength: 60 })
const long = fc
  .tuple(fc.string({ unit: fc.constantFrom(...odd), minLength: 1, maxLength: 200 }), fc.integer({ min: 1, max: 300 }))
  .map(([unit, times]) => unit.repeat(times).slice(0, 15_000))
const value: fc.Arbitrary<Value> = fc.oneof(
  { weight: 12, arbitrary: text },
  { weight: 5, arbitrary: bytes },
  { weight: 1, arbitrary: long },
)

describe.each(shells)('under $name', (shell) => {
  test('2,000 random values arrive byte for byte', () => {
    const values = fc.sample(value, { numRuns: cases(2_000), seed: oracleSeed(`values under ${shell.name}`) })
    for (let from = 0, batch = 0; from < values.length; batch += 1) {
      let size = 0
      let end = from
      while (end < values.length && end - from < 50 && size < 40_000)
        size += Buffer.byteLength(Buffer.from(values[end++] as string))
      const some = values.slice(from, end)
      const ran = sent(shell, { line: printing(some) }, batch % 2 ? UTF8 : {})
      expect(ran.stderr).toBe('')
      expect(ran.stdout.toString('latin1')).toBe(printed(some))
      from = end
    }
  })

  test.each<[string, Value]>([
    ['plain', 'x'.repeat(LONGEST_VALUE)],
    ['quotes', "'".repeat(LONGEST_VALUE)],
    ['backslashes', '\\'.repeat(LONGEST_VALUE)],
    ['exclamation marks', '!'.repeat(LONGEST_VALUE)],
    ['newlines', '\n'.repeat(LONGEST_VALUE)],
    ['all of them', `'"\\!\n$\`;`.repeat(LONGEST_VALUE / 8)],
    ['every byte', Uint8Array.from({ length: LONGEST_VALUE }, (_, at) => (at % 255) + 1)],
  ])('64 KB of %s arrive', (_, whole) => {
    const ran = sent(shell, { line: printing([whole]) })
    expect(ran.stderr).toBe('')
    expect(ran.stdout.toString('latin1') === printed([whole])).toBe(true)
  })

  test('no value runs', () => {
    const values = ['x\\', '; id -un; #', 'a\\b', 'a\nid -un', 'it!s', '!!', '`id`', '$(id)', "'; id; '", '\n']
    for (const some of [values, ...values.map((each) => [each, '; id -un; #'])])
      expect(sent(shell, { line: printing(some) }).stdout.toString('latin1')).toBe(printed(some))
  })

  test('-e, --cwd and the arguments of --script take the same values', () => {
    const values = ['a\nb', 'it!s\n', "'\\\n!", '', "'".repeat(LONGEST_VALUE), 'x'.repeat(5_000)]
    for (const each of values) {
      expect(String(sent(shell, { line: `printf '%s|!\n' "$V"`, env: { V: each } }).stdout)).toBe(`${each}|!\n`)
      const script = { name: 'job', content: Buffer.from('printf %s "$1"'), args: [each] }
      expect(String(sent(shell, { script }).stdout)).toBe(each)
    }
    const ran = sent(shell, { line: 'echo ran', cwd: "/no/it's\n!dir" })
    expect(String(ran.stdout)).toBe('')
    expect(ran.status).not.toBe(0)
    expect(String(sent(shell, { line: 'pwd', env: { V: '\n' }, cwd: '~' }, { HOME: '/usr' }).stdout)).toBe('/usr\n')
  })

  test('a template in a directory is read by /bin/sh, whatever its values', () => {
    for (const word of ['a', 'a\nb', 'x'.repeat(5_000), "'".repeat(40_000)]) {
      const line = encodeTemplate([{ text: 'V=' }, part(word), { text: '; pwd; printf %s "$V"' }])
      expect(String(sent(shell, { line, cwd: '/usr' }).stdout)).toBe(`/usr\n${word}`)
    }
  })

  test('status and signal are those of the command', () => {
    const exit = encodeTemplate([{ text: `/bin/sh -c ` }, part('\nexit 7')])
    expect(sent(shell, { line: exit })).toMatchObject({ status: 7 })
    const kill = encodeTemplate([{ text: `exec /bin/sh -c ` }, part('\nkill -TERM $$')])
    expect(sent(shell, { line: kill })).toMatchObject({ signal: 'SIGTERM' })
    expect(sent(shell, { line: 'kill -TERM $$', env: { A: '\n' } })).toMatchObject({ signal: 'SIGTERM' })
  })

  const OWN: Partial<Record<LoginShell['name'], [string, string]>> = {
    bash: ['[[ -n ', ' ]] && a=(1 2) && echo ${#a[@]}'],
    zsh: ['[[ -n ', ' ]] && a=(1 2) && echo ${#a[@]}'],
    mksh: ['[[ -n ', ' ]] && echo 2'],
    csh: ['setenv A ', ' && if ($?A) echo 2'],
    tcsh: ['setenv A ', ' && if ($?A && $?tcsh) echo 2'],
    fish: ['set -x A ', '; and begin; echo (count 1 2); end'],
  }
  test('the text of the template is its own', () => {
    const [before, after] = OWN[shell.name] ?? ['V=', '; echo 2']
    for (const word of ['a', 'a b', "it's\\!", 'a\nb!', 'é\n'])
      expect(
        String(sent(shell, { line: encodeTemplate([{ text: before }, part(word), { text: after }]) }).stdout),
      ).toBe('2\n')
  })
})

test('a value that is longer than a word of csh is not run in text that csh alone reads', () => {
  const shell = shells.find(({ name }) => name === 'csh')
  if (!shell) return
  const line = encodeTemplate([{ text: 'setenv A ' }, part('x'.repeat(5_000)), { text: ' && if ($?A) echo ran' }])
  expect(sent(shell, { line })).toMatchObject({
    status: 126,
    stdout: Buffer.alloc(0),
    stderr: expect.stringMatching(/^xec: csh takes no word/),
  })
})

test('what is written in common is readable, and text without values goes unchanged', () => {
  expect(encodeTemplate([{ text: `echo "$HOME" 'a!'` }])).toBe(`echo "$HOME" 'a!'`)
  expect(encodeTemplate([{ text: 'rm -- ' }, part('my file'), { text: ' ' }, part('b.txt')])).toBe(
    `rm -- 'my file' b.txt`,
  )
  expect(encodeTemplate([{ text: 'echo ' }, part(`x\\`), { text: ' ' }, part(`it's!`)])).toBe(
    `echo 'x'\\\\'' 'it'\\''s'\\!''`,
  )
  expect(encodeTemplate([{ text: 'echo ' }, part('2'), { text: '>f' }])).toBe(`echo '2'>f`)
  expect(encodeTemplate([{ text: 'echo ' }, part('a b\nc')])).toContain(`'a b;c'`)
})

test('what is too long is refused before anything is sent, and a lone surrogate is a TypeError', () => {
  const line = printing(['x'.repeat(LONGEST_VALUE + 1)])
  expect(() => encodeCommand({ line })).toThrow(
    /^a value in the command is 65537 bytes long, and up to 65536 bytes arrive/,
  )
  expect(() => encodeCommand({ line, cwd: '/' })).toThrow(/65537 bytes/)
  expect(() => encodeCommand({ line: 'x', env: { A: 'x'.repeat(LONGEST_VALUE + 1) } })).toThrow(
    /^the value of A is 65537 bytes/,
  )
  expect(() => encodeCommand({ line: printing(['a\0b\n']) })).toThrow('the command holds a NUL byte')
  expect(() => printing(['a\ud800'])).toThrow(TypeError)
  expect(() => encodeCommand({ line: 'echo \ud800' })).toThrow(/lone surrogate/)
})

describe.skipIf(process.getuid?.() !== 0)('as users of a real server', () => {
  describeWorld('each with a login shell of its own', () => {
    let sshd: Sshd
    let place: Place
    let xec: Xec
    beforeAll(async () => {
      place = makePlace()
      sshd = await startSshd({ config: ['AllowUsers xectest*@127.0.0.0/8'] })
      xec = createXec()
    })
    afterAll(async () => {
      await xec.close()
      await sshd.stop()
      place.remove()
    })
    test.each(shells)('values arrive under $name', async (shell) => {
      const target = makeTarget({ port: sshd.port, user: userOf(shell) }, place.knownHosts, {
        credentials: { keys: [keyFile(sshd.privateKeyPath)] },
      })
      const samples: Value[][] = [
        ['x\\', '; id -un; #', 'it!s'],
        ['a\nid -un', Uint8Array.of(0xff, 0x80, 0x0a, 0x21), '漢\n'],
        [`'"\\!\n`.repeat(6_000)],
        fc.sample(value, { numRuns: 20, seed: 7 }),
      ]
      for (const some of samples) {
        const result = await xec.execute(target, { line: printing(some) })
        expect(result.stdout.toString('latin1')).toBe(printed(some))
      }
    })
  })
})
