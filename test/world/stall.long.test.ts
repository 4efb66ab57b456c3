import { once } from 'node:events'
import { expect, test } from 'vitest'
import { ended } from '../cli/binary.js'
import { describeWorld } from '../rig/sshd.js'
import { setStage } from './stage.js'

describeWorld('xec is stopped for longer than a keepalive takes to call a server dead', () => {
  test('wherever in the life of a ping it is stopped, the connection lives on', async () => {
    const stage = await setStage()
    stage.inventory('pool: { keepAliveInterval: 1s, keepAliveCountMax: 2 }\nhosts:\n  web1: { host: 127.3.0.1 }')
    const stopped = async (after: number): Promise<unknown> => {
      const child = stage.start(['run', 'web1', 'echo up; sleep 12; echo done'])
      child.stdin.end()
      const end = ended(child)
      await once(child.stdout, 'data')
      await new Promise((resolve) => setTimeout(resolve, after))
      child.kill('SIGSTOP')
      await new Promise((resolve) => setTimeout(resolve, 8_000))
      child.kill('SIGCONT')
      return end
    }
    const ends = await Promise.all([0, 900, 1_000, 1_005, 1_010, 1_500, 2_005, 2_500].map(stopped))
    for (const end of ends) expect(end).toEqual({ status: 0, signal: null, stdout: 'up\ndone\n', stderr: '' })
    await stage.stop()
  }, 120_000)
})
