import { execFileSync, spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  algorithmsFor,
  fingerprint,
  isRecordable,
  judge,
  KnownHostsIndex,
  knownLine,
  knownName,
  type Verdict,
} from '../../src/openssh/known-hosts.js'
import { ecdsa, ed25519, onLine, rsa } from './keys.js'
import { isInstalled } from './programs.js'

const A = ed25519('a')
const B = ed25519('b')
const R = rsa('r')
const dir = mkdtempSync(join(tmpdir(), 'xec-known-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const index = (text: string): KnownHostsIndex => new KnownHostsIndex('kh', text)
const verdict = (text: string, key: Buffer, name = 'web1'): Verdict => judge(key, index(text).matches(name))
const hashed = (name: string): string => {
  const salt = Buffer.from('saltsaltsaltsaltsalt')
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`
}

describe('names', () => {
  test('are lower case, with the port unless it is 22; an alias replaces both', () => {
    expect(knownName('Web1.Example.COM', 22)).toBe('web1.example.com')
    expect(knownName('Web1', 2222)).toBe('[web1]:2222')
    expect(knownName('::1', 22)).toBe('::1')
    expect(knownName('::1', 2222)).toBe('[::1]:2222')
    expect(knownName('10.0.0.1', 2222, 'Alias')).toBe('alias')
  })

  test.each([
    ['plain', 'web1', 'web1', true],
    ['a list', 'db1,web1,10.0.0.1', '10.0.0.1', true],
    ['upper case in the file', 'WEB1', 'web1', true],
    ['a pattern', 'web*', 'web1', true],
    ['a pattern with a negation', 'web*,!web1', 'web1', false],
    ['a pattern with another negation', '!web2,web*', 'web1', true],
    ['a negation alone', '!web2', 'web1', false],
    ['a port', '[web1]:2222', '[web1]:2222', true],
    ['another port', '[web1]:2222', '[web1]:2223', false],
    ['a port, asked without', '[web1]:2222', 'web1', false],
    ['no port, asked with', 'web1', '[web1]:2222', false],
    ['a pattern with a port', '[web*]:2222', '[web1]:2222', true],
    ['a prefix of the name', 'web', 'web1', false],
    ['a hash', hashed('web1'), 'web1', true],
    ['a hash of another name', hashed('web2'), 'web1', false],
    ['a hash with a port', hashed('[web1]:2222'), '[web1]:2222', true],
  ])('%s', (_, hosts, name, expected) => {
    expect(index(`${hosts} ${onLine(A)}\n`).matches(name).length).toBe(expected ? 1 : 0)
  })
})

describe('lines', () => {
  test('tabs, comments, CRLF, blank lines and a missing last newline are read', () => {
    const text = `# note\r\n\r\n  web1\t${onLine(B).replace(' ', '\t')} a comment\r\nweb1 ${onLine(A)}`
    expect(
      index(text)
        .matches('web1')
        .map(({ line, type, marker }) => ({ line, type, marker })),
    ).toEqual([
      { line: 3, type: 'ssh-ed25519', marker: null },
      { line: 4, type: 'ssh-ed25519', marker: null },
    ])
  })

  test('a bad line hides no other', () => {
    const bad = [
      'web1',
      'web1 ssh-ed25519',
      'web1 ssh-ed25519 !!!!',
      'web1 ssh-ed25519 AAAA',
      `web1 ssh-rsa ${A.toString('base64')}`,
      'web1 1024 35 1234567890',
      `@unknown web1 ${onLine(B)}`,
      `@revoked @revoked web1 ${onLine(B)}`,
      '@revoked',
      `|1|x ${onLine(B)}`,
      `|2|a|b ${onLine(B)}`,
      `|1|YQ==|YQ== ${onLine(B)}`,
      '\0\0\0',
      ',',
    ]
    expect(verdict([...bad, `web1 ${onLine(A)}`, ...bad].join('\n'), A)).toEqual({ kind: 'known' })
    expect(verdict(bad.join('\n'), B)).toEqual({ kind: 'new' })
  })

  test("names like those of an object's own parts are names", () => {
    expect(verdict(`constructor ${onLine(A)}`, A, '__proto__')).toEqual({ kind: 'new' })
    expect(verdict(`__proto__ ${onLine(A)}`, A, '__proto__')).toEqual({ kind: 'known' })
  })
})

describe('the verdict', () => {
  test('is known for any equal key, whatever others are there', () => {
    expect(verdict(`web1 ${onLine(B)}\nweb* ${onLine(A)}`, A)).toEqual({ kind: 'known' })
  })

  test('is new when nothing is said of the host', () => {
    expect(verdict(`web2 ${onLine(A)}`, A)).toEqual({ kind: 'new' })
    expect(verdict('', A)).toEqual({ kind: 'new' })
  })

  test('is changed when there is another key, of whatever type, and every one of them is named with its place', () => {
    expect(verdict(`# x\nweb1 ${onLine(R)}\nweb1 ${onLine(B)}`, A)).toEqual({
      kind: 'changed',
      known: [
        { file: 'kh', line: 2, type: 'ssh-rsa', fingerprint: fingerprint(R) },
        { file: 'kh', line: 3, type: 'ssh-ed25519', fingerprint: fingerprint(B) },
      ],
    })
  })

  test('is revoked before anything else, by an equal key only, and only for the hosts of the line', () => {
    expect(verdict(`web1 ${onLine(A)}\n@revoked * ${onLine(A)}`, A)).toEqual({
      kind: 'revoked',
      at: { file: 'kh', line: 2 },
    })
    expect(verdict(`@revoked * ${onLine(B)}\nweb1 ${onLine(A)}`, A)).toEqual({ kind: 'known' })
    expect(verdict(`@revoked * ${onLine(B)}`, A)).toEqual({ kind: 'new' })
    expect(verdict(`@revoked db* ${onLine(A)}`, A)).toEqual({ kind: 'new' })
  })

  test('is new with the place of the authority when a host is known by a certificate authority alone', () => {
    expect(verdict(`@cert-authority *.example.com,web1 ${onLine(B)}`, A)).toEqual({
      kind: 'new',
      certAuthority: { file: 'kh', line: 1 },
    })
    expect(verdict(`@cert-authority web1 ${onLine(A)}`, A)).toEqual({
      kind: 'new',
      certAuthority: { file: 'kh', line: 1 },
    })
    expect(verdict(`@cert-authority web1 ${onLine(B)}\nweb1 ${onLine(A)}`, A)).toEqual({ kind: 'known' })
  })

  test('takes an equal key or a revocation from the lines without the port, and nothing else', () => {
    const portless = (
      text: string,
    ): readonly [Buffer, ReturnType<KnownHostsIndex['matches']>, ReturnType<KnownHostsIndex['matches']>] => [
      A,
      index(text).matches('[web1]:2222'),
      index(text).matches('web1'),
    ]
    expect(judge(...portless(`web1 ${onLine(A)}`))).toEqual({ kind: 'known' })
    expect(judge(...portless(`web1 ${onLine(B)}`))).toEqual({ kind: 'new' })
    expect(judge(...portless(`@revoked web1 ${onLine(A)}`))).toMatchObject({ kind: 'revoked' })
    expect(judge(...portless(`web1 ${onLine(A)}\n[web1]:2222 ${onLine(B)}`))).toMatchObject({ kind: 'changed' })
  })
})

describe('algorithms', () => {
  test('are those of the keys on file, in the order of preference; RSA means its SHA-2 forms', () => {
    const algorithms = (text: string): string[] => algorithmsFor(index(text).matches('web1'))
    expect(algorithms(`web1 ${onLine(R)}`)).toEqual(['rsa-sha2-512', 'rsa-sha2-256'])
    expect(algorithms(`web1 ${onLine(R)}\nweb1 ${onLine(ecdsa('e'))}\nweb1 ${onLine(A)}`)).toEqual([
      'ssh-ed25519',
      'ecdsa-sha2-nistp256',
      'rsa-sha2-512',
      'rsa-sha2-256',
    ])
    expect(algorithms(`@revoked web1 ${onLine(A)}\n@cert-authority web1 ${onLine(R)}`)).toEqual([])
  })
})

describe('a line to write', () => {
  test('is read back as the key of its host, plain or hashed', () => {
    for (const line of [knownLine('[web1]:2222', A), knownLine('[web1]:2222', A, true)])
      expect(judge(A, index(line).matches('[web1]:2222'))).toEqual({ kind: 'known' })
    expect(knownLine('web1', A)).toBe(`web1 ${onLine(A)}`)
    expect(knownLine('web1', A, true)).not.toContain('web1')
    expect(knownLine('web1', A, true)).not.toBe(knownLine('web1', A, true))
  })

  test('has no name that would mean more than one host', () => {
    expect(['web1', '[web1]:2222', '::1', 'fe80::1%eth0', 'a_b'].map(isRecordable)).toEqual([
      true,
      true,
      true,
      true,
      true,
    ])
    expect(['*', 'web?', '!web', 'a b', 'a,b', '|1|', '#x', '@revoked', 'a\nb', ''].map(isRecordable)).toEqual(
      Array(10).fill(false),
    )
  })
})

test('ten thousand lines are asked about two hundred hosts', () => {
  const text = Array.from(
    { length: 10_000 },
    (_, i) => `h${i},10.0.${i >> 8}.${i & 255} ${onLine(ed25519(String(i)))}`,
  ).join('\n')
  const big = index(text)
  for (let i = 0; i < 200; i++)
    expect(judge(ed25519(String(i * 50)), big.matches(`h${i * 50}`))).toEqual({ kind: 'known' })
})

test.each([
  ['one = too many', (base64: string) => `${base64}=`],
  ['five = too many', (base64: string) => `${base64}=====`],
  ['no padding', (base64: string) => base64.replace(/=+$/, '')],
  ['bits that no byte holds', (base64: string) => base64.replace(/A==$/, 'B==')],
])('as to ssh, no key stands on a line whose base64 has %s', (_, spoil) => {
  // 2 bytes longer than a key of this type: its base64 ends with padding.
  const blob = Buffer.concat([A, Buffer.from([0, 0])])
  const [type = '', base64 = ''] = onLine(blob).split(' ')
  for (const padded of [base64, onLine(Buffer.concat([A, Buffer.alloc(1)])).split(' ')[1] ?? '']) {
    const spoilt = spoil(padded)
    if (spoilt !== padded) expect(index(`web1 ${type} ${spoilt}`).matches('web1')).toEqual([])
  }
  expect(index(`web1 ${type} ${base64}`).matches('web1')).toHaveLength(1)
})

describe.skipIf(!isInstalled('ssh-keygen'))('ssh-keygen agrees', () => {
  test('on fingerprints', () => {
    const file = join(dir, 'key.pub')
    writeFileSync(file, `${onLine(A)}\n`)
    expect(execFileSync('ssh-keygen', ['-l', '-f', file], { encoding: 'utf8' })).toContain(` ${fingerprint(A)} `)
  })

  test('on hashed names: what it hashed is found here, and what is hashed here is found there', () => {
    const file = join(dir, 'hashed')
    writeFileSync(file, `web1 ${onLine(A)}\n[web1]:2222 ${onLine(B)}\n`)
    execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' })
    const text = readFileSync(file, 'utf8')
    expect(text).not.toContain('web1')
    expect(verdict(text, A)).toEqual({ kind: 'known' })
    expect(verdict(text, B, '[web1]:2222')).toEqual({ kind: 'known' })
    writeFileSync(file, `${knownLine('[db1]:22022', A, true)}\n`)
    expect(execFileSync('ssh-keygen', ['-F', '[db1]:22022', '-f', file], { encoding: 'utf8' })).toContain(onLine(A))
  })

  test('on which lines speak of a host', () => {
    const file = join(dir, 'lines')
    const lines = [
      'web1',
      'web*,!web2',
      '!web1,web*',
      '[web1]:2222',
      'db1,web1',
      '*',
      'WEB1',
      'web?',
      '!web2',
      hashed('web1'),
      '[web*]:*',
    ].map((hosts, i) => `${hosts} ${onLine(ed25519(`line ${i}`))}`)
    lines.splice(3, 0, '# note', '')
    writeFileSync(file, `${lines.join('\n')}\n`)
    const read = index(lines.join('\n'))
    for (const name of ['web1', 'web2', '[web1]:2222', 'db1', 'other']) {
      const { stdout } = spawnSync('ssh-keygen', ['-F', name, '-f', file], { encoding: 'utf8' })
      const there = [...stdout.matchAll(/found: line (\d+)/g)].map((match) => Number(match[1]))
      expect(
        read.matches(name).map(({ line }) => line),
        name,
      ).toEqual(there)
    }
  })
})
