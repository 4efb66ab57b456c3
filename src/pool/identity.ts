/**
 * The two identities of a target. *Reuse* belongs to the key: a connection may serve whoever would authenticate
 * as the same user, with the same credentials, to the same place, under the same host-key policy. *Limits, backoff
 * and learned capacity* belong to the endpoint: the place alone.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { addressOf } from '../runtime/address.js'
import { Secret } from '../runtime/secret.js'
import type { ProxyCommand, Target } from '../transport/transport.js'

/** New in every process: a key says nothing about what went into it, and cannot be guessed offline. */
const pepper = randomBytes(32)
const keys = new WeakMap<Target, string>()

/** The reuse key: an HMAC that contains nothing of the credentials. */
export function keyOf(target: Target): string {
  let key = keys.get(target)
  if (key === undefined) {
    const { username, credentials, hostKeys, rules } = target
    const facts = [
      endpointOf(target),
      username,
      credentials,
      hostKeys,
      rules ?? null,
      target.jump ? keyOf(target.jump) : null,
    ]
    key = createHmac('sha256', pepper).update(JSON.stringify(facts, reveal)).digest('base64url')
    keys.set(target, key)
  }
  return key
}

/** JSON.stringify calls toJSON before the replacer, so the original is read from its holder. */
function reveal(this: unknown, name: string, value: unknown): unknown {
  const original = (this as Record<string, unknown>)[name]
  return original instanceof Secret ? { secret: original.reveal() } : value
}

/** `address:port`, and the jump path or the ProxyCommand that leads there; this one by a mark, because it may hold a secret. */
export function endpointOf(target: Target): string {
  const place = addressOf({ address: target.address.toLowerCase(), port: target.port })
  if (target.proxyCommand) return `${place} by ProxyCommand ${markOf(target.proxyCommand)}`
  return target.jump ? `${place} via ${endpointOf(target.jump)}` : place
}

/** Where it is said makes no other connection of it. */
function markOf({ command, shell }: ProxyCommand): string {
  return createHmac('sha256', pepper)
    .update(JSON.stringify([shell, command]))
    .digest('base64url')
    .slice(0, 22)
}
