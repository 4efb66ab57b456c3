/**
 * The only place that reaches past ssh2's public interface. `missingInternals` names what is required and not there,
 * which is an error; what only saves time or guards against an odd server is left out where it is missing.
 * Written against ssh2 1.17.0; docs/design/transport.md says why each is needed.
 */
import type { Client, ClientChannel, ParsedKey } from 'ssh2'
import type { Abilities, Offers } from './algorithms.js'
import { BannerGate } from './banner.js'
import type { PtyRequest, SignalName } from './transport.js'

type Reply = (refused: unknown) => void
type OpenReply = ((error: Error | undefined, channel?: RawChannel) => void) & { type?: string }
type Sign = (data: Buffer, done: (signature: Buffer) => void) => void

/** An ssh2 channel with the fields that ssh2 itself reads and writes. */
export type RawChannel = ClientChannel & {
  readonly incoming: { readonly id: number; readonly state: string; window: number }
  readonly outgoing: { readonly id: number; readonly state: string; readonly packetSize: number }
  readonly _callbacks: Reply[]
  readonly _exit?: { readonly code: number | null | undefined }
}

interface Protocol {
  /** Sends the identification line, once. */
  start?: (() => void) | undefined
  parse?(chunk: Buffer, from: number, to: number): void
  session(id: number, window: number, packet: number): void
  exec(id: number, command: string | Buffer, wantReply: boolean): void
  subsystem(id: number, name: string, wantReply: boolean): void
  pty(
    id: number,
    rows: number,
    cols: number,
    height: number,
    width: number,
    term: string,
    modes: unknown,
    wantReply: boolean,
  ): void
  signal(id: number, name: string): void
  windowChange(id: number, rows: number, cols: number, height: number, width: number): void
  ping(): void
  service(name: string): void
  authPK(username: string, key: ParsedKey, algorithm: string | undefined, sign?: Sign): void
  channelFailure(id: number): void
  channelWindowAdjust?(id: number, amount: number): void
  _onPacket?(): void
  requestSuccess(): void
  env?(id: number, name: string, value: string, wantReply: boolean): void
  _compatFlags?: number
  _handlers: Record<string, ((protocol: Protocol, ...args: never[]) => void) | undefined>
}

interface Internals {
  _chanMgr: { add(reply: OpenReply): number; get(id: number): unknown }
  _protocol: Protocol
  _callbacks: ((refused?: unknown) => void)[]
}

/** Who we are, in the identification line (RFC 4253 §4.2). */
export const IDENT = 'xec'

/** ssh2's own constants: the window OpenSSH uses too, and the largest packet. */
const WINDOW = 2 * 1024 * 1024
const PACKET = 32 * 1024
/** A server that takes less at a time is no SSH server (RFC 4253 §6.1 asks for 32 KiB); with 0 ssh2's writes would never end. */
const LEAST_PACKET = 256

/** Names of required internals that are missing or have another shape; empty when all is well. */
export function missingInternals(client: object): string[] {
  const { _chanMgr: channels, _protocol: protocol, _callbacks: callbacks } = client as Partial<Internals>
  const missing: string[] = []
  if (typeof channels?.add !== 'function' || typeof channels.get !== 'function') missing.push('_chanMgr')
  for (const name of ['session', 'exec', 'subsystem', 'pty', 'signal', 'windowChange', 'ping'] as const) {
    if (typeof protocol?.[name] !== 'function') missing.push(`_protocol.${name}`)
  }
  if (typeof protocol?.start !== 'function') missing.push('_protocol.start')
  if (typeof protocol?._handlers?.['CHANNEL_CLOSE'] !== 'function') missing.push('_protocol._handlers.CHANNEL_CLOSE')
  if (!Array.isArray(callbacks)) missing.push('_callbacks')
  return missing
}

/** A client's wire, after `connect()`. All calls are for a live link: on a dead one they may throw. */
export interface Wire {
  /** Asks for a session channel; the reply comes once, with the channel or with ssh2's error. */
  openSession(reply: (error: Error | undefined, channel?: RawChannel) => void): void
  /** `reply(true)` when refused, or when the channel or link ended first. */
  pty(channel: RawChannel, pty: PtyRequest, reply: Reply): void
  exec(channel: RawChannel, command: string | Buffer, reply: Reply): void
  /** Sets a variable for what is started next; the server may pass it over. */
  env(channel: RawChannel, name: string, value: string): void
  subsystem(channel: RawChannel, name: string, reply: Reply): void
  /** Also after EOF was sent, where ssh2's own `signal` does nothing (ssh2 #1510). */
  signal(channel: RawChannel, name: SignalName): void
  resize(channel: RawChannel, rows: number, cols: number): void
  /** keepalive@openssh.com; any answer is life. */
  ping(): void
  /** Calls `fn` at every packet that arrived whole and undamaged; false when this ssh2 does not tell. */
  onPacket(fn: () => void): boolean
  /** Calls `fn` when the peer's CHANNEL_CLOSE has been answered, read or unread output notwithstanding. */
  onClosed(channel: RawChannel, fn: () => void): void
  /** Output of a session has been passed on: the server may send as much again. */
  passedOn(channel: RawChannel): void
  /** Calls `fn` when the peer sends more than its window allows (RFC 4254 §5.2). */
  onFlood(fn: () => void): void
}

/**
 * A Node stream destroys itself once both of its halves have ended, and ssh2's `destroy` sends CHANNEL_CLOSE. EOF in both
 * directions is not the end of a session (RFC 4254 §5.3): its exit status may follow. Only `close()` ends it on our side.
 */
function outliveEof(channel: RawChannel): void {
  channel.destroy = () => channel
}

/** Whether a channel can carry anything to the server. */
export function takesData(channel: ClientChannel): boolean {
  return !((channel as RawChannel).outgoing.packetSize < LEAST_PACKET)
}

export function wireOf(client: Client): Wire {
  const { _chanMgr: channels, _protocol: protocol, _callbacks: replies } = client as unknown as Internals
  const closed = new Map<number, () => void>()
  around(protocol, 'CHANNEL_CLOSE', (pass, id: number) => {
    pass()
    const fn = closed.get(id)
    closed.delete(id)
    fn?.()
  })
  let flood = (): void => {}
  refuseFloods(protocol, channels, () => flood())
  const windows = ownWindows(protocol)
  answerLateRequests(protocol, channels)
  keepHostKeysToOurselves(protocol)

  return {
    openSession(reply) {
      const waiting: OpenReply = (error, channel) => {
        if (channel) {
          outliveEof(channel)
          windows.own(channel)
        }
        reply(error, channel)
      }
      waiting.type = 'session'
      const id = channels.add(waiting)
      if (id === -1) reply(new Error('no free channel number'))
      else protocol.session(id, WINDOW, PACKET)
    },
    pty(channel, { rows, cols, term }, reply) {
      channel._callbacks.push(reply)
      protocol.pty(channel.outgoing.id, rows, cols, 0, 0, term, null, true)
    },
    env: (channel, name, value) => protocol.env?.(channel.outgoing.id, name, value, false),
    exec(channel, command, reply) {
      channel._callbacks.push(reply)
      protocol.exec(channel.outgoing.id, command, true)
    },
    subsystem(channel, name, reply) {
      channel._callbacks.push(reply)
      protocol.subsystem(channel.outgoing.id, name, true)
    },
    signal: (channel, name) => protocol.signal(channel.outgoing.id, name),
    resize: (channel, rows, cols) => protocol.windowChange(channel.outgoing.id, rows, cols, 0, 0),
    ping() {
      // Replies to global requests come in order: each needs its place in the queue.
      replies.push(() => {})
      protocol.ping()
    },
    onPacket(fn) {
      if (typeof protocol._onPacket !== 'function') return false
      protocol._onPacket = fn
      return true
    },
    onClosed: (channel, fn) =>
      void closed.set(channel.incoming.id, () => {
        windows.disown(channel)
        fn()
      }),
    passedOn: (channel) => windows.grant(channel),
    onFlood: (fn) => {
      flood = fn
    },
  }
}

/**
 * ssh2 opens a channel's window anew whenever one of its two streams is read, whatever the other still holds: with a
 * reader of stderr alone, stdout would fill the memory. A session's window is opened by what both have passed on.
 */
function ownWindows(protocol: Protocol): {
  own(channel: RawChannel): void
  disown(channel: RawChannel): void
  grant(channel: RawChannel): void
} {
  const owned = new Map<number, RawChannel>()
  const adjust = protocol.channelWindowAdjust?.bind(protocol)
  if (!adjust) return { own: () => {}, disown: () => {}, grant: () => {} }
  protocol.channelWindowAdjust = (id, amount) => {
    const channel = owned.get(id)
    if (channel)
      channel.incoming.window -= amount // ssh2 has added it already
    else adjust(id, amount)
  }
  return {
    own: (channel) => void owned.set(channel.outgoing.id, channel),
    disown: (channel) => void owned.delete(channel.outgoing.id),
    grant(channel) {
      const { incoming, outgoing } = channel
      if (incoming.window > WINDOW / 2 || owned.get(outgoing.id) !== channel) return
      const amount = WINDOW - incoming.window - channel.readableLength - channel.stderr.readableLength
      if (amount < PACKET) return
      incoming.window += amount
      adjust(outgoing.id, amount)
    },
  }
}

/** ssh2 takes whatever comes. */
function refuseFloods(protocol: Protocol, channels: Internals['_chanMgr'], flood: () => void): void {
  for (const name of ['CHANNEL_DATA', 'CHANNEL_EXTENDED_DATA']) {
    around(protocol, name, (pass, id: number, data: Buffer) => {
      const channel = channels.get(id) as RawChannel | undefined
      if (typeof channel === 'object' && channel && data.length > channel.incoming.window) flood()
      else pass()
    })
  }
}

/** Tells of every refusal of the authentication; ssh2's own account leaves those of an agent's keys out. */
export function hearAuthFailures(client: Client, fn: (accepts: readonly string[], partial: boolean) => void): void {
  const { _protocol: protocol } = client as unknown as Internals
  around(protocol, 'USERAUTH_FAILURE', (pass, accepts: readonly string[], partial: boolean) => {
    fn(accepts, partial)
    pass()
  })
}

/** The part of ssh2's flags for servers that take SHA-2 signatures by RSA keys without saying so (OpenSSH 7.4). */
const IMPLIES_SHA2 = 1 << 4
const SHA2 = ['rsa-sha2-256', 'rsa-sha2-512']

interface Extension {
  readonly name: string
  readonly algs?: readonly string[]
}

/**
 * Narrows down by which algorithms RSA keys sign, for files and agents alike. ssh2 takes whatever the server names, and
 * SHA-1 where it names nothing.
 * @param onNone hears, once, that no RSA key can be used with this server
 */
export function narrowSignatures(client: Client, accepted: ReadonlySet<string>, onNone: () => void): void {
  const { _protocol: protocol } = client as unknown as Internals
  let told = false
  const tell = (pass: (extensions: readonly Extension[]) => void, named: readonly string[] | null): void => {
    if (told) return
    told = true
    const flags = protocol._compatFlags ?? 0
    const implied = (flags & IMPLIES_SHA2) !== 0
    if (implied) protocol._compatFlags = flags & ~IMPLIES_SHA2
    // As ssh: a server that names nothing may know SHA-1 alone.
    const offered = implied ? [...SHA2, ...(named ?? [])] : (named ?? ['ssh-rsa'])
    const algs = offered.filter((name) => accepted.has(name) || !/^(ssh-rsa|rsa-sha2-)/.test(name))
    if (!algs.some((name) => /^(ssh-rsa|rsa-sha2-)/.test(name))) onNone()
    pass([{ name: 'server-sig-algs', algs }])
  }
  const original = protocol._handlers?.['EXT_INFO'] as
    ((protocol: Protocol, extensions: readonly Extension[]) => void) | undefined
  if (typeof original !== 'function') return
  const pass = (extensions: readonly Extension[]): void => original(protocol, extensions)
  protocol._handlers['EXT_INFO'] = (_: Protocol, extensions: readonly Extension[]) => {
    const named = extensions.find(({ name }) => name === 'server-sig-algs')?.algs
    tell(pass, named ?? null)
  }
  // EXT_INFO comes with the first answers or not at all.
  for (const name of ['SERVICE_ACCEPT', 'USERAUTH_FAILURE'])
    around(protocol, name, (go) => {
      tell(pass, null)
      go()
    })
}

/** What ssh2 can agree on with a server, and would by itself: SHA-1 signatures of host keys are left out of that. */
export async function abilitiesOfSsh2(): Promise<Abilities> {
  // @ts-expect-error -- it has no types
  const module = (await import('ssh2/lib/protocol/constants.js')) as { default: Record<string, readonly string[]> }
  const list = (name: string): readonly string[] => module.default[name] ?? []
  const offers = (which: string): Offers => ({
    kexAlgorithms: list(`${which}_KEX`),
    hostKeyAlgorithms: list(`${which}_SERVER_HOST_KEY`).filter((name) => which === 'SUPPORTED' || name !== 'ssh-rsa'),
    ciphers: list(`${which}_CIPHER`),
    macs: list(`${which}_MAC`),
  })
  return { defaults: offers('DEFAULT'), supported: offers('SUPPORTED') }
}

/** Wraps the handler of one message; does nothing when ssh2 has none of that name. */
function around<A extends unknown[]>(
  protocol: Protocol,
  name: string,
  handler: (pass: () => void, ...args: A) => void,
): void {
  const original = protocol._handlers?.[name] as ((protocol: Protocol, ...args: A) => void) | undefined
  if (typeof original !== 'function') return
  protocol._handlers[name] = ((from: Protocol, ...args: A) =>
    handler(() => original(from, ...args), ...args)) as unknown as Protocol['_handlers'][string]
}

/** After the exit status ssh2 ignores requests, sshd's own keepalive among them, and sshd would end the connection. */
function answerLateRequests(protocol: Protocol, channels: Internals['_chanMgr']): void {
  around(protocol, 'CHANNEL_REQUEST', (pass, id: number, _type: string, wantReply: boolean) => {
    const channel = channels.get(id) as RawChannel | undefined
    const ignored = typeof channel === 'object' && channel?._exit?.code !== undefined
    if (ignored && wantReply && typeof protocol.channelFailure === 'function')
      protocol.channelFailure(channel.outgoing.id)
    else pass()
  })
}

/** For a path on which our identification line has been sent already. */
export function skipIdent(client: Client): void {
  const { _protocol: protocol } = client as unknown as Internals
  protocol.start = () => {
    protocol.start = undefined
  }
}

/** A banner in more than two pieces is lost in ssh2, and the dial with it. */
export function holdBanner(client: Client): void {
  const { _protocol: protocol } = client as unknown as Internals
  if (typeof protocol?.parse !== 'function') return
  const parse = protocol.parse.bind(protocol)
  const gate = new BannerGate()
  protocol.parse = (chunk, from, to) => {
    const whole = gate.take(chunk.subarray(from, to))
    if (!whole) return
    protocol.parse = parse
    parse(whole, 0, whole.length)
  }
}

/** ssh2 would ask the server to prove all its host keys: milliseconds of its CPU just when the first command arrives. */
function keepHostKeysToOurselves(protocol: Protocol): void {
  around(protocol, 'GLOBAL_REQUEST', (pass, name: string, wantReply: boolean) => {
    if (name !== 'hostkeys-00@openssh.com') pass()
    else if (wantReply) protocol.requestSuccess()
  })
}

/**
 * Saves round trips of the authentication, where ssh2 has the shape for it:
 * `signAtOnce`: these keys are offered with their signature, without asking first whether they would do;
 * `pipeline`: the first request goes out together with the service request. Not for RSA keys or an agent's:
 * the choice of their hash waits for the server's EXT_INFO.
 */
export function quickenAuth(client: Client, signAtOnce: ReadonlySet<ParsedKey>, pipeline: boolean): void {
  const { _protocol: protocol } = client as unknown as Internals
  if (typeof protocol?.authPK === 'function') {
    const authPK = protocol.authPK.bind(protocol)
    protocol.authPK = (username, key, algorithm, sign) => {
      if (sign || !signAtOnce.has(key)) return authPK(username, key, algorithm, sign)
      authPK(username, key, algorithm, (data, done) => {
        const hash = algorithm === 'rsa-sha2-256' ? 'sha256' : algorithm === 'rsa-sha2-512' ? 'sha512' : undefined
        const signature: unknown = key.sign(data, hash)
        // A key that cannot sign takes the long way, where ssh2 reports it and goes on to the next method.
        if (Buffer.isBuffer(signature)) done(signature)
        else authPK(username, key, algorithm)
      })
    }
  }
  if (
    pipeline &&
    typeof protocol?.service === 'function' &&
    typeof protocol._handlers?.['SERVICE_ACCEPT'] === 'function'
  ) {
    const service = protocol.service.bind(protocol)
    const begin = protocol._handlers['SERVICE_ACCEPT'] as (protocol: Protocol, name: string) => void
    protocol.service = (name) => {
      service(name)
      protocol._handlers['SERVICE_ACCEPT'] = () => {}
      begin(protocol, name)
    }
  }
}
