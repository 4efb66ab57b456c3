/** What ssh_config can say about one host, what holds when nothing does, and where in a file something is said. */

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
  /** New keys go to the first. Empty: no file (`none`). */
  userKnownHostsFiles?: readonly string[]
  globalKnownHostsFiles?: readonly string[]
  strictHostKeyChecking?: 'strict' | 'accept-new' | 'ask'
  hostKeyAlias?: string
  /** Never 0. */
  connectTimeoutMs?: number
  /** 0: no keepalive. */
  serverAliveIntervalMs?: number
  serverAliveCountMax?: number
}

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
