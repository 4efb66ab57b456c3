import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeCommand } from '../../src/adapter/command.js'
import { quote, quoteDirectory, quoteForLogin } from '../../src/adapter/quote.js'
import { interpreterOf } from '../../src/adapter/script.js'
import { encodeTemplate } from '../../src/adapter/template-line.js'
import type { Command } from '../../src/adapter/types.js'
import { Secret } from '../../src/runtime/secret.js'

/** As sshd does it: the login shell with -c and the line, the preamble and then the data on stdin. */
function send(
  command: Partial<Command>,
  {
    data = '',
    login = '/bin/sh',
    env = {},
  }: { data?: string | Buffer; login?: string; env?: Record<string, string> } = {},
): { status: number | null; signal: string | null; stdout: string; stderr: string; bytes: Buffer } {
  const { line, preamble } = encodeCommand({ line: '', ...command })
  const ran = spawnSync(login, ['-c', line], {
    input: Buffer.concat([preamble, Buffer.from(data)]),
    env: { PATH: process.env['PATH'] ?? '', HOME: tmpdir(), ...env },
    maxBuffer: 64 * 1024 * 1024,
  })
  return {
    status: ran.status,
    signal: ran.signal,
    stdout: ran.stdout.toString(),
    stderr: ran.stderr.toString(),
    bytes: ran.stdout,
  }
}

const script = (content: string | Buffer, args: readonly string[] = []): Partial<Command> => ({
  script: { name: 'job', content: Buffer.from(content), args },
})
const problem = (command: Partial<Command>): string => {
  try {
    encodeCommand({ line: '', ...command })
  } catch (error) {
    expect(error).toMatchObject({ code: 'XEC_CONFIG', executed: 'no' })
    return (error as Error).message
  }
  throw new Error('it was accepted')
}
const shells = ['/usr/bin/dash', '/usr/bin/bash', '/bin/sh'].filter(
  (shell) => spawnSync(shell, ['-c', ':']).status === 0,
)
const anyText = fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0') && text.isWellFormed())

/** A bare Debian has no python3; bash and perl it has, but they are not promised elsewhere. */
function isThere(interpreter: string): boolean {
  const found = spawnSync(interpreter, ['-c', ''], { stdio: 'ignore' }).error === undefined
  if (!found) process.stderr.write(`SKIPPED: ${interpreter} is not installed, so no script is run by it\n`)
  return found
}

describe('quoting', () => {
  test('plain words stay as they are, all others come back whole from a shell', () => {
    expect(['web1', 'a/b.txt', 'user@host:22', '50%', '-x'].map(quote)).toEqual([
      'web1',
      'a/b.txt',
      'user@host:22',
      '50%',
      '-x',
    ])
    expect(["it's", '', 'a b', '~', 'A=b', '$HOME'].map(quote)).toEqual([
      `'it'\\''s'`,
      `''`,
      `'a b'`,
      `'~'`,
      `'A=b'`,
      `'$HOME'`,
    ])
  })

  test.each(shells)('any words survive %s', (shell) => {
    fc.assert(
      fc.property(fc.array(anyText, { minLength: 1, maxLength: 20 }), (words) => {
        const ran = spawnSync(shell, ['-c', `printf '%s\\0' ${words.map(quote).join(' ')}`])
        expect(ran.stdout.toString()).toBe(words.map((word) => `${word}\0`).join(''))
        const nested = spawnSync(shell, [
          '-c',
          `/bin/sh -c ${quoteForLogin(`printf '%s\\0' ${words.map(quote).join(' ')}`)}`,
        ])
        expect(nested.stdout.equals(ran.stdout)).toBe(true)
      }),
      { numRuns: 40 },
    )
  })

  test('the wrapper has no backslash inside of quotes, where fish would read it', () => {
    expect(quoteForLogin(`a\\b'c`)).toBe(`'a'\\\\'b'\\''c'`)
  })

  test('a directory keeps its ~ for the remote shell', () => {
    expect(['~', '~/my app', '~deploy/x', '/a b', 'rel', '-', '~a b/x'].map((each) => quoteDirectory(each))).toEqual([
      '~',
      `~/'my app'`,
      '~deploy/x',
      `'/a b'`,
      'rel',
      './-',
      `'~a b/x'`,
    ])
  })
})

describe('a command as it travels', () => {
  test('a character whose second half is the mark of a value that is too long is not taken for one', () => {
    const line = encodeTemplate([{ text: 'echo ' }, { word: '\u{1f3ff}' }])
    expect(encodeCommand({ line }).line).toBe("echo '\u{1f3ff}'")
  })

  test('a bare command goes as it is', () => {
    expect(encodeCommand({ line: `grep -e 'x y' f | wc -l; exit 3` })).toEqual({
      line: `grep -e 'x y' f | wc -l; exit 3`,
      preamble: Buffer.alloc(0),
      directory: null,
    })
  })

  test.each(shells)('env and cwd wrap it, in %s', (login) => {
    expect(
      send(
        {
          line: 'printf "%s\\n" "$ROLE $ODD"; pwd; exit 7',
          env: { ROLE: 'web', ODD: `it's "$HOME" \\n` },
          cwd: '/usr/lib',
        },
        { login },
      ),
    ).toMatchObject({ status: 7, stdout: `web it's "$HOME" \\n\n/usr/lib\n` })
    expect(send({ line: 'pwd', cwd: '~' }, { login }).stdout).toBe(`${tmpdir()}\n`)
  })

  test('a directory that is not there runs nothing, whatever the line looks like', () => {
    const ran = send({ line: 'false; echo ran', cwd: '/nowhere/at all' })
    expect(ran.status).not.toBe(0)
    expect(ran.stdout).toBe('')
    expect(ran.stderr).toContain('/nowhere/at all')
  })

  test('CDPATH neither redirects nor prints', () => {
    expect(send({ line: 'pwd', cwd: 'lib' }, { env: { CDPATH: '/usr', PWD: '/' } }).stdout).not.toContain('/usr/lib')
  })

  test.each(shells)('secrets arrive whole, the data behind them is left alone, in %s', (login) => {
    fc.assert(
      fc.property(fc.array(anyText, { minLength: 1, maxLength: 3 }), anyText, (values, data) => {
        const env = Object.fromEntries(values.map((value, index) => [`S${index}`, new Secret(value)]))
        const print = values.map((_, index) => `printf '%s\\0' "$S${index}";`).join('')
        expect(send({ line: `${print} cat`, env }, { data, login }).stdout).toBe(
          values.map((value) => `${value}\0`).join('') + data,
        )
      }),
      { numRuns: 60 },
    )
  })

  test('a secret is exported, and nothing else of the wrapper is', () => {
    const { stdout } = send({ line: 'env; set | grep _xec_ || echo none', env: { TOKEN: new Secret('canary') } })
    expect(stdout).toMatch(/^TOKEN=canary$/m)
    expect(stdout).toMatch(/^none$/m)
  })

  test('a secret is in no command line, ours or remote', () => {
    const command = {
      line: `tr '\\0' ' ' </proc/$$/cmdline; sh -c 'tr "\\0" " " </proc/$$/cmdline'`,
      env: { TOKEN: new Secret('canary-4711') },
    }
    expect(encodeCommand(command).line).not.toContain('canary')
    expect(send(command).stdout).toMatch(/^\/bin\/sh -c .*_xec_r/)
    expect(send(command).stdout).not.toContain('canary')
  })

  test('an end of stdin inside a secret runs nothing', () => {
    const { line, preamble } = encodeCommand({ line: 'echo ran', env: { TOKEN: new Secret('one\ntwo') } })
    const ran = spawnSync('/bin/sh', ['-c', line], { input: preamble.subarray(0, 6) })
    expect(ran).toMatchObject({ status: 255 })
    expect(ran.stdout.toString()).toBe('')
  })

  test('what cannot be sent is refused before anything is dialled', () => {
    expect(problem({ line: ' ' })).toBe('the command is empty')
    expect(problem({ line: 'a\0b' })).toBe('the command holds a NUL byte')
    expect(problem({ line: 'x', env: { '1A': 'b' } })).toMatch(/^"1A" is not a name for an environment variable/)
    expect(problem({ line: 'x', env: { 'A;reboot': 'b' } })).toMatch(/not a name/)
    expect(problem({ line: 'x', env: { A: 'b\0c' } })).toMatch(/^the value of A holds a NUL byte/)
    expect(problem({ line: 'x', cwd: '' })).toBe('the directory is empty')
    expect(problem({ line: 'x'.repeat(140_000) })).toMatch(/140000 bytes long.*use --script/)
    expect(problem({ line: 'x', env: { A: new Secret('s') }, pty: { term: 'xterm', rows: 24, cols: 80 } })).toMatch(
      /^A: a secret in env cannot be used with a terminal/,
    )
    expect(problem(script('\x7fELF\0'))).toMatch(/^job holds a NUL byte/)
  })
})

describe('a script', () => {
  test('the interpreter is read as Linux reads a shebang', () => {
    const of = (text: string): readonly string[] => interpreterOf(Buffer.from(text))
    expect(of('echo hi')).toEqual(['sh'])
    expect(of('#!/bin/bash\n')).toEqual(['/bin/bash'])
    expect(of('#! /usr/bin/env -S python3 -u \n')).toEqual(['/usr/bin/env', '-S python3 -u'])
    expect(of('#!/bin/sh\r\necho')).toEqual(['/bin/sh'])
    expect(of('\uFEFF#!/bin/sh\n')).toEqual(['/bin/sh'])
    expect(of('#!')).toEqual(['sh'])
  })

  const interpreters: [string, string, string][] = [
    ['sh', 'echo "$# $1|$2"; cat; exit 5', "2 a b|it's\nDATA"],
    ['bash', '#!/usr/bin/env bash\nx=(1 2 3)\necho "${#x[@]} $1|$2"; cat; exit 5\n', "3 a b|it's\nDATA"],
    [
      'bash with an argument',
      '#!/bin/bash -eu\necho "$- $1|$2" | tr -dc "eu |ab"; echo; cat; false; echo not here',
      '',
    ],
    [
      'python3',
      '#!/usr/bin/env python3\nimport sys\nprint(sys.argv[1:], flush=True)\nsys.stdout.write(sys.stdin.read())\nsys.exit(5)',
      "['a b', \"it's\"]\nDATA",
    ],
    ['perl', '#!/usr/bin/perl -w\nprint join("|", @ARGV), "\\n"; print <STDIN>; exit 5;', "a b|it's\nDATA"],
  ]
  test.each(interpreters.filter(([name]) => isThere(name.split(' ')[0] ?? '')))(
    'runs by %s with arguments, its stdin free for data',
    (name, content, expected) => {
      const ran = send(script(content, ['a b', `it's`]), { data: 'DATA' })
      expect(ran.stderr).toBe('')
      if (expected) expect(ran).toMatchObject({ status: 5, stdout: expected })
      else expect(ran).toMatchObject({ status: 1, stdout: expect.stringMatching(/eu.*DATA$/s) })
    },
  )

  test.each(shells)('any text survives the way through %s', (login) => {
    fc.assert(
      fc.property(anyText, fc.string({ unit: 'binary', maxLength: 20 }), (text, data) => {
        const content = `#!/bin/cat\n${text}`
        expect(send(script(content), { login, data }).stdout).toBe(content.endsWith('\n') ? content : `${content}\n`)
      }),
      { numRuns: 60 },
    )
  })

  test('one of half a megabyte, far beyond what a command line takes, arrives whole', () => {
    const lines = Array.from({ length: 10_000 }, (_, index) => `: ${'x'.repeat(40)} ${index} $HOME \\ "quoted"`).join(
      '\n',
    )
    expect(send(script(`${lines}\necho "end $1"\n`, ['ok']), { data: 'rest' })).toMatchObject({
      status: 0,
      stdout: 'end ok\n',
    })
  })

  test('leaves nothing behind', () => {
    const dir = mkdtempSync(join(tmpdir(), 'xec-script-'))
    try {
      expect(
        send(script(`ls -A "$TMPDIR"; kill -9 $$\n${': filler\n'.repeat(20_000)}`), { env: { TMPDIR: dir } }),
      ).toMatchObject({ signal: 'SIGKILL', stdout: '' })
      expect(readdirSync(dir)).toEqual([])
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  test('env, secrets and cwd hold for it; its text and the secrets are in no command line', () => {
    const { stdout } = send(
      {
        ...script(`echo "$ROLE $TOKEN"; pwd; cat; tr '\\0' ' ' </proc/$$/cmdline # in-the-script`),
        env: { ROLE: 'web', TOKEN: new Secret('canary-4712') },
        cwd: '/usr',
      },
      { data: 'DATA\n' },
    )
    expect(stdout).toMatch(/^web canary-4712\n\/usr\nDATA\n/)
    expect(stdout.match(/canary/g)).toHaveLength(1)
    expect(stdout).not.toContain('in-the-script')
  })

  test('an interpreter that is not there is status 127', () => {
    expect(send(script('#!/no/such/interpreter\n'))).toMatchObject({ status: 127, stdout: '' })
  })

  test('an end of stdin inside the script runs none of it', () => {
    const { line, preamble } = encodeCommand({ line: '', ...script('echo one\necho two\necho three\n') })
    const ran = spawnSync('/bin/sh', ['-c', line], { input: preamble.subarray(0, -8) })
    expect(ran).toMatchObject({ status: 255 })
    expect(ran.stdout.toString()).toBe('')
  })

  test('with a terminal it travels in the command line, because a terminal would echo stdin', () => {
    const pty = { term: 'xterm', rows: 24, cols: 80 }
    const encoded = encodeCommand({ line: '', ...script(`echo "it's $1"; cat`, ['me']), pty })
    expect(encoded.preamble).toHaveLength(0)
    expect(spawnSync('/bin/sh', ['-c', encoded.line], { input: 'DATA' }).stdout.toString()).toBe(`it's me\nDATA`)
    expect(problem({ ...script('x'.repeat(140_000)), pty })).toMatch(
      /with a terminal \(-t\) the script travels in the command line/,
    )
  })
})
