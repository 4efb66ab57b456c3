/** How a host of the embedded fleet may differ from one that simply works. */

export interface HostKnobs {
  /** Every command starts this much later, in ms. Default 0. */
  readonly delayMs?: number
  /** Every command is answered with this exit status (1 to 255) in place of being run. */
  readonly failing?: number
  /** What a failing host says on stderr. Default nothing. */
  readonly says?: string
  /** Session channels at once on one connection; further ones are refused, as by sshd's MaxSessions. Default: any number. */
  readonly maxSessions?: number
  /** The server says nothing for this long after a TCP connection, in ms. Default 0. */
  readonly handshakeDelayMs?: number
  /** Nobody listens on the port: connections are refused. */
  readonly down?: boolean
  /** More environment for the host's commands, beside XEC_DEMO_HOST. */
  readonly env?: Readonly<Record<string, string>>
}
