/** A pool of one's own: at most one connection a host, two commands on it at once. What is past that waits. */
import { $, loadInventory, SSHAdapter } from 'xec'

await using adapter = new SSHAdapter({ connectionPool: { maxConnectionsPerHost: 1, maxChannelsPerConnection: 2 } })
const inventory = await loadInventory()
const web = $.with({ adapter }).ssh(await inventory.target('web1'))

const results = await Promise.all(Array.from({ length: 10 }, (_, i) => web`echo ${i}`))
console.log(results.map(({ stdout }) => stdout.trim()).join(' '))

const { connectionsCreated, reuseCount, acquired, waiting } = adapter.getConnectionPoolMetrics()
console.log(`${acquired} commands, ${connectionsCreated} connection, reused ${reuseCount} times, ${waiting} waiting`)
