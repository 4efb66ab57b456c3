/** What the transport's tests share: targets, a dial from end to end, a command from end to end. */
import type { Readable } from 'node:stream'
import { Ssh2Transport, type Ssh2TransportOptions } from '../../src/transport/ssh2.js'
import type {
  Channel,
  Credentials,
  Exit,
  HostKeyPolicy,
  KeepAlive,
  KeySource,
  Link,
  Target,
} from '../../src/transport/transport.js'

export function keyFile(path: string, more: Partial<KeySource> = {}): KeySource {
  return { origin: path, from: { path }, passphrase: null, optional: false, ...more }
}

export interface TargetOptions {
  readonly credentials?: Partial<Credentials>
  readonly hostKeys?: Partial<HostKeyPolicy>
  readonly target?: Partial<Target>
}

/** A target whose known_hosts is `knownHosts` alone; no keys unless given. */
export function makeTarget(
  server: { readonly port: number; readonly user: string },
  knownHosts: string,
  { credentials, hostKeys, target }: TargetOptions = {},
): Target {
  return {
    host: 'web1',
    address: '127.0.0.1',
    port: server.port,
    username: server.user,
    jump: null,
    connectTimeoutMs: 10_000,
    credentials: { keys: [], agent: null, identitiesOnly: false, password: null, ...credentials },
    hostKeys: { mode: 'accept-new', userFiles: [knownHosts], globalFiles: [], alias: null, ...hostKeys },
    ...target,
  }
}

export const quiet: Ssh2TransportOptions = {
  warn: (message) => {
    throw new Error(`unexpected warning: ${message}`)
  },
}

export async function dial(
  target: Target,
  more: { transport?: Ssh2Transport; keepAlive?: KeepAlive; via?: Link; signal?: AbortSignal } = {},
): Promise<Link> {
  const transport = more.transport ?? new Ssh2Transport(quiet)
  const signal = more.signal ?? new AbortController().signal
  const reached = await transport.reach(target, {
    signal,
    keepAlive: more.keepAlive ?? null,
    ...(more.via ? { via: more.via } : {}),
  })
  return reached.authenticate(signal)
}

export async function text(stream: Readable): Promise<string> {
  let all = ''
  for await (const chunk of stream) all += String(chunk)
  return all
}

export interface Ran {
  readonly stdout: string
  readonly stderr: string
  readonly exit: Exit
}

/** A command on a channel, from exec to closed; stdin is ended at once. */
export async function runOn(channel: Channel, command: string): Promise<Ran> {
  const output = Promise.all([text(channel.stdout), text(channel.stderr), channel.exit])
  await channel.exec(command)
  channel.stdin.end()
  const [stdout, stderr, exit] = await output
  await channel.closed
  return { stdout, stderr, exit }
}

export async function run(link: Link, command: string): Promise<Ran> {
  return runOn(await link.openSession(), command)
}

/** Rejections as values, for matching. */
export async function errorOf(
  work: Promise<unknown>,
): Promise<{ code?: string; verdict?: string; executed?: string; phase?: string; message: string }> {
  try {
    await work
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not reject')
}
