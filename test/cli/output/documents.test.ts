import { describe, expect, test } from 'vitest'
import { format, type FormatName } from '../../../src/cli/output/formats.js'
import type { RunEvent } from '../../../src/run/events.js'
import { ended, FakeClock, output, report, result, Sink, snapshot, started } from './samples.js'

/** What a format writes to stdout for a run with these events and results. */
async function written(
  name: FormatName,
  events: readonly RunEvent[],
  results: Parameters<typeof report>[0],
): Promise<string> {
  const stdout = new Sink()
  const stderr = new Sink()
  const create = await format(name).load()
  const renderer = create({
    live: false,
    stdout,
    stderr,
    color: { stdout: true, stderr: true },
    quiet: false,
    metrics: 'full',
    snapshot: () => snapshot(),
    command: 'uptime',
    clock: new FakeClock(),
  })
  for (const event of events) await renderer.onEvent(event)
  await renderer.finish(report(results), snapshot())
  expect(stderr.text).toBe('')
  return stdout.text
}

describe('ndjson', () => {
  const lines = async (...given: Parameters<typeof written> extends [unknown, ...infer R] ? R : never) =>
    (await written('ndjson', ...given))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)

  test('tells start, lines, results and summary in the order they come, each with its run and item', async () => {
    const a = result('a', { stdout: 'one\ntwo' })
    const objects = await lines(
      [
        started(['a']),
        output('a', 'one\ntw'),
        output('a', 'o'),
        output('a', Buffer.from([0xff, 0x0a]), 'stderr'),
        ended(a),
      ],
      [a],
    )
    expect(objects.map(({ type }) => type)).toEqual(['start', 'line', 'line', 'line', 'result', 'summary'])
    expect(objects[0]).toMatchObject({ schemaVersion: 1, run: 'run-1', hosts: [{ id: 1, host: 'a' }] })
    expect(objects.slice(1, 4)).toEqual([
      { type: 'line', run: 'run-1', item: 1, host: 'a', stream: 'stdout', text: 'one', encoding: 'utf8' },
      { type: 'line', run: 'run-1', item: 1, host: 'a', stream: 'stderr', text: '/w==', encoding: 'base64' },
      { type: 'line', run: 'run-1', item: 1, host: 'a', stream: 'stdout', text: 'two', encoding: 'utf8' },
    ])
    expect(objects[4]).toMatchObject({
      run: 'run-1',
      item: 1,
      host: 'a',
      outcome: 'ok',
      stdout: 'one\ntwo',
      executed: 'yes',
    })
    expect(objects[5]).toMatchObject({ run: 'run-1', ok: true, counts: { total: 1, ok: 1 }, pool: {} })
  })

  test('a line that never ends comes in pieces', async () => {
    const objects = await lines([output('a', 'x'.repeat(65_536 * 2 + 1)), ended(result('a'))], [result('a')])
    expect(objects.filter(({ type }) => type === 'line').map(({ text }) => (text as string).length)).toEqual([
      65_536, 65_536, 1,
    ])
  })
})

describe('csv', () => {
  test('has a header and one row a host, with what needs quotes in quotes', async () => {
    const failed = result('b', { outcome: 'failed', exitCode: 3, stdout: 'say "hi", twice\n' })
    expect(await written('csv', [], [result('a', { stdout: 'up' }), failed])).toBe(
      'host,address,outcome,exitCode,durationMs,stdout,stderr\n' +
        'a,10.0.0.1:22,ok,0,41,up,\n' +
        'b,10.0.0.1:22,failed,3,41,"say ""hi"", twice\n",\n',
    )
  })
})

describe('junit', () => {
  test('has one testcase a host: failures, errors and what was skipped', async () => {
    const results = [
      result('a', { stdout: 'fine <&> \x1b[1m\n' }),
      result('b', { outcome: 'failed', exitCode: 3, message: 'b: exit status 3', stderr: 'oops\n' }),
      result('c', { outcome: 'unreachable', message: 'c: connect "refused"' }),
      result('d', { outcome: 'skipped', message: 'd: skipped: not begun' }),
    ]
    expect(await written('junit', [], results)).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="4" failures="1" errors="1" skipped="1" time="0.812">
  <testsuite name="uptime" timestamp="2026-01-02T03:04:05.000Z" tests="4" failures="1" errors="1" skipped="1" time="0.812">
    <testcase classname="xec" name="a" time="0.041">
      <system-out>fine &lt;&amp;&gt; \ufffd[1m
</system-out>
    </testcase>
    <testcase classname="xec" name="b" time="0.041">
      <failure type="failed" message="exit status 3"></failure>
      <system-err>oops
</system-err>
    </testcase>
    <testcase classname="xec" name="c" time="0.041">
      <error type="unreachable" message="connect &quot;refused&quot;"></error>
    </testcase>
    <testcase classname="xec" name="d" time="0.041">
      <skipped message="not begun"/>
    </testcase>
  </testsuite>
</testsuites>
`)
  })
})
