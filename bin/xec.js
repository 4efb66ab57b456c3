#!/usr/bin/env node
// Before anything else: say plainly what is missing, in words that also an old Node understands (so no top-level await).

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `xec: Node.js 20.19 or newer is needed, and this is ${process.versions.node} (${process.execPath})\n`,
  )
  process.exitCode = 2
} else {
  import('../dist/cli/main.js').then(
    ({ start }) => start(process.argv.slice(2)),
    (error) => {
      const main = new URL('../dist/cli/main.js', import.meta.url).href
      if (error.code !== 'ERR_MODULE_NOT_FOUND' || error.url !== main) throw error
      process.stderr.write(
        'xec: this copy is not built: dist/cli/main.js is missing; run "npm run build" in it first\n',
      )
      process.exitCode = 2
    },
  )
}
