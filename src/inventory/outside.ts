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

/** The last `@` divides. In a URL the user may be percent-encoded; what cannot be decoded is none. */
function divide(text: string): {
  readonly url: boolean
  readonly username: string | undefined
  readonly place: string
} {
  const url = text.startsWith('ssh://')
  const rest = url ? text.slice(6).replace(/\/$/, '') : text
  const at = rest.lastIndexOf('@')
  return {
    url,
    username: at < 0 ? undefined : url ? decoded(rest.slice(0, at)) : rest.slice(0, at),
    place: rest.slice(at + 1),
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}

/** What an address may not hold, in words that do not repeat a password; undefined when it holds nothing of the kind. */
export function addressFault(text: string): string | undefined {
  const { url, username, place } = divide(text)
  if (username?.includes(':'))
    return `the address of ${place} has a password in it, which is not taken from there: others could read it. Write user@host; the password goes into the host's \`password\`, or better, use a key`
  if (url && /[/?#]/.test(place))
    return `${JSON.stringify(place)} is more than a host: an address ends with its port, as in ssh://user@host:22; a directory goes into the command, or is its cwd`
  if (!url && place.includes('/'))
    return `${JSON.stringify(place)} is no host: no host's name has a slash${/^[\d.]+\/\d+$/.test(place) ? '; hosts of a network are said one by one, or as a range such as 192.0.2.[1-9]' : ''}`
  const [, digits] = /^((?:\d+\.){3}\d+)(?::\d+)?$/.exec(place) ?? []
  if (digits !== undefined && !isIP(digits))
    return `${digits} is no address: each part of an IPv4 address is a number from 0 to 255`
  return undefined
}

/** `[user@]host[:port]` or `ssh://[user@]host[:port]`; an IPv6 address needs brackets for a port. Undefined when it is none; `addressFault` may know why. */
export function parseMention(text: string): Mention | undefined {
  const { url, username, place } = divide(text)
  if (
    addressFault(text) !== undefined ||
    username === '' ||
    place.startsWith('-') ||
    username?.startsWith('-') ||
    /[\s\0]/.test(`${username ?? ''}${place}`)
  )
    return undefined
  const user = username === undefined ? {} : { username }
  if (isIP(place)) return { base: place, ...user, explicit: true }
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(place)
  const base = parts?.[1] ?? parts?.[2]
  if (!parts || !base || (parts[1] !== undefined && !isIP(parts[1]))) return undefined
  const port = parts[3] === undefined ? undefined : Number(parts[3])
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined
  return {
    base,
    ...user,
    ...(port === undefined ? {} : { port }),
    explicit: url || username !== undefined || port !== undefined || base.includes('.') || isIP(base) > 0,
  }
}

/**
 * Passes a name that may be dialled: an inventory name (with a user or a port), a Host that ssh_config names outright,
 * `[user@]host[:port]`, `ssh://…`, an IP address, a dotted name.
 * @throws XecError XEC_UNKNOWN_HOST with the nearest name, for a bare word that is none of these; XEC_CONFIG for an address with a password or a path
 */
export function checkHost(name: string, inventory: Inventory, ssh: SshConfig): Mention {
  if (inventory.hosts.has(name)) return { base: name, explicit: true }
  const fault = addressFault(name)
  if (fault !== undefined) throw new XecError('XEC_CONFIG', fault, { phase: 'select' })
  const mention = parseMention(name)
  if (mention && (mention.explicit || ssh.names(mention.base))) return mention
  const group = inventory.groups.has(name) ? `; it is a group: -g ${name}` : undefined
  const meant = nearest(name, inventory.hosts.keys()) ?? nearest(name, ssh.hosts)
  const hint =
    group ??
    (meant
      ? `; did you mean ${meant}?`
      : '; a host is a name of the inventory or of ~/.ssh/config, user@host, host:port, an address, or a name with a dot')
  throw new XecError('XEC_UNKNOWN_HOST', `unknown host ${JSON.stringify(name)}${hint}`, { host: name })
}
