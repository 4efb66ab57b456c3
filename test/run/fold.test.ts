import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { XecError } from '../../src/errors.js'
import { foldOutputs, foldReasons } from '../../src/run/fold.js'
import { result } from '../cli/output/samples.js'

test('hosts that said the same are one group, the largest first', () => {
  const groups = foldOutputs([
    result('odd', { stdout: 'b' }),
    result('web1', { stdout: 'a' }),
    result('web2', { stdout: 'a' }),
  ])
  expect(groups.map(({ hosts, stdout }) => [hosts, stdout.toString()])).toEqual([
    [['web1', 'web2'], 'a'],
    [['odd'], 'b'],
  ])
})

test('the same words with another ending, or on the other stream, are another group', () => {
  const groups = foldOutputs([
    result('a', { stdout: 'x' }),
    result('b', { stderr: 'x' }),
    result('c', { stdout: 'x', outcome: 'failed', exitCode: 1 }),
    result('d', { stdout: 'x', outcome: 'failed', exitCode: 2 }),
    result('e', { stdout: 'x', truncated: true }),
  ])
  expect(groups.map(({ hosts }) => hosts)).toEqual([['a'], ['b'], ['c'], ['d'], ['e']])
})

test('bytes are compared, not their text: two invalid sequences stay apart', () => {
  expect(
    foldOutputs([result('a', { stdout: Buffer.from([0xff]) }), result('b', { stdout: Buffer.from([0xfe]) })]),
  ).toHaveLength(2)
})

test('large outputs are compared too', () => {
  const large = 'x'.repeat(100_000)
  expect(
    foldOutputs([
      result('a', { stdout: `${large}1` }),
      result('b', { stdout: `${large}2` }),
      result('c', { stdout: `${large}1` }),
    ]).map(({ hosts }) => hosts),
  ).toEqual([['a', 'c'], ['b']])
})

test('every host is in exactly one group, with its own bytes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ out: fc.constantFrom('', 'a', 'ab', 'b'), err: fc.constantFrom('', 'a', 'b') })),
      (samples) => {
        const results = samples.map(({ out, err }, at) => result(`h${at}`, { stdout: out, stderr: err }))
        const groups = foldOutputs(results)
        expect(groups.flatMap(({ hosts }) => hosts).sort()).toEqual(results.map(({ host }) => host).sort())
        for (const group of groups) {
          for (const { host, stdout, stderr } of results)
            if (group.hosts.includes(host)) expect([group.stdout, group.stderr]).toEqual([stdout, stderr])
        }
        expect(groups.map(({ hosts }) => hosts.length)).toEqual(
          groups.map(({ hosts }) => hosts.length).sort((a, b) => b - a),
        )
      },
    ),
  )
})

test('failures with the same reason are one group, whatever the host is called', () => {
  const reasons = foldReasons([
    result('ok'),
    result('web1', { outcome: 'unreachable', message: 'web1: connect ECONNREFUSED' }),
    result('db', { outcome: 'failed', message: 'db: exit 3' }),
    result('web2', { outcome: 'unreachable', message: 'web2: connect ECONNREFUSED' }),
  ])
  expect(reasons).toEqual([
    { hosts: ['web1', 'web2'], outcome: 'unreachable', reason: 'connect ECONNREFUSED' },
    { hosts: ['db'], outcome: 'failed', reason: 'exit 3' },
  ])
})

test('a reason has neither the host, its address nor the outcome in front, which stand beside it', () => {
  const reasons = foldReasons([
    result('web1', { outcome: 'hostkey', message: 'web1 (127.0.1.197:32321): HOST KEY changed' }),
    result('web2', { outcome: 'skipped', message: 'web2: skipped: the run was cancelled before its turn' }),
  ])
  expect(reasons.map(({ reason }) => reason)).toEqual(['HOST KEY changed', 'the run was cancelled before its turn'])
})

test('no output passes for another by looking like its digest', () => {
  const long = 'x'.repeat(100)
  const digest = `sha256:100:${createHash('sha256').update(long).digest('base64')}`
  for (const short of [digest, `=${long}`.slice(0, 64), `=${digest}`])
    expect(foldOutputs([result('evil', { stdout: short }), result('a', { stdout: long })])).toHaveLength(2)
})

test('a fleet whose every host has a reason of its own is looked at once, not once a host', () => {
  let looks = 0
  const results = Array.from({ length: 2_000 }, (_, at) => {
    const one = result(`web${at}`, {
      outcome: 'failed',
      exitCode: 1,
      error: new XecError('XEC_EXIT', `web${at}: reason ${at}`),
    })
    return {
      ...one,
      get host() {
        return (looks++, one.host)
      },
    }
  })
  expect(foldReasons(results)).toHaveLength(2_000)
  expect(looks).toBeLessThan(2_000 * 20)
})
