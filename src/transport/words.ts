/** How dialling speaks: where a target is, and what a server said, in words fit for a message. */
import { messageOf } from '../errors.js'
import { addressOf } from '../runtime/address.js'
import type { Target } from './transport.js'

/** `web1 (10.0.0.5:22 via bastion)`; the name alone is not repeated. */
export function placeOf(target: Target): string {
  const address = addressOf(target)
  const hops: string[] = []
  for (let hop = target.jump; hop; hop = hop.jump) hops.unshift(hop.host)
  const via = hops.length > 0 ? ` via ${hops.join(', ')}` : target.proxyCommand ? ' by ProxyCommand' : ''
  return target.host === address ? `${address}${via}` : `${target.host} (${address}${via})`
}

/** What a server gave as its reason not to open a channel, without what ssh2 puts in front. */
export function saidOf(error: unknown): string {
  return printable(messageOf(error).replace('(SSH) Channel open failure: ', ''))
}

/** What a remote side said, for a message: one line, no control or direction characters, at most 200 characters. */
export function printable(text: string): string {
  const line = text.replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ').trim()
  return line.length > 200 ? `${line.slice(0, 199)}…` : line
}
