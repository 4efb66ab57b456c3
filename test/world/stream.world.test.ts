import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWorld } from '../rig/sshd.js'
import { setStage, type Stage } from './stage.js'

const GIGABYTE = 1_000_000_000
const MB = 1_000_000

describeWorld('a gigabyte through xec run', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage()
    stage.inventory('hosts: { one: 127.0.0.1 }')
  })
  afterAll(() => stage.stop())

  test('from the host into a pipe: every byte, in bounded memory', async () => {
    const child = stage.start(['run', 'one', `head -c ${GIGABYTE} /dev/zero`])
    child.stdin.end()
    const memory = watchMemory(child.pid ?? 0)
    let bytes = 0
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) bytes += chunk.length
    expect(bytes).toBe(GIGABYTE)
    expect(memory.stop()).toBeLessThan(250 * MB)
  })

  test('from a pipe to the host: every byte, in bounded memory', async () => {
    const child = stage.start(['run', 'one', 'sha256sum'])
    const memory = watchMemory(child.pid ?? 0)
    const block = Buffer.alloc(MB, 'abcdefgh')
    const hash = createHash('sha256')
    let answer = ''
    child.stdout.on('data', (chunk: Buffer) => (answer += String(chunk)))
    const ended = new Promise((resolve) => child.once('close', resolve))
    for (let sent = 0; sent < GIGABYTE; sent += MB) {
      hash.update(block)
      if (!child.stdin.write(block)) await new Promise((resolve) => child.stdin.once('drain', resolve))
    }
    child.stdin.end()
    await ended
    expect(answer).toBe(`${hash.digest('hex')}  -\n`)
    expect(memory.stop()).toBeLessThan(250 * MB)
  })

  test('a reader that takes its time holds the host back, not the memory', async () => {
    const child = stage.start(['run', 'one', 'yes 0123456789'])
    child.stdin.end()
    const memory = watchMemory(child.pid ?? 0)
    let bytes = 0
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      bytes += chunk.length
      await delay(5) // the slowness is what is tested
      if (bytes > 10 * MB) break
    }
    expect(bytes).toBeLessThan(20 * MB)
    expect(memory.stop()).toBeLessThan(200 * MB)
  })
})

/** The peak resident set of a process, by the kernel's own account, until it ends or is told to stop. */
function watchMemory(pid: number): { stop(): number } {
  let peak = 0
  const look = (): void => {
    try {
      peak = Math.max(
        peak,
        Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024,
      )
    } catch {
      // It has ended.
    }
  }
  const timer = setInterval(look, 20)
  return {
    stop() {
      look()
      clearInterval(timer)
      expect(peak).toBeGreaterThan(0)
      return peak
    },
  }
}
