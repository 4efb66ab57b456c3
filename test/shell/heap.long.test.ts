/** Ten thousand commands through the library's front door: all right, and nothing of them left. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createShell } from '../../src/shell/shell.js'
import { SSHAdapter } from '../../src/ssh-adapter.js'
import { collect } from '../rig/collect.js'
import { makePlace } from '../rig/place.js'
import { describeWorld, startSshd } from '../rig/sshd.js'

const COMMANDS = 10_000
const HOSTS = 50
const AT_ONCE = 50

describeWorld('10,000 commands over 50 hosts', () => {
  test(
    'are all right; the heap after them is what it was, and nobody warns of listeners',
    { timeout: 900_000 },
    async () => {
      const place = makePlace()
      const sshd = await startSshd({ config: ['LogLevel ERROR', 'MaxStartups 100'] })
      const warnings: string[] = []
      const hear = (warning: Error): void => void warnings.push(String(warning))
      process.on('warning', hear)
      const adapter = new SSHAdapter({ connectionPool: { maxConnections: HOSTS } })
      const $ = createShell(() => adapter)
      const abort = new AbortController()
      const contexts = Array.from({ length: HOSTS }, (_, i) =>
        $.ssh({
          host: `127.9.0.${i + 1}`,
          port: sshd.port,
          username: sshd.user,
          privateKey: readFileSync(sshd.privateKeyPath),
          userKnownHostsFile: place.knownHosts,
          globalKnownHostsFile: [],
          hostKeyAlias: 'heap',
          strictHostKeyChecking: 'accept-new',
        }).with({ signal: abort.signal }),
      )
      let wrong = 0
      let next = 0
      const heaps: number[] = []
      const work = async (until: number): Promise<void> => {
        for (let i = next++; i < until; i = next++)
          if ((await contexts[i % HOSTS]!`echo ${i}`.text()) !== String(i)) wrong++
      }
      for (let round = 1; round <= 10; round++) {
        await Promise.all(Array.from({ length: AT_ONCE }, () => work((round * COMMANDS) / 10)))
        next = (round * COMMANDS) / 10
        collect()
        heaps.push(process.memoryUsage().heapUsed)
      }
      expect([wrong, warnings]).toEqual([0, []])
      expect(adapter.getConnectionPoolMetrics()).toMatchObject({ connectionsCreated: HOSTS, acquired: COMMANDS })
      // The first rounds are for warming up.
      const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN
      const growth = median(heaps.slice(-3)) / median(heaps.slice(2, 5)) - 1
      console.log(
        `  ${COMMANDS} commands: heap ${heaps.map((heap) => (heap / 2 ** 20).toFixed(1)).join(' ')} MiB, ${(growth * 100).toFixed(1)} %`,
      )
      expect(growth).toBeLessThanOrEqual(0.05)
      await adapter.dispose()
      process.off('warning', hear)
      await sshd.stop()
      place.remove()
    },
  )
})
