import { describe, expect, test } from 'vitest'
import { chooseOutput } from '../../../src/cli/output/choice.js'
import { maskOwn } from '../../../src/run/similar.js'
import { ended, FakeClock, output, report, result, Sink, snapshot, started } from './samples.js'

type Asked = Parameters<typeof chooseOutput>[0]

async function shown(options: Asked, results: Parameters<typeof report>[0]): Promise<string> {
  const stdout = new Sink()
  const create = await chooseOutput(options, false).load()
  const renderer = create({
    live: false,
    stdout,
    stderr: new Sink(),
    color: { stdout: false, stderr: false },
    quiet: true,
    metrics: 'off',
    snapshot: () => snapshot(),
    command: 'uptime',
    clock: new FakeClock(),
  })
  await renderer.onEvent(started(results.map(({ host }) => host)))
  for (const one of results) {
    await renderer.onEvent(output(one.host, one.stdout))
    await renderer.onEvent(ended(one))
  }
  await renderer.finish(report(results), snapshot())
  return stdout.text
}

describe('--diff', () => {
  test('shows what most say once, and the others as a unified diff against it', async () => {
    const common = 'one\ntwo\nthree\nfour\nfive\n'
    const results = [
      result('web01', { stdout: common }),
      result('web02', { stdout: common }),
      result('web03', { stdout: 'one\ntwo\n3\nfour\nfive\n', stderr: 'warn\n' }),
    ]
    const text = await shown({ diff: true }, results)
    expect(text.replace(/─+\n/g, '─\n')).toBe(
      '── web[01-02] (2) ─\n' +
        common +
        '── web03 ─\n' +
        '--- web[01-02] (2)\n+++ web03\n@@ -1,5 +1,5 @@\n one\n two\n-three\n+3\n four\n five\n' +
        'stderr:\n--- web[01-02] (2)\n+++ web03\n@@ -0,0 +1,1 @@\n+warn\n',
    )
  })
})

describe('--fold-similar', () => {
  test('folds outputs that differ in names, addresses and times only', async () => {
    const line = (host: string, ip: string, time: string): string => `${host} ${ip} up since ${time}\n`
    const results = [
      result('web01.example.com', { stdout: line('web01', '10.0.0.1', '2026-11-29 14:02:07') }),
      result('web02.example.com', { stdout: line('web02', '10.0.0.2', '2026-11-29 14:02:09') }),
      result('web03.example.com', { stdout: 'web03 is down\n' }),
    ]
    expect((await shown({ foldSimilar: true }, results)).match(/^── .* /gm)).toHaveLength(2)
    expect((await shown({ output: 'grouped' }, results)).match(/^── .* /gm)).toHaveLength(3)
  })

  test.each([
    ['WEB1: web1.example.com ok', '<host>: <host> ok'],
    ['web10 is not web1', 'web10 is not <host>'],
    ['from fe80::1%eth0 and 2001:db8::7 to 192.0.2.7:22', 'from <address> and <address> to <address>:22'],
    ['Sun Nov 29 14:02:07 UTC 2026', '<time>'],
    ['Nov 29 14:02 x.log', '<time> x.log'],
    [' 14:02:07 up 3 days', ' <time> up 3 days'],
    ['mac 52:54:00:ab:cd:ef', 'mac <address>'],
    ['std::vector x::y', 'std::vector x::y'],
    ['version 1.2.3', 'version 1.2.3'],
  ])('%s is compared as %s', (text, masked) => {
    const own = { host: 'web1.example.com', address: '192.0.2.99:22' }
    expect(maskOwn(Buffer.from(text), own).toString()).toBe(masked)
  })
})

describe('--only-failures', () => {
  const results = [
    result('a', { stdout: 'fine\n' }),
    result('b', { outcome: 'failed', exitCode: 3, stdout: 'broken\n' }),
  ]

  test('in lines: the lines of hosts that failed', async () => {
    expect(await shown({ output: 'lines', onlyFailures: true }, results)).toBe('b: broken\n')
  })

  test('in ndjson: their lines and results, and a summary that counts all', async () => {
    const objects = (await shown({ output: 'ndjson', onlyFailures: true }, results))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; host?: string; counts?: { total: number } })
    expect(objects.map(({ type, host }) => `${type} ${host ?? ''}`.trim())).toEqual([
      'start',
      'line b',
      'result b',
      'summary',
    ])
    expect(objects.at(-1)?.counts?.total).toBe(2)
  })

  test('grouped, csv and json: only they', async () => {
    expect(await shown({ output: 'grouped', onlyFailures: true }, results)).not.toContain('fine')
    expect((await shown({ output: 'csv', onlyFailures: true }, results)).split('\n')).toHaveLength(4)
    const document = JSON.parse(await shown({ json: true, onlyFailures: true }, results)) as { hosts: unknown[] }
    expect(document.hosts).toHaveLength(1)
  })
})
