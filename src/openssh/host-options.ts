/** The options of ssh_config for one host, their defaults, and the place of each in a file. */

export interface SshHostOptions {
  hostName?: string
  user?: string
  port?: number
  /** In the order they are tried. Absent: OpenSSH's defaults; empty: none at all (`IdentityFile none`). */
  identityFiles?: readonly string[]
  identitiesOnly?: boolean
  /** A path, `none`, or `SSH_AUTH_SOCK`. */
  identityAgent?: string
  /** `none` is possible. */
  proxyJump?: string
  /** As written, tokens not expanded: for the user's shell. `none` is possible. */
  proxyCommand?: string
  proxyUseFdpass?: boolean
  /** For `Match tagged`. */
  tag?: string
  /** New keys go to the first. Empty: no file (`none`). */
  userKnownHostsFiles?: readonly string[]
  globalKnownHostsFiles?: readonly string[]
  strictHostKeyChecking?: 'strict' | 'accept-new' | 'ask'
  hostKeyAlias?: string
  /** A text file or a KRL; `none` is possible. */
  revokedHostKeys?: string
  noHostAuthenticationForLocalhost?: boolean
  /** Never 0. */
  connectTimeoutMs?: number
  /** Dials in all: N is N−1 retries. */
  connectionAttempts?: number
  addressFamily?: 'any' | 'inet' | 'inet6'
  bindAddress?: string
  bindInterface?: string
  /** 0: no keepalive. */
  serverAliveIntervalMs?: number
  serverAliveCountMax?: number
  /** Lists of algorithms as they are written, with `+`, `-` or `^`; algorithms.ts gives them their meaning. */
  kexAlgorithms?: string
  ciphers?: string
  macs?: string
  hostKeyAlgorithms?: string
  pubkeyAcceptedAlgorithms?: string
  caSignatureAlgorithms?: string
  /** In bits. */
  requiredRSASize?: number
  pubkeyAuthentication?: boolean
  passwordAuthentication?: boolean
  kbdInteractiveAuthentication?: boolean
  hostbasedAuthentication?: boolean
  /** Names of methods, in the order in which they are tried. */
  preferredAuthentications?: readonly string[]
  numberOfPasswordPrompts?: number
  /** Nobody is asked anything. */
  batchMode?: boolean
  /** Patterns of variables to send; with `-` in front, those said before are taken back. */
  sendEnv?: readonly string[]
  /** `NAME=value`. */
  setEnv?: readonly string[]
  /** `none` is possible. */
  remoteCommand?: string
  requestTTY?: RequestTTY
  sessionType?: 'default' | 'none' | 'subsystem'
  stdinNull?: boolean
  /** The message of a host that ssh must not connect to. */
  refuseConnection?: string
}

/** `yes`: a terminal when standard input is one; `force`: always; `auto`: a terminal for a login shell alone, so never here. */
export type RequestTTY = 'auto' | 'no' | 'yes' | 'force'

export interface Place {
  readonly file: string
  readonly line: number
}

/** In place of the system's own patience with a TCP connection, which ssh leaves it to. */
export const DEFAULT_CONNECT_TIMEOUT_MS = 15_000

/** The words of StrictHostKeyChecking. `no` does not mean no here: an unknown key is recorded, a changed one refused. */
export const HOST_KEY_CHECKING = Object.freeze({
  yes: 'strict',
  true: 'strict',
  'accept-new': 'accept-new',
  ask: 'ask',
  no: 'accept-new',
  off: 'accept-new',
  false: 'accept-new',
} as const)

/** For the warning that goes with it. */
export const NO_MEANS_ACCEPT_NEW =
  'is read as accept-new: an unknown host key is recorded, a changed or revoked one is refused'
