/** A script on its way through stdin into a shell: four times the size takes four times as long when it is linear. */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { encodeCommand } from '../dist/adapter/command.js'

function best(lines: number): number {
  const content = Buffer.from(
    `${Array.from({ length: lines }, (_, i) => `: ${'x'.repeat(40)} ${i} $HOME \\ "quoted"`).join('\n')}\necho end\n`,
  )
  const { line, preamble } = encodeCommand({ line: '', script: { name: 'long.sh', content, args: [] } })
  const times = Array.from({ length: 3 }, () => {
    const start = performance.now()
    expect(spawnSync('/bin/sh', ['-c', line], { input: preamble, encoding: 'utf8' }).stdout).toBe('end\n')
    return performance.now() - start
  })
  return Math.min(...times)
}

test('a long script', () => {
  const [small, large] = [best(10_000), best(40_000)]
  console.log(
    `a script's way through stdin into /bin/sh: half a megabyte ${small.toFixed(0)} ms, two ${large.toFixed(0)} ms, growth ${(large / small).toFixed(1)} (linear: 4; target ≤ 6)`,
  )
})
