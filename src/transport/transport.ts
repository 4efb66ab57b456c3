/**
 * What the pool asks of a transport: reach a target, authenticate, open channels.
 * Types only. `ssh2.ts` is the implementation on ssh2; tests have a simulated one.
 */
import type { Duplex, Readable, Writable } from 'node:stream'
import type { SshHostOptions } from '../openssh/host-options.js'
import { XecError, type ErrorCode, type XecErrorOptions } from '../errors.js'
import type { Secret } from '../runtime/secret.js'

/** A host resolved for dialling. Frozen; two targets that would behave the same on the wire are equal by value. */
export interface Target {
  /** The name the user knows it by; used in messages and events, never for dialling. */
  readonly host: string
  /** DNS name or IP address to dial. */
  readonly address: string
  readonly port: number
  readonly username: string
  /** The hop that carries this target (ProxyJump's last one); its own `jump` is the hop before. */
  readonly jump: Target | null
  /** A program that makes the connection in place of TCP (ssh_config's ProxyCommand); never beside `jump`. Default: none. */
  readonly proxyCommand?: ProxyCommand | null
  readonly credentials: Credentials
  readonly hostKeys: HostKeyPolicy
  /** One dial, TCP to authenticated, in ms; time spent waiting for a handshake permit is not counted. */
  readonly connectTimeoutMs: number
  /** What narrows the connection down, in the words of ssh_config(5). Absent: nothing does. */
  readonly rules?: ConnectionRules | undefined
  /** Where each rule stands, `file:line`, for messages; no part of what makes two targets equal. */
  readonly rulePlaces?: { readonly [K in keyof ConnectionRules]?: string | undefined } | undefined
}

/** The options of ssh_config(5) that a dial carries out. */
export const CONNECTION_RULES = [
  'kexAlgorithms',
  'ciphers',
  'macs',
  'hostKeyAlgorithms',
  'pubkeyAcceptedAlgorithms',
  'caSignatureAlgorithms',
  'requiredRSASize',
  'pubkeyAuthentication',
  'passwordAuthentication',
  'kbdInteractiveAuthentication',
  'hostbasedAuthentication',
  'preferredAuthentications',
  'numberOfPasswordPrompts',
  'batchMode',
  'addressFamily',
  'bindAddress',
  'bindInterface',
  'revokedHostKeys',
  'noHostAuthenticationForLocalhost',
  'sendEnv',
  'setEnv',
] as const satisfies readonly (keyof SshHostOptions)[]

export type ConnectionRules = { readonly [K in (typeof CONNECTION_RULES)[number]]?: SshHostOptions[K] | undefined }

/** ssh_config(5), ProxyCommand: its standard input and output are the connection. */
export interface ProxyCommand {
  /** Tokens expanded; the shell runs it with `exec` in front. May hold a secret: not for messages. */
  readonly command: string
  /** The shell's path. */
  readonly shell: string
  /** For messages: where it is said, such as `~/.ssh/config:12` or `-o`. */
  readonly from: string
}

/** What may be offered to authenticate, in the order it is tried: keys, agent, password. */
export interface Credentials {
  readonly keys: readonly KeySource[]
  /** Path of an agent's socket, or null for none. */
  readonly agent: string | null
  /** Offer only agent keys that are among `keys` (ssh_config's IdentitiesOnly). */
  readonly identitiesOnly: boolean
  readonly password: Secret | null
}

export interface KeySource {
  /** For messages: the file's path, or where the text came from. Never key material. */
  readonly origin: string
  /** A file to read (already expanded), or the key itself. */
  readonly from: { readonly path: string } | { readonly text: Secret }
  readonly passphrase: Secret | null
  /** True for the default identity files: skipped silently when missing. */
  readonly optional: boolean
}

export interface HostKeyPolicy {
  /** ssh_config's StrictHostKeyChecking; `no` is read as accept-new. */
  readonly mode: 'strict' | 'accept-new' | 'ask'
  /** UserKnownHostsFile; new keys are written to the first. */
  readonly userFiles: readonly string[]
  readonly globalFiles: readonly string[]
  /** HostKeyAlias: looked up and recorded in place of the address, without a port. */
  readonly alias: string | null
}

export interface KeepAlive {
  readonly intervalMs: number
  /** Unanswered pings before the connection counts as lost: detection takes intervalMs × (countMax + 1). */
  readonly countMax: number
}

export interface ReachOptions {
  /** The hop's open link, when the target has a `jump`. */
  readonly via?: Link
  readonly signal: AbortSignal
  readonly keepAlive: KeepAlive | null
}

export interface Transport {
  /**
   * Opens the path to a target: TCP, a carrier through `via`, or its ProxyCommand, up to the server's first word (or its hanging up).
   * Rejects with a DialError; leaves nothing open when it rejects.
   */
  reach(target: Target, options: ReachOptions): Promise<Reached>
}

/** A socket to the target, before the handshake: somebody there has said something, or hung up. */
export interface Reached {
  /** Banner, key exchange, host key, authentication. Rejects with a DialError once the socket is shut. */
  authenticate(signal: AbortSignal): Promise<Link>
  /** Gives the socket up instead. Idempotent. */
  abandon(): void
}

/** Why a link ended. `closed`: we ended it. `lost`: the peer or the network did. `keepalive`: pings went unanswered. */
export interface LinkEnd {
  readonly reason: 'closed' | 'lost' | 'keepalive'
  /** What is known of the cause, for people; contains no secret and no remote control characters. */
  readonly detail: string
}

/** An authenticated SSH connection. */
export interface Link {
  /** False from the first sign of its end, before any channel hears of it. */
  readonly alive: boolean
  /** How long the parts of the dial took, in ms. */
  readonly timing: { readonly tcpMs: number; readonly kexMs: number; readonly authMs: number }
  /**
   * Opens a session channel and waits for the server's confirmation.
   * Rejects with XEC_REFUSED (phase channel) when the server refuses it on a live link,
   * with XEC_CONNECTION_LOST (executed no) when the link ends first.
   */
  openSession(): Promise<Channel>
  /**
   * A TCP connection that the server makes for us (direct-tcpip, RFC 4254 §7.2), with half-close. It ends in order also
   * when the link is lost; `alive` tells. Rejects with XEC_REFUSED when the server does not make it, with
   * XEC_CONNECTION_LOST when the link ends first. Does not count against the server's MaxSessions.
   */
  forward(address: string, port: number): Promise<Duplex>
  /**
   * Connections that the server takes for us (tcpip-forward, RFC 4254 §7.1).
   * @param address where it listens: `127.0.0.1`, or what its GatewayPorts allows
   * @param port 0 for one that the server chooses
   * Rejects as `forward` does.
   */
  listen(
    address: string,
    port: number,
    onConnection: (connection: Duplex, from: RemotePeer) => void,
  ): Promise<RemoteListener>
  /** Ends the link politely (disconnect, then a bounded wait for the peer's FIN, then destroy). Idempotent. */
  end(): void
  /** Shuts the socket now. Idempotent. */
  destroy(): void
  /** Resolves exactly once, when the socket is shut; never rejects. */
  readonly ended: Promise<LinkEnd>
  /** Whether the link holds the process open. */
  setRef(held: boolean): void
}

/** Who connected to a port that a server listens on for us. */
export interface RemotePeer {
  readonly address: string
  readonly port: number
}

export interface RemoteListener {
  /** The port that it got. */
  readonly port: number
  /** Takes no new connections; those that are open go on. Idempotent, never rejects. */
  close(): Promise<void>
}

export const SIGNAL_NAMES = ['HUP', 'INT', 'KILL', 'QUIT', 'TERM', 'USR1', 'USR2'] as const
export type SignalName = (typeof SIGNAL_NAMES)[number]

export interface PtyRequest {
  readonly term: string
  readonly rows: number
  readonly cols: number
}

/** How a command ended. `signal` as on the wire, without SIG. `none`: the channel closed on a live link without a status. `lost`: the link died first. */
export type Exit =
  | { readonly kind: 'code'; readonly code: number }
  | { readonly kind: 'signal'; readonly signal: string; readonly coreDumped: boolean }
  | { readonly kind: 'none' }
  | { readonly kind: 'lost'; readonly end: LinkEnd }

/** One session channel. Carries one command. */
export interface Channel {
  /** `.end()` sends EOF. Errors are never emitted unheard: a write after the channel's end is dropped. */
  readonly stdin: Writable
  /** Ends with the channel, also when the link is lost. Must be consumed, both of them, or nothing settles. */
  readonly stdout: Readable
  readonly stderr: Readable
  /**
   * Requests a pty if asked, then sends the command. Resolves when the server accepted it.
   * Rejects with XEC_REFUSED (executed no) on a live link; when the link ends first with
   * XEC_CONNECTION_LOST, executed `no` if the exec request had not left, else `maybe`.
   * @param isWanted asked just before the command is sent; when false it is not, and XEC_ABORTED (executed no) says so
   */
  exec(command: string | Buffer, pty?: PtyRequest, isWanted?: () => boolean): Promise<void>
  /** Starts a subsystem of the server's (RFC 4254 §6.5), `sftp` for one, in place of a command. Resolves and rejects as `exec` does. */
  subsystem(name: string): Promise<void>
  /** Best effort, also after stdin has ended; the protocol has no reply (RFC 4254 §6.9). */
  signal(name: SignalName): void
  resize(rows: number, cols: number): void
  /** Settles at the exit status or signal, else at the channel's close or the link's end; never rejects. */
  readonly exit: Promise<Exit>
  /** Sends CHANNEL_CLOSE. Idempotent. */
  close(): void
  /** Both sides have closed, so that the server's session slot is free, or the link is gone. Never rejects. */
  readonly closed: Promise<void>
  /** True once `closed` came from the link's end and not from the server: what was heard may not be all there was. */
  readonly cut?: boolean
}

/**
 * What a failed dial means for the next one.
 * `transient`: worth another dial (refused, reset, unreachable, lost before authentication).
 * `throttled`: the server asks for fewer handshakes (MaxStartups, penalties, a close before the banner).
 * `sticky`: the same credentials or host key would fail again (authentication, host key).
 * `final`: no use in repeating it now (timeout, unknown name, configuration, aborted).
 * `local`: this machine lacks what the dial needs, which says nothing of the host.
 */
export type DialVerdict = 'transient' | 'throttled' | 'sticky' | 'final' | 'local'

export class DialError extends XecError {
  readonly verdict: DialVerdict
  /** Whether anything was heard from the host's address, if only a refusal: then the network up to it works. */
  readonly answered: boolean

  /** @param options `answered`: default false in the phases dns and tcp */
  constructor(
    code: ErrorCode,
    message: string,
    options: XecErrorOptions & { verdict: DialVerdict; answered?: boolean },
  ) {
    super(code, message, options)
    this.verdict = options.verdict
    this.answered = options.answered ?? (this.phase !== 'dns' && this.phase !== 'tcp')
  }
}
