/** What the pool does, as events and as figures. */
import { $, loadInventory, SSHAdapter } from 'xec'

const inventory = await loadInventory()
await using adapter = new SSHAdapter()
adapter
  .on('connect', ({ host }) => console.log(`connected to ${host}`))
  .on('disconnect', ({ host, reason }) => console.log(`disconnected from ${host}: ${reason}`))

const web = $.with({ adapter }).ssh(await inventory.target('web1'))
await web`uptime`

using monitor = adapter.monitor({ interval: '50ms', highUtilization: 0.8 })
monitor.once('metrics', ({ totalConnections, activeConnections }) =>
  console.log(`${totalConnections} connection, ${activeConnections} at work`),
)
await web`sleep 0.5` // a monitor alone keeps no program alive

const { completed, rejected } = await adapter.drain({ timeout: '5s' })
console.log(`drained: ${completed} completed meanwhile, ${rejected} turned away`)
