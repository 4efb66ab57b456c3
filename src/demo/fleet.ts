/**
 * An SSH fleet inside this process, for `xec demo`, for tests and for trying things out: real SSH on loopback, without
 * sshd, keys or configuration. Each host is a server on a random port of 127.0.0.1. Host keys and the one user key
 * exist in memory, for this run. Only the holder of that key gets in (public key, signature verified, a user name made
 * up for the run). Commands run on this machine, as this user, by `/bin/sh -c`, with the host's name in XEC_DEMO_HOST.
 */
import { randomBytes } from 'node:crypto'
import { XecError } from '../errors.js'
import type { PoolTarget } from '../pool/types.js'
import type { Secret } from '../runtime/secret.js'
import { loadSsh2 } from '../transport/library.js'
import { HostServer, LOOPBACK, type Seen } from './host.js'
import { makeKey } from './keys.js'
import type { HostKnobs } from './knobs.js'
import { makeDoorkeeper } from './login.js'
import { Processes } from './processes.js'

export type { HostKnobs } from './knobs.js'
export type { Seen } from './host.js'

export interface Fleet {
  /** Who may log in. */
  readonly user: string
  /** Their key, in OpenSSH's format. */
  readonly privateKey: Secret
  /** The hosts, ready to be dialled, in the order they were named. */
  readonly targets: readonly PoolTarget[]
  /** Lines for a known_hosts file, one a host: for who wants host keys checked strictly. */
  readonly knownHosts: string
  /** One host of it. @throws XecError XEC_UNKNOWN_HOST */
  target(name: string): PoolTarget
  /** What one host has seen, or all of them together (of `mostSessions`, the most). @throws XecError XEC_UNKNOWN_HOST */
  seen(name?: string): Seen
  /** Commands that run here now. */
  readonly processes: number
  /**
   * Ends everything: processes (with those that they left in their process group), connections, ports, timers.
   * Resolves when they have ended. Idempotent.
   */
  stop(): Promise<void>
  /** Kills the processes at once; for the way out of the process, where nothing can be waited for. */
  abandon(): void
}

/**
 * Starts a fleet. It holds the process open until `stop`.
 * @param names of the hosts, each once
 * @param knobs by name, for hosts that should not simply work
 * @throws XecError XEC_CONFIG for a name that is given twice, and for knobs of a host that there is not
 */
export async function startFleet(
  names: readonly string[],
  knobs: Readonly<Record<string, HostKnobs>> = {},
): Promise<Fleet> {
  const stranger = Object.keys(knobs).find((name) => !names.includes(name))
  if (stranger !== undefined)
    throw new XecError(
      'XEC_CONFIG',
      `knobs for ${stranger}, which is no host of the fleet; its hosts are ${names.join(', ')}`,
    )
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined)
    throw new XecError('XEC_CONFIG', `${twice} is named twice; a host of the fleet has one server`)

  const ssh2 = await loadSsh2()
  const user = `demo-${randomBytes(4).toString('hex')}`
  const userKey = makeKey()
  const doorkeeper = makeDoorkeeper(ssh2, user, userKey)
  const processes = new Processes()
  const servers = new Map(
    names.map((name) => {
      const key = makeKey()
      return [
        name,
        { key, server: new HostServer({ ssh2, name, key, knobs: knobs[name] ?? {}, doorkeeper, processes }) },
      ] as const
    }),
  )
  const stop = async (): Promise<void> => {
    processes.killAll()
    await Promise.all([...servers.values()].map(({ server }) => server.stop()))
    // A command that arrived meanwhile.
    processes.killAll()
    await processes.ended()
    processes.killAll()
  }
  try {
    await Promise.all([...servers.values()].map(({ server }) => server.listen()))
  } catch (error) {
    await stop()
    throw error
  }

  const targets = new Map(
    [...servers].map(([name, { server }]) => [name, targetOf(name, server.port, user, userKey.privateKey)]),
  )
  const named = <T>(map: ReadonlyMap<string, T>, name: string): T => {
    const found = map.get(name)
    if (found === undefined)
      throw new XecError('XEC_UNKNOWN_HOST', `${name} is no host of the fleet; its hosts are ${names.join(', ')}`)
    return found
  }
  return {
    user,
    privateKey: userKey.privateKey,
    targets: [...targets.values()],
    knownHosts: [...servers.values()]
      .map(({ key, server }) => `[${LOOPBACK}]:${server.port} ssh-ed25519 ${key.publicBlob.toString('base64')}\n`)
      .join(''),
    target: (name) => named(targets, name),
    seen: (name) =>
      name === undefined
        ? sum([...servers.values()].map(({ server }) => server.seen()))
        : named(servers, name).server.seen(),
    get processes() {
      return processes.count
    },
    stop,
    abandon: () => processes.killAll(),
  }
}

function targetOf(host: string, port: number, username: string, key: Secret): PoolTarget {
  return Object.freeze({
    host,
    address: LOOPBACK,
    port,
    username,
    jump: null,
    connectTimeoutMs: 10_000,
    credentials: Object.freeze({
      keys: [{ origin: 'the key of the embedded fleet', from: { text: key }, passphrase: null, optional: false }],
      agent: null,
      identitiesOnly: true,
      password: null,
    }),
    // No file is read or written: a host of this process has a new key in every run.
    hostKeys: Object.freeze({ mode: 'accept-new', userFiles: [], globalFiles: [], alias: null }),
  })
}

function sum(all: readonly Seen[]): Seen {
  const add = (count: (seen: Seen) => number): number => all.reduce((total, seen) => total + count(seen), 0)
  return {
    open: add((seen) => seen.open),
    connections: add((seen) => seen.connections),
    logins: add((seen) => seen.logins),
    sessions: add((seen) => seen.sessions),
    mostSessions: Math.max(0, ...all.map((seen) => seen.mostSessions)),
    refused: add((seen) => seen.refused),
    commands: add((seen) => seen.commands),
  }
}
