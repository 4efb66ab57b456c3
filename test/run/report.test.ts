import { describe, expect, test } from 'vitest'
import { OUTCOMES } from '../../src/adapter/types.js'
import { XecError } from '../../src/errors.js'
import { countOutcomes, jsonText, toJson } from '../../src/run/report.js'
import { report, result, snapshot } from '../cli/output/samples.js'

const text = (...args: Parameters<typeof jsonText>): string => [...jsonText(...args)].join('')

describe('counting', () => {
  test('every outcome is there, also those that did not occur', () => {
    expect(countOutcomes([{ outcome: 'ok' }, { outcome: 'lost' }, { outcome: 'ok' }])).toEqual({
      total: 3,
      ok: 2,
      failed: 0,
      signal: 0,
      timeout: 0,
      unreachable: 0,
      auth: 0,
      hostkey: 0,
      refused: 0,
      lost: 1,
      cancelled: 0,
      skipped: 0,
    })
    expect(Object.keys(countOutcomes([]))).toEqual(['total', ...OUTCOMES])
  })
})

describe('the JSON document', () => {
  test('has the fields of the contract, in its order', () => {
    const document = toJson(report([result('web01', { stdout: 'hi\n' })]), snapshot())
    expect(Object.keys(document)).toEqual([
      'schemaVersion',
      'command',
      'startedAt',
      'durationMs',
      'ok',
      'counts',
      'hosts',
      'pool',
    ])
    expect(JSON.parse(JSON.stringify(document))).toEqual({
      schemaVersion: 1,
      command: 'uptime',
      startedAt: '2026-01-02T03:04:05.000Z',
      durationMs: 812,
      ok: true,
      counts: {
        total: 1,
        ok: 1,
        failed: 0,
        signal: 0,
        timeout: 0,
        unreachable: 0,
        auth: 0,
        hostkey: 0,
        refused: 0,
        lost: 0,
        cancelled: 0,
        skipped: 0,
      },
      hosts: [
        {
          host: 'web01',
          address: '10.0.0.1:22',
          outcome: 'ok',
          exitCode: 0,
          signal: null,
          executed: 'yes',
          remoteProcess: 'exited',
          stdout: 'hi\n',
          stdoutEncoding: 'utf8',
          stderr: '',
          stderrEncoding: 'utf8',
          truncated: false,
          durationMs: 41,
          waitMs: 0,
          connectMs: 381,
          reused: false,
          connection: 1,
          attempts: [{ phase: 'connect', outcome: 'ok', ms: 381 }],
          error: null,
        },
      ],
      pool: JSON.parse(JSON.stringify(snapshot())),
    })
    expect(Object.keys(document.hosts[0] ?? {})).toEqual([
      'host',
      'address',
      'outcome',
      'exitCode',
      'signal',
      'executed',
      'remoteProcess',
      'stdout',
      'stdoutEncoding',
      'stderr',
      'stderrEncoding',
      'truncated',
      'durationMs',
      'waitMs',
      'connectMs',
      'reused',
      'connection',
      'attempts',
      'error',
    ])
  })

  test('a stream that is not UTF-8 comes as base64, and says so of itself alone', () => {
    const [host] = toJson(
      report([result('web01', { stdout: Buffer.from([0xff, 0xfe, 0x00]), stderr: 'né' })]),
      snapshot(),
    ).hosts
    expect(host).toMatchObject({ stdout: '//4A', stdoutEncoding: 'base64', stderr: 'né', stderrEncoding: 'utf8' })
  })

  test('control characters are kept: a program gets the bytes', () => {
    const [host] = (
      JSON.parse(text(report([result('web01', { stdout: '\x1b[31mred\r\n' })]), snapshot())) as {
        hosts: { stdout: string }[]
      }
    ).hosts
    expect(host?.stdout).toBe('\x1b[31mred\r\n')
  })

  test('an error is its code, message, phase, and whether it is safe to try again; never its cause', () => {
    const error = new XecError('XEC_CONNECT', 'web01: connect ECONNREFUSED', {
      host: 'web01',
      phase: 'tcp',
      cause: new Error('password=hunter2'),
    })
    const [host] = toJson(report([result('web01', { outcome: 'unreachable', error })]), snapshot()).hosts
    expect(host?.error).toEqual({
      code: 'XEC_CONNECT',
      message: 'web01: connect ECONNREFUSED',
      phase: 'tcp',
      executed: 'no',
      safeToRetry: true,
    })
    expect(host?.remoteProcess).toBe(null)
  })

  test('a process of unknown fate is not called exited', () => {
    const hosts = toJson(
      report([
        result('a', { outcome: 'lost', remoteProcess: 'maybe-running' }),
        result('b', { outcome: 'signal', signal: 'KILL' }),
        result('c', { outcome: 'failed' }),
      ]),
      snapshot(),
    ).hosts
    expect(hosts.map(({ remoteProcess }) => remoteProcess)).toEqual(['maybe-running', 'exited', null])
  })

  test('written in pieces it is the same document', () => {
    for (const results of [[], [result('a')], [result('a', { stdout: '"\n' }), result('b', { outcome: 'auth' })]]) {
      expect(JSON.parse(text(report(results), snapshot()))).toEqual(
        JSON.parse(JSON.stringify(toJson(report(results), snapshot()))),
      )
    }
    expect(text(report([]), snapshot()).endsWith('}\n')).toBe(true)
  })
})
