/** Where the blocks take place: a server, a home with a key, stubs in the PATH of the host, and what they said. */
import { EventEmitter, once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import { startFleet } from '../../src/demo/fleet.js'
import { $, type HostFigures } from '../../src/index.js'
import { makePlace } from '../rig/place.js'
import { keygen, startSshd } from '../rig/sshd.js'
import { readBlocks, runCode, type Block } from './blocks.js'
import { IMPLIED, mapped, MODULES, PRIVATE_KEY, STUBS, type MappedHost } from './mapping.js'

/** Hosts on loopback whose programs are those of this machine, after the stubs. */
export interface Hosts {
  readonly username: string
  /** Of the one key that may log in. */
  readonly privateKey: string
  /** Where a block's n-th host is. */
  at(block: Block, nth: number): MappedHost
  stop(): Promise<void>
}

/** Starts hosts that put a directory first in the PATH of their commands. */
export type StartHosts = (path: string) => Promise<Hosts>

/** One server, which answers on every address of loopback. */
export const onSshd: StartHosts = async (path) => {
  const sshd = await startSshd({ config: [`SetEnv PATH=${path}`] })
  return {
    username: sshd.user,
    privateKey: readFileSync(sshd.privateKeyPath, 'utf8'),
    at: (block, nth) => ({ host: `127.1.${block.number}.${nth}`, port: sshd.port }),
    stop: () => sshd.stop(),
  }
}

const HOSTS_A_BLOCK = 5

/** A fleet, each host behind a port of an address of its own. Its commands have this process's PATH. */
export const onFleet: StartHosts = async (path) => {
  const before = process.env['PATH']
  process.env['PATH'] = path
  const names = readBlocks().flatMap(({ number }) =>
    Array.from({ length: HOSTS_A_BLOCK }, (_, i) => `${number}.${i + 1}`),
  )
  const fleet = await startFleet(names)
  const doors = new Map<string, Server>()
  await Promise.all(
    names.map(async (name) => {
      const { address, port } = fleet.target(name)
      const door = createServer((socket) => {
        const behind = connect(port, address)
        socket.on('error', () => behind.destroy()).on('close', () => behind.destroy())
        behind.on('error', () => socket.destroy()).on('close', () => socket.destroy())
        socket.pipe(behind).pipe(socket)
      })
      doors.set(name, door.listen(0, `127.1.${name}`))
      await once(door, 'listening')
    }),
  )
  return {
    username: fleet.user,
    privateKey: fleet.privateKey.reveal(),
    at: ({ number }, nth) => ({
      host: `127.1.${number}.${nth}`,
      port: (doors.get(`${number}.${nth}`)?.address() as AddressInfo).port,
    }),
    async stop() {
      process.env['PATH'] = before
      await fleet.stop()
      await Promise.all(
        [...doors.values()].map((door) => new Promise<void>((resolve) => void door.close(() => resolve()))),
      )
    },
  }
}

export interface Stage {
  readonly username: string
  /** A path that the host's commands can read and write. */
  place(...names: string[]): string
  /** A private key that no server knows. */
  readonly wrongKey: string
  /** A host of its own for a block: its n-th address. */
  host(block: Block, nth: number): MappedHost & { readonly username: string }
  /** What the stubs were called with since the last time this was asked. */
  calls(): string[]
  /** The shared pool's figures for a host; all at 0 before it was used. */
  figures(
    host: MappedHost,
  ): Pick<
    HostFigures,
    'connectionsCreated' | 'reuseCount' | 'acquired' | 'totalConnections' | 'activeConnections' | 'idleConnections'
  >
  stop(): Promise<void>
}

export async function setStage(start: StartHosts): Promise<Stage> {
  const place = makePlace()
  const world = place.path('world')
  const stubs = join(world, 'bin')
  const log = join(world, 'calls')
  chmodSync(place.home, 0o711)
  mkdirSync(stubs, { recursive: true })
  for (const [name, body] of Object.entries(STUBS))
    writeFileSync(join(stubs, name), `#!/bin/sh\necho "${name} $*" >> ${log}\n${body}\n`, { mode: 0o755 })
  writeFileSync(log, '')
  chmodSync(log, 0o666)
  chmodSync(world, 0o777)
  mkdirSync(join(world, 'www'))
  chmodSync(join(world, 'www'), 0o777)
  const hosts = await start(`${stubs}:/usr/local/bin:/usr/bin:/bin`)
  writeFileSync(place.path(PRIVATE_KEY), hosts.privateKey, { mode: 0o600 })
  keygen(place.path('wrong'), 'ed25519')

  // Home is where the defaults of OpenSSH are: identities, known hosts; and no agent.
  const before = { HOME: process.env['HOME'], SSH_AUTH_SOCK: process.env['SSH_AUTH_SOCK'] }
  process.env['HOME'] = place.home
  delete process.env['SSH_AUTH_SOCK']

  let told = 0
  return {
    username: hosts.username,
    place: (...names) => join(world, ...names),
    wrongKey: place.path('wrong'),
    host: (block, nth) => ({ ...hosts.at(block, nth), username: hosts.username }),
    calls() {
      const all = readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.trim())
      return all.slice(told, (told = all.length))
    },
    figures({ host, port }) {
      const address = `${host}:${port}`
      return (
        $.adapter.getConnectionPoolMetrics().hosts.find((row) => row.address === address) ?? {
          connectionsCreated: 0,
          reuseCount: 0,
          acquired: 0,
          totalConnections: 0,
          activeConnections: 0,
          idleConnections: 0,
        }
      )
    },
    async stop() {
      for (const [name, value] of Object.entries(before)) {
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
      await hosts.stop()
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
export async function run<T extends object>(
  stage: Stage,
  block: Block,
  names: Readonly<Record<string, unknown>> = {},
  hosts: Readonly<Record<string, MappedHost>> = {},
): Promise<Run<T>> {
  const known = new Map<string, MappedHost>(Object.entries(hosts))
  const text = mapped(block, {
    username: stage.username,
    host(name) {
      const at = known.get(name) ?? stage.host(block, known.size + 1)
      known.set(name, at)
      return at
    },
    place: (path) =>
      path.startsWith('./')
        ? stage.place('bin', path.slice(2))
        : stage.place(path === '/var/www/' ? 'www' : 'deployment'),
  })
  const said: string[] = []
  const say = (...words: unknown[]): void =>
    void said.push(words.map((word) => (typeof word === 'string' ? word : JSON.stringify(word))).join(' '))
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
