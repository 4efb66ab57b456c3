/** Where the blocks take place: a server, a home with a key, stubs in the PATH of the host, and what they said. */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EventEmitter } from 'node:events'
import { $, type HostFigures } from '../../src/index.js'
import { makePlace } from '../rig/place.js'
import { keygen, startSshd } from '../rig/sshd.js'
import { runCode, type Block } from './blocks.js'
import { IMPLIED, mapped, MODULES, PRIVATE_KEY, STUBS, type MappedHost } from './mapping.js'

/** A server on loopback whose programs are those of this machine, after the stubs. */
export interface Server {
  readonly port: number
  readonly username: string
  readonly privateKeyPath: string
  stop(): Promise<void>
}

/** Starts a server that puts a directory first in the PATH of its commands. */
export type StartServer = (path: string) => Promise<Server>

export const onSshd: StartServer = async (path) => {
  const sshd = await startSshd({ config: [`SetEnv PATH=${path}`] })
  return { port: sshd.port, username: sshd.user, privateKeyPath: sshd.privateKeyPath, stop: () => sshd.stop() }
}

export interface Stage {
  readonly server: Server
  /** A path that the host's commands can read and write. */
  place(...names: string[]): string
  /** A private key that no server knows. */
  readonly wrongKey: string
  /** A host of its own for a block: its n-th address. */
  host(block: Block, nth: number): MappedHost & { readonly username: string }
  /** What the stubs were called with since the last time this was asked. */
  calls(): string[]
  /** The shared pool's figures for a host; all at 0 before it was used. */
  figures(host: MappedHost): Pick<HostFigures, 'connectionsCreated' | 'reuseCount' | 'acquired' | 'totalConnections' | 'activeConnections' | 'idleConnections'>
  stop(): Promise<void>
}

export async function setStage(start: StartServer): Promise<Stage> {
  const place = makePlace()
  const world = place.path('world')
  const stubs = join(world, 'bin')
  const log = join(world, 'calls')
  chmodSync(place.home, 0o711)
  mkdirSync(stubs, { recursive: true })
  for (const [name, body] of Object.entries(STUBS)) writeFileSync(join(stubs, name), `#!/bin/sh\necho "${name} $*" >> ${log}\n${body}\n`, { mode: 0o755 })
  writeFileSync(log, '')
  chmodSync(log, 0o666)
  chmodSync(world, 0o777)
  mkdirSync(join(world, 'www'))
  chmodSync(join(world, 'www'), 0o777)
  const server = await start(`${stubs}:/usr/local/bin:/usr/bin:/bin`)
  copyFileSync(server.privateKeyPath, place.path(PRIVATE_KEY))
  keygen(place.path('wrong'), 'ed25519')

  // Home is where the defaults of OpenSSH are: identities, known hosts; and no agent.
  const before = { HOME: process.env['HOME'], SSH_AUTH_SOCK: process.env['SSH_AUTH_SOCK'] }
  process.env['HOME'] = place.home
  delete process.env['SSH_AUTH_SOCK']

  let told = 0
  return {
    server,
    place: (...names) => join(world, ...names),
    wrongKey: place.path('wrong'),
    host: (block, nth) => ({ host: `127.1.${block.number}.${nth}`, port: server.port, username: server.username }),
    calls() {
      const all = readFileSync(log, 'utf8').split('\n').filter((line) => line !== '').map((line) => line.trim())
      return all.slice(told, (told = all.length))
    },
    figures({ host, port }) {
      const address = `${host}:${port}`
      return $.adapter.getConnectionPoolMetrics().hosts.find((row) => row.address === address)
        ?? { connectionsCreated: 0, reuseCount: 0, acquired: 0, totalConnections: 0, activeConnections: 0, idleConnections: 0 }
    },
    async stop() {
      for (const [name, value] of Object.entries(before)) {
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
      await server.stop()
      place.remove()
    },
  }
}

/** A block that has run: what it declared, and what it says on its console and does to its process. */
export interface Run<T> {
  readonly made: T
  readonly said: string[]
  readonly process: EventEmitter
}

/** Runs a block; the n-th host name in it is the n-th host of the block, unless `hosts` has others. */
export async function run<T extends object>(stage: Stage, block: Block, names: Readonly<Record<string, unknown>> = {}, hosts: Readonly<Record<string, MappedHost>> = {}): Promise<Run<T>> {
  const known = new Map<string, MappedHost>(Object.entries(hosts))
  const text = mapped(block, {
    username: stage.server.username,
    host(name) {
      const at = known.get(name) ?? stage.host(block, known.size + 1)
      known.set(name, at)
      return at
    },
    place: (path) => (path.startsWith('./') ? stage.place('bin', path.slice(2)) : stage.place(path === '/var/www/' ? 'www' : 'deployment')),
  })
  const said: string[] = []
  const say = (...words: unknown[]): void => void said.push(words.map((word) => (typeof word === 'string' ? word : JSON.stringify(word))).join(' '))
  const own = new EventEmitter()
  const surroundings = { ...IMPLIED, console: { log: say, warn: say, error: say }, process: own, ...names }
  const made = await runCode(block, text, { modules: MODULES, names: surroundings })
  return { made: made as T, said, process: own }
}

/** Waits for something to become true, at most ten seconds. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

