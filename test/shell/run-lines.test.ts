import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { RunEvent } from '../../src/index.js'
import { $, type RunContext, type SSHAdapter } from '../../src/index.js'
import { LineSplitter } from '../../src/run/line-splitter.js'
import { RunLines } from '../../src/shell/run-lines.js'
import { HOSTS, openStage, type Stage } from '../lessons/stage.js'

describe('the lines of a run', () => {
  let stage: Stage
  let adapter: SSHAdapter
  beforeAll(async () => void (stage = await openStage()))
  afterEach(() => stage.clear())
  afterAll(() => stage.stop())

  const all = (hosts: readonly string[] = HOSTS.slice(0, 3)): RunContext => {
    adapter = stage.adapter({ connectionPool: { maxReconnectAttempts: 0 } })
    return $.with({ adapter }).all(hosts.map((host) => ({ target: stage.fleet.target(host), env: {} })))
  }

  test('come with their host and stream, each stream in order, and the report is there afterwards', async () => {
    const run = all()`printf 'one\r\ntwo'; echo trouble >&2; exit 3`
    const lines: string[] = []
    for await (const { host, item, stream, line } of run.lines()) lines.push(`${item} ${host} ${stream} ${line}`)
    for (const [at, host] of HOSTS.slice(0, 3).entries()) {
      const own = lines.filter((line) => line.startsWith(`${at + 1} ${host} `))
      expect(own.filter((line) => line.includes('stdout'))).toEqual([
        `${at + 1} ${host} stdout one`,
        `${at + 1} ${host} stdout two`,
      ])
      expect(own.filter((line) => line.includes('stderr'))).toEqual([`${at + 1} ${host} stderr trouble`])
    }
    expect(lines).toHaveLength(9)
    expect((await run).results.map(({ exitCode }) => exitCode)).toEqual([3, 3, 3])
    await expect(run.lines().next()).rejects.toThrow('the run has started; read its lines before it is awaited')
  })

  test('come while the hosts still run, and leaving the loop ends the run', async () => {
    const run = all()`echo begun; exec sleep 60`
    const begun = new Set<string>()
    for await (const { host } of run.lines()) if (begun.add(host).size === 3) break
    expect((await run).results.map(({ outcome }) => outcome)).toEqual(['cancelled', 'cancelled', 'cancelled'])
  })

  test('are all there when the loop is slow, and no host sends ahead of it without bound', async () => {
    const run = all(HOSTS.slice(0, 2))`seq 1 20000`
    const seen: Record<string, number> = {}
    for await (const { host, line } of run.lines()) {
      seen[host] = (seen[host] ?? 0) + 1
      if (Number(line) !== seen[host]) throw new Error(`${host}: ${line} came as line ${seen[host]}`)
      if (Number(line) % 5_000 === 0) await turn()
    }
    expect(seen).toEqual({ web1: 20_000, web2: 20_000 })
  })

  test('an error of the whole run is thrown by the loop', async () => {
    await expect(all([])`uptime`.lines().next()).rejects.toThrow('there is no target to run on')
  })
})

describe('RunLines', () => {
  const output = (host: string, text: string): RunEvent => ({
    type: 'output',
    run: 'r',
    item: 1,
    host,
    stream: 'stdout',
    chunk: Buffer.from(text),
  })

  test('holds a host back until the loop asks for the line after the last of its chunk', async () => {
    const lines = new RunLines()
    let goesOn = false
    void Promise.resolve(lines.observer(output('a', 'one\ntwo\nthr'))).then(() => (goesOn = true))
    const loop = lines[Symbol.asyncIterator]()
    await loop.next()
    expect(await loop.next()).toMatchObject({ value: { line: 'two' } })
    expect(goesOn).toBe(false)
    const third = loop.next()
    await turn()
    expect(goesOn).toBe(true)
    void lines.observer(output('a', 'ee\n'))
    expect(await third).toMatchObject({ value: { host: 'a', line: 'three' } })
  })

  test('lets every host go on when the loop is left', async () => {
    const lines = new RunLines()
    const held = [lines.observer(output('a', '1\n2\n3\n')), lines.observer(output('b', '1\n2\n'))]
    for await (const { line } of lines) if (line === '2') break
    lines.drop()
    await Promise.all(held.map(async (each) => each))
    expect(lines.observer(output('a', '4\n'))).toBeUndefined()
  })
})

test('a line that is cut into pieces is never cut inside of a character', () => {
  for (const character of ['é', '€', '😀']) {
    for (let before = 0; before < 5; before += 1) {
      const text = 'x'.repeat(before) + character.repeat(20)
      const splitter = new LineSplitter(10)
      const pieces = [...splitter.push(Buffer.from(text)), ...splitter.end()].map(String)
      expect(pieces.join('')).toBe(text)
      expect(pieces.length).toBeGreaterThan(2)
    }
  }
  // What is no UTF-8 is cut anywhere, and loses nothing.
  const bytes = Buffer.alloc(55, 0x80)
  const splitter = new LineSplitter(10)
  expect(Buffer.concat([...splitter.push(bytes), ...splitter.end()])).toEqual(bytes)
})
