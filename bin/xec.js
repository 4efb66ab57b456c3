#!/usr/bin/env node
// Before anything else: say plainly what is missing, in words that also an old Node understands.
'use strict'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`xec: Node.js 20.19 or newer is needed, and this is ${process.versions.node} (${process.execPath})\n`)
  process.exit(2)
}

const main = new URL('../dist/cli/main.js', import.meta.url)
const { existsSync } = await import('node:fs')
if (existsSync(main)) {
  const { start } = await import(main.href)
  await start(process.argv.slice(2))
} else {
  process.stderr.write('xec: this copy is not built: dist/cli/main.js is missing; run "npm run build" in it first\n')
  process.exitCode = 2
}
