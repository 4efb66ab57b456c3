/** What a strict TypeScript project sees: this must type-check against the packed declarations alone. */
import {
  $,
  calculateOptimalPoolSize,
  CommandError,
  createXec,
  loadInventory,
  SSHAdapter,
  XecError,
  type PoolOptions,
  type PoolSnapshot,
  type Result,
  type ShellResult,
  type SshContext,
  type Tunnel,
} from 'xec'

const pool: Partial<PoolOptions> = { maxConnections: 20, keepAlive: true }
const adapter = new SSHAdapter({ connectionPool: pool })
const ssh: SshContext = $.ssh({ host: 'web1.example.com', username: 'deploy' })
// undefined is the same as absent, also under exactOptionalPropertyTypes.
const unset = undefined
const same: SshContext = $.with({ adapter: unset }).ssh({
  host: 'web1.example.com',
  port: unset,
  privateKey: unset,
  proxyJump: unset,
  pool: { maxConnectionsPerHost: unset },
})
export const absent = [
  new SSHAdapter({ connectionPool: { maxConnections: unset }, onLimit: unset, keepAliveWith: unset }),
  createXec({ pool: { idleTimeout: unset }, clock: unset }),
  same.with({ timeoutMs: unset, stdin: unset, signal: unset }),
  $.all([], { fanout: unset, onEvent: unset }),
  loadInventory({ file: unset }),
  () => same.upload('a', 'b', { mode: unset, onProgress: unset }),
  () => same.tunnel({ remotePort: 1, localPort: unset }),
  () => adapter.monitor({ interval: unset }),
  () => adapter.drain({ timeout: unset }),
]

export async function main(): Promise<number> {
  const result: ShellResult = await ssh`uptime`.timeout(5_000).nothrow()
  const text: string = await ssh`hostname`.text()
  const lines: string[] = await ssh`ls`.lines()
  for await (const line of ssh`tail -f /var/log/syslog`) if (line.includes(text)) break
  adapter.on('disconnect', ({ host, reason }) => console.log(host.length, reason))
  const metrics: PoolSnapshot = adapter.getConnectionPoolMetrics()
  const inventory = await loadInventory()
  const report = await $.all(await inventory.targets('@web'), { fanout: 8 })`systemctl is-active nginx`
  for (const each of report.results) console.log(each.host, each.outcome)
  const tunnel: Tunnel = await ssh.tunnel({ remoteHost: '127.0.0.1', remotePort: 5432 })
  await tunnel.close()
  const xec = createXec()
  await using closing = { [Symbol.asyncDispose]: () => xec.close() }
  void closing
  try {
    await ssh`false`
  } catch (error) {
    if (error instanceof CommandError) return error.exitCode ?? 1
    if (error instanceof XecError && error.code === 'XEC_AUTH') return 255
  }
  const all: readonly Result[] = []
  return (
    lines.length +
    metrics.totalConnections +
    all.length +
    calculateOptimalPoolSize(10, 2000, 20) +
    (result.exitCode ?? 0)
  )
}
