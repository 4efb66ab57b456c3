/** What the pool does, as events and as figures. */
import { once } from 'node:events'
import { $, loadInventory, SSHAdapter } from 'xec'

const inventory = await loadInventory()
await using adapter = new SSHAdapter()
adapter
  .on('connect', ({ host }) => console.log(`connected to ${host}`))
  .on('disconnect', ({ host, reason }) => console.log(`disconnected from ${host}: ${reason}`))

const web = $.with({ adapter }).ssh(await inventory.target('web1'))
await web`uptime`

using monitor = adapter.monitor({ interval: '50ms', highUtilization: 0.8 })
const [{ totalConnections, idleConnections }] = await once(monitor, 'metrics')
console.log(`${totalConnections} connection, ${idleConnections} of them idle`)

const { completed, rejected } = await adapter.drain({ timeout: '5s' })
console.log(`drained: ${completed} completed meanwhile, ${rejected} turned away`)
