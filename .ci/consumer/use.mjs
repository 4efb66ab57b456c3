/** The library as a program of another project uses it, given that project's directory: node use.mjs DIR. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const from = join(process.argv[2], 'index.js')
/** What holds the process or hears of it; the loader of modules has files of its own open for a moment. */
async function traces() {
  await new Promise((resolve) => setTimeout(resolve, 20))
  return JSON.stringify([
    process.getActiveResourcesInfo(),
    process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
  ])
}
// Some versions of Node open these by themselves, at any time.
void [process.stdin, process.stdout, process.stderr]
const before = await traces()
const { $, SSHAdapter, createXec, XecError, ERROR_CODES } = await import(
  pathToFileURL(createRequire(from).resolve('xec')).href
)
const after = await traces()
const fail = (what) => {
  throw new Error(`the library is not as it should be: ${what}`)
}
if (before !== after) fail(`importing it left something behind: ${before} became ${after}`)
for (const name of ['ssh2', 'yaml', 'cosmiconfig', 'commander']) {
  if (Object.keys(createRequire(from).cache).some((path) => path.includes(`/node_modules/${name}/`)))
    fail(`importing it loads ${name}`)
}

const adapter = new SSHAdapter()
if (typeof $.ssh !== 'function' || adapter.getConnectionPoolMetrics().totalConnections !== 0)
  fail('it begins with connections')
const xec = createXec({ pool: { maxReconnectAttempts: 0 } })
// Nothing listens on port 1: the whole way to a refused connection, ssh2 and all, and back to an outcome.
const result = await $.ssh({
  host: '127.0.0.1',
  port: 1,
  username: 'nobody',
  password: 'x',
  pool: { maxConnectionsPerHost: 1 },
})`true`.nothrow()
if (result.outcome !== 'unreachable' || result.executed !== 'no') fail(`a refused connection is ${result.outcome}`)
if (!ERROR_CODES.XEC_CONNECT || !(new XecError('XEC_CONNECT', 'x') instanceof Error)) fail('its errors')
await xec.close()
await adapter.dispose()
