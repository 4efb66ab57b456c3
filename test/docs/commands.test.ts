/** Every `xec …` line in an sh fence of a page, run as a reader would: in a shell, by the built binary, on real hosts. */
import { spawn } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureBuilt } from '../cli/binary.js'
import { describeWorld } from '../rig/sshd.js'
import { fences, type Fence } from './pages.js'
import { makeDocsWorld, type DocsWorld } from './world.js'

interface Line {
  readonly place: string
  readonly text: string
  /** A comment that says so: `# exit 3`. */
  readonly status: number
}

/** What is no business of this test, because others run it or because it is the reader's own. */
const ELSEWHERE =
  /^(esbuild |npm (install|test|run|ci)|npx xec demo|npx vitest|git clone|cd |node |bash \.ci|XEC_\w+=\S+ (npm|npx|node)|pipx? )/

function linesOf(fence: Fence): Line[] {
  const joined = fence.text.replace(/\\\n/g, (mark) => mark.replace('\\\n', '\u0000'))
  let number = fence.line
  return joined.split('\n').flatMap((text) => {
    const place = `${fence.page}:${number}`
    number += 1 + [...text].filter((mark) => mark === '\u0000').length
    const command = text.replaceAll('\u0000', '\\\n')
    if (command.trim() === '' || command.startsWith('#') || ELSEWHERE.test(command)) return []
    return [{ place, text: command, status: Number(/#.*\bexit (\d+)/.exec(command)?.[1] ?? 0) }]
  })
}

const lines = fences.filter(({ language }) => language === 'sh').flatMap(linesOf)

describeWorld('commands in the pages', () => {
  let world: DocsWorld
  beforeAll(async () => {
    ensureBuilt()
    world = await makeDocsWorld()
  })
  afterAll(() => world.stop())

  test('there are some', () => expect(lines.length).toBeGreaterThan(20))

  test.each(lines)('$place $text', async ({ text, status }) => {
    expect(text, 'every line of an sh fence is a command with xec in it').toMatch(/\bxec /)
    const child = spawn('/bin/sh', ['-c', text], {
      cwd: world.cwd,
      env: { ...world.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk: string) => (said += chunk))
    const ended = await new Promise<number | null>((resolve) => child.once('close', resolve))
    expect({ status: ended, said: ended === status ? '' : said }).toEqual({ status, said: '' })
  })
})
