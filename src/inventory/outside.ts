/** Names that are no inventory names: what may be dialled all the same, and what is a mistake. */
import { isIP } from 'node:net'
import { XecError } from '../errors.js'
import type { SshConfig } from '../openssh/ssh-config.js'
import { nearest } from '../runtime/nearest.js'
import type { Inventory } from './inventory.js'

/** `[user@]host[:port]`, taken apart. */
export interface Mention {
  readonly base: string
  readonly username?: string
  readonly port?: number
  /** Written as `ssh://…`, with a user or a port, as an address or with a dot: not a bare word. */
  readonly explicit: boolean
}

/** `[user@]host[:port]` or `ssh://[user@]host[:port]`; the last `@` divides; an IPv6 address needs brackets for a port. Undefined when it is none. */
export function parseMention(text: string): Mention | undefined {
  const url = text.startsWith('ssh://')
  const rest = url ? text.slice(6).replace(/\/$/, '') : text
  const at = rest.lastIndexOf('@')
  const username = at >= 0 ? rest.slice(0, at) : undefined
  const place = rest.slice(at + 1)
  if (username === '' || place.startsWith('-') || username?.startsWith('-') || /[\s\0]/.test(rest)) return undefined
  const user = username === undefined ? {} : { username }
  if (isIP(place)) return { base: place, ...user, explicit: true }
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(place)
  const base = parts?.[1] ?? parts?.[2]
  if (!parts || !base || (parts[1] !== undefined && !isIP(parts[1]))) return undefined
  const port = parts[3] === undefined ? undefined : Number(parts[3])
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined
  return { base, ...user, ...(port === undefined ? {} : { port }), explicit: url || at >= 0 || port !== undefined || base.includes('.') || isIP(base) > 0 }
}

/**
 * Passes a name that may be dialled: an inventory name (with a user or a port), a Host that ssh_config names outright,
 * `[user@]host[:port]`, `ssh://…`, an IP address, a dotted name.
 * @throws XecError XEC_UNKNOWN_HOST with the nearest name, for a bare word that is none of these
 */
export function checkHost(name: string, inventory: Inventory, ssh: SshConfig): Mention {
  if (inventory.hosts.has(name)) return { base: name, explicit: true }
  const mention = parseMention(name)
  if (mention && (mention.explicit || ssh.names(mention.base))) return mention
  const group = inventory.groups.has(name) ? `; it is a group: -g ${name}` : undefined
  const meant = nearest(name, inventory.hosts.keys()) ?? nearest(name, ssh.hosts)
  const hint = group ?? (meant ? `; did you mean ${meant}?` : '; a host is a name of the inventory or of ~/.ssh/config, user@host, host:port, an address, or a name with a dot')
  throw new XecError('XEC_UNKNOWN_HOST', `unknown host ${JSON.stringify(name)}${hint}`, { host: name })
}
